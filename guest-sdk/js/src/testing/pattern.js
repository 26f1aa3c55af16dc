// Patterns of event types and topics: `*` is any run of characters, nothing else is special.

/** Whether the whole text matches, case-sensitively. */
export function matches(pattern, text) {
  const [head, ...rest] = pattern.split('*');
  if (rest.length === 0) return pattern === text;
  const tail = rest.pop();
  if (!text.startsWith(head) || !text.slice(head.length).endsWith(tail)) return false;
  // The earliest place of each piece leaves most for the pieces after it.
  let left = text.slice(head.length, text.length - tail.length);
  for (const piece of rest) {
    const at = left.indexOf(piece);
    if (at < 0) return false;
    left = left.slice(at + piece.length);
  }
  return true;
}
