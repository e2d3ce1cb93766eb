/**
 * The way back after a login: a path of this board, without the base path, or `/` for whatever else is given.
 * It comes out of an address that anybody may have written, so it never leads to another one.
 */
export function ownPath(given: unknown): string {
  if (typeof given !== 'string' || given.length > 500 || !/^\/[\w\-.~/?&=%:]*$/.test(given)) return '/';
  const here = new URL('http://board.invalid');
  const there = URL.canParse(given, here.href) ? new URL(given, here) : null;
  if (there === null || there.origin !== here.origin || there.pathname.startsWith('//')) return '/';
  return /^\/(login|logout|actions)\b/.test(there.pathname) ? '/' : there.pathname + there.search;
}
