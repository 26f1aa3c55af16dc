// Reports each event to the configured topic, so that each `ack` is seen there.

import { config, publish, random } from '#sandbus';

/** The language's name. */
const LANGUAGE = 'js';
const BUILD = process.env.PROBE_BUILD ?? 'dev';

/** Where results go, and what this instance says of itself. */
export class Results {
  #topic;
  #handler = config.get('name');
  #instance = random.u64().toString(16).padStart(16, '0');
  #sequence = 0;
  constructor(topic) {
    this.#topic = topic;
  }

  /** The reporter, if `results` is configured. Made with the instance's first event. */
  static configured() {
    const topic = config.get('results');
    return topic === undefined ? undefined : new Results(topic);
  }

  /** Publishes the event's key and value, with headers that say who had it, and when. */
  report(event) {
    this.#sequence += 1;
    const named = this.#handler === undefined ? [] : [['probe_handler', this.#handler]];
    publish({
      topic: this.#topic,
      key: event.key,
      value: event.value,
      headers: [
        ...named,
        ['probe_topic', event.topic],
        ['probe_partition', `${event.partition}`],
        ['probe_offset', `${event.offset}`],
        ['probe_attempt', `${event.attempt}`],
        ['probe_instance', this.#instance],
        ['probe_sequence', `${this.#sequence}`],
        ['probe_language', LANGUAGE],
        ['probe_build', BUILD],
      ],
    });
  }
}
