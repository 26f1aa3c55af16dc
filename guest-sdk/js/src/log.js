// Log lines, written by the host with handler, topic, partition, offset and attempt.

import { shown } from './errors.js';
import { announced } from './host.js';

function write(level, parts) {
  const line = parts.length === 1 && typeof parts[0] === 'string' ? parts[0] : parts.map(shown).join(' ');
  // A lone surrogate is no text anywhere else.
  announced().log(level, line.isWellFormed() ? line : line.toWellFormed());
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
