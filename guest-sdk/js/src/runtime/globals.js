// What programs expect of a JavaScript engine and QuickJS has not, or has as it was when the component was built.
//
// Imported before the handler's module. While a component is built there is no host: what asks it fails then, and says so.

import { hasHost } from '../host.js';
import * as random from '../random.js';
import { decode, decodeLossily, encode } from '../text.js';
import { console } from './console.js';

function define(name, value) {
  Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
}

/** UTF-8 alone. */
class TextDecoder {
  static ofSandbus = true;
  #fatal;
  #ignoreBOM;

  constructor(label = 'utf-8', { fatal = false, ignoreBOM = false } = {}) {
    if (!['utf-8', 'utf8', 'unicode-1-1-utf-8'].includes(String(label).trim().toLowerCase())) {
      throw new RangeError(`a handler's TextDecoder knows utf-8 alone, not ${label}`);
    }
    this.#fatal = fatal;
    this.#ignoreBOM = ignoreBOM;
  }

  get encoding() {
    return 'utf-8';
  }

  get fatal() {
    return this.#fatal;
  }

  get ignoreBOM() {
    return this.#ignoreBOM;
  }

  decode(input = new Uint8Array(0), { stream = false } = {}) {
    if (stream) throw new TypeError("a handler's TextDecoder takes whole texts, not streams");
    const bytes = ArrayBuffer.isView(input)
      ? new Uint8Array(input.buffer, input.byteOffset, input.byteLength)
      : new Uint8Array(input);
    let text;
    try {
      text = this.#fatal ? decode(bytes) : decodeLossily(bytes);
    } catch (error) {
      throw new TypeError(error.message);
    }
    return !this.#ignoreBOM && text.startsWith('\ufeff') ? text.slice(1) : text;
  }
}

class TextEncoder {
  get encoding() {
    return 'utf-8';
  }

  encode(text = '') {
    return encode(String(text));
  }

  encodeInto(text, into) {
    let read = 0;
    let written = 0;
    for (const character of String(text)) {
      const bytes = encode(character);
      if (written + bytes.length > into.length) break;
      into.set(bytes, written);
      written += bytes.length;
      read += character.length;
    }
    return { read, written };
  }
}

define('TextDecoder', TextDecoder);
define('TextEncoder', TextEncoder);

define('console', console);

// The engine's own was seeded when the component was built, so that every instance would draw the same numbers. It has to do
// for libraries that draw one while they are loaded, which is then.
const drawnWhenBuilt = Math.random;
Math.random = () => (hasHost() ? random.float() : drawnWhenBuilt());

define('crypto', {
  getRandomValues(array) {
    new Uint8Array(array.buffer, array.byteOffset, array.byteLength).set(random.bytes(array.byteLength));
    return array;
  },
  randomUUID: random.uuid,
});

/** What JSON can say, and bytes, dates, maps and sets besides. */
define('structuredClone', function structuredClone(value) {
  const copies = new Map();
  const copy = (from) => {
    if (typeof from === 'function' || typeof from === 'symbol') throw new TypeError('a function cannot be cloned');
    if (typeof from !== 'object' || from === null) return from;
    if (copies.has(from)) return copies.get(from);
    const known = (made) => (copies.set(from, made), made);
    if (from instanceof Date) return known(new Date(from.getTime()));
    if (ArrayBuffer.isView(from) && !(from instanceof DataView)) return known(from.slice());
    if (from instanceof ArrayBuffer) return known(from.slice(0));
    if (from instanceof Map) {
      const made = known(new Map());
      for (const [key, item] of from) made.set(copy(key), copy(item));
      return made;
    }
    if (from instanceof Set) {
      const made = known(new Set());
      for (const item of from) made.add(copy(item));
      return made;
    }
    const made = known(Array.isArray(from) ? new Array(from.length) : {});
    for (const key of Object.keys(from)) made[key] = copy(from[key]);
    return made;
  };
  return copy(value);
});
