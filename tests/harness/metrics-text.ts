/** One line of Prometheus' text format. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** @param address of a producer or worker, such as `http://127.0.0.1:9464` */
export async function readMetrics(address: string): Promise<Sample[]> {
  const response = await fetch(`${address}/metrics`);
  const text = await response.text();
  if (!response.ok) throw new Error(`${address}/metrics answered ${response.status}: ${text}`);
  return parseMetrics(text);
}

export function parseMetrics(text: string): Sample[] {
  return text
    .split('\n')
    .map((line) => /^([a-z_]+)(?:\{(.*)\})? (\S+)$/.exec(line))
    .filter((match) => match !== null)
    .map(([, name, labels, value]) => ({
      name: name!,
      labels: Object.fromEntries([...(labels ?? '').matchAll(/(\w+)="([^"]*)"/g)].map(([, k, v]) => [k, v])),
      value: value === '+Inf' ? Number.POSITIVE_INFINITY : Number(value),
    }));
}

/** The first sample of that name with these labels and perhaps more. */
export function sampleOf(
  samples: readonly Sample[],
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  return samples.find(
    (one) => one.name === name && Object.entries(labels).every(([key, value]) => one.labels[key] === value),
  )?.value;
}
