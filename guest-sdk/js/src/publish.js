// Sends records to Kafka. What a try publishes leaves when that try ends in `ack`.

import { Header } from './event.js';
import { announced } from './host.js';
import { bytesOf, nameOf } from './text.js';

/** Gives a message to the host, which keeps it until the try ends. Throws a Refusal. */
export function publish(message) {
  if (typeof message?.topic !== 'string') throw new TypeError('publish takes a message: publish({ topic: "...", value: "..." })');
  if (message.value !== undefined && message.json !== undefined) throw new TypeError('publish takes `value` or `json`, not both');
  const value = message.json === undefined ? message.value : JSON.stringify(message.json);
  if (message.json !== undefined && value === undefined) throw new TypeError('`json` is nothing that JSON can say');
  announced().publish({
    topic: nameOf('`topic`', message.topic),
    key: bytesOf('`key`', message.key),
    value: bytesOf('`value`', value),
    headers: headersOf(message.headers),
  });
}

/** Sends the event as it is to another topic: its key, its value, all its headers. */
export function forward(event, topic) {
  if (typeof topic !== 'string') throw new TypeError('forward takes an event and a topic: forward(event, "...")');
  publish({ topic, key: event.key, value: event.value, headers: event.headers });
}

/** Headers in order: of a list of pairs or of headers, or of an object. */
export function headersOf(given) {
  if (given === undefined || given === null) return [];
  const pairs = typeof given === 'object' && !Array.isArray(given) ? Object.entries(given) : given;
  const isPair = (pair) => Array.isArray(pair) || pair instanceof Header;
  if (!Array.isArray(pairs) || !pairs.every(isPair)) {
    throw new TypeError('headers are pairs, [["name", "value"]], or an object, { name: "value" }');
  }
  return pairs.map((pair) => {
    const [name, value] = pair instanceof Header ? [pair.name, pair.value] : pair;
    return { name: nameOf('the name of a header', name), value: bytesOf(`the header ${JSON.stringify(name)}`, value) };
  });
}
