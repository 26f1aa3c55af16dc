// The probe: a handler that does what the header `probe` of each event tells it to do.
//
// What the steps are is written in the README of the probe; `step` reads them, `run` carries them out, `misbehave` holds
// those that no handler should do, `results` reports each event.

import { ack, handler } from '#sandbus';

import { Results } from './results.ts';
import { runScript } from './run.ts';
import { badStep } from './step.ts';

export default handler({
  events: ['*'],

  create: () => ({ results: Results.configured() }),

  handle(event, { results }) {
    // Before the steps, in every try: only those of an `ack` may ever be seen.
    results?.report(event);
    const script = event.firstHeader('probe')?.value;
    if (script == null) return ack;
    let text: string;
    try {
      text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(script);
    } catch {
      throw badStep(new TextDecoder('utf-8', { ignoreBOM: true }).decode(script));
    }
    return runScript(text, event);
  },
});
