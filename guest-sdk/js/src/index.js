// The SDK as handlers see it. What it is like to use says ../README.md; the types are in ../index.d.ts.

export { handler } from './handler.js';
export { Event, Header } from './event.js';
export { ack, deadLetter, retry, skip, Verdict } from './verdict.js';
export { ConfigError, EventError, HandlerError, Refusal } from './errors.js';
export { forward, publish } from './publish.js';
export { sleep } from './clock.js';
export { trap } from './host.js';
export * as clock from './clock.js';
export * as config from './config.js';
export * as log from './log.js';
export * as metrics from './metrics.js';
export * as random from './random.js';
