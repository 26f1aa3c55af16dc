// Turns that are still to be taken: what a promise has to do next, and timers. The SDK takes them, see settle.js.

import { anytime } from '../host.js';

let turns = [];
let timers = [];
let lastTimer = 0;

function define(name, value) {
  Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
}

/** To be done when what is being done is over. */
export function enqueue(turn) {
  turns.push(turn);
}

function setTimer(turn, delay, again, given) {
  lastTimer += 1;
  const wait = Math.max(0, Number(delay) || 0) * 1e6;
  timers.push({ id: lastTimer, due: anytime().monotonic() + wait, wait, again, turn: () => turn(...given) });
  return lastTimer;
}

function clearTimer(id) {
  timers = timers.filter((timer) => timer.id !== id);
}

define('queueMicrotask', enqueue);
define('setTimeout', (turn, delay, ...given) => setTimer(turn, delay, false, given));
define('setInterval', (turn, delay, ...given) => setTimer(turn, delay, true, given));
define('clearTimeout', clearTimer);
define('clearInterval', clearTimer);

/** Takes all turns but those of timers. */
export function takeTurns() {
  while (turns.length > 0) {
    const now = turns;
    turns = [];
    for (const turn of now) turn();
  }
}

/** Takes what turns there are, or else waits for the timer that is due first and takes its. Whether there was any. */
export function takeTurn() {
  if (turns.length > 0) {
    takeTurns();
    return true;
  }
  if (timers.length === 0) return false;
  timers.sort((one, other) => one.due - other.due || one.id - other.id);
  const [timer] = timers;
  const early = timer.due - anytime().monotonic();
  if (early > 0) anytime().sleep(Math.ceil(early));
  if (timer.again) timer.due += Math.max(timer.wait, 1e6);
  else timers.shift();
  timer.turn();
  return true;
}

/** Forgets the timers. */
export function dropTimers() {
  if (timers.length > 0) timers = [];
}
