import { useEffect, useRef, useState } from 'preact/hooks';
import { html, Badge, Failure, Field } from '../ui.js';
import { useStreamOf } from '../hooks.js';
import { lines, objectPath } from '../api.js';
import { clock } from '../format.js';

const MOST = 2000;

/// Lines of a function as they come, newest last; it stays at the end until somebody scrolls up.
export function Logs({ ns, name }) {
  const [shown, setShown] = useState([]), [words, setWords] = useState(''), [stream, setStream] = useState(''), [held, setHeld] = useState(false);
  const kept = useRef([]), box = useRef(null), atEnd = useRef(true), due = useRef(0);
  const error = useStreamOf(async (signal) => {
    kept.current = [];
    await lines(`${objectPath('functions', ns, name)}/logs?follow=true&limit=500`, signal, (line) => {
      kept.current.push(line);
      if (kept.current.length > MOST) kept.current.shift();
      if (!due.current) due.current = setTimeout(() => { due.current = 0; setShown([...kept.current]); }, 80);
    });
  }, [ns, name]);
  useEffect(() => () => clearTimeout(due.current), []);
  const seen = useRef([]);
  if (!held) seen.current = shown;
  const found = seen.current.filter((line) => (!stream || line.stream === stream) && (!words || `${line.message} ${line.requestId}`.toLowerCase().includes(words.toLowerCase())));
  useEffect(() => { if (atEnd.current && box.current) box.current.scrollTop = box.current.scrollHeight; });
  return html`<div class="bar"><${Field} label="Search lines" grow><input type="search" value=${words} placeholder="text or request id" onInput=${(e) => setWords(e.target.value)} /><//>
      <${Field} label="Stream"><select value=${stream} onChange=${(e) => setStream(e.target.value)}><option value="">all</option><option value="out">output</option><option value="err">errors</option><option value="call">calls</option><option value="platform">platform</option></select><//>
      <button aria-pressed=${held} onClick=${() => setHeld(!held)}>${held ? `Go on (${shown.length - seen.current.length} new)` : 'Hold'}</button></div>
    <${Failure} error=${error} />
    <div class="log box" ref=${box} tabindex="0" role="log" aria-label=${`Log of ${name}`} onScroll=${(e) => { const b = e.currentTarget; atEnd.current = b.scrollHeight - b.scrollTop - b.clientHeight < 30; }}>
      ${found.length === 0 && html`<p class="muted">${shown.length === 0 ? 'Nothing was printed yet. New lines appear by themselves.' : 'No line holds that.'}</p>`}
      ${found.map((line) => html`<div class=${`line ${line.stream}`}><time title=${line.time}>${clock(line.time)}</time><${Badge} tone=${line.stream === 'err' || line.stream === 'platform' ? 'bad' : ''}>${line.stream}<//>
        <span class="pre">${line.message}</span>${line.requestId && html`<button class="link small narrow" title="Only this request" onClick=${() => setWords(line.requestId)}>${line.requestId.slice(0, 8)}</button>`}</div>`)}</div>`;
}
