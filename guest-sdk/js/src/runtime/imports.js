// The imports of the component, as the SDK calls them. The engine makes these modules of the WIT when it links: a name
// that is not there fails the build.

import { at } from 'sandbus:handler/batch@0.1.0';
import { entries, get } from 'sandbus:handler/config@0.1.0';
import { log } from 'sandbus:handler/logging@0.1.0';
import { counterAdd, histogramRecord, updownAdd } from 'sandbus:handler/metrics@0.1.0';
import { send } from 'sandbus:handler/publish@0.1.0';
import { now as monotonicNow, subscribeDuration } from 'wasi:clocks/monotonic-clock@0.2.0';
import { now as wallNow } from 'wasi:clocks/wall-clock@0.2.0';
import { getRandomU64 } from 'wasi:random/random@0.2.0';

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
  batchAt: at,
  log,
  configGet: get,
  configEntries: entries,
  publish: refusing(send),
  counterAdd: refusing(counterAdd),
  histogramRecord: refusing(histogramRecord),
  updownAdd: refusing(updownAdd),
  monotonic: monotonicNow,
  unixTime() {
    const { seconds, nanoseconds } = wallNow();
    return seconds * 1000 + Math.floor(nanoseconds / 1e6);
  },
  sleep(nanoseconds) {
    subscribeDuration(nanoseconds).block();
  },
  // The engine hands 64 bits over as a number of 53: the upper half of two is whole.
  randomU64() {
    const half = () => BigInt(Math.floor(getRandomU64() / 4_294_967_296));
    return BigInt.asUintN(64, (half() << 32n) | half());
  },
  // No value of JavaScript makes a trap, but one that is none of the interface does: a string is no index.
  trap() {
    at('trap');
  },
};
