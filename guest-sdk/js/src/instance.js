// A handler at work: tries of single events, and of the events of a frame. The same code runs in the sandbox and in tests.

import { Answer } from './answer.js';
import { EndsInstance, errorOf, HandlerError } from './errors.js';
import { Frame, Malformed } from './frame.js';
import { trap, workOn, workOnNone } from './host.js';
import * as log from './log.js';
import { linesOf } from './stack.js';
import { ack, skip, Verdict } from './verdict.js';

const NOT_RUN = { kind: 'not-run' };

/** One instance of a handler. Its state is made with its first event. */
export class Instance {
  #handler;
  #state;
  #created = false;
  #promises;

  /**
   * @param handler made by `handler()`
   * @param promises `settle` waits for a promise that `create` or `handle` returned, and answers what it came to or throws
   *   it; `finish` ends a try, and throws what nobody has handled
   */
  constructor(handler, promises) {
    this.#handler = handler;
    this.#promises = promises;
  }

  /** The handler's state, once it is made. */
  get state() {
    return this.#state;
  }

  /** One try: a verdict, or `{ kind: 'error', error }`. Throws what must end the instance alone. */
  run(event) {
    let verdict;
    try {
      verdict = this.#tryOn(event);
      this.#promises.finish();
      return verdict;
    } catch (thrown) {
      // Of the two the handler's own failure tells more.
      return verdict === undefined || verdict === ack || verdict === skip ? failed(thrown) : verdict;
    }
  }

  #tryOn(event) {
    try {
      if (!this.#created) {
        this.#state = this.#now(this.#handler.create());
        this.#created = true;
      }
      const returned = this.#handler.handle(event, this.#state);
      return returned === undefined ? ack : ended(this.#now(returned));
    } catch (thrown) {
      return failed(thrown);
    }
  }

  /** The same for handlers that are waited for outside of the sandbox, where promises settle by themselves. */
  async runAsync(event) {
    try {
      if (!this.#created) {
        this.#state = await this.#handler.create();
        this.#created = true;
      }
      return ended(await this.#handler.handle(event, this.#state));
    } catch (thrown) {
      return failed(thrown);
    }
  }

  /** One try of each event of a frame, in order. */
  runFrame(bytes) {
    try {
      return this.#runFrame(new Frame(bytes));
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      log.error(error.message);
      return trap();
    } finally {
      workOnNone();
    }
  }

  #runFrame(frame) {
    const { count } = frame;
    const answer = new Answer(count);
    if (count === 1) {
      const verdict = this.run(frame.event(0));
      if (verdict !== ack) answer.put(0, verdict);
      return answer.finish();
    }
    const stopped = new Set();
    for (let index = 0; index < count; index += 1) {
      if (stopped.size > 0 && stopped.has(frame.lane(index))) {
        answer.put(index, NOT_RUN);
        continue;
      }
      workOn(index);
      const verdict = this.run(frame.event(index));
      if (verdict === ack) continue;
      answer.put(index, verdict);
      if (verdict !== skip) stopped.add(frame.lane(index));
    }
    return answer.finish();
  }

  #now(returned) {
    return isThenable(returned) ? this.#promises.settle(returned) : returned;
  }
}

/** Whether it has to be waited for. */
export function isThenable(value) {
  return typeof value === 'object' && value !== null && typeof value.then === 'function';
}

function ended(returned) {
  if (returned === undefined) return ack;
  if (returned instanceof Verdict) return returned;
  const problem = `the handler returned ${typeof returned}, which is no verdict: return ack, skip, retry(), deadLetter(why) or nothing`;
  return { kind: 'error', error: errorOf(new HandlerError('bad_verdict', problem)) };
}

/** A verdict may be thrown, from however deep; anything else is an error. */
function failed(thrown) {
  if (thrown instanceof Verdict) return thrown;
  if (thrown instanceof EndsInstance) throw thrown;
  tellPlace(thrown);
  return { kind: 'error', error: errorOf(thrown) };
}

/** Logs where an error came from that nobody has caught, unless its kind is one that the handler has chosen. */
function tellPlace(thrown) {
  if (!(thrown instanceof Error) || thrown instanceof HandlerError) return;
  let lines;
  try {
    lines = linesOf(thrown);
  } catch {
    // Getters may throw, too.
    return;
  }
  for (const line of lines) log.error(line);
}
