// Promises within one call of the host.
//
// The engine in a component without the async contract never does what a promise has to do next, so handlers get promises
// whose turns the SDK takes itself: after `handle` has returned one, as long as it takes. `async` functions are rewritten to
// such promises when the component is bundled.

import { dropTimers, enqueue, takeTurn, takeTurns } from './turns.js';
// Takes `setTimeout` from the globals when it is loaded.
import Promise from 'promise-polyfill';

import { HandlerError } from '../errors.js';
import { endGroups } from './console.js';

Promise._immediateFn = enqueue;

/** Reasons of rejections that nobody handles. */
let unhandled = [];
Promise._unhandledRejectionFn = (reason) => {
  unhandled.push(reason);
};

Object.defineProperty(globalThis, 'Promise', { value: Promise, writable: true, configurable: true, enumerable: false });

/** Takes turns until the promise is settled, and answers what it came to or throws it. */
export function settle(promise) {
  let outcome;
  promise.then(
    (value) => {
      outcome = { value };
    },
    (reason) => {
      outcome = { reason };
    },
  );
  while (outcome === undefined) {
    if (!takeTurn()) {
      throw new HandlerError('never_settled', 'the handler waits for a promise that nothing is left to settle');
    }
  }
  if ('reason' in outcome) throw outcome.reason;
  return outcome.value;
}

/**
 * Ends a try: what promises have left to do is done, timers are dropped, so that nothing of a try runs in another. A
 * rejection that nobody handles is thrown, as Node would not let it pass either.
 */
export function finish() {
  try {
    takeTurns();
  } finally {
    dropTimers();
    endGroups();
    if (unhandled.length > 0) {
      const [reason] = unhandled;
      unhandled = [];
      throw reason;
    }
  }
}
