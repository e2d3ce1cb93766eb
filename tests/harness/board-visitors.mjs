/**
 * Three people who have the board open, and one who loads its pages: three streams of events, and one page a second
 * by turns. A process of its own, so that what it measures does not wait for the test. SIGTERM: prints the
 * milliseconds of each page (as the board says, and as they were seen here), the number of events, and ends.
 *
 *   node board-visitors.mjs URL AUTHORIZATION PATH…
 */
const [url, authorization, ...paths] = process.argv.slice(2);
const headers = { authorization, accept: 'text/html' };
const pages = [];
let events = 0;
const faults = [];

async function watch() {
  const answer = await fetch(`${url}/events`, { headers: { ...headers, accept: 'text/event-stream' } });
  if (answer.status !== 200) throw new Error(`/events: ${answer.status}`);
  for await (const chunk of answer.body) events += Buffer.from(chunk).toString().split('data: ').length - 1;
}

async function keepWatching() {
  for (;;) {
    await watch().catch((error) => faults.push(error.message));
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
}

async function load(path) {
  const start = performance.now();
  const answer = await fetch(url + path, { headers });
  await answer.text();
  pages.push({
    seenMs: performance.now() - start,
    answeredMs: Number(/dur=([\d.]+)/.exec(answer.headers.get('server-timing'))?.[1]),
  });
  if (answer.status !== 200) faults.push(`${path}: ${answer.status}`);
}

process.on('SIGTERM', () => {
  process.stdout.write(`${JSON.stringify({ pages, events, faults })}\n`, () => process.exit(0));
});
for (let i = 0; i < 3; i++) void keepWatching();
for (let i = 0; ; i++) {
  await load(paths[i % paths.length]).catch((error) => faults.push(error.message));
  await new Promise((resolve) => setTimeout(resolve, 1_000));
}
