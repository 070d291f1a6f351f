// Parts that all views are made of.
import { h } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import htm from 'htm';
import { ready } from './format.js';

export const html = htm.bind(h);
export const go = (path) => { location.hash = path; };

export function Loading({ what = 'Loading' }) {
  return html`<div class="state" role="status"><span class="spinner" aria-hidden="true"></span>${what} …</div>`;
}

export function Empty({ title, children }) {
  return html`<div class="state empty"><strong>${title}</strong><div>${children}</div></div>`;
}

/// What went wrong: the message, faults by field with line and column, the trace.
export function Failure({ error, onRetry, onPlace }) {
  if (!error) return null;
  // One fault that says all the message does stands alone.
  const alone = (error.errors || []).length === 1 && error.errors[0].message.includes(error.message);
  return html`<div class="failure" role="alert">
    ${!alone && html`<p><strong>${error.message}</strong></p>`}
    ${error.errors && error.errors.length > 0 && html`<ul class="faults">${error.errors.map((fault) => html`<li>
      ${fault.line > 0 && (onPlace ? html`<button class="link" onClick=${() => onPlace(fault)}>line ${fault.line}</button> `
    : html`<span class="muted">line ${fault.line} </span>`)}
      ${fault.path && html`<code>${fault.path}</code> `}<span class="pre">${fault.message}</span>
      ${fault.suggestion && html` — did you mean <code>${fault.suggestion}</code>?`}</li>`)}</ul>`}
    ${error.trace && !(error.errors || []).some((fault) => (fault.message || '').includes(error.trace)) && html`<pre tabindex="0">${error.trace}</pre>`}
    ${error.requestId && html`<p class="muted small">request ${error.requestId}</p>`}
    ${onRetry && html`<button onClick=${onRetry}>Try again</button>`}
  </div>`;
}

export function Badge({ tone = '', children, title }) {
  return html`<span class="badge ${tone}" title=${title}>${children}</span>`;
}

export function Ready({ object }) {
  const state = ready(object);
  if (!state) return null;
  return html`<${Badge} tone=${state.ok ? 'good' : 'bad'} title=${state.text}>${state.ok ? 'ready' : state.text}<//>`;
}

export function Panel({ title, aside, children, id }) {
  return html`<section class="panel" aria-labelledby=${id}>
    ${title && html`<div class="panel-head"><h2 id=${id}>${title}</h2><div class="aside">${aside}</div></div>`}${children}</section>`;
}

export function Head({ title, crumbs, children }) {
  return html`<div class="head"><div>${crumbs && html`<nav class="crumbs" aria-label="Breadcrumb">${crumbs}</nav>`}<h1 tabindex="-1">${title}</h1></div>
    <div class="actions">${children}</div></div>`;
}

export function Facts({ rows }) {
  return html`<dl class="facts">${rows.filter((row) => row && row[1] !== '' && row[1] !== undefined && row[1] !== null)
    .map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

const ROW = 44;

/// A table of any length: only the rows in sight are in the document. Columns: {name, cell, wide, narrow}; narrow: left
/// out on phones. `href(item)` makes the first cell a link.
export function Table({ label, columns, items, keyOf, href, empty, loading }) {
  const box = useRef(null);
  const [view, setView] = useState({ top: 0, height: 900 });
  useLayoutEffect(() => {
    const measure = () => {
      if (!box.current) return;
      const top = Math.max(0, -box.current.getBoundingClientRect().top);
      setView({ top, height: window.innerHeight, wide: box.current.scrollWidth > box.current.clientWidth });
    };
    measure();
    window.addEventListener('scroll', measure, { passive: true });
    window.addEventListener('resize', measure);
    return () => { window.removeEventListener('scroll', measure); window.removeEventListener('resize', measure); };
  }, [items.length === 0]);
  if (items.length === 0) return loading ? html`<${Loading} />` : empty;
  const long = items.length > 100;
  const first = long ? Math.max(0, Math.floor(view.top / ROW) - 10) : 0;
  const last = long ? Math.min(items.length, first + Math.ceil(view.height / ROW) + 20) : items.length;
  const rows = items.slice(first, last);
  return html`<div class="table-box" ref=${box} tabindex=${view.wide ? 0 : undefined} role=${view.wide ? 'group' : undefined} aria-label=${view.wide ? label : undefined}><table aria-label=${label} aria-rowcount=${items.length + 1}>
    <thead><tr>${columns.map((column) => html`<th scope="col" class=${column.narrow ? 'narrow' : ''}>${column.name}</th>`)}</tr></thead>
    <tbody>
      ${first > 0 && html`<tr aria-hidden="true" class="pad"><td colspan=${columns.length} style=${{ height: `${first * ROW}px` }}></td></tr>`}
      ${rows.map((item, i) => html`<tr key=${keyOf(item)} aria-rowindex=${first + i + 2}>${columns.map((column, c) => html`<td
        class="${column.narrow ? 'narrow' : ''} ${column.wide ? 'wide' : ''} ${column.wrap ? 'wrap' : ''}">${c === 0 && href ? html`<a href=${href(item)}>${column.cell(item)}</a>` : column.cell(item)}</td>`)}</tr>`)}
      ${last < items.length && html`<tr aria-hidden="true" class="pad"><td colspan=${columns.length} style=${{ height: `${(items.length - last) * ROW}px` }}></td></tr>`}
    </tbody></table>
    ${loading && html`<${Loading} what=${`${items.length} so far, loading more`} />`}</div>`;
}

/// A modal question. The native element keeps the focus inside and closes on Escape.
export function Dialog({ title, onClose, children }) {
  const ref = useRef(null);
  useEffect(() => {
    const dialog = ref.current, before = document.activeElement;
    dialog.showModal();
    return () => { dialog.close(); if (before && before.focus) before.focus(); };
  }, []);
  return html`<dialog ref=${ref} aria-labelledby="dialog-title" onCancel=${(e) => { e.preventDefault(); onClose(); }}>
    <h2 id="dialog-title">${title}</h2>${children}</dialog>`;
}

export function Tabs({ tabs, current, href }) {
  return html`<nav class="tabs" aria-label="Parts">${tabs.map(([id, name]) => html`<a href=${href(id)}
    aria-current=${id === current ? 'page' : undefined}>${name}</a>`)}</nav>`;
}

export function Field({ label, children, hint, grow }) {
  return html`<label class="field ${grow ? 'grow' : ''}"><span>${label}</span>${children}${hint && html`<small>${hint}</small>`}</label>`;
}

export function Copy({ text }) {
  const [done, setDone] = useState(false);
  return html`<button class="small" onClick=${async () => { await navigator.clipboard.writeText(text); setDone(true); }}>${done ? 'Copied' : 'Copy'}</button>`;
}
