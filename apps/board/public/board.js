/** The overview's live part: one stream of events brings the pieces of the page and the points of the chart. */
import { renewSections } from './renew-sections.js';

const chart = document.querySelector('#chart');
if (chart !== null) {
  const { default: UPlot } = await import(new URL('./uplot/uPlot.esm.js', import.meta.url).href);
  const live = document.querySelector('#live');
  const stream = document.querySelector('#stream');
  const { base } = chart.dataset;
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const ink = () => style('--soft');
  const grid = { stroke: () => style('--line'), width: 1 };
  const size = () => ({ width: Math.max(200, chart.clientWidth), height: 180 });
  /** Hours, minutes and seconds in UTC, as everywhere on the page. */
  const clock = (seconds) => new Date(seconds * 1_000).toISOString().slice(11, 19);
  const options = {
    ...size(),
    legend: { show: false },
    cursor: { show: false },
    axes: [
      { stroke: ink, grid, size: 34, incrs: [10, 30, 60, 120, 300, 600], values: (_, at) => at.map(clock) },
      {
        stroke: ink,
        grid,
        size: 60,
        incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4],
      },
    ],
    scales: {
      x: { range: (_, first, last) => [Math.min(first, last - 60), last] },
      y: { range: (_, __, most) => [0, Math.max(10, most * 1.1)] },
    },
    series: [
      {},
      {
        stroke: () => style('--accent'),
        width: 2,
        fill: () => `${style('--accent')}33`,
        points: { show: false },
      },
    ],
  };
  const plot = new UPlot(options, [[], []], chart);
  new ResizeObserver(() => plot.setSize(size())).observe(chart);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => plot.redraw());

  let said = '';
  const say = (text, href) => {
    // The same once more would be read out once more.
    if (text === said) return;
    said = text;
    stream.textContent = text;
    stream.className = text === '' ? '' : 'notice';
    if (href === undefined) return;
    const link = document.createElement('a');
    link.href = href;
    link.textContent = 'Log in again';
    stream.append(' ', link);
  };
  let heardAt = Date.now();
  const sayNothingNew = () =>
    say(`Nothing new since ${clock(heardAt / 1_000)} UTC: the board does not answer. Trying again …`);
  /** A board that hangs, or a line that is cut, closes nothing. Between two streams, one a minute, are three seconds. */
  const watch = setInterval(() => {
    if (Date.now() - heardAt > 8_000) sayNothingNew();
  }, 1_000);
  /** Whoever reads may stop what moves; the stream goes on, so that the session does too. */
  const hold = document.querySelector('#hold');
  hold.hidden = false;
  hold.addEventListener('click', () => {
    const isHeld = hold.getAttribute('aria-pressed') !== 'true';
    hold.setAttribute('aria-pressed', String(isHeld));
  });
  const listen = () => {
    const events = new EventSource(`${base}/events`);
    events.onmessage = ({ data }) => {
      const { html, pace, trouble } = JSON.parse(data);
      heardAt = Date.now();
      say(trouble ?? '');
      if (trouble !== undefined) return;
      if (hold.getAttribute('aria-pressed') === 'true') return;
      plot.setData([pace.map(([at]) => at), pace.map(([, rate]) => rate)]);
      renewSections(live, html);
    };
    events.onerror = async () => {
      // The stream ends each minute and the browser asks anew: only what lasts is told.
      const isOver = events.readyState === EventSource.CLOSED;
      const answer = await fetch(`${base}/session`, { cache: 'no-store' }).catch(() => null);
      if (answer?.status === 401) {
        events.close();
        clearInterval(watch);
        say('Live updates have stopped: your session has ended.', `${base}/login?ended=1`);
      } else if (isOver || answer === null) {
        sayNothingNew();
        if (isOver) setTimeout(listen, 5_000);
      }
    };
  };
  listen();
}
