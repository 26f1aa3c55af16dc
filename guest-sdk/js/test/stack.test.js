// What an error shows: stacks as QuickJS writes them, with a table of places as `sandbus build` writes it.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { EventError, handler } from '../src/index.js';
import { linesOf } from '../src/stack.js';
import { event, Host } from '../src/testing.js';

// Lines 10 to 19 of the bundle are 5 and on of a.js, but for column 8 and on of line 12: line 40. Then the SDK follows.
const runs = [[10, 0, 0, 5], [12, 8, 0, 40], [13, 0, 0, 8], [20, 0, -1, 1], [30, 2, 1, 1]];
globalThis[Symbol.for('sandbus.places')] = [runs.map((run) => run.map((n) => n.toString(36)).join(' ')).join(','), 'src/a.js', 'src/b.ts'];

function failed(message, frames, options) {
  const error = new TypeError(message, options);
  error.stack = frames.map((frame) => `    at ${frame}\n`).join('');
  return error;
}

const at = (line, column) => `componentize-qjs:user.js:${line}:${column}`;

test('a stack is in lines of the sources, without those of the SDK', () => {
  const frames = [
    `f (${at(11, 1)})`, `<anonymous> (${at(12, 8)})`, `<anonymous> (${at(12, 9)})`, 'map (native)', `handle (${at(19, 3)})`,
    `#tryOn (${at(25, 45)})`, `run (${at(30, 2)})`, `top (${at(31, 1)})`, `first (${at(9, 1)})`,
  ];
  assert.deepEqual(linesOf(failed('it', frames)), [
    'TypeError: it', '    at f (src/a.js:6)', '    at src/a.js:7', '    at src/a.js:40', '    at handle (src/a.js:14)', '    at top (src/b.ts:2)',
  ]);
});

test('causes follow, and lines are few and short', () => {
  class Refused extends Error {}
  const inner = new Refused('');
  inner.stack = '';
  assert.deepEqual(linesOf(failed('outer', [], { cause: inner })), ['TypeError: outer', 'caused by Refused']);
  const round = failed('x'.repeat(5000), Array(50).fill(at(11, 1)));
  round.cause = round;
  const lines = linesOf(round);
  assert.equal(lines.length, 20);
  assert.ok(lines.every((line) => line.length <= 1001), lines[0]);
  assert.ok(linesOf(failed('x', [`${'('.repeat(1e6)}`])).length === 1);
});

test('an error that nobody catches is logged with its stack, unless its kind is chosen', () => {
  const thrown = (value) => new Host(handler({ events: ['*'], handle() { throw value; } })).deliver(event('A'));
  const outcome = thrown(failed('it', [`handle (${at(10, 1)})`]));
  outcome.assertError('TypeError');
  assert.deepEqual(outcome.logs, [
    { level: 'error', message: 'TypeError: it' },
    { level: 'error', message: '    at handle (src/a.js:5)' },
  ]);
  assert.deepEqual(thrown(new EventError('bad_json', 'x')).logs, []);
  const hostile = new Proxy(new Error('x'), { get: () => { throw new Error('no'); } });
  assert.deepEqual(thrown(hostile).logs, []);
});
