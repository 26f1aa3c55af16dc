// Events for tests, as a producer writes them: with the header `event_type`.

import { RecordEvent } from '../event.js';
import { headersOf } from '../publish.js';
import { bytesOf, encode } from '../text.js';

const TOPIC = 'events.stream';
const KNOWN = ['attempt', 'headers', 'id', 'json', 'key', 'offset', 'partition', 'text', 'timestamp', 'topic', 'value'];

/** What an event of this type is made of; `deliver` takes it. */
export function event(type, fields = {}) {
  const unknown = Object.keys(fields).find((field) => !KNOWN.includes(field));
  if (unknown !== undefined) throw new TypeError(`an event has no ${JSON.stringify(unknown)}; it has ${KNOWN.join(', ')}`);
  return Object.freeze({ type, ...fields });
}

/** The event, at this offset unless it names another. */
export function build(given, offset) {
  const { type, topic = TOPIC, partition = 0, id } = given;
  const at = given.offset ?? offset;
  const headers = [{ name: 'event_type', value: encode(type) }, ...headersOf(given.headers)];
  if (id !== undefined) headers.push({ name: 'event_id', value: encode(id) });
  return new RecordEvent({
    topic,
    partition,
    offset: at,
    timestamp: given.timestamp ?? null,
    key: bytesOf('`key`', given.key),
    value: valueOf(given),
    headers,
    id: id ?? `${topic}/${partition}/${at}`,
    eventType: type,
    attempt: given.attempt ?? 1,
  });
}

function valueOf({ value, text, json }) {
  if ([value, text, json].filter((given) => given !== undefined).length > 1) {
    throw new TypeError('an event has one of `value`, `text` and `json`');
  }
  return json === undefined ? bytesOf('`value`', value ?? text) : encode(JSON.stringify(json));
}
