// Carries out a script: steps in order, the first verdict ends it, without one it is `ack`.

import { ack, clock, deadLetter, forward, HandlerError, log, metrics, retry, skip, sleep, trap } from '#sandbus';

import { alloc, endless, logFlood, recurse } from './misbehave.js';
import { parse } from './step.js';

/** Runs the script on this event. An empty script has no steps. */
export function runScript(script, event) {
  if (script === '') return ack;
  for (const text of script.split(';')) {
    const verdict = run(parse(text), event);
    if (verdict !== undefined) return verdict;
  }
  return ack;
}

/** Runs one step; a verdict ends the script. */
function run(step, event) {
  switch (step.do) {
    case 'ack':
      return ack;
    case 'skip':
      return skip;
    case 'retry':
      return retry();
    case 'retry-after':
      return retry({ after: milliseconds(step.micros) });
    case 'dead-letter':
      return deadLetter(step.text);
    case 'error':
      throw new HandlerError(step.kind, step.message);
    case 'until':
      return event.attempt < step.attempt ? run(step.step, event) : undefined;
    case 'spin':
      spin(milliseconds(step.micros));
      break;
    case 'sleep':
      sleep(milliseconds(step.micros));
      break;
    case 'trap':
      return trap();
    case 'throw':
      throw new Error(step.text);
    case 'loop':
      return endless();
    case 'recurse':
      recurse();
      break;
    case 'alloc':
      alloc(step.bytes);
      break;
    case 'result':
      return deadLetter('x'.repeat(step.bytes));
    case 'log-flood':
      logFlood(step.lines);
      break;
    case 'log':
      log.info(step.text);
      break;
    case 'count':
      metrics.counter(step.text).add(1);
      break;
    case 'publish':
      forward(event, step.text);
      break;
  }
  return undefined;
}

function milliseconds(micros) {
  return Number(micros) / 1_000;
}

/** Burns CPU until that much time has passed. The clock is read every few microseconds, so that the time goes to the guest. */
function spin(time) {
  const start = clock.now();
  let state = 1;
  while (clock.now() - start < time) {
    for (let turn = 0; turn < 100; turn += 1) state = Math.imul(state, 1_103_515_245) + 12_345;
  }
}
