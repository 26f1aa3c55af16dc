// Clocks, always there and always real.

import { anytime } from './host.js';

/** Milliseconds since a moment that means nothing outside this instance, with fractions. Never goes back. */
export function now() {
  return anytime().monotonic() / 1e6;
}

/** Milliseconds since 1970-01-01T00:00:00Z, as the host's clock has it. */
export function unixTime() {
  return anytime().unixTime();
}

/** Waits so many milliseconds. Counts for the handler's `timeout` and not for its `cpu_time`. */
export function sleep(milliseconds) {
  if (!(milliseconds >= 0)) throw new RangeError(`sleep takes milliseconds, from 0: ${String(milliseconds)} is none`);
  anytime().sleep(Math.min(Math.ceil(milliseconds * 1e6), Number.MAX_SAFE_INTEGER));
}
