// Where the lines of a bundle come from: the bundler's source map, cut down to what a stack needs, so that it can go into the
// component. Lines of the SDK and of the tools have no place: a developer can do nothing about them.

import { existsSync, realpathSync } from 'node:fs';
import { join, sep } from 'node:path';

import { decode } from '@jridgewell/sourcemap-codec';

/** What the linker calls the bundle. */
const FRAME = /^\s*at .*componentize-qjs:user\.js:(\d+):(\d+)/;

/** Links followed, if it is there: what a library was made of may not be. */
function pathOf(path) {
  return existsSync(path) ? realpathSync(path) : path;
}

/** Runs of a bundle's lines: each begins at a line and column, and follows the lines of one file. */
export class Places {
  /** Entries `[line, column, file, line of the file]`, lines from 1, columns from 0; `file` is -1 where there is no place. */
  #runs = [];
  #files = [];

  /**
   * @param map the source map, as text
   * @param folder that of the project, which the map's sources are relative to
   * @param entry the module that the build has written
   * @param foreign folders whose files have no place either
   */
  constructor(map, folder, entry, foreign) {
    const { sources, mappings } = JSON.parse(map);
    const prefixes = foreign.map((path) => realpathSync(path) + sep);
    const isOwn = (source) => source !== entry && !prefixes.some((prefix) => pathOf(join(folder, source)).startsWith(prefix));
    const files = sources.map((source) => (isOwn(source) ? this.#files.push(source) - 1 : -1));
    decode(mappings).forEach((segments, index) => {
      for (const [column, source, line] of segments) this.#add(index + 1, column, files[source] ?? -1, (line ?? 0) + 1);
    });
  }

  #add(line, column, file, original) {
    const before = this.#runs.at(-1);
    if (before === undefined ? file === -1 : before[2] === file && (file === -1 || before[3] + line - before[0] === original)) return;
    this.#runs.push([line, column, file, original]);
  }

  /** `FILE:LINE` of a place in the bundle, both from 1. */
  find(line, column) {
    const run = this.#runs.findLast((begin) => begin[0] < line || (begin[0] === line && begin[1] < column));
    return run === undefined || run[2] === -1 ? undefined : `${this.#files[run[2]]}:${run[3] + line - run[0]}`;
  }

  /** A message of the linker's, with the places of its stack. */
  rewrite(message) {
    const lines = message.split('\n').flatMap((line) => {
      const frame = FRAME.exec(line);
      if (frame === null) return [line];
      const place = this.find(Number(frame[1]), Number(frame[2]));
      return place === undefined ? [] : [line.replace(/componentize-qjs:user\.js:\d+:\d+/, () => place)];
    });
    return lines.join('\n').trimEnd();
  }

  /** The line of code that tells the SDK, whose stack.js reads it. */
  statement() {
    const runs = this.#runs.map((run) => run.map((number) => number.toString(36)).join(' ')).join(',');
    return `globalThis[Symbol.for("sandbus.places")] = ${JSON.stringify([runs, ...this.#files])};\n`;
  }
}
