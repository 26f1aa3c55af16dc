// `console`: lines go to the log. What prints more than text elsewhere is text here, too.

import { now } from '../clock.js';
import { format, inspect, lines, shown } from '../inspect.js';
import * as log from '../log.js';
import { placesOf } from '../stack.js';

/** Rows of a table that are worth a log line each. */
const MAX_ROWS = 100;

let indent = '';
const counts = new Map();
const timers = new Map();

function written(write) {
  return (...parts) => {
    if (indent === '') write(...parts);
    else for (const line of lines(parts)) write(indent + line);
  };
}

const info = written(log.info);
const warn = written(log.warn);
const error = written(log.error);

/** What is open of groups ends with a try, however that ended. */
export function endGroups() {
  indent = '';
}

function group(...label) {
  if (label.length > 0) info(...label);
  indent += '  ';
}

/** Milliseconds since the timer of that name began. */
function elapsed(label) {
  const start = timers.get(label);
  if (start === undefined) warn(`there is no timer ${JSON.stringify(label)}`);
  return start === undefined ? undefined : `${label}: ${(now() - start).toFixed(3)} ms`;
}

export const console = {
  debug: written(log.debug),
  log: info,
  info,
  warn,
  error,
  dir: (value) => info(inspect(value)),
  dirxml: info,

  trace(...parts) {
    log.trace(indent + ['Trace', format(parts)].filter((text) => text !== '').join(': '));
    for (const place of placesOf(new Error())) log.trace(indent + place);
  },

  assert(holds, ...parts) {
    if (!holds) error(parts.length === 0 ? 'assertion failed' : `assertion failed: ${format(parts)}`);
  },

  group,
  groupCollapsed: group,
  groupEnd() {
    indent = indent.slice(2);
  },

  count(label = 'default') {
    const count = (counts.get(String(label)) ?? 0) + 1;
    counts.set(String(label), count);
    info(`${label}: ${count}`);
  },
  countReset(label = 'default') {
    counts.delete(String(label));
  },

  time(label = 'default') {
    timers.set(String(label), now());
  },
  timeLog(label = 'default', ...parts) {
    const text = elapsed(String(label));
    if (text !== undefined) info(text, ...parts);
  },
  timeEnd(label = 'default') {
    const text = elapsed(String(label));
    timers.delete(String(label));
    if (text !== undefined) info(text);
  },

  /** A line for each row: of a list, an object, a map or a set. */
  table(data, columns) {
    const rows = rowsOf(data);
    if (rows === undefined) return info(data);
    const names = columns ?? [...new Set(rows.flatMap(([, row]) => (isPlain(row) ? Object.keys(row) : [])))];
    const values = rows.some(([, row]) => !isPlain(row)) ? ['(value)'] : [];
    const cells = rows.map(([index, row]) => [
      shown(index),
      ...names.map((name) => (isPlain(row) && name in row ? shown(row[name]) : '')),
      ...values.map(() => (isPlain(row) ? '' : shown(row))),
    ]);
    const table = [['(index)', ...names, ...values], ...cells.slice(0, MAX_ROWS)];
    const widths = table[0].map((_, column) => Math.max(...table.map((row) => row[column].length)));
    for (const row of table) info(row.map((cell, column) => cell.padEnd(widths[column])).join('  ').trimEnd());
    if (cells.length > MAX_ROWS) info(`and ${cells.length - MAX_ROWS} more`);
  },

  clear() {},
};

function rowsOf(data) {
  if (typeof data !== 'object' || data === null) return undefined;
  if (data instanceof Map) return [...data];
  if (data instanceof Set) return [...data].map((row, index) => [index, row]);
  return Object.entries(data);
}

/** Whether a row has columns. */
function isPlain(row) {
  return typeof row === 'object' && row !== null && !ArrayBuffer.isView(row) && !(row instanceof Date);
}
