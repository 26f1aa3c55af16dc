//! Whether a new generation of a handler is taken back: plain decisions, without I/O or clock.
//!
//! Its first events decide. If every one of them fails, by an error or a fault, the generation goes, and those events
//! are tried again by the one before it as if it had not been. Until that is decided, none of them is given up.

use std::collections::HashMap;
use std::num::NonZero;
use std::time::{Duration, Instant};

use foldhash::fast::RandomState;

use super::scheduler::DeliveryId;

/// After this time a trial is over: where so few events come, one that fails must not be held for ever.
pub const LONGEST: Duration = Duration::from_secs(60);

/// The trial of one generation.
#[derive(Debug)]
pub struct Trial {
    events: NonZero<u32>,
    /// Since its first failure.
    until: Option<Instant>,
    /// Events that failed, with the number of the try that did so first.
    failed: HashMap<DeliveryId, u32, RandomState>,
}

/// What is known of a generation after one more failure.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Not enough.
    Open,
    /// It stays: the time is over.
    Over,
    /// All of its first events have failed.
    Bad,
}

impl Trial {
    /// Of a generation that is bad if its first so many events fail.
    pub fn new(events: NonZero<u32>) -> Trial {
        Trial { events, until: None, failed: HashMap::default() }
    }

    /// The try with this number failed, by an error or a fault.
    pub fn failed(&mut self, id: DeliveryId, attempt: u32, now: Instant) -> Verdict {
        if now >= *self.until.get_or_insert(now + LONGEST) {
            return Verdict::Over;
        }
        self.failed.entry(id).or_insert(attempt);
        if self.failed.len() >= self.events.get() as usize { Verdict::Bad } else { Verdict::Open }
    }

    /// Deliveries that have failed, and the number of the try that each is given back.
    pub fn setbacks(self) -> impl Iterator<Item = (DeliveryId, u32)> {
        self.failed.into_iter()
    }
}
