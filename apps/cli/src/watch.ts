/** What a watch shows at one moment. */
export interface Frame {
  /** For a terminal: drawn over the one before. */
  readonly screen: string;
  /** For everybody else: one line, printed when it changed. */
  readonly line: string;
  readonly finished: boolean;
}

const EVERY_MS = 500;

/** Shows frame after frame until one is finished. */
export async function watch(readFrame: () => Promise<Frame>): Promise<void> {
  const show = process.stdout.isTTY === true ? drawScreens() : printChanges();
  for (;;) {
    const frame = await readFrame();
    show(frame);
    if (frame.finished) return;
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  }
}

function drawScreens(): (frame: Frame) => void {
  let rows = 0;
  return ({ screen }) => {
    // Up to the first row of the last frame, and clear to the end of the screen.
    const back = rows === 0 ? '' : `\x1b[${rows}A\x1b[0J`;
    process.stdout.write(`${back}${screen}\n`);
    rows = rowsOnScreen(screen);
  };
}

/** Long lines take several rows. */
function rowsOnScreen(screen: string): number {
  // Some terminals say 0.
  const width = process.stdout.columns || 80;
  return screen
    .split('\n')
    .map((line) => Math.max(1, Math.ceil(withoutColors(line).length / width)))
    .reduce((sum, rows) => sum + rows, 0);
}

function withoutColors(line: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what starts a colour is one
  return line.replace(/\x1b\[[0-9;]*m/g, '');
}

function printChanges(): (frame: Frame) => void {
  let last = '';
  return ({ line }) => {
    if (line !== last) process.stdout.write(`${line}\n`);
    last = line;
  };
}
