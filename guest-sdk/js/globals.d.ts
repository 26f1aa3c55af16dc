// What a handler finds in the global scope beside the language itself. For projects whose `types` are empty: those of Node
// or of a browser claim much that is not there.

/** Lines go to the log, as those of `log` do; `%s` and the like are as elsewhere. */
declare const console: {
  debug(...parts: unknown[]): void;
  log(...parts: unknown[]): void;
  info(...parts: unknown[]): void;
  warn(...parts: unknown[]): void;
  error(...parts: unknown[]): void;
  dir(value: unknown, options?: unknown): void;
  dirxml(...parts: unknown[]): void;
  /** A line for each row. */
  table(data: unknown, columns?: readonly string[]): void;
  /** Where it is called. */
  trace(...parts: unknown[]): void;
  assert(holds: unknown, ...parts: unknown[]): void;
  /** Lines of `console` are indented until `groupEnd`, or until the try ends. */
  group(...label: unknown[]): void;
  groupCollapsed(...label: unknown[]): void;
  groupEnd(): void;
  count(label?: string): void;
  countReset(label?: string): void;
  time(label?: string): void;
  timeLog(label?: string, ...parts: unknown[]): void;
  timeEnd(label?: string): void;
  clear(): void;
};

/** UTF-8 alone, and whole texts alone. */
declare class TextDecoder {
  constructor(label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean });
  readonly encoding: string;
  readonly fatal: boolean;
  readonly ignoreBOM: boolean;
  decode(input?: ArrayBuffer | ArrayBufferView): string;
}

declare class TextEncoder {
  readonly encoding: string;
  encode(text?: string): Uint8Array;
  encodeInto(text: string, into: Uint8Array): { read: number; written: number };
}

declare const crypto: {
  getRandomValues<T extends ArrayBufferView>(array: T): T;
  randomUUID(): string;
};

declare const performance: { now(): number };

declare function atob(base64: string): string;
declare function btoa(binary: string): string;
declare function structuredClone<T>(value: T): T;
declare function queueMicrotask(turn: () => void): void;
/** Timers are waited for as long as the promise that the handler has returned waits for them; then they are dropped. */
declare function setTimeout(turn: (...given: any[]) => void, milliseconds?: number, ...given: any[]): number;
declare function setInterval(turn: (...given: any[]) => void, milliseconds?: number, ...given: any[]): number;
declare function clearTimeout(id: number | undefined): void;
declare function clearInterval(id: number | undefined): void;
