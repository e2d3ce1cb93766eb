import type { Metric, Registry } from 'prom-client';

export interface TalliedHistogramOptions {
  readonly name: string;
  readonly help: string;
  /** Upper bounds, ascending. */
  readonly buckets: readonly number[];
}

/**
 * A histogram without labels that every push touches: two additions for each, made into Prometheus' form when
 * somebody asks. prom-client's own looks its labels up and makes objects for each observation.
 */
export class TalliedHistogram {
  /** Observations in each bucket alone, the last one for whatever is above all bounds. */
  readonly #counts: number[];
  #sum = 0;

  constructor(private readonly options: TalliedHistogramOptions) {
    this.#counts = new Array(options.buckets.length + 1).fill(0);
  }

  observe(value: number): void {
    const { buckets } = this.options;
    let bucket = 0;
    while (bucket < buckets.length && value > buckets[bucket]!) bucket++;
    this.#counts[bucket]!++;
    this.#sum += value;
  }

  /** Into a registry of prom-client, which asks a metric for its name and its values and for nothing else. */
  register(registry: Registry): void {
    const metric = { name: this.options.name, get: async () => this.#values(), reset: () => this.#reset() };
    registry.registerMetric(metric as unknown as Metric);
  }

  #values() {
    const { name, help, buckets } = this.options;
    let below = 0;
    const values = this.#counts.map((count, bucket) => {
      below += count;
      return { metricName: `${name}_bucket`, labels: { le: buckets[bucket] ?? '+Inf' }, value: below };
    });
    return {
      name,
      help,
      type: 'histogram',
      aggregator: 'sum',
      values: [
        ...values,
        { metricName: `${name}_sum`, labels: {}, value: this.#sum },
        { metricName: `${name}_count`, labels: {}, value: below },
      ],
    };
  }

  #reset(): void {
    this.#counts.fill(0);
    this.#sum = 0;
  }
}
