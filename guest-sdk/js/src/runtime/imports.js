// The imports of the component, as the SDK calls them. The types are in ../../bindings, which are made from the WIT.

import * as batch from 'sandbus:handler/batch@0.1.0';
import * as config from 'sandbus:handler/config@0.1.0';
import * as logging from 'sandbus:handler/logging@0.1.0';
import * as metrics from 'sandbus:handler/metrics@0.1.0';
import * as publisher from 'sandbus:handler/publish@0.1.0';
import * as monotonicClock from 'wasi:clocks/monotonic-clock@0.2.0';
import * as wallClock from 'wasi:clocks/wall-clock@0.2.0';
import * as wasiRandom from 'wasi:random/random@0.2.0';

import { Refusal } from '../errors.js';

/** An `err` of a function is thrown with the record of the contract as its payload. */
function refusing(call) {
  return (...given) => {
    try {
      call(...given);
    } catch (error) {
      const refusal = error?.payload;
      throw refusal === undefined ? error : new Refusal(refusal.code, refusal.message);
    }
  };
}

/** The host of a component. */
export const imports = {
  batchAt: batch.at,
  log: logging.log,
  configGet: config.get,
  configEntries: config.entries,
  publish: refusing(publisher.send),
  counterAdd: refusing(metrics.counterAdd),
  histogramRecord: refusing(metrics.histogramRecord),
  updownAdd: refusing(metrics.updownAdd),
  monotonic: monotonicClock.now,
  unixTime() {
    const { seconds, nanoseconds } = wallClock.now();
    return seconds * 1000 + Math.floor(nanoseconds / 1e6);
  },
  sleep(nanoseconds) {
    monotonicClock.subscribeDuration(nanoseconds).block();
  },
  // The engine hands 64 bits over as a number of 53: the upper half of two is whole.
  randomU64() {
    const half = () => BigInt(Math.floor(wasiRandom.getRandomU64() / 4_294_967_296));
    return BigInt.asUintN(64, (half() << 32n) | half());
  },
  // No value of JavaScript makes a trap, but one that is none of the interface does: a string is no index.
  trap() {
    batch.at('trap');
  },
};
