'use strict';
// From a code path and an entry point to a file and the name of its export.

const fs = require('node:fs');
const path = require('node:path');

const EXTENSIONS = ['.js', '.mjs', '.cjs'];

class LoadError extends Error {}

function isFile(file) {
  try {
    return fs.statSync(file).isFile();
  } catch {
    return false;
  }
}

function withExtension(base) {
  return [base, ...EXTENSIONS.map((e) => base + e), ...EXTENSIONS.map((e) => path.join(base, `index${e}`))].find(isFile);
}

function packageMain(folder) {
  try {
    const { main } = JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8'));
    return typeof main === 'string' ? withExtension(path.join(folder, main)) : undefined;
  } catch {
    return undefined;
  }
}

function listing(folder) {
  return fs.readdirSync(folder).sort().slice(0, 20).join(', ') || 'nothing';
}

function defaultFile(folder) {
  const code = fs.readdirSync(folder).filter((n) => EXTENSIONS.includes(path.extname(n)));
  const sole = code.length === 1 ? path.join(folder, code[0]) : undefined;
  const found = packageMain(folder) || sole || withExtension(path.join(folder, 'index')) || withExtension(path.join(folder, 'main'));
  if (found) return found;
  throw new LoadError('no entry point was named, and the package has neither a sole script, a "main" in package.json, ' +
      `index.js nor main.js; it has: ${listing(folder)}`);
}

/**
 * `file.export`, `file` (its default export) or '' → {file, name}. A single-file package is that file whatever the
 * entry names; only the export counts then. Throws LoadError.
 */
function resolveEntry(codePath, entry) {
  let stat;
  try {
    stat = fs.statSync(codePath);
  } catch {
    const file = withExtension(codePath);
    if (!file) throw new LoadError(`there is no file or folder ${codePath}`);
    return resolveEntry(file, entry);
  }
  const dot = entry.lastIndexOf('.');
  if (!stat.isDirectory()) {
    const name = dot > 0 && !EXTENSIONS.includes(entry.slice(dot)) ? entry.slice(dot + 1) : '';
    return { file: codePath, name };
  }
  if (!entry) return { file: defaultFile(codePath), name: '' };
  const whole = withExtension(path.join(codePath, entry));
  if (whole) return { file: whole, name: '' };
  const file = dot > 0 ? withExtension(path.join(codePath, entry.slice(0, dot))) : undefined;
  if (file) return { file, name: entry.slice(dot + 1) };
  throw new LoadError(`the package has no file for the entry point ${entry} (file.export or file); it has: ${listing(codePath)}`);
}

module.exports = { LoadError, resolveEntry };
