// Metrics of the handler's own, exported with the attribute `handler.name`. What is recorded in a failed try counts too.

import { Refusal } from './errors.js';
import { announced } from './host.js';
import { nameOf } from './text.js';

/** The counter of that name, a number that only grows: `sandbus.guest.counter.<name>`. */
export function counter(name) {
  return {
    add(value = 1, attributes) {
      if (!Number.isSafeInteger(value) || value < 0) throw bad(name, value, 'a whole number from 0');
      announced().counterAdd(nameOf('the name of a metric', name), value, pairs(attributes));
    },
  };
}

/** The histogram of that name, a distribution of values: `sandbus.guest.histogram.<name>`. */
export function histogram(name) {
  return {
    record(value, attributes) {
      if (typeof value !== 'number') throw bad(name, value, 'a number');
      announced().histogramRecord(nameOf('the name of a metric', name), value, pairs(attributes));
    },
  };
}

/** The up-down counter of that name: `sandbus.guest.updown.<name>`. */
export function upDown(name) {
  return {
    add(value, attributes) {
      if (!Number.isSafeInteger(value)) throw bad(name, value, 'a whole number');
      announced().updownAdd(nameOf('the name of a metric', name), value, pairs(attributes));
    },
  };
}

function pairs(attributes) {
  if (attributes === undefined) return [];
  return Object.entries(attributes).map(([key, value]) => [key.toWellFormed(), String(value).toWellFormed()]);
}

function bad(name, value, wanted) {
  return new Refusal('bad_value', `a value of ${JSON.stringify(name)} is ${String(value)}; it takes ${wanted}`);
}
