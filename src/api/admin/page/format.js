export function age(time, now = Date.now()) {
  if (!time) return '';
  const t = typeof time === 'number' ? time : Date.parse(time);
  if (Number.isNaN(t)) return '';
  const ahead = t > now;
  const word = span(Math.abs(now - t));
  return ahead ? `in ${word}` : `${word} ago`;
}

export function span(ms) {
  const s = ms / 1000;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (s < 90) return `${Math.round(s)} s`;
  if (s < 5400) return `${Math.round(s / 60)} min`;
  if (s < 172800) return `${Math.round(s / 3600)} h`;
  return `${Math.round(s / 86400)} d`;
}

export function bytes(n) {
  if (!n) return '0 B';
  const i = Math.min(4, Math.floor(Math.log2(n) / 10));
  return `${(n / 2 ** (10 * i)).toFixed(i > 0 && n / 2 ** (10 * i) < 10 ? 1 : 0)} ${['B', 'KiB', 'MiB', 'GiB', 'TiB'][i]}`;
}

export function number(n) { return n === undefined || n === null ? '' : Number(n).toLocaleString('en'); }
export function clock(time) { const d = new Date(time); return Number.isNaN(d.getTime()) ? '' : d.toLocaleTimeString('en-GB'); }
export function local(time) { const d = new Date(time); return Number.isNaN(d.getTime()) ? '' : d.toLocaleString('sv-SE'); }

/// The Ready condition of an object: {ok, text}.
export function ready(object) {
  const found = ((object.status && object.status.conditions) || []).find((c) => c.type === 'Ready');
  if (!found) return null;
  return { ok: found.status === 'True', text: found.message || found.reason };
}
