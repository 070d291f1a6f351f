'use strict';
// From a file to its function; CommonJS and ES modules alike.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const module_ = require('node:module');
const os = require('node:os');
const path = require('node:path');
const { pathToFileURL } = require('node:url');
const { LoadError, resolveEntry } = require('./entry');

const OWN = __dirname;
const MODULE_SYNTAX = /Cannot use import statement outside a module|Unexpected token 'export'|await is only valid|Cannot use 'import\.meta'/;

async function importFile(file) {
  const url = pathToFileURL(file).href;
  if (file.endsWith('.mjs')) return import(url);
  try {
    return await importPlain(file, url);
  } catch (error) {
    if (!(error instanceof SyntaxError) || !MODULE_SYNTAX.test(error.message)) throw error;
    module_.register(pathToFileURL(path.join(OWN, 'module_syntax.mjs')), { data: { file: url, folder: new URL('.', url).href } });
    return import(`${url}?module`);
  }
}

/** require() costs less than import() and its syntax errors name the line; import() is for what require() refuses. */
async function importPlain(file, url) {
  try {
    return { required: extensionless(file) ? compile(file) : require(file) };
  } catch (error) {
    if (error.code === 'ERR_REQUIRE_ESM' || error.code === 'ERR_REQUIRE_ASYNC_MODULE') return import(url);
    throw error;
  }
}

function extensionless(file) {
  return !['.js', '.cjs', '.json', '.node'].includes(path.extname(file));
}

/** A literal package is a file without extension, which require() would only take for JavaScript by luck. */
function compile(file) {
  const unit = new module_.Module(file, null);
  unit.filename = file;
  unit.paths = module_.Module._nodeModulePaths(path.dirname(file));
  unit._compile(fs.readFileSync(file, 'utf8'), file);
  return unit.exports;
}

function exportsOf(loaded) {
  const space = 'required' in loaded ? loaded.required : loaded;
  const base = space && space.default !== undefined ? space.default : space;
  return { space: space || {}, base };
}

function pick(loaded, file, name) {
  const { space, base } = exportsOf(loaded);
  const member = (key) => (space[key] !== undefined ? space[key] : base && base[key]);
  const found = name ? member(name) : typeof base === 'function' ? base : member('app');
  if (typeof found === 'function') return found;
  const where = path.basename(file);
  const there = [...new Set([...Object.keys(space), ...Object.keys(base || {})])];
  const have = `it exports: ${there.join(', ') || 'nothing'}`;
  if (name) throw new LoadError(`${where} has no function ${name}; ${have}`);
  throw new LoadError(`${where} has no function as its default export (module.exports = async (context) => …, ` +
      `or export default); ${have}`);
}

/** Text for whoever deployed: the language's own stack without the loader's frames. */
function describe(error) {
  if (error instanceof LoadError) return error.message;
  const stack = error && error.stack ? String(error.stack) : `the module threw ${String(error)}`;
  return stack.split('\n').filter((line) => !line.includes(OWN) && !/^ {4}at .*\(?node:/.test(line)).join('\n');
}

/** For a syntax error in an ES module Node keeps the place to itself unless it checks a file; '' when that finds none. */
function placeOfSyntaxError(file) {
  let folder;
  try {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'check-'));
    const copy = path.join(folder, 'code.mjs');
    fs.copyFileSync(file, copy);
    const { status, stderr } = spawnSync(process.execPath, ['--check', copy], { encoding: 'utf8', timeout: 5000 });
    const text = status ? stderr.split(pathToFileURL(copy).href).join(file).split(copy).join(file) : '';
    return text.split('\n').filter((line) => !/^ {4}at |^Node\.js v/.test(line)).join('\n').trim();
  } catch {
    return '';
  } finally {
    if (folder) fs.rmSync(folder, { recursive: true, force: true });
  }
}

/** Resolves with the function. Rejects with an Error whose message is describe()d already. */
async function load(codePath, entry) {
  let entered = codePath;
  try {
    const { file, name } = resolveEntry(codePath, entry.trim());
    entered = fs.realpathSync(file);
    process.chdir(path.dirname(file));
    return pick(await importFile(entered), file, name);
  } catch (error) {
    const text = describe(error);
    const unplaced = error instanceof SyntaxError && !/:\d+\n/.test(text);
    throw new LoadError((unplaced && placeOfSyntaxError(entered)) || text);
  }
}

module.exports = { load };
