// Text and bytes: strict UTF-8, both ways.
//
// QuickJS has no TextDecoder, and a loop over bytes takes it 20 ns for each. What it does have in C are base64, escapes and
// percent-encoding; out of them text is made at 5 ns a byte, and UTF-8 is checked as strictly as the standard wants. Where
// there is a TextDecoder (tests, on Node) that is used.

const native = typeof globalThis.TextDecoder === 'function' && !globalThis.TextDecoder.ofSandbus;
const decoder = native ? new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }) : null;
const encoder = native ? new TextEncoder() : null;

/** Up to so many bytes the fewer calls are quicker than those that are quicker for each byte. */
const SHORT = 16;

/** Bytes that are no text. */
export class NotUtf8 extends Error {
  constructor() {
    super('it is not UTF-8');
    this.name = 'NotUtf8';
  }
}

/**
 * The text that these bytes are.
 * @throws {NotUtf8}
 */
export function decode(bytes) {
  if (bytes.length === 0) return '';
  try {
    if (decoder !== null) return decoder.decode(bytes);
    if (bytes.length <= SHORT) {
      const latin = String.fromCharCode.apply(null, bytes);
      return isShortAscii(bytes) ? latin : decodeURIComponent(escape(latin));
    }
    const latin = atob(bytes.toBase64());
    return isAscii(bytes) ? latin : decodeURIComponent(escape(latin));
  } catch {
    throw new NotUtf8();
  }
}

/** The bytes of a text; a lone surrogate is U+FFFD. */
export function encode(text) {
  if (encoder !== null) return encoder.encode(text);
  // Not the other way round: a loop that may have to go back takes memory for each character.
  const binary = !/[^\x00-\x7f]/.test(text) ? text : unescape(encodeURIComponent(text.toWellFormed()));
  return Uint8Array.fromBase64(btoa(binary));
}

function isShortAscii(bytes) {
  let seen = 0;
  for (let at = 0; at < bytes.length; at += 1) seen |= bytes[at];
  return seen < 0x80;
}

/** Whether no byte has its highest bit set; four at a time. */
export function isAscii(bytes) {
  const { buffer, byteOffset: start, length } = bytes;
  const end = start + length;
  const words = new Int32Array(buffer, 0, buffer.byteLength >> 2);
  const last = end >> 2;
  let word = (start + 3) >> 2;
  let seen = 0;
  let at = 0;
  for (const aligned = Math.min((word << 2) - start, length); at < aligned; at += 1) seen |= bytes[at];
  for (; word + 4 <= last; word += 4) seen |= words[word] | words[word + 1] | words[word + 2] | words[word + 3];
  for (; word < last; word += 1) seen |= words[word];
  for (at = Math.max(at, (word << 2) - start); at < length; at += 1) seen |= bytes[at];
  return (seen & 0x80808080) === 0;
}

/** Text out of any bytes: U+FFFD stands where they are none, as the Encoding standard puts it. */
export function decodeLossily(bytes) {
  try {
    return decode(bytes);
  } catch {
    let text = '';
    let at = 0;
    while (at < bytes.length) {
      const length = sequence(bytes, at);
      text += length > 0 ? decode(bytes.slice(at, at + length)) : '\ufffd';
      at += Math.abs(length);
    }
    return text;
  }
}

/** Length of the character that begins here; negative: of the bytes that could begin one and do not end it. */
function sequence(bytes, at) {
  const first = bytes[at];
  if (first < 0x80) return 1;
  const more = first >= 0xc2 && first <= 0xdf ? 1 : (first & 0xf0) === 0xe0 ? 2 : first >= 0xf0 && first <= 0xf4 ? 3 : 0;
  if (more === 0) return -1;
  let low = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
  let high = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
  for (let index = 1; index <= more; index += 1) {
    const byte = bytes[at + index];
    if (byte === undefined || byte < low || byte > high) return -index;
    low = 0x80;
    high = 0xbf;
  }
  return more + 1;
}

/** A name that a handler gives, as the host takes it. Anything else would become a text nobody meant, such as "undefined". */
export function nameOf(what, given) {
  if (typeof given !== 'string') throw new TypeError(`${what} is a string, not ${kindOf(given)}`);
  return given.isWellFormed() ? given : given.toWellFormed();
}

function kindOf(value) {
  if (value === null || value === undefined) return String(value);
  return Array.isArray(value) ? 'a list' : typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

/** Bytes of what a handler may give as bytes: text, bytes, or nothing. */
export function bytesOf(what, given) {
  if (given === null || given === undefined) return null;
  if (typeof given === 'string') return encode(given);
  if (given instanceof Uint8Array) return given;
  throw new TypeError(`${what} is a string, a Uint8Array, or null`);
}
