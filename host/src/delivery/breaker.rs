//! When a handler is quarantined: plain decisions, without I/O or clock.
//!
//! A handler whose tries fail in a row, on several events, is broken as a whole: no event is to pay for that with its
//! own tries. Its events wait then, and single tries of them are probes, at growing intervals, until one succeeds.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use foldhash::fast::RandomState;

use super::mutants::{Mutant, planted};
use super::scheduler::DeliveryId;
use crate::config::{Quarantine, RetryPolicy};

/// One handler's.
#[derive(Debug)]
pub struct Breaker {
    limits: Option<Quarantine>,
    /// Failed tries in a row.
    failed: u32,
    /// Events of those tries; no more than are asked for.
    events: HashSet<DeliveryId, RandomState>,
    quarantine: Option<Probation>,
}

/// How a handler gets out of quarantine.
#[derive(Clone, Copy, Debug)]
struct Probation {
    next: Instant,
    wait: Duration,
}

/// What a failure means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The event's.
    Event,
    /// The handler's, which is quarantined from now on.
    Quarantined,
    /// The handler's, which was quarantined before.
    Handler,
}

impl Breaker {
    /// Of a handler of which nothing is known. `None`: it is never quarantined.
    pub fn new(limits: Option<Quarantine>) -> Breaker {
        Breaker { limits, failed: 0, events: HashSet::default(), quarantine: None }
    }

    /// A try succeeded. Answers whether the handler was quarantined until now.
    pub fn succeeded(&mut self) -> bool {
        if self.failed == 0 {
            return false;
        }
        self.failed = 0;
        self.events.clear();
        self.quarantine.take().is_some()
    }

    /// Forgets everything. Answers whether the handler was quarantined until now.
    pub fn reset(&mut self) -> bool {
        self.succeeded()
    }

    /// A try of this delivery failed.
    pub fn failed(&mut self, id: DeliveryId, retry: &RetryPolicy, now: Instant) -> Blame {
        let Some(limits) = self.limits else { return Blame::Event };
        if let Some(probation) = &mut self.quarantine {
            // Earlier ones were started before.
            if now >= probation.next {
                probation.wait = probation.wait.saturating_mul(2).min(retry.max_delay);
                probation.next = now + probation.wait;
            }
            return Blame::Handler;
        }
        self.failed = self.failed.saturating_add(1);
        if self.events.len() < limits.events.get() as usize {
            self.events.insert(id);
        }
        let enough = self.failed >= limits.tries.get() && self.events.len() >= limits.events.get() as usize;
        if !enough || planted(Mutant::NeverQuarantine) {
            return Blame::Event;
        }
        self.quarantine = Some(Probation { next: now + retry.base_delay, wait: retry.base_delay });
        Blame::Quarantined
    }

    /// When the next probe may start. `None`: the handler is not quarantined.
    pub fn next_probe(&self) -> Option<Instant> {
        self.quarantine.map(|probation| probation.next)
    }

    /// Whether it is half way to a quarantine.
    pub fn is_degraded(&self) -> bool {
        self.limits.is_some_and(|limits| self.failed >= limits.tries.get().div_ceil(2))
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZero;

    use slotmap::SlotMap;

    use super::*;
    use crate::delivery::partition::DeliveryKey;
    use crate::delivery::scheduler::Assignment;

    const RETRY: RetryPolicy = RetryPolicy {
        max_retries: 3,
        base_delay: Duration::from_secs(1),
        max_delay: Duration::from_secs(5),
        jitter: 0.1,
    };

    fn ids(count: usize) -> Vec<DeliveryId> {
        let mut keys: SlotMap<DeliveryKey, ()> = SlotMap::with_key();
        (0..count).map(|_| DeliveryId { assignment: Assignment(1), key: keys.insert(()) }).collect()
    }

    fn breaker(tries: u32, events: u32) -> Breaker {
        let limits = Quarantine { tries: NonZero::new(tries).unwrap(), events: NonZero::new(events).unwrap() };
        Breaker::new(Some(limits))
    }

    #[test]
    fn enough_tries_of_enough_events_in_a_row() {
        let (ids, now) = (ids(3), Instant::now());
        let mut breaker = breaker(4, 2);
        for _ in 0..10 {
            assert_eq!(breaker.failed(ids[0], &RETRY, now), Blame::Event, "one poisoned event is no broken handler");
        }
        assert!(breaker.is_degraded());
        assert_eq!(breaker.failed(ids[1], &RETRY, now), Blame::Quarantined);
        assert!(breaker.succeeded(), "it was quarantined");
        assert!(!breaker.succeeded() && !breaker.is_degraded());
        for id in [ids[0], ids[1], ids[2]] {
            assert_eq!(breaker.failed(id, &RETRY, now), Blame::Event, "counted anew");
        }
        assert_eq!(breaker.failed(ids[2], &RETRY, now), Blame::Quarantined);
    }

    #[test]
    fn probes_come_at_growing_intervals_and_late_failures_change_nothing() {
        let (ids, mut now) = (ids(1), Instant::now());
        let mut breaker = breaker(1, 1);
        breaker.failed(ids[0], &RETRY, now);
        let mut waits = Vec::new();
        for _ in 0..5 {
            let next = breaker.next_probe().unwrap();
            waits.push((next - now).as_secs());
            assert_eq!(breaker.failed(ids[0], &RETRY, next - Duration::from_millis(1)), Blame::Handler);
            assert_eq!(breaker.next_probe(), Some(next), "that one was started before");
            now = next;
            assert_eq!(breaker.failed(ids[0], &RETRY, now), Blame::Handler);
        }
        assert_eq!(waits, [1, 2, 4, 5, 5]);
    }

    #[test]
    fn without_limits_never() {
        let mut breaker = Breaker::new(None);
        for id in ids(1000) {
            assert_eq!(breaker.failed(id, &RETRY, Instant::now()), Blame::Event);
        }
        assert!(!breaker.is_degraded() && breaker.next_probe().is_none());
    }
}
