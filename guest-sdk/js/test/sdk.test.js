// Handlers as people write them, by the test host: it is part of what is tested.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  ack, clock, config, ConfigError, deadLetter, forward, handler, HandlerError, log, metrics, publish, random, Refusal, retry,
  skip, sleep, trap, Verdict,
} from '../src/index.js';
import { wellFormed } from '../src/errors.js';
import { decodeLossily, encode, isAscii } from '../src/text.js';
import { event, Host } from '../src/testing.js';
import { matches } from '../src/testing/pattern.js';

const host = (handle, options) => new Host(handler({ events: ['*'], handle }), options);
const run = (handle, given = event('A'), options) => host(handle, options).deliver(given);

test('a handler ends a try in what it returns', () => {
  run(() => undefined).assertAck();
  run(() => ack).assertAck();
  run(() => skip).assertSkip();
  run(() => retry()).assertVerdict(retry());
  run(() => retry({ after: 1.5 })).assertVerdict(retry({ after: 2 }));
  run(() => deadLetter('why')).assertVerdict(deadLetter('why'));
  assert.match(run(() => 5).assertError('bad_verdict').message, /returned number/);
  assert.throws(() => run(() => ack).assertSkip());
  assert.throws(() => run(() => ack).assertError('x'));
});

test('a verdict may be thrown', () => {
  run(() => {
    throw skip;
  }).assertSkip();
});

test('verdicts are checked where they are made', () => {
  for (const after of [-1, NaN, '5', null]) assert.throws(() => retry({ after }), RangeError);
  assert.equal(retry({ after: Infinity }).after, Number.MAX_SAFE_INTEGER);
  assert.ok(Object.isFrozen(ack) && ack instanceof Verdict);
});

test('what is thrown is an error of its class', () => {
  class PaymentRefused extends Error {}
  const thrown = (value) => run(() => {
    throw value;
  }).error;
  assert.deepEqual(thrown(new PaymentRefused('card')), { kind: 'PaymentRefused', message: 'card' });
  assert.deepEqual(thrown(new TypeError('x')), { kind: 'TypeError', message: 'x' });
  assert.deepEqual(thrown(new HandlerError('my_kind', 'm')), { kind: 'my_kind', message: 'm' });
  assert.deepEqual(thrown('text'), { kind: 'Error', message: 'text' });
  assert.deepEqual(thrown(undefined), { kind: 'Error', message: 'thrown: undefined' });
  assert.equal(thrown(new Error('outer', { cause: new Error('inner') })).message, 'outer: inner');
  const round = new Error('round');
  round.cause = round;
  assert.equal(thrown(round).message, 'round');
  const hostile = new Proxy(new Error('x'), { get: () => { throw new Error('no'); } });
  assert.equal(thrown(hostile).kind, 'Error');
});

test('kinds are well formed whatever the class', () => {
  assert.equal(wellFormed('_Größe'), 'Gre');
  assert.equal(wellFormed('_1'), 'Error');
  assert.equal(wellFormed('x'.repeat(100)), 'x'.repeat(64));
});

test('an event is read, or is an error', () => {
  run((e) => assert.equal(e.json().a, 'ü'), event('A', { json: { a: 'ü' } })).assertAck();
  run((e) => e.json(), event('A')).assertError('tombstone');
  run((e) => e.json(), event('A', { value: '' })).assertError('bad_json');
  run((e) => e.json(), event('A', { value: Uint8Array.of(0x22, 0xff, 0x22) })).assertError('bad_json');
  const parse = (value) => {
    if (typeof value.id !== 'string') throw new Error('no id');
    return value;
  };
  assert.match(run((e) => void e.json(parse), event('A', { json: {} })).assertError('bad_json').message, /no id$/);
  run((e) => e.text(), event('A', { value: Uint8Array.of(0xff) })).assertError('bad_text');
  run((e) => e.keyText(), event('A')).assertError('missing_key');
  run((e) => e.keyText(), event('A', { key: Uint8Array.of(0xff) })).assertError('bad_key');
  run((e) => e.header('x'), event('A')).assertError('missing_header');
  run((e) => e.header('x'), event('A', { headers: { x: null } })).assertError('missing_header');
  run((e) => e.header('x'), event('A', { headers: { x: Uint8Array.of(0xff) } })).assertError('bad_header');
});

test('headers keep order and repeats', () => {
  const given = event('A', { headers: [['tag', 'a'], ['tag', null], ['bin', Uint8Array.of(0, 255)], ['tag', '']] });
  run((e) => {
    assert.deepEqual(e.headers.map((header) => header.name), ['event_type', 'tag', 'tag', 'bin', 'tag']);
    assert.deepEqual(e.headersNamed('tag').map((header) => header.value), [encode('a'), null, new Uint8Array(0)]);
    assert.equal(e.header('tag'), 'a');
    assert.equal(e.firstHeader('Tag'), undefined);
  }, given).assertAck();
});

test('an event has what it was given', () => {
  const given = event('A', { topic: 't', partition: 3, offset: 9, timestamp: 5, id: 'e-1', attempt: 2, key: 'k' });
  run((e) => {
    assert.deepEqual([e.topic, e.partition, e.offset, e.timestamp, e.id, e.attempt], ['t', 3, 9, 5, 'e-1', 2]);
    assert.deepEqual([e.keyText(), e.value, e.type, e.header('event_id')], ['k', null, 'A', 'e-1']);
  }, given).assertAck();
  assert.throws(() => event('A', { vlaue: 1 }), /no "vlaue"/);
  assert.throws(() => host(() => ack).deliver(event('A', { value: '', json: 1 })), /one of/);
});

test('state is made with the first event, and lives until a restart', () => {
  let created = 0;
  const counting = new Host(handler({
    events: ['A', 'B*'],
    create: () => ({ number: (created += 1), events: 0 }),
    handle: (e, state) => log.info(`${(state.events += 1)} of ${e.id}`),
  }));
  assert.equal(counting.state, undefined);
  counting.deliver(event('A'));
  assert.equal(counting.deliver(event('A')).logs[0].message, '2 of events.stream/0/1');
  assert.deepEqual(counting.state, { number: 1, events: 2 });
  counting.restart();
  counting.deliver(event('A'));
  assert.deepEqual(counting.state, { number: 2, events: 1 });
  assert.ok(counting.wants('A') && counting.wants('Bug') && !counting.wants('AB') && !counting.wants('a'));
});

test('creation that fails is tried again', () => {
  const failing = new Host(handler({ events: ['*'], create: () => config.require('topic'), handle: () => ack }));
  assert.equal(failing.deliver(event('A')).assertError('missing_config').message, 'set "topic" in [handler.config]');
  failing.deliver(event('A')).assertError('missing_config');
});

test('lines keep level and order', () => {
  const { logs } = run((e) => {
    log.trace('plain');
    log.debug({ a: [1, 5n] }, null, undefined);
    log.info('a', 1);
    log.warn('\ud800');
    log.error(new RangeError('x'));
  });
  const lines = logs.map((line) => `${line.level}: ${line.message}`);
  assert.deepEqual(lines.slice(0, 5), ['trace: plain', 'debug: {"a":[1,5n]} null undefined', 'info: a 1', 'warn: \ufffd', 'error: RangeError: x']);
  assert.match(lines[5], /^error:     at .*sdk\.test\.js:\d+\)$/);
});

test('configuration is read as asked', () => {
  const options = { config: { limit: 7, on: true, name: 'n', bad: 's3cret' } };
  run(() => {
    assert.equal(config.get('name'), 'n');
    assert.equal(config.get('none'), undefined);
    assert.equal(config.number('limit'), 7);
    assert.equal(config.number('none', 3), 3);
    assert.equal(config.boolean('on'), true);
    assert.deepEqual(config.entries().map(([key]) => key), ['bad', 'limit', 'name', 'on']);
  }, event('A'), options).assertAck();
  for (const read of [config.number, config.boolean]) {
    const error = run(() => void read('bad'), event('A'), options).assertError('bad_config');
    assert.ok(error.message.includes('"bad"') && !error.message.includes('s3cret'));
  }
  run(() => {
    assert.throws(() => config.require('none'), (thrown) => thrown instanceof ConfigError && thrown.key === 'none');
  }).assertAck();
});

test('messages arrive as they were built, and leave by an ack alone', () => {
  const sending = host((e) => {
    forward(e, 'copies');
    publish({ topic: 'made', key: Uint8Array.of(1), headers: [['a', '1'], ['b', null], ['a', 'ü']], json: [1, 'ü'] });
    publish({ topic: 'made' });
    return e.attempt === 1 ? ack : skip;
  }, { grants: ['copies', 'ma*'] });
  const given = event('A', { key: 'k', value: 'v', headers: { h: null } });
  const outcome = sending.deliver(given);
  const [copy, made, empty] = outcome.published;
  assert.deepEqual([copy.topic, copy.keyText(), copy.text(), copy.header('event_type'), copy.headers[1].value], ['copies', 'k', 'v', 'A', null]);
  assert.deepEqual([made.key, made.json(), made.headers.map((header) => header.value)], [Uint8Array.of(1), [1, 'ü'], [encode('1'), null, encode('ü')]]);
  assert.deepEqual([empty.key, empty.value, empty.headers], [null, null, []]);
  const skipped = sending.deliver({ ...given, attempt: 2 });
  assert.deepEqual([skipped.sent.length, skipped.published.length], [3, 0]);
});

test('what is refused is an error of its code', () => {
  run(() => publish({ topic: 't' })).assertError('denied');
  run(() => publish({ topic: 'no topic' })).assertError('bad_topic');
  for (const name of ['', 'Upper', 'dash-ed', '1st', 'orders_total']) run(() => metrics.counter(name).add()).assertError('bad_name');
  run(() => metrics.upDown('a').add(1, { Key: 'v' })).assertError('bad_attribute');
  run(() => metrics.histogram('a').record(NaN)).assertError('bad_value');
  for (const value of [-1, 0.5, 2 ** 60, '1']) run(() => metrics.counter('a').add(value)).assertError('bad_value');
  run(() => {
    assert.throws(() => publish({ topic: 't' }), (thrown) => thrown instanceof Refusal && thrown.code === 'denied');
    return skip;
  }).assertSkip();
  run(() => publish({ topic: 't', key: 5 })).assertError('TypeError');
});

test('what is no name is told, and not made one', () => {
  const options = { grants: ['*'] };
  const cases = [
    [() => publish('out'), /^publish takes a message: publish\({ topic: "\.\.\."/],
    [() => publish(), /^publish takes a message/],
    [() => publish({ topic: undefined, value: 'v' }), /^publish takes a message/],
    [(e) => forward(e), /^forward takes an event and a topic/],
    [() => publish({ topic: 't', headers: [[1, 'v']] }), /^the name of a header is a string, not a number$/],
    [() => publish({ topic: 't', headers: ['ab'] }), /^headers are pairs/],
    [() => publish({ topic: 't', headers: 'a=b' }), /^headers are pairs/],
    [() => publish({ topic: 't', headers: [undefined] }), /^headers are pairs/],
    [() => metrics.counter().add(), /^the name of a metric is a string, not undefined$/],
    [() => metrics.histogram({}).record(1), /not an object$/],
    [() => metrics.upDown(['a']).add(1), /not a list$/],
    [() => void config.get(), /^a key of \[handler\.config\] is a string, not undefined$/],
    [() => void config.require(null), /not null$/],
    [() => { throw new HandlerError(); }, /^the kind of a HandlerError is a string, not undefined$/],
    [() => deadLetter(), /^deadLetter takes a reason/],
    [() => deadLetter({ why: 1 }), /^deadLetter takes a reason/],
  ];
  for (const [call, problem] of cases) assert.match(run(call, event('A'), options).assertError('TypeError').message, problem);
  assert.equal(deadLetter(new RangeError('cents')).reason, 'RangeError: cents');
});

test('what is measured can be read', () => {
  const outcome = run(() => {
    metrics.counter('seen').add(2, { lang: 'js' });
    metrics.counter('seen').add();
    metrics.histogram('size').record(0.5);
    metrics.upDown('open').add(-3);
  });
  assert.deepEqual([outcome.counter('seen'), outcome.counter('seen', { lang: 'js' }), outcome.histogram('size'), outcome.upDown('open')], [3, 2, [0.5], -3]);
});

test('promises are waited for by deliverAsync', async () => {
  const waiting = host(async (e) => {
    await null;
    if (e.type === 'Bad') throw new TypeError('late');
    log.info('after');
    return skip;
  });
  assert.throws(() => waiting.deliver(event('A')), /deliverAsync/);
  const outcome = await waiting.deliverAsync(event('A'));
  outcome.assertSkip();
  assert.equal(outcome.logs.at(-1).message, 'after');
  (await waiting.deliverAsync(event('Bad'))).assertError('TypeError');
});

test('clocks and random numbers are real', () => {
  run(() => {
    const start = clock.now();
    sleep(5);
    assert.ok(clock.now() - start >= 5);
    assert.ok(clock.unixTime() > 1_577_836_800_000);
    assert.notEqual(random.u64(), random.u64());
    assert.match(random.uuid(), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    assert.equal(random.bytes(11).length, 11);
    assert.ok(random.float() < 1);
  }).assertAck();
});

test('a trap ends the test', () => {
  assert.throws(() => run(() => trap()), { name: 'Trap' });
});

test('outside of a handler there is no host', () => {
  assert.throws(() => log.info('x'), /there is no host/);
});

test('a wrong definition is told what is wrong', () => {
  const cases = [[undefined, /give it an object/], [{ events: 'A', handle() {} }, /`events` is a list/], [{ events: ['A'] }, /`handle` is/], [{ events: ['A'], handle() {}, evnets: [] }, /"evnets" is none/]];
  for (const [definition, problem] of cases) assert.throws(() => handler(definition), problem);
});

test('patterns match the whole text', () => {
  const cases = [
    ['Order', 'Order', true], ['Order', 'OrderCreated', false], ['Order*', 'Order', true], ['Order*', 'PreOrder', false],
    ['*Created', 'OrderCreated', true], ['a*b*c', 'a-b-b-c', true], ['a*b*c', 'a-c', false], ['ab*ba', 'aba', false],
    ['ab*ba', 'abba', true], ['a*bc*c', 'abc', false], ['*', '', true], ['**', 'x', true], ['', 'x', false], ['a.c', 'abc', false],
    ['A*', 'a', false], ['*ü*', 'Grün', true],
  ];
  for (const [pattern, text, expected] of cases) assert.equal(matches(pattern, text), expected, `${pattern} on ${text}`);
});

test('ASCII is told from the rest wherever it stands', () => {
  const buffer = new Uint8Array(41).fill(0x41);
  for (let start = 0; start < 9; start += 1) {
    for (let end = start; end <= 41; end += 1) {
      const part = buffer.subarray(start, end);
      assert.ok(isAscii(part));
      for (let at = 0; at < 41; at += 1) {
        buffer[at] = 0x80;
        assert.equal(isAscii(part), at < start || at >= end, `${start} ${end} ${at}`);
        buffer[at] = 0x41;
      }
    }
  }
});

test('lossy text is as the Encoding standard has it', () => {
  const samples = [[0xff], [0xe2, 0x82], [0xe2, 0x82, 0x41], [0xf0, 0x9f, 0x98, 0x80, 0xc3], [0xed, 0xa0, 0x80], [0xc0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0x61, 0xe1, 0x80, 0xff, 0x62]];
  for (const bytes of samples) assert.equal(decodeLossily(Uint8Array.from(bytes)), new TextDecoder('utf-8', { ignoreBOM: true }).decode(Uint8Array.from(bytes)), bytes.join());
});
