// Charts of the overview: uPlot on a canvas, with the page's colours and a table for those who cannot see it.
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { html } from './ui.js';

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/// Two minutes at least; uPlot itself gives a lone sample a whole day.
function span(plot) {
  const times = plot.data[0], end = times[times.length - 1];
  return [Math.min(times[0], end - 120), end];
}

/// `series`: [{name, tone, values}] over `times` (seconds). `unit` stands behind the newest value of each.
export function Chart({ title, times, series, unit, show, theme }) {
  const host = useRef(null), plot = useRef(null);
  // Without a time the axis would show 1970.
  const data = times.length > 0 ? [times, ...series.map((one) => one.values)] : [[Date.now() / 1000], ...series.map(() => [null])];
  useEffect(() => {
    const axis = { stroke: colour('--muted'), grid: { stroke: colour('--line'), width: 1 }, ticks: { stroke: colour('--line') }, font: '11px system-ui' };
    const made = new uPlot({
      width: host.current.clientWidth || 300, height: 150, legend: { show: false }, cursor: { show: false }, padding: [8, 8, 0, 0],
      scales: { x: { range: span }, y: { range: (_, low, high) => [0, Math.max(high || 0, 1)] } },
      axes: [{ ...axis, values: (_, ticks) => ticks.map((t) => new Date(t * 1000).toLocaleTimeString('en-GB')), space: 90 }, { ...axis, size: 44 }],
      series: [{}, ...series.map((one) => ({ label: one.name, stroke: colour(one.tone), width: 2, points: { show: false } }))],
    }, data, host.current);
    plot.current = made;
    const fit = new ResizeObserver(() => { if (host.current) made.setSize({ width: host.current.clientWidth, height: 150 }); });
    fit.observe(host.current);
    return () => { fit.disconnect(); made.destroy(); plot.current = null; };
  }, [theme, series.length]);
  useEffect(() => { if (plot.current) plot.current.setData(data); });
  const newest = (values) => { const value = values[values.length - 1]; return value === undefined || value === null ? '–' : `${show ? show(value) : value.toFixed(1)}${unit}`; };
  return html`<figure class="chart"><figcaption>${title}</figcaption>
    <div ref=${host} aria-hidden="true"></div>
    <dl class="legend">${series.map((one) => html`<div><dt><i class=${one.tone.slice(2)} aria-hidden="true"></i>${one.name}</dt><dd>${newest(one.values)}</dd></div>`)}</dl></figure>`;
}
