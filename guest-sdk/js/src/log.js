// Log lines, written by the host with handler, topic, partition, offset and attempt. The host keeps a line one: of an error
// each line of its stack is a line of the log.

import { announced } from './host.js';
import { lines } from './inspect.js';

function write(level, parts) {
  if (parts.length === 1 && typeof parts[0] === 'string') return line(level, parts[0]);
  for (const text of lines(parts)) line(level, text);
}

function line(level, text) {
  // A lone surrogate is no text anywhere else.
  announced().log(level, text.isWellFormed() ? text : text.toWellFormed());
}

/** Every step. */
export function trace(...parts) {
  write('trace', parts);
}

/** What a developer looks for. */
export function debug(...parts) {
  write('debug', parts);
}

/** What happened. */
export function info(...parts) {
  write('info', parts);
}

/** What may become a problem. */
export function warn(...parts) {
  write('warn', parts);
}

/** What went wrong. */
export function error(...parts) {
  write('error', parts);
}
