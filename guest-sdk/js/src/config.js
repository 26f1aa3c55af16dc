// The handler's own `[handler.config]`. Values never change within one instance.

import { ConfigError } from './errors.js';
import { announced } from './host.js';
import { nameOf } from './text.js';

/** The value of a key, if it is set. Numbers and booleans read as TOML writes them. */
export function get(key) {
  return announced().configGet(nameOf('a key of [handler.config]', key)) ?? undefined;
}

/** The value of a key that must be set. */
export function require(key) {
  const value = get(key);
  if (value === undefined) throw new ConfigError('missing_config', key, `set ${JSON.stringify(key)} in [handler.config]`);
  return value;
}

/** A key's value as a number; `fallback` if it is not set. */
export function number(key, fallback) {
  const value = get(key);
  if (value === undefined) return fallback;
  const read = value.trim() === '' ? NaN : Number(value);
  if (Number.isNaN(read)) throw bad(key, 'it is no number');
  return read;
}

/** A key's value as a boolean; `fallback` if it is not set. */
export function boolean(key, fallback) {
  const value = get(key);
  if (value === undefined) return fallback;
  if (value !== 'true' && value !== 'false') throw bad(key, 'it is neither true nor false');
  return value === 'true';
}

/** Every key with its value, sorted by key. */
export function entries() {
  return announced().configEntries();
}

/** Names the key and not the value, which may be a secret. */
function bad(key, problem) {
  return new ConfigError('bad_config', key, `${JSON.stringify(key)} in [handler.config] cannot be read: ${problem}`);
}
