// Samples of the daemon's own metrics, a few series of them, while the page is seen.
import { text } from './api.js';

const EVERY = 3000, MOST = 120;
const NAMES = ['gateway_answers_total', 'gateway_faults_total', 'gateway_request_seconds', 'executor_instances', 'executor_cold_start_seconds',
  'executor_load_failures_total', 'async_waiting'].map((name) => `hearth_${name}`).join(',');

function parse(body) {
  const found = new Map();
  for (const line of body.split('\n')) {
    if (line === '' || line[0] === '#') continue;
    const cut = line.lastIndexOf(' ');
    found.set(line.slice(0, cut), Number(line.slice(cut + 1)));
  }
  return found;
}

export const samples = []; // {time, values}
const hearers = new Set();
let running = false;

async function run() {
  running = true;
  while (hearers.size > 0) {
    if (document.visibilityState === 'visible') {
      try {
        samples.push({ time: Date.now(), values: parse(await text(`/metrics?names=${NAMES}`)) });
        if (samples.length > MOST) samples.shift();
      } catch { /* the next one may do */ }
      for (const hear of [...hearers]) hear();
    }
    await new Promise((done) => { setTimeout(done, EVERY); });
  }
  running = false;
}

export function listen(hear) {
  hearers.add(hear);
  if (!running) run();
  return () => hearers.delete(hear);
}

const sum = (values, test) => { let total = 0; for (const [name, value] of values) if (test(name)) total += value; return total; };

/// Per second between each sample and the one before.
export function rate(test) {
  return samples.map((sample, i) => {
    if (i === 0) return null;
    const before = samples[i - 1], seconds = (sample.time - before.time) / 1000;
    const more = sum(sample.values, test) - sum(before.values, test);
    return more < 0 ? null : more / seconds;
  });
}

export function level(name) { return samples.map((sample) => sum(sample.values, (one) => one === name)); }
export function latest(test) { return samples.length ? sum(samples[samples.length - 1].values, test) : 0; }

/// A quantile in milliseconds of the requests between samples, by the histogram's buckets; null where there were none.
export function quantile(q) {
  const bounds = (values) => [...values].filter(([name]) => name.startsWith('hearth_gateway_request_seconds_bucket'))
    .map(([name, value]) => [name.match(/le="([^"]+)"/)[1], value]).map(([le, value]) => [le === '+Inf' ? Infinity : Number(le), value]).sort((a, b) => a[0] - b[0]);
  return samples.map((sample, i) => {
    if (i === 0) return null;
    const now = bounds(sample.values), before = bounds(samples[i - 1].values);
    const counts = now.map(([le, value], k) => [le, value - (before[k] ? before[k][1] : 0)]);
    const all = counts.length ? counts[counts.length - 1][1] : 0;
    if (all <= 0) return null;
    let low = 0, under = 0;
    for (const [le, count] of counts) {
      if (count >= q * all) return 1000 * (le === Infinity ? low : low + (le - low) * (count > under ? (q * all - under) / (count - under) : 1));
      low = le;
      under = count;
    }
    return null;
  });
}
export const times = () => samples.map((sample) => sample.time / 1000);
