import type {
  CheckedRule,
  CheckedCountRule as CountRule,
  CheckedDeviceRule as DeviceRule,
  CheckedStep as Step,
} from './script-rules.ts';

/**
 * Decides what the rules in force do to a request. The first rule in the script that fits the device token
 * and still has a step for it wins. Only rules with `times` or `then` remember device tokens.
 */
export class ScriptRunner {
  private deviceRules: RunningDeviceRule[] = [];
  private countRules: RunningCountRule[] = [];

  /** Forgets all rules, and how far each device token was in them. */
  clear(): void {
    this.deviceRules = [];
    this.countRules = [];
  }

  /** Adds a rule behind those in force; settings such as latency are none of its business. */
  add(rule: CheckedRule): void {
    if ('device' in rule) this.deviceRules.push(new RunningDeviceRule(rule));
    if ('after' in rule) this.countRules.push({ rule, counted: 0 });
  }

  /** The step for one more request of this device token, in any spelling; `undefined` without a rule. */
  nextStep(deviceToken: string): Step | undefined {
    if (this.deviceRules.length === 0) return undefined;
    const normalised = deviceToken.toLowerCase();
    for (const rule of this.deviceRules) {
      const step = rule.nextStep(normalised);
      if (step !== undefined) return step;
    }
    return undefined;
  }

  /** Counts one accepted push or one request; returns the rule whose number is reached by it. */
  count(what: CountRule['of']): CountRule | undefined {
    let reached: CountRule | undefined;
    for (const running of this.countRules) {
      if (running.rule.of !== what) continue;
      running.counted += 1;
      const { after, repeats } = running.rule;
      if (running.counted === after || (repeats === true && running.counted % after === 0))
        reached ??= running.rule;
    }
    return reached;
  }
}

interface RunningCountRule {
  readonly rule: CountRule;
  counted: number;
}

class RunningDeviceRule {
  private readonly begin: string;
  private readonly isWhole: boolean;
  private readonly steps: readonly Step[];
  /** For each step: how many requests of a device token are used up when it ends. */
  private readonly ends: readonly number[];
  private readonly requestsByDeviceToken = new Map<string, number>();

  constructor({ device, steps }: DeviceRule) {
    this.isWhole = !device.endsWith('*');
    this.begin = device.replace('*', '').toLowerCase();
    this.steps = steps;
    let end = 0;
    this.ends = steps.map(({ times }, index) => {
      end += times ?? (index === steps.length - 1 ? Number.POSITIVE_INFINITY : 1);
      return end;
    });
  }

  nextStep(deviceToken: string): Step | undefined {
    if (this.isWhole ? deviceToken !== this.begin : !deviceToken.startsWith(this.begin)) return undefined;
    if (this.ends[0] === Number.POSITIVE_INFINITY) return this.steps[0];
    const requests = this.requestsByDeviceToken.get(deviceToken) ?? 0;
    const index = this.ends.findIndex((end) => requests < end);
    if (index === -1) return undefined;
    // In the endless step there is nothing left to count.
    if (this.ends[index] !== Number.POSITIVE_INFINITY)
      this.requestsByDeviceToken.set(deviceToken, requests + 1);
    return this.steps[index];
  }
}
