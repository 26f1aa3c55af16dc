// What the bundler says, with what a handler's developer can do. Its own advice is for those who call it: options that a
// project has not.

import { readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join } from 'node:path';

import { formatMessages } from 'esbuild';

const FOR_CALLERS = /as external to exclude it|"platform: 'node'"|is built into node/;

/** Writes messages to stderr, as the bundler would. `project` is that of the build, `entry` the module that the build writes. */
export async function show(messages, kind, project, entry) {
  const advised = messages.map((message) => withAdvice(message, project, entry));
  const { isTTY, columns } = process.stderr;
  const shown = await formatMessages(advised, { kind, color: isTTY, terminalWidth: columns });
  process.stderr.write(shown.join(''));
}

function withAdvice(message, project, entry) {
  const { text, location } = message;
  if (location?.file === entry && text.includes('for import "default"')) {
    const wanted = `${project.entry} has no default export: \`export default handler({ events, handle })\``;
    return { ...message, text: wanted, location: null, notes: [] };
  }
  const notes = message.notes.filter((note) => !FOR_CALLERS.test(note.text));
  const missing = /^Could not resolve "(.*)"$/.exec(text)?.[1];
  const advice = missing === undefined ? undefined : adviceOn(missing, location?.file ?? project.entry, project);
  return { ...message, notes: advice === undefined ? notes : [...notes, { text: advice, location: null }] };
}

/** What to do about a module that is not there. */
function adviceOn(module, importer, project) {
  const plain = module.replace(/^node:/, '');
  if (module !== plain || builtinModules.includes(plain)) {
    return `${plain} is part of Node.js, which a handler does not have: it has no files, sockets or processes.`;
  }
  if (/^\.{0,2}\//.test(module)) return `There is no file ${module.startsWith('/') ? module : join(dirname(importer), module)}.`;
  const name = /^(@[^/:]+\/)?[^/:#@]+(?=\/|$)/.exec(module)?.[0];
  if (name === undefined) return undefined;
  const named = packageNames(project.folder).includes(name);
  return named ? `package.json names ${name}; \`npm install\` gets it.` : `\`npm install ${name}\` adds it, if it is a package of npm's.`;
}

function packageNames(folder) {
  const { dependencies, devDependencies, optionalDependencies } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  return Object.keys({ ...dependencies, ...devDependencies, ...optionalDependencies });
}
