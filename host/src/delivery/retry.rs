//! When a failed try is followed by another: `min(base * 2^n, max) * f`, with `n` the failed try's
//! attempt less one and `f` uniform in `1 ± jitter`.

use std::time::Duration;

use crate::config::RetryPolicy;

/// The wait after the try number `attempt` failed. `draw` is uniform in 0 to 1.
pub fn delay(policy: &RetryPolicy, attempt: u32, draw: f64) -> Duration {
    let doublings = attempt.saturating_sub(1).min(63);
    let factor = u32::try_from(1u64 << doublings).unwrap_or(u32::MAX);
    let delay = policy.base_delay.saturating_mul(factor).min(policy.max_delay);
    let spread = 1.0 + policy.jitter * (2.0 * draw - 1.0);
    Duration::try_from_secs_f64(delay.as_secs_f64() * spread.max(0.0)).unwrap_or(policy.max_delay)
}

/// The wait that the handler asked for, no longer than the longest.
pub fn asked(policy: &RetryPolicy, after: Duration) -> Duration {
    after.min(policy.max_delay)
}

/// Whether a try that failed as number `attempt` was the last.
pub fn exhausted(policy: &RetryPolicy, attempt: u32) -> bool {
    attempt > policy.max_retries
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn policy(base_ms: u64, max_ms: u64, jitter: f64) -> RetryPolicy {
        RetryPolicy {
            max_retries: 3,
            base_delay: Duration::from_millis(base_ms),
            max_delay: Duration::from_millis(max_ms),
            jitter,
        }
    }

    #[test]
    fn doubles_up_to_the_longest_wait() {
        let waits = (1..=8).map(|attempt| delay(&policy(1000, 60_000, 0.1), attempt, 0.5).as_millis());
        assert_eq!(waits.collect::<Vec<_>>(), [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
    }

    #[test]
    fn three_retries_are_four_tries() {
        let last = (1..).find(|attempt| exhausted(&policy(1, 1, 0.0), *attempt));
        assert_eq!(last, Some(4));
    }

    proptest! {
        #[test]
        fn stays_within_the_jitter(base in 1u64..100_000, max in 1u64..1_000_000, jitter in 0.0..=1.0, attempt: u32, draw in 0.0..1.0) {
            let policy = policy(base, max.max(base), jitter);
            let exact = super::delay(&policy, attempt, 0.5).as_secs_f64();
            let delay = super::delay(&policy, attempt, draw).as_secs_f64();
            prop_assert!(delay >= exact * (1.0 - jitter) - 1e-9 && delay <= exact * (1.0 + jitter) + 1e-9);
            prop_assert!(exact <= policy.max_delay.as_secs_f64() + 1e-9);
        }
    }
}
