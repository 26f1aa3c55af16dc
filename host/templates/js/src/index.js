// A handler: keeps an eye on orders, and turns away those that cannot be right.
//
// What a handler can do besides stands in `.sandbus/guest-sdk/js/README.md`.

import { ack, deadLetter, handler, log } from '#sandbus';

export default handler({
  // The event types that it wants; `*` is any run of characters.
  events: ['OrderCreated'],

  // Lives as long as its sandbox instance: good for a cache, not for what must last.
  create: () => ({ seen: 0 }),

  handle(event, state) {
    // An error is tried again as configured; then the event goes to the dead letters.
    const order = event.json(orderCreated);
    if (order.total_cents < 0) {
      // No later try would end better.
      return deadLetter('the total is negative');
    }
    state.seen += 1;
    log.info(`order ${order.order_id} over ${order.total_cents} cents is number ${state.seen}`);
    return ack;
  },
});

/** The body of an `OrderCreated` event. It may have more fields than these. */
function orderCreated(body) {
  const { order_id, total_cents } = body;
  if (typeof order_id !== 'string' || !Number.isInteger(total_cents)) throw new Error('it is no order');
  return { order_id, total_cents };
}
