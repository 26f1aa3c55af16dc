// The component's exports, made of a handler. `sandbus build` writes the module that calls this.

import './runtime/globals.js';

import { Handler } from './handler.js';
import { setHost } from './host.js';
import { Instance } from './instance.js';
import { RecordEvent } from './event.js';
import { imports } from './runtime/imports.js';
import { finish, settle } from './runtime/settle.js';

export const VERSION = '0.1.0';

/**
 * The three interfaces that a component of the SDK exports.
 * @param handler what the project's module exports as its default
 * @param about the project: name, version, language
 */
export function component(handler, about) {
  if (!(handler instanceof Handler)) {
    throw new TypeError('the default export of the project is no handler: export default handler({ events, handle })');
  }
  const instance = new Instance(handler, { settle, finish });
  const described = {
    events: handler.events,
    attributes: [
      ['sdk', `sandbus-sdk-js ${VERSION}`],
      ['language', about.language],
      ['name', about.name],
      ['version', about.version],
    ],
  };
  setHost(imports);
  return {
    descriptor: { describe: () => described },
    typed: { handle: (event) => answer(instance.run(new RecordEvent(event))) },
    packed: { handle: (frame) => instance.runFrame(frame) },
  };
}

/** A try's end as the typed way has it: a verdict, or an error that is thrown. */
function answer(ended) {
  switch (ended.kind) {
    case 'retry':
      return { tag: 'retry', val: ended.after ?? null };
    case 'dead-letter':
      return { tag: 'dead-letter', val: ended.reason.toWellFormed() };
    case 'error':
      throw { payload: { kind: ended.error.kind.toWellFormed(), message: ended.error.message.toWellFormed() } };
    default:
      return { tag: ended.kind };
  }
}
