import { html, Badge, Empty, Head, Panel } from '../ui.js';
import { useTitle } from '../hooks.js';
import { useChanges, useStream } from '../store.js';
import { clock } from '../format.js';

const TONE = { added: 'good', modified: 'warn', removed: 'bad' };
export const hrefOf = (plural, key) => (plural === 'functions' ? `#/functions/${key}` : `#/r/${plural}/${key}`);

export function ChangeList({ changes }) {
  if (changes.length === 0) return html`<p class="muted">No change is remembered.</p>`;
  return html`<ol class="plain changes">${changes.map((change) => html`<li key=${change.revision}><span class="muted mono">${change.revision}</span>${' '}<${Badge} tone=${TONE[change.type]}>${change.type}<//> ${change.object.kind}${' '}${change.type === 'removed' || !change.plural ? html`<span>${change.key}</span>` : html`<a href=${hrefOf(change.plural, change.key)}>${change.key}</a>`}
    <span class="muted narrow">seen ${clock(change.seen)}</span></li>`)}</ol>`;
}

export function Changes() {
  useTitle('Changes');
  const changes = useChanges(), stream = useStream();
  return html`<${Head} title="Changes" />
    <p class="muted">Every write to the daemon, newest first, as it happens. Revision ${stream.revision}.</p>
    ${changes.length === 0 ? html`<${Empty} title="No changes yet">What is created, changed or removed appears here.<//>` : html`<${Panel}><${ChangeList} changes=${changes} /><//>`}`;
}
