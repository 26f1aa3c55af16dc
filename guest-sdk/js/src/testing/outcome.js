// What a try left behind.

import assert from 'node:assert/strict';

import { Event, Header } from '../event.js';
import { ack, skip } from '../verdict.js';

/** One message that a try sent. */
class Published {
  constructor({ topic, key, value, headers }) {
    this.topic = topic;
    this.key = key;
    this.value = value;
    this.headers = headers.map((header) => new Header(header.name, header.value));
  }

  keyText() {
    return Event.prototype.keyText.call(this);
  }

  text() {
    return Event.prototype.text.call(this);
  }

  json() {
    return Event.prototype.json.call(this);
  }

  /** The first value of that header as text, if there is one. */
  header(name) {
    return this.headers.find((header) => header.name === name)?.text();
  }
}

/** One try: the verdict or error it ended in, and what it did through the imports. */
export class Outcome {
  #measurements;

  constructor(ended, recorder) {
    this.verdict = ended.kind === 'error' ? undefined : ended;
    this.error = ended.error;
    this.logs = recorder.logs;
    this.sent = recorder.sent.map((message) => new Published(message));
    this.published = ended === ack ? this.sent : [];
    this.#measurements = recorder.measurements;
  }

  /** What was added to the counter: over all attributes, or with exactly these. */
  counter(name, attributes) {
    return this.#sum('counter', name, attributes);
  }

  /** The values recorded in the histogram, in order. */
  histogram(name, attributes) {
    return this.#values('histogram', name, attributes);
  }

  /** The sum of what was added to and taken from the up-down counter. */
  upDown(name, attributes) {
    return this.#sum('updown', name, attributes);
  }

  assertAck() {
    this.assertVerdict(ack);
  }

  assertSkip() {
    this.assertVerdict(skip);
  }

  assertVerdict(verdict) {
    assert.deepEqual(this.error ?? { ...this.verdict }, { ...verdict });
  }

  /** The error that the try ended in, which must be of this kind. */
  assertError(kind) {
    assert.equal(this.error?.kind, kind, `an error of the kind ${kind} was expected, the try ended in ${JSON.stringify(this.error ?? this.verdict)}`);
    return this.error;
  }

  #sum(instrument, name, attributes) {
    return this.#values(instrument, name, attributes).reduce((sum, value) => sum + value, 0);
  }

  #values(instrument, name, attributes) {
    const wanted = attributes && JSON.stringify(Object.entries(attributes).map(([key, value]) => [key, String(value)]));
    return this.#measurements
      .filter((made) => made.instrument === instrument && made.name === name)
      .filter((made) => wanted === undefined || JSON.stringify(made.attributes) === wanted)
      .map((made) => made.value);
  }
}
