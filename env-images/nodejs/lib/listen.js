'use strict';
// The listening address named by HEARTH_LISTEN.

const fs = require('node:fs');

const DEFAULT = 'tcp:0.0.0.0:8888';

/** `unix:/path` or `tcp:host:port` as options for net.Server.listen(). Throws an Error for another form. */
function listenOptions(where = DEFAULT) {
  if (where.startsWith('unix:') && where.length > 5) {
    const path = where.slice(5);
    fs.rmSync(path, { force: true });
    return { path, backlog: 1024 };
  }
  const tcp = /^tcp:(?:\[(.+)\]|([^:]+)):(\d{1,5})$/.exec(where);
  if (!tcp) throw new Error(`HEARTH_LISTEN is '${where}'; it must be unix:/path or tcp:host:port`);
  return { host: tcp[1] || tcp[2], port: Number(tcp[3]), backlog: 1024 };
}

module.exports = { DEFAULT, listenOptions };
