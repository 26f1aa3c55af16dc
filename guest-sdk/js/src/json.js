// JSON from outside.
//
// The engine's parser calls itself for each list and object within another, and has the sandbox's stack for it, the end of
// which is a fault. So what is nested deeper than other languages read is refused here.

import { decode } from './text.js';

/** As deep as Rust's serde_json goes. */
const MAX_DEPTH = 127;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const LIST = 0x5b;
const LIST_END = 0x5d;
const OBJECT = 0x7b;
const OBJECT_END = 0x7d;

/** The value of a document in UTF-8. Throws what is wrong with it. */
export function parse(bytes) {
  const text = decode(bytes);
  if (isTooDeep(bytes)) throw new SyntaxError(`it is nested deeper than ${MAX_DEPTH}`);
  return JSON.parse(text);
}

/** Looks at each byte, which costs as much as parsing, only where there are brackets enough. */
function isTooDeep(bytes) {
  return bytes.length > MAX_DEPTH && openings(bytes) > MAX_DEPTH && depth(bytes) > MAX_DEPTH;
}

/** How many brackets open, in strings too; no more than are too many. */
function openings(bytes) {
  let count = 0;
  for (const bracket of [OBJECT, LIST]) {
    for (let at = bytes.indexOf(bracket); at >= 0 && count <= MAX_DEPTH; at = bytes.indexOf(bracket, at + 1)) count += 1;
  }
  return count;
}

/** How deep brackets stand in each other, outside of strings; no deeper than is too deep. */
function depth(bytes) {
  const { length } = bytes;
  let deepest = 0;
  let open = 0;
  for (let at = 0; at < length && deepest <= MAX_DEPTH; at += 1) {
    const byte = bytes[at];
    if (byte < LIST) {
      // The most frequent bytes first: numbers, commas and space.
      if (byte !== QUOTE) continue;
      at = bytes.indexOf(QUOTE, at + 1);
      if (at < 0) break;
      if (bytes[at - 1] === BACKSLASH) at = endOfString(bytes, at);
    } else if (byte === OBJECT || byte === LIST) {
      open += 1;
      if (open > deepest) deepest = open;
    } else if (byte === OBJECT_END || byte === LIST_END) open -= 1;
  }
  return deepest;
}

/** Where the string ends that this quote is in, or ends: at the first one that an even number of backslashes precedes. */
function endOfString(bytes, quote) {
  for (let end = quote; end >= 0; end = bytes.indexOf(QUOTE, end + 1)) {
    let before = end;
    while (bytes[before - 1] === BACKSLASH) before -= 1;
    if ((end - before) % 2 === 0) return end;
  }
  return bytes.length;
}
