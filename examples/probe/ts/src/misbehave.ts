// What no handler should do.

import { log } from '#sandbus';

/** The engine takes no more than that in one piece. */
const PIECE = 1 << 26;

/** Never ends, and calls nothing. */
export function endless(): never {
  for (;;);
}

/** Calls itself until the stack is full. */
export function recurse(): void {
  descend(0);
}

/** The addition after the call keeps a frame for each level. */
function descend(level: number): number {
  return descend(level + 1) + 1;
}

/** Takes so many bytes, writes to all of them, and frees them. */
export function alloc(bytes: number): void {
  const taken: Uint8Array[] = [];
  for (let left = bytes; left > 0; left -= PIECE) taken.push(new Uint8Array(Math.min(left, PIECE)).fill(1));
}

/** Writes so many lines, each with its number from 1. */
export function logFlood(lines: bigint): void {
  for (let line = 1n; line <= lines; line += 1n) log.info(`log-flood ${line}`);
}
