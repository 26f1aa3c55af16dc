// The grammar of steps: text in, a step out.
//
// A script is steps parted by `;`, read strictly: no spaces around them, nothing left out. Each step is read when it is
// reached.

import { HandlerError } from '#sandbus';

const MAX_U64 = 2n ** 64n - 1n;
const MAX_U32 = 2n ** 32n - 1n;

/** Reads one step. */
export function parse(text) {
  const step = read(text);
  if (step === undefined) throw badStep(text);
  return step;
}

/** The error that a malformed step is. */
export function badStep(text) {
  return new HandlerError('bad_step', text);
}

function read(text) {
  switch (text) {
    case 'ack':
    case 'skip':
    case 'retry':
    case 'trap':
    case 'loop':
    case 'recurse':
      return { do: text };
  }
  const parts = split(text);
  return parts && withArgument(...parts);
}

function withArgument(word, argument) {
  switch (word) {
    case 'retry':
      return timed('retry-after', argument);
    case 'spin':
    case 'sleep':
      return timed(word, argument);
    case 'dead-letter':
    case 'log':
    case 'count':
    case 'publish':
    case 'throw':
      return { do: word, text: argument };
    case 'error': {
      const parts = split(argument);
      return parts && { do: 'error', kind: parts[0], message: parts[1] };
    }
    case 'until': {
      const parts = split(argument);
      const attempt = parts && number(parts[0], MAX_U32);
      const step = parts && read(parts[1]);
      return attempt === undefined || step === undefined ? undefined : { do: 'until', attempt: Number(attempt), step };
    }
    case 'alloc':
    case 'result': {
      const bytes = size(argument);
      return bytes === undefined ? undefined : { do: word, bytes };
    }
    case 'log-flood': {
      const lines = number(argument, MAX_U64);
      return lines === undefined ? undefined : { do: 'log-flood', lines };
    }
    default:
      return undefined;
  }
}

/** What stands before and after the first `:`. */
function split(text) {
  const at = text.indexOf(':');
  return at < 0 ? undefined : [text.slice(0, at), text.slice(at + 1)];
}

/** Decimal digits and nothing else. */
function number(text, max) {
  if (!/^[0-9]+$/.test(text)) return undefined;
  const value = BigInt(text);
  return value <= max ? value : undefined;
}

function timed(word, argument) {
  const micros = scaled(argument, [['us', 1n], ['ms', 1000n], ['s', 1000000n]], MAX_U64);
  return micros === undefined ? undefined : { do: word, micros };
}

/** `100MiB`, `64KiB`, `1GiB`, `17B` or `17`, less than 4 GiB. */
function size(argument) {
  const bytes = scaled(argument, [['KiB', 1n << 10n], ['MiB', 1n << 20n], ['GiB', 1n << 30n], ['B', 1n], ['', 1n]], MAX_U32);
  return bytes === undefined ? undefined : Number(bytes);
}

/** A number with the first of these units that the text ends in. */
function scaled(text, units, max) {
  const unit = units.find(([name]) => text.endsWith(name));
  if (unit === undefined) return undefined;
  const value = number(text.slice(0, text.length - unit[0].length), max);
  return value === undefined || value * unit[1] > max ? undefined : value * unit[1];
}
