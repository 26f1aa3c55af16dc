// Teaches: publishing, configuration that is read once, an id that survives retries, a body that is checked.
//
// Tells customers what became of their orders: for each order event it knows, a `CustomerNotified` event to the topic that
// the key `topic` of `[handler.config]` names. The handler needs the grant for it.

import { ack, config, handler, publish, skip } from '#sandbus';

const TEXTS = new Map([
  ['OrderCreated', 'Thank you: we have your order.'],
  ['OrderShipped', 'Your order is on its way.'],
  ['OrderCancelled', 'Your order is cancelled.'],
]);

/** What every order event says, whatever else it does. */
interface Order {
  order_id: string;
}

export default handler({
  events: ['Order*'],

  create: () => ({ topic: config.require('topic') }),

  handle(event, { topic }) {
    const text = TEXTS.get(event.type);
    if (text === undefined) return skip;
    const { order_id } = event.json(order);
    publish({
      topic,
      key: order_id,
      headers: {
        event_type: 'CustomerNotified',
        // An event may be handled twice. Made from its id, the notification's is the same both times, and a reader can tell.
        event_id: `${event.id}/notification`,
      },
      json: { order_id, text },
    });
    return ack;
  },
});

function order(body: unknown): Order {
  const { order_id } = body as Partial<Order>;
  if (typeof order_id !== 'string') throw new Error('there is no order_id');
  return { order_id };
}
