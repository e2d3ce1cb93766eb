import type { IncomingHttpHeaders } from 'node:http';

/**
 * Why a request may not change anything; null where it may. A browser sends a stored login with whatever
 * page asked for the request, so a change must come from the board's own page. Every browser of today says
 * where a change comes from; what says nothing (curl) is no browser and carries no stored login.
 *
 * @param host by which the browser knows the board
 */
export function whyForeign(method: string, headers: IncomingHttpHeaders, host: string): string | null {
  if (['GET', 'HEAD', 'OPTIONS'].includes(method)) return null;
  const site = headers['sec-fetch-site'];
  if (site !== undefined) return site === 'same-origin' ? null : FOREIGN;
  // Sec-Fetch-Site is not sent to plain http addresses other than localhost; Origin is, where the policy for
  // referrers lets it (page-headers.ts).
  if (headers.origin === undefined) return null;
  return URL.canParse(headers.origin) && new URL(headers.origin).host === host ? null : FOREIGN;
}

const FOREIGN = 'Changes are taken from the board’s own pages only.';
