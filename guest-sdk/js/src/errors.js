// Failed tries: their kind, their message, and how anything thrown becomes one.
//
// Kinds become the metric attribute `error.type`, so they are taken from what does not vary: the class of an error, never
// its text.

import { shown } from './inspect.js';
import { classOf } from './stack.js';
import { nameOf } from './text.js';

/** Longest kind that the host reports as it is. */
const MAX_KIND = 64;
/** Causes that are looked at: they may refer to each other. */
const MAX_CAUSES = 10;

/** An error with a kind of its own. */
export class HandlerError extends Error {
  constructor(kind, message = '', options) {
    super(message, options);
    this.name = 'HandlerError';
    this.kind = nameOf('the kind of a HandlerError', kind);
  }
}

/** An event is not what the handler reads it as. */
export class EventError extends HandlerError {
  constructor(kind, message, options) {
    super(kind, message, options);
    this.name = 'EventError';
  }
}

/** A key of `[handler.config]` is missing, or is not what the handler reads it as. Never shows the value. */
export class ConfigError extends HandlerError {
  constructor(kind, key, message) {
    super(kind, message);
    this.name = 'ConfigError';
    this.key = key;
  }
}

/** Why the host did not do what it was asked for. The try goes on, unless this escapes the handler. */
export class Refusal extends HandlerError {
  constructor(code, message) {
    super(code, message);
    this.name = 'Refusal';
    this.code = code;
  }
}

/** What is no error of a try: it ends the instance, or the test. */
export class EndsInstance extends Error {}

/** What is thrown as an error of the contract. */
export function errorOf(thrown) {
  try {
    return { kind: kindOf(thrown), message: messageOf(thrown) };
  } catch (nested) {
    // Getters and proxies may throw, too; that must not become a trap.
    return { kind: 'Error', message: 'what was thrown cannot be read' };
  }
}

function kindOf(thrown) {
  if (thrown instanceof HandlerError) return String(thrown.kind);
  if (!(thrown instanceof Error)) return 'Error';
  return wellFormed(classOf(thrown));
}

/** A well-formed kind from the name of a class. */
export function wellFormed(name) {
  const kind = name.replace(/^[^A-Za-z]+/, '').replace(/[^A-Za-z0-9_.]/g, '').slice(0, MAX_KIND);
  return kind === '' ? 'Error' : kind;
}

/** The error's text, and its causes' after it, without those that it repeats itself. */
function messageOf(thrown) {
  if (!(thrown instanceof Error)) return typeof thrown === 'string' ? thrown : `thrown: ${shown(thrown)}`;
  let message = String(thrown.message);
  let cause = thrown.cause;
  for (let depth = 0; cause instanceof Error && depth < MAX_CAUSES; depth += 1) {
    const text = String(cause.message);
    if (!message.endsWith(text)) message += `: ${text}`;
    cause = cause.cause;
  }
  return message;
}
