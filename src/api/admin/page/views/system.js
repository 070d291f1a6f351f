import { html, Badge, Copy, Facts, Failure, Head, Loading, Panel, Table } from '../ui.js';
import { useGet, useTitle } from '../hooks.js';
import { age, local } from '../format.js';

const TONE = { ok: 'good', degraded: 'warn', missing: 'bad' };

/// What `hearth doctor` says: the daemon, what its backend can isolate and limit, the languages.
export function System() {
  useTitle('System');
  const { data, error, reload } = useGet('/api/v1/system/info', 10000);
  if (!data) return html`<${Head} title="System" />${error ? html`<${Failure} error=${error} onRetry=${reload} />` : html`<${Loading} />`}`;
  const order = { missing: 0, degraded: 1, ok: 2 };
  const probes = [...data.probes].sort((a, b) => order[a.state] - order[b.state]);
  const wrong = probes.filter((one) => one.state !== 'ok').length;
  return html`<${Head} title="System" /><${Failure} error=${error} />
    <${Panel} title="Daemon" id="daemon"><${Facts} rows=${[['Version', data.version], ['Backend', data.backend], ['Functions at', html`<span class="mono">${data.gatewayUrl}</span> <${Copy} text=${data.gatewayUrl} />`],
    ['Builds packages', data.builds ? 'yes' : 'no'], ['Started', `${local(data.startedAt)} (${age(data.startedAt)})`], ['Revision', data.revision]]} /><//>
    <${Panel} title="What was found" id="probes" aside=${wrong ? html`<${Badge} tone="warn">${wrong} to look at<//>` : html`<${Badge} tone="good">all well<//>`}>
      <${Table} label="Probes" items=${probes} keyOf=${(one) => one.name + one.detail} columns=${[{ name: 'Part', cell: (one) => one.name }, { name: 'State', cell: (one) => html`<${Badge} tone=${TONE[one.state]}>${one.state}<//>` },
    { name: 'Detail', wrap: true, cell: (one) => one.detail }]} /><//>
    <${Panel} title="Languages" id="languages"><${Table} label="Languages" items=${data.environments} keyOf=${(one) => one.name} columns=${[{ name: 'Language', cell: (one) => one.name },
    { name: 'State', cell: (one) => html`<${Badge} tone=${one.available ? 'good' : 'warn'}>${one.available ? 'ready' : 'missing'}<//>` }, { name: 'Files', narrow: true, cell: (one) => one.extensions.join(' ') }, { name: 'Remedy', wrap: true, cell: (one) => one.remedy }]} /><//>`;
}
