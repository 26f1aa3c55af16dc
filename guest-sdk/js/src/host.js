// The one door to the host: the imports of the component in WebAssembly, a recording host in tests.
//
// In a frame of several events the host must be told, before the first import call of an event, which event calls. It is
// told with that call, so an event that calls nothing costs nothing.

/** No event waits to be announced. */
const NONE = -1;

/** Outside of a component and of `Host.deliver` there is nobody to ask. */
const absent = new Proxy({}, {
  get(_, name) {
    throw new Error(`there is no host: ${String(name)} can be used within a handler alone`);
  },
});

let host = absent;
let unannounced = NONE;

/**
 * Puts a host behind the door.
 * @param {object} next its functions are those called below
 * @returns {object} the one before
 */
export function setHost(next) {
  const before = host;
  host = next ?? absent;
  return before;
}

/** Whether there is a host: not while a component is built. */
export function hasHost() {
  return host !== absent;
}

/** Says which event of a frame of several is worked on from here on. */
export function workOn(index) {
  unannounced = index;
}

/** What is called from here on belongs to no frame of several. */
export function workOnNone() {
  unannounced = NONE;
}

/** The host, told which event calls: goes before every import that counts for an event. */
export function announced() {
  if (unannounced !== NONE) {
    const index = unannounced;
    unannounced = NONE;
    host.batchAt(index);
  }
  return host;
}

/** The host for what counts for no event: clocks and random numbers. */
export function anytime() {
  return host;
}

/** Ends the instance at once, by a trap of WebAssembly: a fault, which no `catch` sees. */
export function trap() {
  host.trap();
  throw new Error('trap');
}
