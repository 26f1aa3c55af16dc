//! What `[delivery]` sets for all handlers and each may set for itself: ordering, retries,
//! quarantine.

use std::num::NonZero;
use std::time::Duration;

use super::check::{self, Count, Fraction, OneOf, Positive};
use super::context::Context;
use super::key::{Reading, layered_keys};
use super::{Fault, Found, Origin};

/// Which deliveries of one handler must not overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ordering {
    /// Those of one key of one partition; events without a key are one lane per partition.
    Key,
    /// Those of one partition.
    Partition,
    /// None.
    None,
}

/// When a failed try is repeated, and how often.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RetryPolicy {
    /// Tries after the first. 0: the first failure is the last.
    pub max_retries: u32,
    /// Delay after the first failed try; more than zero.
    pub base_delay: Duration,
    /// Longest delay, before jitter; at least `base_delay`.
    pub max_delay: Duration,
    /// Each delay is multiplied by a uniform number from `1 - jitter` to `1 + jitter`. 0 to 1.
    pub jitter: f64,
}

/// When a handler is quarantined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quarantine {
    /// Failed tries in a row.
    pub tries: NonZero<u32>,
    /// Different events that they must be of.
    pub events: NonZero<u32>,
}

const DAY: u64 = 24 * 60 * 60 * 1000;

layered_keys! {
    /// The policies, as they are read.
    PolicyKeys {
        ordering: Ordering = OneOf::new(&[
            ("key", Ordering::Key),
            ("partition", Ordering::Partition),
            ("none", Ordering::None),
        ]), "\"key\"", "Which deliveries to one handler never overlap or swap: those of one key of a partition, those of one partition, or none. Events without a key share one order per partition.";
        max_retries: u32 = Count(0, 1_000_000), "3",
            "Tries after the first.";
        retry_base_delay: Duration = check::Duration(1, DAY), "\"1s\"",
            "Delay after the first failed try; it doubles with each further one.";
        retry_max_delay: Duration = check::Duration(1, DAY), "\"60s\"",
            "Longest delay, and the longest that a handler may ask for. At least `retry_base_delay`.";
        retry_jitter: f64 = Fraction, "0.1",
            "Each delay is multiplied by a random number from 1 − jitter to 1 + jitter.";
        quarantine_tries: u32 = Count(0, 1_000_000), "20",
            "Failed tries in a row after which the handler is quarantined: its events wait, and it is probed. 0 is never.";
        quarantine_events: NonZero<u32> = Positive(1_000_000), "5",
            "How many different events those failed tries must be of.";
    }
}

impl PolicyKeys {
    /// Retries, if all of it is good and fits together; if it does not, that is noted.
    pub fn retry(&self, context: &Context) -> Option<RetryPolicy> {
        let base = self.retry_base_delay.reading()?;
        let max = self.retry_max_delay.reading()?;
        if base.value > max.value {
            context.add(out_of_order(base, max));
            return None;
        }
        Some(RetryPolicy {
            max_retries: *self.max_retries.value()?,
            base_delay: base.value,
            max_delay: max.value,
            jitter: *self.retry_jitter.value()?,
        })
    }

    /// Quarantine, if all of it is good; `Some(None)` is never.
    pub fn quarantine(&self) -> Option<Option<Quarantine>> {
        let events = *self.quarantine_events.value()?;
        let tries = NonZero::new(*self.quarantine_tries.value()?);
        Some(tries.map(|tries| Quarantine { tries, events }))
    }
}

/// Blames the key that was set in the more particular place.
fn out_of_order(base: &Reading<Duration>, max: &Reading<Duration>) -> Fault {
    let (blamed, word, other) =
        if particular(base) > particular(max) { (base, "at most", max) } else { (max, "at least", base) };
    let show = |at: &Reading<Duration>| humantime::format_duration(at.value).to_string();
    Fault {
        path: blamed.path.clone(),
        origin: blamed.origin.clone(),
        found: Found::Value(format!("\"{}\"", show(blamed))),
        expected: format!("{word} \"{}\", which is {} ({})", show(other), other.path, other.origin),
        hint: None,
    }
}

fn particular(reading: &Reading<Duration>) -> u8 {
    match reading.path.as_str() {
        _ if reading.origin == Origin::Default => 0,
        path if path.starts_with("handler[") => 3,
        path if path.starts_with("handlers.") => 2,
        _ => 1,
    }
}
