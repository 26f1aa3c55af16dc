// The types of the SDK. Written by hand; `npm run types` compiles test/types.ts against them.

/** One header of an event: names may repeat, a value is bytes or nothing. */
export declare class Header {
  private constructor();
  /** May be empty. */
  readonly name: string;
  /** `null` differs from empty. */
  readonly value: Uint8Array | null;
  /** The value as text. Throws `missing_header` without a value, `bad_header` if it is not UTF-8. */
  text(): string;
  /** For people: bytes as text, or in hex. */
  toJSON(): unknown;
}

/**
 * One Kafka record, with its type, identity and attempt. Fields are read where the record lies when they are asked for; take
 * one into a variable rather than asking for it twice.
 *
 * `Body` is what `json()` answers: a claim of the handler's, unless `json` is given a function that checks it.
 */
export declare class Event<Body = unknown> {
  private constructor();
  /** Topic of the record; for a redriven event the topic it first stood in. */
  readonly topic: string;
  /** From 0. */
  readonly partition: number;
  /** Within the partition, from 0; exact below 2^53. */
  readonly offset: number;
  /** Milliseconds since 1970-01-01T00:00:00Z; `null` where the record has none. */
  readonly timestamp: number | null;
  /** The same in every try, and after a restart. Never empty. */
  readonly id: string;
  /** Header `event_type`, else `ce_type`, else the structured CloudEvent's `type`, else the topic. */
  readonly type: string;
  /** Counts the tries of this event by this handler, from 1. */
  readonly attempt: number;
  /** `null` differs from empty. */
  readonly key: Uint8Array | null;
  /** `null` is a tombstone, and differs from empty. */
  readonly value: Uint8Array | null;
  /** All headers in the record's order, repeats included. */
  readonly headers: readonly Header[];
  /** The key as text. Throws `missing_key` without one, `bad_key` if it is not UTF-8. */
  keyText(): string;
  /** The value as text. Throws `tombstone` without one, `bad_text` if it is not UTF-8. */
  text(): string;
  /**
   * The value read as JSON. Throws `tombstone` without one, `bad_json` if it is no JSON.
   * @param parse checks the value and answers it; what it throws is `bad_json`
   */
  json<T = Body>(parse?: (value: unknown) => T): T;
  /** The first value of that header as text. Throws `missing_header` or `bad_header`. */
  header(name: string): string;
  /** The first header of that name. Names are compared case-sensitively. */
  firstHeader(name: string): Header | undefined;
  /** All headers of that name, in order. */
  headersNamed(name: string): Header[];
  /** For people: all fields, with bytes as text, or in hex. */
  toJSON(): unknown;
}

/** How a try ends, if it does not fail: `ack`, `skip`, `retry(…)` or `deadLetter(…)`. May be returned, or thrown from anywhere. */
export declare class Verdict {
  private constructor();
  readonly kind: 'ack' | 'skip' | 'retry' | 'dead-letter';
  /** Of a retry: milliseconds. */
  readonly after?: number;
  /** Of a dead letter. */
  readonly reason?: string;
}

/** Done. What this try published leaves for the broker. Returning nothing is the same. */
export declare const ack: Verdict;
/** Done, and nothing was to be done. What this try published is dropped. */
export declare const skip: Verdict;
/** Try again: `after` so many milliseconds (rounded up; at most the configured `retry_max_delay`), or as configured. */
export declare function retry(options?: { after?: number }): Verdict;
/** Give up now, with a reason for the person who reads the dead letters. Its first 1000 characters are kept. */
export declare function deadLetter(reason: string | Error): Verdict;

/** What `handle` may return: a verdict, nothing for `ack`, or a promise of these. */
export type Ending = Verdict | void | PromiseLike<Verdict | void>;

/** What a handler is made of. */
export interface Definition<Body, State> {
  /** The event types that it wants; `*` is any run of characters. */
  events: readonly string[];
  /** Makes the state, when an instance gets its first event. What it throws ends that try; the next one calls it again. */
  create?: () => State | PromiseLike<State>;
  /** One try of one event. The state lives as long as the instance: a cache, nothing that must last. */
  handle: (event: Event<Body>, state: State) => Ending;
}

/** A handler: the default export of a project's module. */
export declare class Handler<Body = unknown, State = unknown> {
  private constructor();
  readonly events: readonly string[];
  readonly create: () => State | PromiseLike<State>;
  readonly handle: (event: Event<Body>, state: State) => Ending;
}

/** Makes a handler. The type of `json()` may be named where the event is: `handle(event: Event<Order>) { … }`. */
export declare function handler<Body = unknown, State = undefined>(definition: Definition<Body, State>): Handler<Body, State>;

/** An error with a kind of its own, which becomes the metric attribute `error.type`: keep the number of different kinds small. */
export declare class HandlerError extends Error {
  constructor(kind: string, message?: string, options?: { cause?: unknown });
  /** `[A-Za-z][A-Za-z0-9_.]{0,63}`; anything else is reported as `_other`. */
  readonly kind: string;
}

/** An event is not what it is read as: `tombstone`, `bad_json`, `bad_text`, `missing_key`, `bad_key`, `missing_header`, `bad_header`. */
export declare class EventError extends HandlerError {}

/** A key of `[handler.config]` is missing (`missing_config`) or not what it is read as (`bad_config`). */
export declare class ConfigError extends HandlerError {
  readonly key: string;
}

/** Why the host did not do what it was asked for: `denied`, `too_large`, `bad_topic`, `bad_name`, `bad_attribute`, `bad_value`. */
export declare class Refusal extends HandlerError {
  /** The same as `kind`. The set may grow. */
  readonly code: string;
}

/** Text is sent as UTF-8; `null` is nothing at all, and differs from empty. */
export type Bytes = string | Uint8Array | null;

/** Headers in order: pairs where names repeat, an object where they do not, or those of an event. */
export type HeadersGiven = readonly (readonly [name: string, value: Bytes] | Header)[] | Readonly<Record<string, Bytes>>;

/** A record to send. */
export interface Message {
  /** A `publish` grant of the handler must allow it. */
  topic: string;
  /** Chooses the partition, as with Kafka's own clients. Without one any will do. */
  key?: Bytes;
  /** Without a value it is a tombstone. */
  value?: Bytes;
  /** A value as compact JSON, in place of `value`. */
  json?: unknown;
  headers?: HeadersGiven;
}

/** Gives a message to the host; it leaves when the try ends in `ack`. Throws a `Refusal`. */
export declare function publish(message: Message): void;
/** Sends the event as it is to another topic: its key, its value, all its headers. */
export declare function forward(event: Event, topic: string): void;
/** Waits so many milliseconds. Counts for the handler's `timeout` and not for its `cpu_time`. */
export declare function sleep(milliseconds: number): void;
/** Ends the instance at once, by a trap of WebAssembly: a fault, which no `catch` sees. */
export declare function trap(): never;

/** Log lines. Parts are joined by a space, or by `%s` and the like, as `console` does it; `console` itself writes here too. */
export declare namespace log {
  function trace(...parts: unknown[]): void;
  function debug(...parts: unknown[]): void;
  function info(...parts: unknown[]): void;
  function warn(...parts: unknown[]): void;
  function error(...parts: unknown[]): void;
}

/** The handler's own `[handler.config]`. Values never change within one instance. */
export declare namespace config {
  /** The value of a key, if it is set. */
  function get(key: string): string | undefined;
  /** The value of a key that must be set. Throws `missing_config`. */
  function require(key: string): string;
  /** As a number. Throws `bad_config`. */
  function number(key: string): number | undefined;
  function number(key: string, fallback: number): number;
  /** As `true` or `false`. Throws `bad_config`. */
  function boolean(key: string): boolean | undefined;
  function boolean(key: string, fallback: boolean): boolean;
  /** Every key with its value, sorted by key. */
  function entries(): [key: string, value: string][];
}

/** Metrics of the handler's own. Names and attribute keys are `[a-z][a-z0-9_]{0,63}` and do not end in `_total`. */
export declare namespace metrics {
  type Attributes = Readonly<Record<string, string | number | boolean>>;
  /** A number that only grows. */
  function counter(name: string): { add(value?: number, attributes?: Attributes): void };
  /** A distribution of values. */
  function histogram(name: string): { record(value: number, attributes?: Attributes): void };
  /** A number that goes up and down. */
  function upDown(name: string): { add(value: number, attributes?: Attributes): void };
}

/** Clocks, always real. */
export declare namespace clock {
  /** Milliseconds since a moment that means nothing outside this instance, with fractions. Never goes back. */
  function now(): number;
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  function unixTime(): number;
}

/** Random numbers, drawn from the host. */
export declare namespace random {
  /** 64 random bits. */
  function u64(): bigint;
  /** From 0 to below 1. `Math.random` is the same. */
  function float(): number;
  function bytes(length: number): Uint8Array;
  /** Version 4. */
  function uuid(): string;
}
