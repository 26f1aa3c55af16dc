// What is logged of values, and the methods of `console`.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { handler, log } from '../src/index.js';
import { inspect } from '../src/inspect.js';
import { console, endGroups } from '../src/runtime/console.js';
import { encode } from '../src/text.js';
import { event, Host } from '../src/testing.js';

/** The lines that a handler logs. */
function logged(handle, given = event('A')) {
  const outcome = new Host(handler({ events: ['*'], handle })).deliver(given);
  outcome.assertAck();
  return outcome.logs.map(({ level, message }) => `${level}: ${message}`);
}

test('values are shown by what they hold', () => {
  const round = { a: 1 };
  round.self = round;
  let deep = 1;
  for (let level = 0; level < 10_000; level += 1) deep = [deep];
  const cases = [
    [{ a: 'x', b: [1, null, undefined, 5n, true] }, '{"a":"x","b":[1,null,undefined,5n,true]}'],
    [new Map([['a', 1], [2, { b: 3 }]]), 'Map(2) {"a":1,2:{"b":3}}'],
    [new Set(['a', 2]), 'Set(2) {"a",2}'],
    [encode('grün\n'), 'Uint8Array(6) "grün\\n"'],
    [Uint8Array.of(0, 255), 'Uint8Array(2) 00ff'],
    [new Uint8Array(0), 'Uint8Array(0)'],
    [new Uint8Array(100), `Uint8Array(100) ${'00'.repeat(64)}…`],
    [Float64Array.of(1, 0.5), 'Float64Array(2) [1,0.5]'],
    [encode('ab').buffer.slice(0, 2), 'ArrayBuffer Uint8Array(2) "ab"'],
    [new Date(0), '"1970-01-01T00:00:00.000Z"'],
    [/a+/g, '/a+/g'],
    [round, '{"a":1,"self":[circular]}'],
    [[new RangeError('no')], '[RangeError: no]'],
    [() => 1, '[function without a name]'],
    [Promise.resolve(), 'Promise'],
    [new WeakMap(), '[object WeakMap]'],
    [Object.create(null), '{}'],
    [Symbol('s'), 'Symbol(s)'],
    [deep, `${'['.repeat(20)}[…]${']'.repeat(20)}`],
    [['x'.repeat(10_001)], `["${'x'.repeat(10_000)}… (10001 characters)"]`],
    [{ get a() { throw new Error('no'); } }, 'what cannot be shown'],
  ];
  for (const [value, expected] of cases) assert.equal(inspect(value), expected);
});

test('an event shows its fields', () => {
  const given = event('A', { key: 'k-1', json: { a: 1 }, headers: [['bin', Uint8Array.of(255)], ['none', null]] });
  const [line] = logged((e) => console.log(e), given);
  assert.equal(line, 'info: {"topic":"events.stream","partition":0,"offset":0,"timestamp":null,"id":"events.stream/0/0","type":"A","attempt":1,'
    + '"key":"k-1","value":"{\\"a\\":1}","headers":[{"name":"event_type","value":"A"},{"name":"bin","value":"Uint8Array(1) ff"},{"name":"none","value":null}]}');
  assert.deepEqual(logged((e) => console.log('value', e.value), given), ['info: value Uint8Array(7) "{\\"a\\":1}"']);
});

test('a first text says where parts go', () => {
  const cases = [
    [['hello %s', 'world'], 'hello world'],
    [['%s %s', 'a'], 'a %s'],
    [['%d %i %f', '4.5', 4.5, '1.5x'], '4.5 4 1.5'],
    [['%d', {}], 'NaN'],
    [['%s %d', 5n, 5n], '5n 5n'],
    [['%j %o %O', { a: 1 }, 'x', [2]], '{"a":1} "x" [2]'],
    [['100%% %s%c', 'sure', 'color: red', 'more'], '100% sure more'],
    [['100%%'], '100%%'],
    [['%s', { a: 'b' }], '{"a":"b"}'],
    [['a', '%s', 1], 'a %s 1'],
  ];
  for (const [parts, expected] of cases) {
    assert.deepEqual(logged(() => console.log(...parts)), [`info: ${expected}`]);
    assert.deepEqual(logged(() => log.warn(...parts)), [`warn: ${expected}`]);
  }
});

test('console has what programs call', () => {
  const lines = logged(() => {
    console.group('group %s', 1);
    console.warn('in', new TypeError('no'));
    console.group();
    console.debug('deeper');
    console.groupEnd();
    console.groupEnd();
    console.groupEnd();
    console.dir({ a: 1 }, { depth: 0 });
    for (const label of [undefined, 'a', 'a']) console.count(label);
    console.countReset('a');
    console.count('a');
    console.assert(true, 'never');
    console.assert(false, 'sum is %d', 5);
    console.assert(false);
    console.timeEnd('none');
    console.clear();
  });
  assert.match(lines[2], /^warn: {7}at .*console\.test\.js:\d+\)$/);
  assert.deepEqual(lines.filter((line) => !line.includes('    at ')), [
    'info: group 1', 'warn:   in TypeError: no', 'debug:     deeper', 'info: {"a":1}', 'info: default: 1', 'info: a: 1', 'info: a: 2', 'info: a: 1',
    'error: assertion failed: sum is 5', 'error: assertion failed', 'warn: there is no timer "none"',
  ]);
});

test('console tells time and place', () => {
  const lines = logged(function here() {
    console.time('t');
    console.timeLog('t', 'so far');
    console.timeEnd('t');
    console.trace('at %s', 'it');
  });
  assert.match(lines[0], /^info: t: \d+\.\d{3} ms so far$/);
  assert.match(lines[1], /^info: t: \d+\.\d{3} ms$/);
  assert.equal(lines[2], 'trace: Trace: at it');
  assert.match(lines[3], /^trace: {5}at .*here.*\(.*console\.test\.js:\d+\)$/);
});

test('a table is a line for each row', () => {
  const rows = [{ id: 'o-1', cents: 5 }, { id: 'o-20', more: true }, 7];
  assert.deepEqual(logged(() => console.table(rows)), [
    'info: (index)  id    cents  more  (value)', 'info: 0        o-1   5', 'info: 1        o-20         true', 'info: 2                           7',
  ]);
  assert.deepEqual(logged(() => console.table(rows, ['id'])).slice(0, 2), ['info: (index)  id    (value)', 'info: 0        o-1']);
  assert.deepEqual(logged(() => console.table(new Map([['a', { b: 1 }]]))), ['info: (index)  b', 'info: a        1']);
  assert.deepEqual(logged(() => console.table('text')), ['info: text']);
  const many = logged(() => console.table(Array(150).fill(0)));
  assert.deepEqual([many.length, many.at(-1)], [102, 'info: and 50 more']);
});

test('groups end with the try', () => {
  const lines = () => logged(() => console.group('g'));
  lines();
  endGroups();
  assert.deepEqual(lines(), ['info: g']);
  endGroups();
});
