import assert from 'node:assert/strict';
import test from 'node:test';

import { deadLetter } from '#sandbus';
import { event, Host } from '#sandbus/testing';

import orders from '../src/index.ts';

test('orders are counted', () => {
  const host = new Host(orders);
  const order = event('OrderCreated', { json: { order_id: 'o-1', total_cents: 4998 } });
  host.deliver(order).assertAck();
  const outcome = host.deliver(order);
  outcome.assertAck();
  assert.equal(outcome.logs[0]?.message, 'order o-1 over 4998 cents is number 2');
});

test('a negative total is a dead letter', () => {
  const order = event('OrderCreated', { json: { order_id: 'o-1', total_cents: -1 } });
  new Host(orders).deliver(order).assertVerdict(deadLetter('the total is negative'));
});

test('a bad body is an error', () => {
  const host = new Host(orders);
  host.deliver(event('OrderCreated', { text: 'no JSON' })).assertError('bad_json');
  host.deliver(event('OrderCreated', { json: { order_id: 'o-1' } })).assertError('bad_json');
});
