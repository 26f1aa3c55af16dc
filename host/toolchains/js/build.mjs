// Makes a component of a handler's project in JavaScript or TypeScript: checks its types, bundles it with the SDK in
// `.sandbus`, and links the bundle with a QuickJS that has run it up to its first event. Runs in the folder of the pinned
// tools. What is wrong goes to stderr, as the tools say it, and the status says which of them.
//
// One argument: JSON with `folder` (of the project, absolute), `name`, `version`, `language` (js or ts), `entry` (the
// project's module, relative to its folder), `env` (variables whose values are put in place of `process.env.NAME`),
// `component` (where it goes).

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { componentize } from 'componentize-qjs';
import * as esbuild from 'esbuild';

import * as advice from './advice.mjs';
import { Places } from './places.mjs';

const tools = join(dirname(fileURLToPath(import.meta.url)), 'node_modules');
const project = JSON.parse(process.argv[2]);
const sdk = join(project.folder, '.sandbus/guest-sdk');
const target = join(project.folder, 'target');
/** What the bundler calls the module that this build writes. */
const ENTRY = '<sandbus>';

/** Says which tool has failed: host/src/toolchain/js.rs tells people. 1 is Node's own. */
const STATUS = { script: 2, types: 3, bundler: 4, linker: 5 };

/** Ends here: what is wrong, and what to do. */
function fail(status, message) {
  if (message !== undefined) console.error(message);
  process.exit(status);
}

function checkTypes() {
  const pretty = process.stderr.isTTY ? ['--pretty'] : [];
  const { status, error } = spawnSync(process.execPath, [join(tools, 'typescript/bin/tsc'), '--noEmit', ...pretty], {
    cwd: project.folder,
    stdio: ['ignore', 2, 2],
  });
  if (error !== undefined) fail(STATUS.types, `tsc cannot be started: ${error.message}`);
  if (status !== 0) fail(STATUS.types);
}

/** What both bundles have in common. */
function options(more) {
  const env = project.env.map((name) => [`process.env.${name}`, JSON.stringify(process.env[name]) ?? 'undefined']);
  return {
    absWorkingDir: project.folder,
    bundle: true,
    format: 'esm',
    // Names of classes become kinds of errors.
    keepNames: true,
    define: Object.fromEntries(env),
    nodePaths: [tools],
    // Shown below, with other advice.
    logLevel: 'silent',
    ...more,
  };
}

async function bundled(given) {
  try {
    const made = await esbuild.build(given);
    await advice.show(made.warnings, 'warning', project, ENTRY);
    return made;
  } catch (error) {
    if (error.errors === undefined) return fail(STATUS.bundler, error.message);
    await advice.show(error.errors, 'error', project, ENTRY);
    return fail(STATUS.bundler);
  }
}

/** The bundle, and where its lines come from. */
async function handlerBundle() {
  const about = { name: project.name, version: project.version, language: project.language };
  const contents = [
    `import { component } from ${JSON.stringify(join(sdk, 'js/src/component.js'))};`,
    `import handler from ${JSON.stringify(join(project.folder, project.entry))};`,
    `export const { descriptor, typed, packed } = component(handler, ${JSON.stringify(about)});`,
  ];
  const { outputFiles } = await bundled(
    options({
      stdin: { contents: contents.join('\n'), resolveDir: project.folder, sourcefile: ENTRY },
      platform: 'neutral',
      mainFields: ['module', 'main'],
      conditions: ['module', 'import'],
      target: 'es2023',
      // The engine never takes the turns of its own promises; what an `async` function is rewritten to uses the SDK's.
      supported: { 'async-await': false, 'async-generator': false, 'for-await': false },
      external: ['sandbus:*', 'wasi:*'],
      write: false,
      outfile: join(project.folder, 'bundle.js'),
      sourcemap: 'external',
      sourcesContent: false,
    }),
  );
  const text = (suffix) => outputFiles.find(({ path }) => path.endsWith(suffix)).text;
  const places = new Places(text('.map'), project.folder, ENTRY, [sdk, tools]);
  return { code: text('.js') + places.statement(), places };
}

/** Tests in TypeScript, as one file that any Node runs. Types are not checked: those of Node are not here. */
async function bundleTests() {
  const folder = join(project.folder, 'test');
  const tests = existsSync(folder) ? readdirSync(folder, { recursive: true }).filter((file) => file.endsWith('.test.ts')) : [];
  if (tests.length === 0) return;
  await bundled(
    options({
      stdin: { contents: tests.sort().map((file) => `import ${JSON.stringify(`./test/${file}`)};`).join('\n'), resolveDir: project.folder },
      platform: 'node',
      target: 'node20',
      sourcemap: 'inline',
      outfile: join(target, 'tests.mjs'),
    }),
  );
}

/** The contract as the project's SDK has it: one folder, with what it needs in `deps`. */
function layDownContract(folder) {
  cpSync(join(sdk, 'wit'), folder, { recursive: true });
  cpSync(join(project.folder, '.sandbus/wit'), join(folder, 'deps/handler'), { recursive: true });
}

/** What a component is made of, so that it is made anew only when that has changed: two of the same never have equal bytes. */
function digest(bundle, witPath) {
  const hash = createHash('sha256').update(bundle);
  for (const file of readdirSync(witPath, { recursive: true }).sort()) {
    if (file.endsWith('.wit')) hash.update(`\0${file}\0`).update(readFileSync(join(witPath, file)));
  }
  hash.update(readFileSync(join(tools, '../package-lock.json')));
  return hash.digest('hex');
}

async function link({ code, places }) {
  const folder = mkdtempSync(join(tmpdir(), 'sandbus-build-'));
  const stamp = `${project.component}.stamp`;
  try {
    const witPath = join(folder, 'wit');
    layDownContract(witPath);
    const made = digest(code, witPath);
    if (existsSync(stamp) && existsSync(project.component) && readFileSync(stamp, 'utf8') === made) return;
    rmSync(stamp, { force: true });
    const { component } = await componentize({ witPath, world: 'sdk', jsSource: code, sync: true });
    mkdirSync(dirname(project.component), { recursive: true });
    writeFileSync(project.component, component);
    writeFileSync(stamp, made);
  } catch (error) {
    // Each layer of the linker has put its own words before what is wrong.
    const problem = error.message.replace(/^[: ]*(Failed to [^:]*: )+/, '');
    fail(STATUS.linker, `${project.entry} cannot be loaded: ${places.rewrite(problem)}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (!existsSync(join(sdk, 'js/src/component.js'))) {
  fail(STATUS.script, `there is no SDK in ${join(project.folder, '.sandbus')}; \`sandbus new\` lays it down, and it belongs to the project`);
}
if (!existsSync(join(project.folder, project.entry))) {
  fail(STATUS.script, `there is no ${project.entry}; "main" in package.json names the module whose default export is the handler`);
}
if (project.language === 'ts') checkTypes();
const bundle = await handlerBundle();
if (project.language === 'ts') await bundleTests();
await link(bundle);
