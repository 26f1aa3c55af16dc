// Sends records to Kafka. What a try publishes leaves when that try ends in `ack`.

import { Header } from './event.js';
import { announced } from './host.js';
import { bytesOf } from './text.js';

/** Gives a message to the host, which keeps it until the try ends. Throws a Refusal. */
export function publish(message) {
  if (message.value !== undefined && message.json !== undefined) throw new TypeError('publish takes `value` or `json`, not both');
  const value = message.json === undefined ? message.value : JSON.stringify(message.json);
  if (message.json !== undefined && value === undefined) throw new TypeError('`json` is nothing that JSON can say');
  announced().publish({
    topic: String(message.topic).toWellFormed(),
    key: bytesOf('`key`', message.key),
    value: bytesOf('`value`', value),
    headers: headersOf(message.headers),
  });
}

/** Sends the event as it is to another topic: its key, its value, all its headers. */
export function forward(event, topic) {
  publish({ topic, key: event.key, value: event.value, headers: event.headers });
}

/** Headers in order: of a list of pairs or of headers, or of an object. */
export function headersOf(given) {
  if (given === undefined || given === null) return [];
  const pairs = Array.isArray(given) ? given : Object.entries(given);
  return pairs.map((pair) => {
    const [name, value] = pair instanceof Header ? [pair.name, pair.value] : pair;
    return { name: String(name).toWellFormed(), value: bytesOf(`the header ${JSON.stringify(name)}`, value) };
  });
}
