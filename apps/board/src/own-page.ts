/**
 * Bull Board's page without its links to other addresses (fonts, for which it has substitutes) and without inline
 * styles, of which it has some for the moment until it is drawn; with the board's own style and names.
 *
 * @param base base path without a slash at its end
 */
export function ownPage(html: string, base: string): string {
  return html
    .replace(/<link\b[^>]*\bhref="https?:[^>]*>/g, '')
    .replace(/(<div id="root">)[\s\S]*?(<\/div>\s*<script)/, '$1<p role="status">Loading</p>$2')
    .replace(
      '</head>',
      `<link rel="stylesheet" href="${base}/assets/queues.css"><script type="module" src="${base}/assets/queues.js"></script></head>`,
    );
}
