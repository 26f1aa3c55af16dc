// What stands behind the imports in tests: configuration and grants given, calls recorded, ill-formed ones refused as the
// real host refuses them.

import { webcrypto } from 'node:crypto';

import { EndsInstance, Refusal } from '../errors.js';
import { matches } from './pattern.js';

const LEVELS = { trace: 'debug', debug: 'debug', info: 'info', warn: 'warn', error: 'error' };

/** The host of one try. */
export class Recorder {
  announced = [];
  logs = [];
  sent = [];
  measurements = [];
  #config;
  #grants;

  constructor(config, grants) {
    this.#config = config;
    this.#grants = grants;
  }

  batchAt(index) {
    this.announced.push(index);
  }

  log(level, message) {
    this.logs.push({ level, message });
    // The test's own output shows it.
    console[LEVELS[level]](`${level}: ${message}`);
  }

  configGet(key) {
    return this.#config.get(key) ?? null;
  }

  configEntries() {
    return [...this.#config].sort(([one], [other]) => (one < other ? -1 : 1));
  }

  publish(message) {
    const { topic } = message;
    if (!/^[A-Za-z0-9._-]{1,249}$/.test(topic) || topic === '.' || topic === '..') {
      throw new Refusal('bad_topic', `no topic has the name ${JSON.stringify(topic)}`);
    }
    if (!this.#grants.some((grant) => matches(grant, topic))) {
      throw new Refusal('denied', `no publish grant for ${JSON.stringify(topic)}`);
    }
    this.sent.push(message);
  }

  counterAdd(name, value, attributes) {
    this.#measure({ instrument: 'counter', name, value, attributes });
  }

  histogramRecord(name, value, attributes) {
    this.#measure({ instrument: 'histogram', name, value, attributes });
  }

  updownAdd(name, value, attributes) {
    this.#measure({ instrument: 'updown', name, value, attributes });
  }

  monotonic() {
    return Math.round(performance.now() * 1e6);
  }

  unixTime() {
    return Date.now();
  }

  sleep(nanoseconds) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, nanoseconds / 1e6);
  }

  randomU64() {
    return webcrypto.getRandomValues(new BigUint64Array(1))[0];
  }

  /** In the sandbox the instance ends; in a test the test does. */
  trap() {
    throw new Trap();
  }

  #measure(measurement) {
    const { name, value, attributes } = measurement;
    if (!isName(name)) throw new Refusal('bad_name', `no metric has the name ${JSON.stringify(name)}`);
    const wrong = attributes.find(([key]) => !isName(key));
    if (wrong !== undefined) throw new Refusal('bad_attribute', `${JSON.stringify(wrong[0])} of ${JSON.stringify(name)} is ill-formed`);
    if (!Number.isFinite(value)) throw new Refusal('bad_value', `a value of ${JSON.stringify(name)} is not finite`);
    this.measurements.push(measurement);
  }
}

/** A handler has trapped. No error that it could make of itself: it ends the test. */
export class Trap extends EndsInstance {
  constructor() {
    super('the handler trapped');
    this.name = 'Trap';
  }
}

function isName(name) {
  return /^[a-z][a-z0-9_]{0,63}$/.test(name) && !name.endsWith('_total');
}
