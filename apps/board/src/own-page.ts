/** Icons of the buttons whose changes `write-rules.ts` refuses. */
const REFUSED = [
  'plus',
  'pause',
  'play',
  'gantt-chart',
  'gauge',
  'trash-2',
  'ban',
  'corner-up-left',
  'clock',
  'files',
  'pencil',
];

/**
 * Hides them: a button that only says no is none. Where a later Bull Board names its icons otherwise, they
 * are seen again and say no.
 */
const STYLE = `<style>${REFUSED.flatMap((icon) => [
  `button:has(> svg.lucide-${icon})`,
  `[role=menuitem]:has(> svg.lucide-${icon})`,
]).join(',')}{display:none}</style>`;

/**
 * Bull Board's page without its links to other addresses (fonts, for which it has substitutes), and without
 * the buttons that this board refuses.
 */
export function ownPage(html: string): string {
  return html.replace(/<link\b[^>]*\bhref="https?:[^>]*>/g, '').replace('</head>', `${STYLE}</head>`);
}
