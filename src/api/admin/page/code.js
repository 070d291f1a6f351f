// The editor as a Preact component. CodeMirror comes in a file of its own, when a view first shows code.
import { useEffect, useRef, useState } from 'preact/hooks';
import { html, Loading } from './ui.js';

export function languageOf(name) {
  const end = name.split('.').pop();
  if (['py'].includes(end)) return 'python';
  if (['js', 'mjs', 'cjs', 'ts', 'json'].includes(end)) return 'javascript';
  if (['yaml', 'yml'].includes(end)) return 'yaml';
  return 'text';
}

/// `value` is what it begins with; a new `id` begins anew. `onEdit(text)` hears every change; `place` {line, column} is
/// where the cursor is to go.
export function Code({ id, value, language, readOnly, label, onEdit, place }) {
  const host = useRef(null), view = useRef(null);
  const [error, setError] = useState(null);
  const [there, setThere] = useState(false);
  const hear = useRef(onEdit);
  hear.current = onEdit;
  useEffect(() => {
    let ended = false;
    import('./editor.js').then(({ open }) => {
      if (ended) return;
      view.current = open(host.current, { value, language, readOnly, label, onEdit: (text) => hear.current && hear.current(text) });
      setThere(true);
    }).catch(setError);
    return () => { ended = true; if (view.current) view.current.close(); view.current = null; };
  }, [id, language, readOnly]);
  useEffect(() => { if (place && view.current) view.current.go(place.line, place.column); }, [place]);
  if (error) return html`<div class="failure" role="alert">The editor cannot be loaded: ${error.message}</div>`;
  return html`<div class="code">${!there && html`<${Loading} what="Loading the editor" />`}<div ref=${host}></div></div>`;
}
