// What a handler is: a definition, checked when the module is loaded, that is when the component is built.

const KNOWN = ['events', 'create', 'handle'];

/** A handler, ready to be exported as the module's default. */
export class Handler {
  constructor(definition) {
    Object.assign(this, definition);
    Object.freeze(this);
  }
}

/** Makes a handler of its definition. */
export function handler(definition) {
  const wrong = problem(definition);
  if (wrong !== undefined) throw new TypeError(`handler: ${wrong}`);
  const { events, create = () => undefined, handle } = definition;
  return new Handler({ events: Object.freeze([...events]), create, handle });
}

function problem(definition) {
  if (typeof definition !== 'object' || definition === null) return 'give it an object: handler({ events, handle })';
  const { events, create, handle } = definition;
  const unknown = Object.keys(definition).find((key) => !KNOWN.includes(key));
  if (unknown !== undefined) return `${JSON.stringify(unknown)} is none of ${KNOWN.join(', ')}`;
  if (!Array.isArray(events) || events.some((pattern) => typeof pattern !== 'string' || pattern === '')) {
    return '`events` is a list of event types, such as ["OrderCreated", "Payment*"]';
  }
  if (create !== undefined && typeof create !== 'function') return '`create` is a function that makes the state';
  if (typeof handle !== 'function') return '`handle` is a function of an event';
  return undefined;
}
