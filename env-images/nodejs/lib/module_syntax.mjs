// Loads .js files with ES module syntax as such although no package.json says so, as newer Node versions do themselves.

import { readFile } from 'node:fs/promises';

const MODULE = /^\s*(?:import\b[^(]*?['"{*]|export\b\s*(?:default|const|let|var|async|function|class|\{|\*))/m;
const folders = [];
let entry = '';

export function initialize({ file, folder }) {
  entry = file;
  folders.push(folder);
}

export async function load(url, context, nextLoad) {
  const plain = url.split('?')[0];
  const ours = context.format === 'commonjs' && !plain.includes('/node_modules/') && folders.some((f) => plain.startsWith(f));
  if (!ours && plain !== entry) return nextLoad(url, context);
  const source = await readFile(new URL(plain));
  if (plain !== entry && !MODULE.test(source.toString())) return nextLoad(url, context);
  return { format: 'module', source, shortCircuit: true };
}
