// What an error shows to people: its class and message, the handler's own lines that it came through, and its causes.
//
// A component is one bundle, whose lines nobody has. `sandbus build` writes behind it where they come from: runs of lines
// that follow those of one file, as host/toolchains/js/places.mjs of the repository makes them. They are looked at when an
// error is shown, and not before.

const PLACES = Symbol.for('sandbus.places');
/** What the engine calls the bundle. */
const BUNDLE = 'componentize-qjs:user.js';
/** As QuickJS writes it, and V8 in tests. */
const FRAME = /^\s*at (?:(.*) \()?(.+):(\d+):(\d+)\)?$/;
/** Frames of tests that a developer can do nothing about. */
const FOREIGN = /^node:|\/guest-sdk\/js\/src\//;

/** Lines of an error that are worth a log line each, and characters of one: the host allows an event so much of a log. */
const MAX_LINES = 20;
const MAX_LINE = 1000;
/** Characters of a stack that are looked at: any property may be anything. */
const MAX_STACK = 20_000;

let runs;

/** An error in lines: the first says what it is, the others where it came from. */
export function linesOf(error) {
  const lines = [];
  let words = '';
  // Causes may go round.
  for (let shown = error; shown instanceof Error && lines.length < MAX_LINES; shown = shown.cause) {
    lines.push(words + headOf(shown), ...placesOf(shown));
    words = 'caused by ';
  }
  return lines.slice(0, MAX_LINES).map((line) => (line.length > MAX_LINE ? `${line.slice(0, MAX_LINE)}…` : line));
}

/** The class of an error: its name, unless that says nothing. */
export function classOf(error) {
  const name = error.name === 'Error' ? error.constructor?.name : error.name;
  return String(name ?? '');
}

/** Its class and message. */
export function headOf(error) {
  const name = classOf(error) || 'Error';
  const message = String(error.message);
  return message === '' ? name : `${name}: ${message}`;
}

/** The lines of the stack that are not the SDK's. */
export function placesOf(error) {
  return String(error.stack ?? '').slice(0, MAX_STACK).split('\n').flatMap((line) => {
    const frame = FRAME.exec(line);
    if (frame === null) return [];
    const [, name, file, at, column] = frame;
    const place = file === BUNDLE ? placeOf(Number(at), Number(column)) : FOREIGN.test(file) ? undefined : `${file}:${at}`;
    if (place === undefined) return [];
    return [`    at ${name === undefined || name === '<anonymous>' ? place : `${name} (${place})`}`];
  });
}

/** `FILE:LINE` of a place in the bundle, both from 1. */
function placeOf(line, column) {
  const [text, ...files] = globalThis[PLACES] ?? [''];
  runs ??= text.split(',').map((run) => run.split(' ').map((number) => parseInt(number, 36)));
  const run = runs.findLast((begin) => begin[0] < line || (begin[0] === line && begin[1] < column));
  return run === undefined || run[2] < 0 ? undefined : `${files[run[2]]}:${run[3] + line - run[0]}`;
}
