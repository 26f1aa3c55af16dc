// Random numbers, always there and always real: drawn from the host, not from what was there when the component was built.

import { anytime } from './host.js';

/** 64 random bits. */
export function u64() {
  return anytime().randomU64();
}

/** A random number from 0 to below 1. */
export function float() {
  return Number(u64() >> 11n) / 2 ** 53;
}

/** So many random bytes. */
export function bytes(length) {
  const words = new BigUint64Array(Math.ceil(length / 8));
  for (let index = 0; index < words.length; index += 1) words[index] = u64();
  return new Uint8Array(words.buffer, 0, length);
}

/** A random UUID, version 4. */
export function uuid() {
  const drawn = bytes(16);
  drawn[6] = (drawn[6] & 0x0f) | 0x40;
  drawn[8] = (drawn[8] & 0x3f) | 0x80;
  const hex = Array.from(drawn, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
