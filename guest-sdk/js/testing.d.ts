// The types of sandbus-sdk/testing.

import type { Bytes, Handler, Header, HeadersGiven, Verdict } from './index.js';

/** What an event is made of. */
export interface EventFields {
  /** `events.stream`, if not said. */
  topic?: string;
  partition?: number;
  /** The next one, if not said. */
  offset?: number;
  timestamp?: number | null;
  key?: Bytes;
  /** The value's bytes; without any of these three the event is a tombstone. */
  value?: Bytes;
  text?: string;
  json?: unknown;
  /** After the header `event_type`, which every event has. */
  headers?: HeadersGiven;
  /** Also the header `event_id`. */
  id?: string;
  attempt?: number;
}

/** An event to deliver. */
export type EventGiven = Readonly<EventFields & { type: string }>;

/** An event of this type. */
export declare function event(type: string, fields?: EventFields): EventGiven;

/** Gives events to one instance of a handler. It has no limits: for these there is `sandbus test`. */
export declare class Host<State = unknown> {
  constructor(
    handler: Handler<never, State>,
    options?: {
      /** `[handler.config]`. */
      config?: Readonly<Record<string, string | number | boolean>>;
      /** Topics that may be published to; `*` is any run of characters. */
      grants?: readonly string[];
    },
  );
  /** One try. For a handler that returns promises there is `deliverAsync`. */
  deliver(event: EventGiven): Outcome;
  /** One try of a handler that returns promises. */
  deliverAsync(event: EventGiven): Promise<Outcome>;
  /** Whether the handler asks for events of this type. */
  wants(type: string): boolean;
  /** The handler's state, once it is made. */
  readonly state: State | undefined;
  /** Throws the instance away, as the host does after a fault. */
  restart(): void;
}

/** One message that a try sent. */
export interface Published {
  readonly topic: string;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly Header[];
  keyText(): string;
  text(): string;
  json<T = any>(): T;
  /** The first value of that header as text, if there is one. */
  header(name: string): string | undefined;
}

type Attributes = Readonly<Record<string, string | number | boolean>>;

/** One try: what it ended in, and what it did. */
export declare class Outcome {
  private constructor();
  /** The verdict, unless the try failed. */
  readonly verdict: Verdict | undefined;
  /** The error that the try failed with. */
  readonly error: { kind: string; message: string } | undefined;
  readonly logs: readonly { level: 'trace' | 'debug' | 'info' | 'warn' | 'error'; message: string }[];
  /** Messages that leave for the broker: all that were sent if the try ended in `ack`, else none. */
  readonly published: readonly Published[];
  /** Messages that the handler sent, whatever the verdict. */
  readonly sent: readonly Published[];
  /** What was added to the counter: over all attributes, or with exactly these. */
  counter(name: string, attributes?: Attributes): number;
  histogram(name: string, attributes?: Attributes): number[];
  upDown(name: string, attributes?: Attributes): number;
  assertAck(): void;
  assertSkip(): void;
  assertVerdict(verdict: Verdict): void;
  /** The error, which must be of this kind. */
  assertError(kind: string): { kind: string; message: string };
}
