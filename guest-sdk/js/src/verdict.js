// What a try ends in.

/** One of the values below. Immutable, so the same one may be returned again and again. */
export class Verdict {
  constructor(kind, detail) {
    this.kind = kind;
    Object.assign(this, detail);
    Object.freeze(this);
  }
}

/** Done. What this try published leaves for the broker. */
export const ack = new Verdict('ack');

/** Done, and nothing was to be done. What this try published is dropped. */
export const skip = new Verdict('skip');

const retryAsConfigured = new Verdict('retry');

/** Try again: after so many milliseconds, or as configured. */
export function retry(options) {
  const after = options?.after;
  if (after === undefined) return retryAsConfigured;
  if (typeof after !== 'number' || !(after >= 0)) {
    throw new RangeError(`retry takes \`after\` in milliseconds, from 0: ${String(after)} is none`);
  }
  // Rounded up, so that a delay is never shortened; the host cuts it to what is configured.
  return new Verdict('retry', { after: Math.min(Math.ceil(after), Number.MAX_SAFE_INTEGER) });
}

/** Give up now, with a reason for the person who reads the dead letters. */
export function deadLetter(reason) {
  if (typeof reason !== 'string' && !(reason instanceof Error)) {
    throw new TypeError('deadLetter takes a reason for people: deadLetter("the total is negative")');
  }
  return new Verdict('dead-letter', { reason: String(reason) });
}
