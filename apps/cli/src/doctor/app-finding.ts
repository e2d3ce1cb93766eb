import { type Environment, loadConfig } from '@pushfleet/shared/platform/config';
import { type Finding, fault, ok } from './finding.ts';

/** What a worker with these settings would send for. */
export interface WorkerApp {
  readonly app: string;
  readonly topic: string;
  readonly environment: 'production' | 'sandbox';
}

/** Null where the settings do not say it all. */
export function workerApp(environment: Environment): WorkerApp | null {
  try {
    const config = loadConfig(
      ['PUSHFLEET_APP', 'PUSHFLEET_APNS_TOPIC', 'PUSHFLEET_APNS_ENVIRONMENT'],
      environment,
    );
    return {
      app: config.PUSHFLEET_APP,
      topic: config.PUSHFLEET_APNS_TOPIC,
      environment: config.PUSHFLEET_APNS_ENVIRONMENT,
    };
  } catch {
    return null; // Said with the settings.
  }
}

/**
 * A worker sends nothing while the producer has the app with another topic or environment.
 *
 * @param producers topic and environment as the producer has them
 * @param from where they stand
 */
export function appFinding(
  { app, topic, environment }: WorkerApp,
  producers: Pick<WorkerApp, 'topic' | 'environment'>,
  from: string,
): Finding {
  const mend = [
    topic !== producers.topic && `PUSHFLEET_APNS_TOPIC=${producers.topic}`,
    environment !== producers.environment && `PUSHFLEET_APNS_ENVIRONMENT=${producers.environment}`,
  ].filter((line) => line !== false);
  if (mend.length === 0) return ok('app', `${app} is ${topic} in ${environment}, as the producer has it`);
  return fault(
    'app',
    `a worker with these settings sends for ${topic} in ${environment}, and ${app} is ${producers.topic} in ${producers.environment} by ${from}: it would send nothing`,
    mend.join('\n'),
    'or start the producer with the settings of this worker; another app has another name (PUSHFLEET_APP)',
  );
}
