// What an event's JSON is: the documents that every language reads, of tests/conformance/json.jsonl.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { handler } from '../src/index.js';
import { event, Host } from '../src/testing.js';

const text = readFileSync(new URL('../../../tests/conformance/json.jsonl', import.meta.url), 'utf8');
const documents = text.trimEnd().split('\n').map((line) => JSON.parse(line));

function bytesOf({ document, base64, times, before = '', open = '', inside = '', close = '', after = '' }) {
  if (document !== undefined) return document;
  if (base64 !== undefined) return Uint8Array.from(Buffer.from(base64, 'base64'));
  return before + open.repeat(times) + inside + close.repeat(times) + after;
}

for (const row of documents) {
  test(`JSON or not: ${row.name}`, () => {
    const [expected] = (row.differs?.js ?? row.is).split(':');
    if (row.differs?.js !== undefined) assert.notEqual(expected, row.is, 'a difference that is none');
    const { error } = new Host(handler({ events: ['*'], handle: (e) => void e.json() })).deliver(event('A', { value: bytesOf(row) }));
    assert.equal(error?.kind ?? 'ok', expected);
  });
}
