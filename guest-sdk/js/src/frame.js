// Reads a frame where it lies: docs/packed-frame.md of the repository. Nothing is copied, and of an event nothing is read
// that is not asked for.

import { EndsInstance } from './errors.js';
import { Event, Header } from './event.js';
import { decode, encode } from './text.js';

const MAGIC = 0x56454253;
const VERSION = 1;
/** Lengths of version 1. A frame names its own, which may be longer. */
const HEADER_LEN = 24;
const RECORD_LEN = 80;
const ENTRY_LEN = 16;
const MAX_COUNT = 65_536;
/** The length of a reference that refers to nothing. */
const ABSENT = 0xffffffff;
const TWO_32 = 4_294_967_296;

/** A frame is not what the contract says. No verdict would be right, so this ends the instance. */
export class Malformed extends EndsInstance {
  constructor(what) {
    super(`the host's frame breaks the contract: ${what}`);
    this.name = 'Malformed';
  }
}

/** A frame whose header holds. */
export class Frame {
  constructor(list) {
    if (list.length < HEADER_LEN) throw new Malformed('it is shorter than a header');
    // Words are counted from the beginning of the buffer.
    const bytes = (list.byteOffset & 3) === 0 ? list : list.slice();
    this.bytes = bytes;
    const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
    this.words = words;
    if (words[0] !== MAGIC || (words[1] & 0xffff) !== VERSION) throw new Malformed('magic or version is unknown');
    const headerLen = words[1] >>> 16;
    const recordLen = words[2] & 0xffff;
    this.entryLen = words[2] >>> 16;
    const wrong = (length, least) => length < least || (length & 7) !== 0;
    if (wrong(headerLen, HEADER_LEN) || wrong(recordLen, RECORD_LEN) || wrong(this.entryLen, ENTRY_LEN)) {
      throw new Malformed('a length is shorter than in version 1, or no multiple of 8');
    }
    this.count = words[3];
    this.lanes = words[5];
    /** Where the data begins, behind the records. */
    this.data = headerLen + this.count * recordLen;
    if (words[4] !== bytes.length || this.data > bytes.length) throw new Malformed('its length is not the one it names');
    if (this.count < 1 || this.count > MAX_COUNT || this.lanes < 1 || this.lanes > this.count) {
      throw new Malformed('no number of events or lanes');
    }
    /** The first record, and the length of each, in words. */
    this.first = headerLen >> 2;
    this.stride = recordLen >> 2;
    /** Texts that were made, by what referred to them: most events of a frame share topic and type. */
    this.shared = new Map();
  }

  /** The event at that place, from 0. */
  event(index) {
    return new FrameEvent(this, this.first + index * this.stride);
  }

  lane(index) {
    const lane = this.words[this.first + index * this.stride];
    if (lane >= this.lanes) throw new Malformed('a lane is none of the frame');
    return lane;
  }

  /** What the reference at this word refers to; null if to nothing. */
  refer(word) {
    const start = this.words[word];
    const length = this.words[word + 1];
    if (length === ABSENT) return null;
    if (length === 0) return this.bytes.subarray(0, 0);
    if (start < this.data || start + length > this.bytes.length) {
      throw new Malformed('a reference does not lie within the data');
    }
    return this.bytes.subarray(start, start + length);
  }

  text(word) {
    const bytes = this.refer(word);
    return bytes === null ? null : decode(bytes);
  }

  /** Text that other events of the frame are likely to refer to as well. */
  sharedText(word) {
    const length = this.words[word + 1];
    if (length >= 512) return this.text(word);
    const place = this.words[word] * 512 + length;
    let text = this.shared.get(place);
    if (text === undefined) {
      text = this.text(word);
      this.shared.set(place, text);
    }
    return text;
  }
}

/** An event in a frame, which begins at word `at`. */
class FrameEvent extends Event {
  #frame;
  #at;

  constructor(frame, at) {
    super();
    this.#frame = frame;
    this.#at = at;
  }

  get attempt() {
    return this.#frame.words[this.#at + 1];
  }

  get partition() {
    return this.#frame.words[this.#at + 2];
  }

  get offset() {
    const { words } = this.#frame;
    return words[this.#at + 5] * TWO_32 + words[this.#at + 4];
  }

  get timestamp() {
    const { words } = this.#frame;
    const high = words[this.#at + 7];
    if (high === ABSENT && words[this.#at + 6] === ABSENT) return null;
    if (high >= 0x80000000) throw new Malformed('a timestamp is before 1970');
    return high * TWO_32 + words[this.#at + 6];
  }

  get topic() {
    return required(this.#frame.sharedText(this.#at + 8), 'a topic is absent');
  }

  get type() {
    return required(this.#frame.sharedText(this.#at + 10), 'a type is absent');
  }

  get id() {
    return this.#frame.text(this.#at + 12) ?? `${this.topic}/${this.partition}/${this.offset}`;
  }

  get key() {
    return this.#frame.refer(this.#at + 14);
  }

  get value() {
    return this.#frame.refer(this.#at + 16);
  }

  get headers() {
    const headers = [];
    this.#entries((word) => {
      headers.push(new Header(required(this.#frame.text(word), "a header's name is absent"), this.#frame.refer(word + 2)));
    });
    return headers;
  }

  headersNamed(name) {
    const headers = [];
    this.#named(name, (header) => {
      headers.push(header);
    });
    return headers;
  }

  firstHeader(name) {
    let first;
    this.#named(name, (header) => {
      first = header;
      return true;
    });
    return first;
  }

  /** Each header of that name, until `found` has enough. Names are compared as bytes: most are passed over. */
  #named(name, found) {
    const wanted = nameBytes(name);
    this.#entries((word) => {
      if (this.#frame.words[word + 1] !== wanted.length) return false;
      const bytes = this.#frame.refer(word);
      for (let index = 0; index < wanted.length; index += 1) {
        if (bytes[index] !== wanted[index]) return false;
      }
      return found(new Header(name, this.#frame.refer(word + 2)));
    });
  }

  /** The place of each header entry, in words, until `visit` has enough. */
  #entries(visit) {
    const { words, entryLen, data, bytes } = this.#frame;
    const count = words[this.#at + 3];
    const start = words[this.#at + 18];
    const length = words[this.#at + 19];
    if (length === ABSENT) throw new Malformed('a table of headers is absent');
    if (count * entryLen !== length) throw new Malformed('a table of headers has another length than its entries');
    if (count > 0 && (start < data || start + length > bytes.length || (start & 7) !== 0)) {
      throw new Malformed('a reference does not lie within the data');
    }
    for (let index = 0; index < count; index += 1) {
      if (visit((start + index * entryLen) >> 2)) return;
    }
  }
}

/** Names of headers that were asked for, as bytes: a handler asks for the same few again and again. */
const names = new Map();
const MAX_NAMES = 100;

function nameBytes(name) {
  let bytes = names.get(name);
  if (bytes === undefined) {
    bytes = encode(name);
    if (names.size < MAX_NAMES) names.set(name, bytes);
  }
  return bytes;
}

function required(text, problem) {
  if (text === null) throw new Malformed(problem);
  return text;
}
