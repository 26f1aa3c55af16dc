// Unit tests of handlers without WebAssembly: an event is given to an instance of the handler, and what came of it is read.
//
// The test host refuses what the real one would by its form and by the grants. It has no limits, neither on time nor on
// volume: for these there is `sandbus test`, which runs the component itself.

export { event } from './testing/event.js';
export { Host } from './testing/host.js';
export { Outcome } from './testing/outcome.js';
