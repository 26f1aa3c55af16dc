// Proves the reader and the writer by the test vectors of docs/packed-frame.md, and what happens between them by handlers
// that are given frames.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { Answer } from '../src/answer.js';
import { Frame, Malformed } from '../src/frame.js';
import { setHost } from '../src/host.js';
import { ack, config, deadLetter, handler, HandlerError, log, retry, skip } from '../src/index.js';
import { Instance } from '../src/instance.js';
import { Recorder } from '../src/testing/recorder.js';

const DOCUMENT = readFileSync(new URL('../../../docs/packed-frame.md', import.meta.url), 'utf8');
const FRAMES = ['frame-minimal', 'frame-headers', 'frame-tombstone', 'frame-two-lanes', 'frame-longer'];
const error = (kind, message) => ({ kind: 'error', error: { kind, message } });
const notRun = { kind: 'not-run' };
const ANSWERS = {
  'answer-ack': [ack],
  'answer-each-verdict': [
    ack,
    skip,
    retry(),
    retry({ after: 250 }),
    deadLetter('no such order'),
    error('Timeout', 'upstream took 3 s'),
    notRun,
  ],
  'answer-two-lanes': [error('Conflict', ''), ack, notRun, ack],
};

/** The bytes of a vector, and the text of what is in them. */
function vector(name) {
  const section = DOCUMENT.split('\n### ').find((part) => part.split(/\s/)[0] === name);
  const block = (language) => section.split(`\`\`\`${language}\n`)[1].split('```')[0];
  const hex = block('hex').split('\n').map((line) => line.split(';')[0].trim().split(/\s+/)).flat();
  const bytes = Uint8Array.from(hex.filter((digits) => digits !== ''), (digits) => parseInt(digits, 16));
  return { bytes, text: block('text').trimEnd() };
}

function show(bytes) {
  if (bytes === null) return 'absent';
  if (bytes.length === 0) return 'empty';
  const text = String.fromCharCode(...bytes);
  if (/^[ !#-[\]-~]*$/.test(text)) return `"${text}"`;
  return ['bytes', ...Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0'))].join(' ');
}

/** What a handler sees of a frame, in the words of the document. */
function showFrame(frame) {
  const plural = (count, noun) => `${count} ${noun}${count === 1 ? '' : 's'}`;
  const lines = [`frame of ${plural(frame.count, 'event')} in ${plural(frame.lanes, 'lane')}`];
  for (let index = 0; index < frame.count; index += 1) {
    const event = frame.event(index);
    lines.push(
      `event ${index}: lane ${frame.lane(index)}, attempt ${event.attempt}`,
      `  topic "${event.topic}", partition ${event.partition}, offset ${event.offset}, timestamp ${event.timestamp ?? 'absent'}`,
      `  type "${event.type}"`,
      `  id "${event.id}"`,
      `  key ${show(event.key)}`,
      `  value ${show(event.value)}`,
      ...event.headers.map((header) => `  header "${header.name}" ${show(header.value)}`),
    );
  }
  return lines.join('\n');
}

test('every frame is read as the document says', () => {
  for (const name of FRAMES) {
    const { bytes, text } = vector(name);
    assert.equal(showFrame(new Frame(bytes)), text, name);
  }
  // Beside these and the answers there is `answer-longer`, which a guest of version 1 never writes.
  assert.equal(DOCUMENT.split('```hex\n').length - 1, FRAMES.length + Object.keys(ANSWERS).length + 1);
});

test('a frame may stand anywhere in its buffer', () => {
  const { bytes, text } = vector('frame-headers');
  for (const before of [1, 3, 4]) {
    const buffer = new Uint8Array(bytes.length + 8).fill(0xee);
    buffer.set(bytes, before);
    assert.equal(showFrame(new Frame(buffer.subarray(before, before + bytes.length))), text, `${before}`);
  }
});

test('every answer is written as the document says', () => {
  for (const [name, endings] of Object.entries(ANSWERS)) {
    const answer = new Answer(endings.length);
    endings.forEach((ended, index) => {
      if (ended !== ack) answer.put(index, ended);
    });
    assert.deepEqual(answer.finish(), vector(name).bytes, name);
  }
});

/** Reads all that a handler could, and what the SDK reads. */
function readAll(bytes) {
  const frame = new Frame(bytes);
  showFrame(frame);
  for (let index = 0; index < frame.count; index += 1) frame.event(index).headersNamed('tag');
}

test('wrong frames are malformed', () => {
  const { bytes: good } = vector('frame-headers');
  const absent = [0xff, 0xff, 0xff, 0xff];
  const wrong = [
    [0x00, [0x53, 0x42, 0x56, 0x44], 'magic or version'],
    [0x04, [2, 0], 'magic or version'],
    [0x06, [16, 0], 'a length is shorter'],
    [0x08, [72, 0], 'a length is shorter'],
    [0x0a, [20, 0], 'no multiple of 8'],
    [0x0c, [0, 0], 'no number of events'],
    [0x0c, absent, 'its length is not the one it names'],
    [0x10, absent, 'its length is not the one it names'],
    [0x14, [0], 'no number of events or lanes'],
    [0x14, [2], 'no number of events or lanes'],
    [0x18, [1], 'a lane is none'],
    [0x24, [7], 'a table of headers has another length'],
    [0x37, [0x80], 'a timestamp is before 1970'],
    [0x38, [0x10, 0, 0, 0], 'a reference does not lie within'],
    [0x38, absent, 'a reference does not lie within'],
    [0x3c, absent, 'a topic is absent'],
    [0x44, absent, 'a type is absent'],
  ];
  readAll(good);
  for (const [at, put, problem] of wrong) {
    const bytes = good.slice();
    bytes.set(put, at);
    assert.throws(() => readAll(bytes), (thrown) => thrown instanceof Malformed && thrown.message.includes(problem), `${at}: ${problem}`);
  }
});

test('no changed byte is read past the end', () => {
  for (const name of FRAMES) {
    const { bytes: good } = vector(name);
    for (let at = 0; at < good.length; at += 1) {
      for (const value of [0x00, 0x01, 0x02, 0x7f, 0x80, 0xff]) {
        const bytes = good.slice();
        bytes[at] = value;
        try {
          readAll(bytes);
        } catch (thrown) {
          assert.ok(thrown instanceof Malformed || thrown.name === 'NotUtf8', `${name} ${at} ${value}: ${thrown.stack}`);
        }
      }
      assert.throws(() => readAll(good.slice(0, at)), Malformed);
    }
  }
});

// === handlers and frames ===

const promises = { settle: (promise) => promise, finish() {} };

function running(handle) {
  const instance = new Instance(handler({ events: ['*'], handle }), promises);
  return (bytes) => {
    const recorder = new Recorder(new Map(), []);
    const before = setHost(recorder);
    try {
      return { answer: instance.runFrame(bytes), recorder };
    } finally {
      setHost(before);
    }
  };
}

/** `frame-two-lanes` with these values of one byte. */
function twoLanes(values) {
  const { bytes } = vector('frame-two-lanes');
  const words = new DataView(bytes.buffer);
  [...values].forEach((value, index) => {
    bytes[words.getUint32(24 + 80 * index + 64, true)] = value.charCodeAt(0);
  });
  return bytes;
}

function codes(answer) {
  const { length } = answer;
  const count = new DataView(answer.buffer, 0, length).getUint32(12, true);
  return Array.from({ length: count }, (_, index) => answer[24 + 32 * index]);
}

test('a stopped lane stops and no other', () => {
  const seen = [];
  const run = running((event) => {
    seen.push(event);
    if (event.text() === '0') throw new HandlerError('Conflict');
    return event.text() === '4' ? skip : ack;
  });
  assert.deepEqual(run(twoLanes('0123')).answer, vector('answer-two-lanes').bytes);
  assert.deepEqual(seen.map((event) => event.offset), [10, 11, 13]);
  // An event outlives its frame.
  assert.deepEqual(seen.map((event) => event.text()), ['0', '1', '3']);
  // The next frame begins with all lanes going, and a skip stops none.
  assert.deepEqual(codes(run(twoLanes('1414')).answer), [1, 2, 1, 2]);
  assert.deepEqual(codes(run(twoLanes('1001')).answer), [1, 5, 5, 6]);
});

test('the host is told with its first call which event calls', () => {
  const run = running((event) => {
    if (event.offset % 2 === 1) {
      log.info(event.id);
      config.get('key');
    }
  });
  const { recorder } = run(twoLanes('1111'));
  assert.deepEqual(recorder.announced, [1, 3]);
  assert.deepEqual(recorder.logs.map((line) => line.message), ['orders/0/11', 'orders/0/13']);
  // A frame of one event needs no telling.
  const one = running((event) => log.info(event.id))(vector('frame-minimal').bytes);
  assert.deepEqual([one.recorder.announced, one.recorder.logs.length], [[], 1]);
});

test('errors are as in the typed way', () => {
  const { answer } = running((event) => void event.json())(vector('frame-tombstone').bytes);
  assert.deepEqual(codes(answer), [5]);
  assert.ok(new TextDecoder().decode(answer).endsWith('tombstonethe event has no value (a tombstone)'));
});

test('a wrong frame ends the instance', () => {
  const { bytes } = vector('frame-minimal');
  bytes[4] = 2;
  assert.throws(() => running(() => ack)(bytes), { name: 'Trap' });
});
