import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pagesDirectory } from './places.mjs';

const BUNDLE = createRequire(import.meta.url).resolve('mermaid/dist/mermaid.min.js');
const FOLDER = 'diagrams';
const FONT = 'system-ui, "DejaVu Sans", sans-serif';
/** The colours of the site's two themes. */
const THEMES = {
  light: colours({ text: '#3c3c43', fill: '#eef1fb', border: '#6b80d0', line: '#67676c', ground: '#ffffff' }),
  dark: colours({ text: '#dfdfd6', fill: '#2a2e40', border: '#6b80d0', line: '#98989f', ground: '#1b1b1f' }),
};

function colours({ text, fill, border, line, ground }) {
  return {
    ...{ background: ground, primaryColor: fill, primaryBorderColor: border, primaryTextColor: text },
    ...{ textColor: text, lineColor: line, edgeLabelBackground: ground, labelBackground: ground },
    ...{
      actorBkg: fill,
      actorBorder: border,
      actorTextColor: text,
      signalColor: line,
      signalTextColor: text,
    },
    ...{ labelBoxBkgColor: fill, labelBoxBorderColor: border, labelTextColor: text, loopTextColor: text },
    ...{ transitionColor: line, transitionLabelColor: text, stateLabelColor: text, specialStateColor: line },
    fontSize: '15px',
  };
}

/**
 * One Mermaid block of a document, and what stands in its place on the page. The block says in a line
 * `accTitle: …` what is to be seen, for those who do not see it.
 *
 * @param {string} at `FILE:LINE`
 * @param {string} up from the page to the root of the site, such as `../`
 */
export function diagramOf(code, at, up) {
  const title = /^\s*accTitle:\s*(.+)$/m.exec(code)?.[1];
  if (title === undefined)
    throw new Error(`${at}: a diagram needs a line "accTitle: …", its text for the blind`);
  const name = createHash('sha256').update(code).digest('hex').slice(0, 12);
  const images = Object.keys(THEMES).map(
    (theme) =>
      `<img class="only-${theme}" src="./${up}${FOLDER}/${name}-${theme}.svg" alt="${escaped(title)}">`,
  );
  return { at, code, name, html: `<figure class="diagram">${images.join('')}</figure>` };
}

/** Writes each as SVG, in both themes. @throws Error naming the block that Mermaid does not understand */
export async function drawDiagrams(chromium, diagrams) {
  mkdirSync(pagesDirectory + FOLDER, { recursive: true });
  const page = await chromium.newPage();
  await page.route('**/*', (route) => route.abort()); // nothing is fetched to draw
  await page.setContent('<!doctype html><body></body>');
  await page.addScriptTag({ path: BUNDLE });
  for (const { at, code, name } of diagrams)
    for (const [theme, variables] of Object.entries(THEMES)) {
      const svg = await page.evaluate(draw, { code, variables, font: FONT }).catch((error) => {
        throw new Error(`${at}: ${error.message}`);
      });
      writeFileSync(`${pagesDirectory}${FOLDER}/${name}-${theme}.svg`, svg);
    }
  await page.close();
}

/** Runs in the page. Labels are SVG text: an image shows no HTML in it. */
async function draw({ code, variables, font }) {
  const { mermaid } = globalThis;
  mermaid.initialize({
    startOnLoad: false,
    securityLevel: 'strict',
    theme: 'base',
    themeVariables: { ...variables, fontFamily: font },
    fontFamily: font,
    htmlLabels: false,
    flowchart: { htmlLabels: false },
    state: { htmlLabels: false },
  });
  const { svg } = await mermaid.render('diagram', code);
  // As a file of its own it is XML.
  const drawn = new DOMParser().parseFromString(svg, 'text/html').querySelector('svg');
  // Its own size, else an image would be as wide as the page.
  const [, , width, height] = drawn.getAttribute('viewBox').split(' ');
  drawn.setAttribute('width', width);
  drawn.setAttribute('height', height);
  return new XMLSerializer().serializeToString(drawn);
}

function escaped(text) {
  return text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');
}
