// A host for one instance of a handler.

import { EndsInstance } from '../errors.js';
import { Handler } from '../handler.js';
import { setHost } from '../host.js';
import { Instance } from '../instance.js';
import { build } from './event.js';
import { Outcome } from './outcome.js';
import { matches } from './pattern.js';
import { Recorder } from './recorder.js';

const KNOWN = ['config', 'grants'];
/** A sync delivery cannot wait. */
const promises = {
  settle() {
    throw new NeedsAsync();
  },
  finish() {},
};

class NeedsAsync extends EndsInstance {
  constructor() {
    super('the handler returned a promise: deliver by `await host.deliverAsync(event)`');
    this.name = 'NeedsAsync';
  }
}

/** Gives events to one instance of a handler. */
export class Host {
  #handler;
  #instance;
  #config;
  #grants;
  #offset = 0;

  constructor(handler, options = {}) {
    if (!(handler instanceof Handler)) throw new TypeError('Host takes what handler() makes');
    const unknown = Object.keys(options).find((option) => !KNOWN.includes(option));
    if (unknown !== undefined) throw new TypeError(`Host knows ${KNOWN.join(' and ')}, not ${unknown}`);
    this.#handler = handler;
    this.#config = new Map(Object.entries(options.config ?? {}).map(([key, value]) => [key, String(value)]));
    this.#grants = options.grants ?? [];
    this.restart();
  }

  /** Whether the handler asks for events of this type. */
  wants(type) {
    return this.#handler.events.some((pattern) => matches(pattern, type));
  }

  /** Gives the event to the handler, for one try. One without an offset gets the next one, from 0. */
  deliver(given) {
    const recorder = new Recorder(this.#config, this.#grants);
    const before = setHost(recorder);
    try {
      return new Outcome(this.#instance.run(this.#next(given)), recorder);
    } finally {
      setHost(before);
    }
  }

  /** The same for a handler that returns promises. One delivery at a time, as in the sandbox. */
  async deliverAsync(given) {
    const recorder = new Recorder(this.#config, this.#grants);
    const before = setHost(recorder);
    try {
      return new Outcome(await this.#instance.runAsync(this.#next(given)), recorder);
    } finally {
      setHost(before);
    }
  }

  /** The handler's state, once its instance has had an event. */
  get state() {
    return this.#instance.state;
  }

  /** Throws the instance away, as the host does after a fault or for a new version. */
  restart() {
    this.#instance = new Instance(this.#handler, promises);
  }

  #next(given) {
    const event = build(given, this.#offset);
    this.#offset = event.offset + 1;
    return event;
  }
}
