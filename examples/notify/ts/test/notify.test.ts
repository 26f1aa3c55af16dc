// Notifications that leave, and those that may not.

import assert from 'node:assert/strict';
import test from 'node:test';

import { event, Host } from '#sandbus/testing';

import notify from '../src/index.ts';

const TOPIC = 'events.notifications';
const host = () => new Host(notify, { config: { topic: TOPIC }, grants: [TOPIC] });
const order = (type: string) => event(type, { id: 'e-1', json: { order_id: 'o-1', total_cents: 1999 } });

test('a customer hears of the order', () => {
  const texts = {
    OrderCreated: 'Thank you: we have your order.',
    OrderShipped: 'Your order is on its way.',
    OrderCancelled: 'Your order is cancelled.',
  };
  for (const [type, text] of Object.entries(texts)) {
    const outcome = host().deliver(order(type));
    outcome.assertAck();
    assert.equal(outcome.published.length, 1);
    const [note] = outcome.published;
    assert.deepEqual([note?.topic, note?.keyText(), note?.header('event_type')], [TOPIC, 'o-1', 'CustomerNotified']);
    assert.equal(note?.header('event_id'), 'e-1/notification');
    assert.deepEqual(note?.json(), { order_id: 'o-1', text });
  }
});

test('an order may have any name', () => {
  const named = event('OrderCreated', { text: '{"order_id":"\\u00e9 \\"1\\""}' });
  assert.equal(host().deliver(named).published[0]?.keyText(), 'é "1"');
});

test('other order events are skipped', () => {
  assert.ok(host().wants('OrderPacked') && !host().wants('PaymentRequested'));
  host().deliver(order('OrderPacked')).assertSkip();
});

test('without a grant the event fails', () => {
  new Host(notify, { config: { topic: TOPIC } }).deliver(order('OrderCreated')).assertError('denied');
});

test('without a topic no instance is made', () => {
  const unconfigured = new Host(notify);
  unconfigured.deliver(order('OrderCreated')).assertError('missing_config');
  assert.equal(unconfigured.state, undefined);
});

test('a bad body publishes nothing', () => {
  for (const text of ['{}', 'null', '{"order_id":1}']) {
    const outcome = host().deliver(event('OrderCreated', { text }));
    outcome.assertError('bad_json');
    assert.equal(outcome.sent.length, 0);
  }
  host().deliver(event('OrderCreated')).assertError('tombstone');
});
