// One Kafka record as a handler sees it. How it reached the guest does not show: an event of a frame reads its fields
// there when they are asked for, one of a record has them.

import { EventError } from './errors.js';
import { textOrHex } from './inspect.js';
import { parse as parseJson } from './json.js';
import { decode, NotUtf8 } from './text.js';

/** One header: its name, and bytes or nothing. */
export class Header {
  constructor(name, value) {
    this.name = name;
    this.value = value;
  }

  /** For people: bytes as text, or in hex. */
  toJSON() {
    return { name: this.name, value: shownBytes(this.value) };
  }

  /** The value as text. */
  text() {
    if (this.value === null) throw missing(this.name);
    return textOf(this.value, 'bad_header', () => `the header ${JSON.stringify(this.name)}`);
  }
}

/** What all events can do. Subclasses have the fields. */
export class Event {
  /** The key as text. */
  keyText() {
    const key = this.key;
    if (key === null) throw new EventError('missing_key', 'the event has no key');
    return textOf(key, 'bad_key', () => 'the key');
  }

  /** The value as text. */
  text() {
    return textOf(valueOf(this), 'bad_text', () => 'the value');
  }

  /** The value read as JSON, checked by `parse` if that is given. */
  json(parse) {
    const bytes = valueOf(this);
    try {
      const value = parseJson(bytes);
      return parse === undefined ? value : parse(value);
    } catch (cause) {
      throw new EventError('bad_json', `the value is not the JSON expected: ${cause?.message ?? cause}`, { cause });
    }
  }

  /** For people: bytes as text, or in hex. */
  toJSON() {
    const { topic, partition, offset, timestamp, id, type, attempt, key, value, headers } = this;
    return { topic, partition, offset, timestamp, id, type, attempt, key: shownBytes(key), value: shownBytes(value), headers };
  }

  /** All headers of that name, in order. */
  headersNamed(name) {
    return this.headers.filter((header) => header.name === name);
  }

  /** The first header of that name, if there is one. */
  firstHeader(name) {
    return this.headers.find((header) => header.name === name);
  }

  /** The first value of that header, as text. */
  header(name) {
    const header = this.firstHeader(name);
    if (header === undefined) throw missing(name);
    return header.text();
  }
}

/** An event that came alone, with all its fields. */
export class RecordEvent extends Event {
  constructor(record) {
    super();
    this.topic = record.topic;
    // The component's bindings give numbers of 32 bits with a sign.
    this.partition = record.partition >>> 0;
    this.offset = record.offset;
    this.timestamp = record.timestamp ?? null;
    this.key = record.key ?? null;
    this.value = record.value ?? null;
    this.headers = record.headers.map((header) => new Header(header.name, header.value ?? null));
    this.id = record.id;
    this.type = record.eventType;
    this.attempt = record.attempt >>> 0;
  }
}

function shownBytes(bytes) {
  return bytes === null ? null : textOrHex(bytes);
}

function valueOf(event) {
  const value = event.value;
  if (value === null) throw new EventError('tombstone', 'the event has no value (a tombstone)');
  return value;
}

function missing(name) {
  return new EventError('missing_header', `the header ${JSON.stringify(name)} is missing or null`);
}

function textOf(bytes, kind, what) {
  try {
    return decode(bytes);
  } catch (error) {
    if (!(error instanceof NotUtf8)) throw error;
    throw new EventError(kind, `${what()} is not text: ${error.message}`);
  }
}
