// The probe as a whole, event by event.

import assert from 'node:assert/strict';
import test from 'node:test';

import { ack, deadLetter, retry } from '#sandbus';
import { event, Host, type Outcome } from '#sandbus/testing';

import probe from '../src/index.ts';
import { parse } from '../src/step.ts';

const probed = (script: string, fields = {}) => event('Probed', { headers: { probe: script }, ...fields });
const run = (script: string): Outcome => new Host(probe).deliver(probed(script));

test('without steps it acks', () => {
  new Host(probe).deliver(event('Probed')).assertAck();
  new Host(probe).deliver(event('Probed', { headers: { probe: null } })).assertAck();
  for (const script of ['', 'log:only this']) run(script).assertAck();
  assert.ok(new Host(probe).wants('Whatever it is'));
});

test('verdicts are as told', () => {
  run('ack').assertAck();
  run('skip').assertSkip();
  run('retry').assertVerdict(retry());
  run('retry:250ms').assertVerdict(retry({ after: 250 }));
  run('retry:250001us').assertVerdict(retry({ after: 251 }));
  run('dead-letter:no: really').assertVerdict(deadLetter('no: really'));
  assert.equal(run('error:boom:it: broke').assertError('boom').message, 'it: broke');
});

test('steps run in order and the first verdict ends them', () => {
  const outcome = run('log:one;log:two;skip;log:three;nonsense');
  outcome.assertSkip();
  assert.deepEqual(outcome.logs.map((line) => line.message), ['one', 'two']);
});

test('a malformed step is an error when it is reached', () => {
  run('log:before;ack; ack').assertAck();
  const outcome = run('log:before;sleep:soon;ack');
  assert.equal(outcome.assertError('bad_step').message, 'sleep:soon');
  assert.equal(outcome.logs.length, 1);
  assert.equal(run('log:a;').assertError('bad_step').message, '');
  const binary = event('Probed', { headers: { probe: Uint8Array.of(0x61, 0x63, 0x6b, 0xff) } });
  assert.equal(new Host(probe).deliver(binary).assertError('bad_step').message, 'ack\ufffd');
});

test('what is malformed', () => {
  const wrong = [
    'Ack', ' ack', 'ack ', 'retry:', 'retry:1', 'retry:1 s', 'retry:+1s', 'retry:1m', 'retry:18446744073710s', 'error:a', 'until:1',
    'until:x:ack', 'until:4294967296:ack', 'until:1:nonsense', 'alloc:', 'alloc:4GiB', 'alloc:-1', 'alloc:1kib', 'log-flood:', 'log-flood:1.5',
    'log-flood:18446744073709551616', 'dead-letter', 'spin:20', 'nonsense:x', 'retry:١s', 'alloc:1BB',
  ];
  for (const text of wrong) assert.throws(() => parse(text), { kind: 'bad_step', message: text });
});

test('what is well formed', () => {
  assert.deepEqual(parse('retry:18446744073709551615us'), { do: 'retry-after', micros: 2n ** 64n - 1n });
  assert.deepEqual(parse('until:2:until:3:error:a:b:c'), {
    do: 'until', attempt: 2, step: { do: 'until', attempt: 3, step: { do: 'error', kind: 'a', message: 'b:c' } },
  });
  assert.deepEqual(parse('alloc:4095MiB'), { do: 'alloc', bytes: 4095 * 2 ** 20 });
  assert.deepEqual(['17', '17B', '1KiB'].map((text) => parse(`result:${text}`)), [17, 17, 1024].map((bytes) => ({ do: 'result', bytes })));
  assert.deepEqual(parse('dead-letter:'), { do: 'dead-letter', text: '' });
});

test('the first of repeated headers counts', () => {
  new Host(probe).deliver(event('Probed', { headers: [['probe', 'skip'], ['probe', 'trap']] })).assertSkip();
});

test('until runs its step in earlier attempts alone', () => {
  const script = 'until:3:retry;until:4:error:late:x:y;ack';
  for (const attempt of [1, 2]) new Host(probe).deliver(probed(script, { attempt })).assertVerdict(retry());
  assert.equal(new Host(probe).deliver(probed(script, { attempt: 3 })).assertError('late').message, 'x:y');
  new Host(probe).deliver(probed(script, { attempt: 4 })).assertAck();
  run('until:2:log:first;skip').assertSkip();
});

test('spin and sleep take their time', () => {
  for (const script of ['spin:20ms', 'sleep:20ms']) {
    const start = performance.now();
    run(script).assertAck();
    assert.ok(performance.now() - start >= 20, script);
  }
});

test('trap ends the try', () => {
  assert.throws(() => run('trap;ack'), { name: 'Trap' });
});

test('what is thrown is an error of its class', () => {
  assert.equal(run('throw:it broke;ack').assertError('Error').message, 'it broke');
});

test('memory, answers and lines are as large as told', () => {
  run('alloc:16MiB;alloc:0;skip').assertSkip();
  assert.equal(run('result:1MiB;trap').verdict?.reason?.length, 1 << 20);
  const flood = run('log-flood:1000;skip');
  flood.assertSkip();
  assert.equal(flood.logs.length, 1000);
  assert.equal(flood.logs[999]?.message, 'log-flood 1000');
});

test('log, count and publish use the imports', () => {
  const given = { key: 'k', value: Uint8Array.of(0xff), headers: [['probe', 'log:hello;count:seen;publish:copies'], ['n', null]] as [string, string | null][] };
  const outcome = new Host(probe, { grants: ['copies'] }).deliver(event('Probed', given));
  outcome.assertVerdict(ack);
  assert.equal(outcome.logs[0]?.message, 'hello');
  assert.equal(outcome.counter('seen'), 1);
  const [copy] = outcome.published;
  assert.deepEqual([copy?.keyText(), copy?.value, copy?.headers.map((header) => header.name), copy?.headers[2]?.value], ['k', Uint8Array.of(0xff), ['event_type', 'probe', 'n'], null]);
});

test('a refused import is an error of its code', () => {
  run('publish:elsewhere;skip').assertError('denied');
  run('publish:no topic').assertError('bad_topic');
  run('count:Not-A-Name').assertError('bad_name');
});

test('results tell who had the event', () => {
  const host = new Host(probe, { config: { results: 'r', name: 'first' }, grants: ['r'] });
  const outcome = host.deliver(event('Probed', { topic: 't', partition: 2, offset: 40, attempt: 3, key: 'k', value: 'v' }));
  const [result] = outcome.published;
  assert.deepEqual([result?.topic, result?.keyText(), result?.text()], ['r', 'k', 'v']);
  const headers = result?.headers.map((header) => [header.name, header.text()]);
  const instance = result?.header('probe_instance') ?? '';
  assert.match(instance, /^[0-9a-f]{16}$/);
  assert.deepEqual(headers, [
    ['probe_handler', 'first'], ['probe_topic', 't'], ['probe_partition', '2'], ['probe_offset', '40'], ['probe_attempt', '3'],
    ['probe_instance', instance], ['probe_sequence', '1'], ['probe_language', 'ts'], ['probe_build', process.env.PROBE_BUILD ?? 'dev'],
  ]);
});

test('an instance keeps its number and counts its events', () => {
  const host = new Host(probe, { config: { results: 'r' }, grants: ['r'] });
  const header = (script: string, name: string) => host.deliver(probed(script)).sent[0]?.header(name);
  const first = header('skip', 'probe_instance');
  assert.equal(header('error:a:b', 'probe_sequence'), '2');
  assert.equal(header('ack', 'probe_instance'), first);
  assert.equal(header('ack', 'probe_handler'), undefined);
  host.restart();
  assert.notEqual(header('ack', 'probe_instance'), first);
});

test('results keep what is absent absent, leave by an ack alone, and come before any step', () => {
  const host = new Host(probe, { config: { results: 'r' }, grants: ['r'] });
  const [absent] = host.deliver(event('Probed')).published;
  assert.deepEqual([absent?.key, absent?.value], [null, null]);
  const [empty] = host.deliver(event('Probed', { key: '', value: '' })).published;
  assert.deepEqual([empty?.key, empty?.value], [new Uint8Array(0), new Uint8Array(0)]);
  for (const script of ['skip', 'retry', 'dead-letter:x', 'error:a:b', 'nonsense']) {
    const outcome = host.deliver(probed(script));
    assert.deepEqual([outcome.sent.length, outcome.published.length], [1, 0], script);
  }
  const denied = new Host(probe, { config: { results: 'r' } }).deliver(probed('log:a;ack'));
  denied.assertError('denied');
  assert.equal(denied.logs.length, 0);
});
