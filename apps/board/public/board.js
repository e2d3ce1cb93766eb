/** The overview's live part: one stream of events brings the pieces of the page and the points of the chart. */
const chart = document.querySelector('#chart');
if (chart !== null) {
  const { default: UPlot } = await import(new URL('./uplot/uPlot.esm.js', import.meta.url).href);
  const live = document.querySelector('#live');
  const colour = () => getComputedStyle(document.documentElement).getPropertyValue('--ink').trim();
  const options = () => ({
    width: chart.clientWidth,
    height: 180,
    legend: { show: false },
    axes: [{ stroke: colour }, { stroke: colour, size: 60 }],
    scales: { y: { range: (_, __, most) => [0, Math.max(10, most * 1.1)] } },
    series: [{}, { stroke: '#2f7de1', width: 2, fill: '#2f7de133' }],
  });
  const plot = new UPlot(options(), [[], []], chart);
  addEventListener('resize', () => plot.setSize({ width: chart.clientWidth, height: 180 }));
  const events = new EventSource(chart.dataset.events);
  events.onmessage = ({ data }) => {
    const { html, pace } = JSON.parse(data);
    plot.setData([pace.map(([at]) => at), pace.map(([, rate]) => rate)]);
    // Whoever is on a button keeps it: the next event comes in two seconds.
    if (!live.contains(document.activeElement)) live.innerHTML = html;
  };
}
