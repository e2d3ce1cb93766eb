/** A class of `kubernetes-models`. */
interface ModelClass {
  readonly apiVersion: string;
  new (data: never): { validate(): void };
}

/**
 * What is wrong with an object of Kubernetes. The models know types and what is required, and let unknown fields
 * pass, as the API server does with a warning: here they are faults, since a misspelt field does nothing. A field is
 * unknown when the validation never looks at it.
 *
 * @returns sentences; none where it fits
 */
export function validateStrictly(model: ModelClass, object: object): string[] {
  const seen = new Set<string>();
  const watched = watch(object, '', seen);
  try {
    model.prototype.validate.call(watched);
  } catch (error) {
    return [(error as Error).message];
  }
  return pathsOf(object, '')
    .filter((path) => !seen.has(path) && !['/apiVersion', '/kind'].includes(path))
    .map((path) => `${path} is no field of it`);
}

function watch<T extends object>(value: T, path: string, seen: Set<string>): T {
  return new Proxy(value, {
    get(target, key) {
      const inner: unknown = Reflect.get(target, key);
      if (typeof key === 'symbol') return inner;
      const at = `${path}/${key}`;
      seen.add(at);
      return typeof inner === 'object' && inner !== null ? watch(inner, at, seen) : inner;
    },
  });
}

function pathsOf(value: unknown, path: string): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => [
    `${path}/${key}`,
    ...pathsOf(inner, `${path}/${key}`),
  ]);
}
