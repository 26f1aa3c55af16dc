// Values in a line for people: JSON where JSON can say it, and names for what it cannot.

import { headOf, linesOf } from './stack.js';
import { decode } from './text.js';

/** Deeper, a function that calls itself comes near the end of the sandbox's stack. */
const MAX_DEPTH = 20;
/** Characters of a text within a value, and bytes in hex. */
const MAX_TEXT = 10_000;
const MAX_HEX = 64;
/** What no text has that people have written. */
const CONTROL = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/;
const DIRECTIVE = /%[sdifjoOc%]/g;

/** A value in a line: a text as it is. */
export function shown(value) {
  return typeof value === 'string' ? value : inspect(value);
}

/** A value in a line, a text in quotes. */
export function inspect(value) {
  try {
    return inspected(value, []);
  } catch {
    // Getters and proxies may throw.
    return 'what cannot be shown';
  }
}

/** Parts in a line, as `console` joins them: by a space, or where the first one says by `%s` and the like. */
export function format(parts) {
  const [first, ...rest] = parts;
  if (typeof first !== 'string' || rest.length === 0 || !first.includes('%')) return parts.map(shown).join(' ');
  const line = first.replace(DIRECTIVE, (directive) => {
    if (directive === '%%') return '%';
    return rest.length === 0 ? directive : directed(directive, rest.shift());
  });
  return [line, ...rest.map(shown)].join(' ');
}

/** Lines of a log for parts: they in one, and behind it the stacks of errors. */
export function lines(parts) {
  const stacks = parts.filter((part) => part instanceof Error).flatMap((error) => {
    try {
      return linesOf(error).slice(1);
    } catch {
      return [];
    }
  });
  return [format(parts), ...stacks];
}

function directed(directive, value) {
  const isNumber = typeof value === 'bigint' || typeof value === 'number' || typeof value === 'string';
  switch (directive) {
    case '%s':
      return typeof value === 'bigint' ? `${value}n` : shown(value);
    case '%d':
      return typeof value === 'bigint' ? `${value}n` : String(isNumber ? Number(value) : NaN);
    case '%i':
      return typeof value === 'bigint' ? `${value}n` : String(isNumber ? parseInt(value, 10) : NaN);
    case '%f':
      return String(isNumber ? parseFloat(value) : NaN);
    case '%c':
      // A style of browsers'.
      return '';
    default:
      return inspect(value);
  }
}

/** `around` are the objects that this one is in. */
function inspected(value, around) {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(cut(value, MAX_TEXT));
    case 'bigint':
      return `${value}n`;
    case 'function':
      return `[function ${value.name || 'without a name'}]`;
    case 'object':
      break;
    default:
      return String(value);
  }
  if (value === null) return 'null';
  if (value instanceof Error) return headOf(value);
  if (value instanceof Uint8Array) return bytes(value);
  if (value instanceof RegExp) return String(value);
  if (value instanceof Promise) return 'Promise';
  if (around.includes(value)) return '[circular]';
  if (around.length >= MAX_DEPTH) return '[…]';
  return contents(value, [...around, value]);
}

function contents(value, around) {
  const inner = (item) => inspected(item, around);
  const entry = (key, item) => `${inner(key)}:${inner(item)}`;
  if (Array.isArray(value)) return `[${Array.from(value, inner).join(',')}]`;
  if (value instanceof ArrayBuffer) return `ArrayBuffer ${bytes(new Uint8Array(value))}`;
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) {
    return `${value.constructor.name}(${value.length}) [${Array.from(value, inner).join(',')}]`;
  }
  if (value instanceof Map) return `Map(${value.size}) {${Array.from(value, ([key, item]) => entry(key, item)).join(',')}}`;
  if (value instanceof Set) return `Set(${value.size}) {${Array.from(value, inner).join(',')}}`;
  if (typeof value.toJSON === 'function') return inner(value.toJSON());
  const tag = Object.prototype.toString.call(value);
  const keys = Object.keys(value);
  if (keys.length === 0 && tag !== '[object Object]') return tag;
  return `{${keys.map((key) => entry(key, value[key])).join(',')}}`;
}

function bytes(given) {
  const name = `Uint8Array(${given.length})`;
  if (given.length === 0) return name;
  const text = textOf(given);
  if (text !== undefined) return `${name} ${JSON.stringify(cut(text, MAX_TEXT))}`;
  const hex = Array.from(given.subarray(0, MAX_HEX), (byte) => byte.toString(16).padStart(2, '0')).join('');
  return `${name} ${hex}${given.length > MAX_HEX ? '…' : ''}`;
}

/** Bytes as the text that they are; others in hex, with their number. */
export function textOrHex(given) {
  return textOf(given) ?? bytes(given);
}

function textOf(given) {
  let text;
  try {
    text = decode(given);
  } catch {
    return undefined;
  }
  return CONTROL.test(text) ? undefined : text;
}

function cut(text, most) {
  return text.length > most ? `${text.slice(0, most)}… (${text.length} characters)` : text;
}
