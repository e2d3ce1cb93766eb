/** Terminals as SVG, one style for all; moving ones by CSS alone, so that they move within an <img> too. */
const CELL = { width: 8.43, height: 16 };
const FONT = 14;
const PADDING = 18;
const BAR = 34;
const COLOURS = ['#5c6370', '#f47067', '#8ddb8c', '#e8c56b', '#6cb6ff', '#dcbdfb', '#5fd3d3', '#dfdfd6'];
const STAYS_S = 8;

/** A screen as it stands. */
export function stillPicture(frame, { cols, title, prompt }) {
  const lines = withPrompt(frame.lines, prompt);
  const height = lastLine(lines) + 1;
  return svg({ cols, rows: height, title, style: '', body: lines.map((runs, y) => line(runs, y)).join('') });
}

/**
 * A recording, in its own time, over and over. Who wants nothing to move sees its end.
 *
 * @param prompt what was typed; it stands above what was printed
 */
export function movingPicture(frames, { cols, rows, title, prompt }) {
  const ends = frames.at(-1).at + STAYS_S;
  const percent = (at) => `${+((at / ends) * 100).toFixed(2)}%`;
  const spans = spansOf(frames.map((frame) => ({ ...frame, lines: withPrompt(frame.lines, prompt) })));
  const rules = new Map();
  const groups = new Map();
  for (const { y, runs, from, to } of spans) {
    const key = `${percent(from)} ${to === null ? '' : percent(to)}`;
    if (!rules.has(key)) {
      const end = to === null ? '' : `${percent(to)}{visibility:hidden}`;
      const name = `t${rules.size}`;
      rules.set(
        key,
        `@keyframes ${name}{0%{visibility:hidden}${percent(from)}{visibility:visible}${end}}.${name}{animation-name:${name}}`,
      );
      groups.set(key, { name, stays: to === null, text: '' });
    }
    groups.get(key).text += line(runs, y);
  }
  const body = [...groups.values()]
    .map(({ name, stays, text }) => `<g class="m ${name}${stays ? '' : ' past'}">${text}</g>`)
    .join('');
  const tops = frames.map(({ at, lines }) => ({ at, top: Math.max(0, lastLine(lines) + 2 - rows) }));
  const scroll = tops
    .filter(({ top }, index) => top !== (tops[index - 1]?.top ?? 0))
    .map(({ at, top }) => `${percent(at)}{transform:translateY(${-top * CELL.height}px)}`);
  const rest = `translateY(${-tops.at(-1).top * CELL.height}px)`;
  const style = `.m{animation-duration:${ends.toFixed(1)}s;animation-timing-function:step-end;animation-iteration-count:infinite}.past{visibility:hidden}.all{transform:${rest};animation:scroll ${ends.toFixed(1)}s step-end infinite}@keyframes scroll{0%{transform:none}${scroll.join('')}}${[...rules.values()].join('')}@media (prefers-reduced-motion:reduce){.m,.all{animation:none}}`;
  return svg({ cols, rows, title, style, body: `<g class="all">${body}</g>` });
}

/** Which text stood where, from when to when (null: until the end). */
function spansOf(frames) {
  const open = new Map();
  const spans = [];
  for (const { at, lines } of frames) {
    const count = Math.max(lines.length, ...open.keys()) + 1;
    for (let y = 0; y < count; y++) {
      const runs = lines[y] ?? [];
      const key = JSON.stringify(runs);
      const last = open.get(y);
      if (last?.key === key) continue;
      if (last !== undefined && last.span.runs.length > 0) last.span.to = at;
      const span = { y, runs, from: at, to: null };
      open.set(y, { key, span });
      if (runs.length > 0) spans.push(span);
    }
  }
  return spans;
}

function withPrompt(lines, prompt) {
  return prompt === undefined
    ? lines
    : [
        [
          { x: 0, text: '$', style: 'c2' },
          { x: 2, text: prompt, style: 'b' },
        ],
        ...lines,
      ];
}

function lastLine(lines) {
  return lines.findLastIndex((runs) => runs.length > 0);
}

function line(runs, y) {
  return runs
    .map(({ x, text, style }) => {
      const names = style.trim();
      const attributes = [
        `x="${+(x * CELL.width).toFixed(1)}"`,
        `y="${(y + 1) * CELL.height - 4}"`,
        // The width of the cells, whatever the font.
        ...(text.length > 1 ? [`textLength="${+(text.length * CELL.width).toFixed(1)}"`] : []),
        ...(names === '' ? [] : [`class="${names.replace(/\s+/g, ' ')}"`]),
      ];
      return `<text ${attributes.join(' ')}>${escaped(text)}</text>`;
    })
    .join('');
}

function svg({ cols, rows, title, style, body }) {
  const width = Math.ceil(cols * CELL.width + 2 * PADDING);
  const height = rows * CELL.height + BAR + PADDING;
  const palette = COLOURS.map(
    (colour, index) => `.c${index}${index === 0 ? ',.c8' : ''}{fill:${colour}}`,
  ).join('');
  const dots = ['#f47067', '#e8c56b', '#8ddb8c']
    .map((colour, index) => `<circle cx="${20 + index * 18}" cy="17" r="5.5" fill="${colour}"/>`)
    .join('');
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(title)}"><title>${escaped(title)}</title><style>text{font:${FONT}px "DejaVu Sans Mono",Menlo,Consolas,"Liberation Mono",monospace;fill:#dfdfd6;white-space:pre}.b{font-weight:700}.d{opacity:.6}${palette}${style}</style><rect width="${width}" height="${height}" rx="8" fill="#1b1b1f"/>${dots}<svg x="${PADDING}" y="${BAR}" width="${width - 2 * PADDING + 4}" height="${rows * CELL.height + 2}">${body}</svg></svg>\n`;
}

function escaped(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
