// bundle.mjs FILE: bundles page/ and writes it, compressed, as the C++ source FILE (api/admin_page.hpp says what of).
// The same sources give the same bytes. With --watch FOLDER it writes the plain files there at each change, for work
// on the page.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const folder = dirname(fileURLToPath(import.meta.url));
const MOST_BYTES = 300 * 1024; // of all files, compressed
const MEDIA = {
  html: 'text/html; charset=utf-8', js: 'text/javascript; charset=utf-8', css: 'text/css; charset=utf-8', svg: 'image/svg+xml',
};

let esbuild;
try {
  esbuild = await import('esbuild');
} catch (e) {
  console.error(`error: the admin page cannot be bundled: ${e.message}\n    Run ${join(folder, 'prepare')}, which installs what it needs with npm.`);
  process.exit(1);
}

const options = {
  absWorkingDir: folder,
  entryPoints: { app: 'page/main.js' },
  bundle: true, splitting: true, format: 'esm', minify: true, target: ['chrome109', 'firefox115', 'safari16'],
  outdir: 'out', entryNames: '[name]-[hash]', chunkNames: '[name]-[hash]', assetNames: '[name]-[hash]',
  legalComments: 'none', write: false, metafile: true, logLevel: 'warning',
};

function pageOf(names) {
  const named = (start, end) => names.find((name) => name.startsWith(start) && name.endsWith(end));
  return readFileSync(join(folder, 'page/index.html'), 'utf8')
    .replace('{script}', named('app-', '.js')).replace('{style}', named('app-', '.css')).replace('{icon}', named('icon-', '.svg'));
}

/// name → bytes of every file of the page.
function filesOf(built) {
  const files = new Map();
  for (const file of built.outputFiles) files.set(basename(file.path), Buffer.from(file.contents));
  const icon = readFileSync(join(folder, 'page/icon.svg'));
  files.set(`icon-${createHash('sha256').update(icon).digest('hex').slice(0, 8)}.svg`, icon);
  files.set('index.html', Buffer.from(pageOf([...files.keys()])));
  return files;
}

function compressed(bytes) {
  const packed = gzipSync(bytes, { level: 9 });
  packed[9] = 255; // the operating system's number: the same everywhere
  return packed;
}

function sourceOf(files) {
  const arrays = [], rows = [];
  let total = 0;
  for (const name of [...files.keys()].sort()) {
    const bytes = files.get(name), packed = compressed(bytes), index = rows.length;
    total += packed.length;
    const lines = [];
    for (let at = 0; at < packed.length; at += 32) lines.push([...packed.subarray(at, at + 32)].join(','));
    arrays.push(`constexpr unsigned char kBytes${index}[] = {\n${lines.join(',\n')}};`);
    const tag = createHash('sha256').update(bytes).digest('hex').slice(0, 16);
    const text = `std::string_view(reinterpret_cast<const char*>(kBytes${index}), sizeof kBytes${index})`;
    rows.push(`    {"${name}", "${MEDIA[name.split('.').pop()]}", "\\"${tag}\\"", ${text}, ${bytes.length}, ${name !== 'index.html'}},`);
  }
  if (total > MOST_BYTES) throw new Error(`the admin page has ${total} bytes compressed, more than ${MOST_BYTES}`);
  const text = `#include "api/admin_page.hpp"\n\nnamespace hearth::api {\nnamespace {\n${arrays.join('\n')}\n\nconst AdminFile kFiles[] = {\n` +
    `${rows.join('\n')}\n};\n}  // namespace\n\nstd::span<const AdminFile> admin_files() { return kFiles; }\n}  // namespace hearth::api\n`;
  return { text, total };
}

if (process.argv[2] === '--watch') {
  const into = process.argv[3];
  const write = {
    name: 'write',
    setup(build) {
      build.onEnd((built) => {
        if (built.errors.length > 0) return;
        mkdirSync(into, { recursive: true });
        for (const [name, bytes] of filesOf(built)) writeFileSync(join(into, name), bytes);
        console.log(`written to ${into}`);
      });
    },
  };
  const context = await esbuild.context({ ...options, minify: false, sourcemap: false, plugins: [write] });
  await context.watch();
} else if (process.argv[2]) {
  const { text, total } = sourceOf(filesOf(await esbuild.build(options)));
  writeFileSync(process.argv[2], text);
  console.log(`admin page: ${total} bytes compressed`);
} else {
  console.error('usage: bundle.mjs FILE | --watch FOLDER');
  process.exit(2);
}
