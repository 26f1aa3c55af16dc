// Handlers as people write them in TypeScript: compiled, never run. Lines under @ts-expect-error must not compile.

import { ack, config, deadLetter, type Event, forward, handler, HandlerError, log, metrics, publish, retry, skip, type Verdict } from '../index.js';
import { event, Host } from '../testing.js';

interface Order {
  order_id: string;
  total_cents: number;
}

const orders = handler({
  events: ['OrderCreated'],
  create: () => ({ seen: 0 }),
  handle(event: Event<Order>, state) {
    const order = event.json();
    state.seen += order.total_cents;
    // @ts-expect-error: no field of an order
    log.info(order.nothing);
    if (order.total_cents < 0) return deadLetter('negative');
    if (event.attempt > 1) return retry({ after: 5 });
    return ack;
  },
});

export const plain = handler<Order>({
  events: ['*'],
  handle(event) {
    const id: string = event.json().order_id;
    publish({ topic: 't', key: id, json: { id }, headers: { a: 'b', c: null } });
    forward(event, 'copies');
    metrics.counter('a').add(1, { id, n: 1 });
    const limit: number = config.number('limit', 3);
    if (limit > 3) throw new HandlerError('limit', 'x', { cause: new Error() });
  },
});

export const waiting = handler({
  events: ['*'],
  async handle(event): Promise<Verdict | void> {
    const checked: Order = event.json((value) => value as Order);
    // @ts-expect-error: unknown, as nothing says what it is
    event.json().order_id;
    await Promise.resolve(checked);
    return skip;
  },
});

// @ts-expect-error: a number is no verdict
handler({ events: ['*'], handle: () => 5 });
// @ts-expect-error: events are a list
handler({ events: 'A', handle: () => ack });

const host = new Host(orders, { config: { a: 1 }, grants: ['t'] });
const outcome = host.deliver(event('OrderCreated', { json: { order_id: 'o-1' }, headers: [['a', 'b'], ['a', null]] }));
export const seen: number | undefined = host.state?.seen;
export const body: { text: string } = outcome.published[0]!.json<{ text: string }>();
// @ts-expect-error: no field of an event
event('A', { vlaue: 1 });
