// Writes an answer: one record for each event, and the texts behind them.
//
// Every record begins as an `ack`, copied from a template, so the most frequent verdict costs nothing.

import { encode } from './text.js';

const HEADER_LEN = 24;
const RECORD_LEN = 32;
const ABSENT = 0xffffffff;
const CODES = { ack: 1, skip: 2, retry: 3, 'dead-letter': 4, error: 5, 'not-run': 6 };

let template = new Uint8Array(0);

function acks(count) {
  const length = HEADER_LEN + count * RECORD_LEN;
  if (template.length < length) {
    template = new Uint8Array(length);
    const words = new Uint32Array(template.buffer);
    words[0] = 0x44564253;
    words[1] = 1 | (HEADER_LEN << 16);
    words[2] = RECORD_LEN;
    for (let word = HEADER_LEN >> 2; word < words.length; word += RECORD_LEN >> 2) {
      words[word] = CODES.ack;
      words[word + 5] = ABSENT;
      words[word + 7] = ABSENT;
    }
  }
  return template.slice(0, length);
}

/** An answer to so many events: acknowledged, unless something else is put. */
export class Answer {
  #records;
  #words;
  #texts = [];
  #length;

  constructor(count) {
    this.#records = acks(count);
    this.#words = new Uint32Array(this.#records.buffer, 0, this.#records.length >> 2);
    this.#words[3] = count;
    this.#length = this.#records.length;
  }

  /** The event at that place ended so: a verdict, `{ kind: 'error', … }`, or `{ kind: 'not-run' }`. */
  put(index, ended) {
    const word = (HEADER_LEN + index * RECORD_LEN) >> 2;
    const words = this.#words;
    words[word] = CODES[ended.kind];
    if (ended.kind === 'retry' && ended.after !== undefined) {
      words[word] |= 1 << 8;
      words[word + 2] = ended.after % 4_294_967_296;
      words[word + 3] = Math.floor(ended.after / 4_294_967_296);
    } else if (ended.kind === 'dead-letter') {
      this.#put(word + 6, ended.reason);
    } else if (ended.kind === 'error') {
      this.#put(word + 4, ended.error.kind);
      this.#put(word + 6, ended.error.message);
    }
  }

  /** The bytes, once each event is answered. */
  finish() {
    this.#words[4] = this.#length;
    if (this.#texts.length === 0) return this.#records;
    const bytes = new Uint8Array(this.#length);
    bytes.set(this.#records);
    let at = this.#records.length;
    for (const text of this.#texts) {
      bytes.set(text, at);
      at += text.length;
    }
    return bytes;
  }

  #put(word, text) {
    const bytes = encode(text);
    this.#words[word] = bytes.length === 0 ? 0 : this.#length;
    this.#words[word + 1] = bytes.length;
    if (bytes.length > 0) {
      this.#texts.push(bytes);
      this.#length += bytes.length;
    }
  }
}
