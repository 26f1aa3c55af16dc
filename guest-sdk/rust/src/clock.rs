//! Clocks, always there and always real.
//!
//! `std::time` has no clock in WebAssembly: `Instant::now()` panics there. Use these instead.

use std::time::Duration;

use crate::host;

/// Time since a moment that is fixed for this instance and means nothing outside it. Never goes
/// back.
///
/// ```
/// use sandbus_sdk::clock;
///
/// let start = clock::now();
/// // … work …
/// let took = clock::now() - start;
/// ```
pub fn now() -> Duration {
    host::monotonic()
}

/// Time since 1970-01-01T00:00:00Z, as the host's clock has it.
pub fn unix_time() -> Duration {
    host::unix_time()
}

/// Waits. The wait counts for the handler's `timeout` and not for its `cpu_time`.
///
/// To wait for the world outside, end the try in
/// [`Verdict::retry_after`](crate::Verdict::retry_after): it holds no instance meanwhile.
pub fn sleep(time: Duration) {
    host::sleep(time);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sleep_takes_its_time_by_the_clock() {
        let start = now();
        sleep(Duration::from_millis(5));
        assert!(now() - start >= Duration::from_millis(5));
    }

    #[test]
    fn unix_time_is_of_this_century() {
        let year_2020 = Duration::from_secs(1_577_836_800);
        let year_2100 = Duration::from_secs(4_102_444_800);
        assert!((year_2020..year_2100).contains(&unix_time()));
    }
}
