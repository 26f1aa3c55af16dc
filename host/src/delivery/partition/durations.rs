//! How long the records of a partition take: from their first try until they are final, without the time in which all
//! that is not final waits for a retry.
//!
//! Nothing is kept of a record that never waits, and what began and ended together is told as one.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use foldhash::fast::RandomState;

/// See the module's documentation. Records are named by their sequence.
#[derive(Default)]
pub struct Durations {
    /// Of records of which a delivery has waited.
    waited: HashMap<u64, Waited, RandomState>,
    /// Records that became final since somebody asked.
    finished: Vec<Finished>,
}

#[derive(Default)]
struct Waited {
    /// Deliveries that wait.
    waiting: u32,
    /// When the last of those that are not final began to wait.
    since: Option<Instant>,
    total: Duration,
}

/// Records that became final together, and began together.
struct Finished {
    begun: Instant,
    at: Instant,
    waited: Duration,
    records: u64,
}

impl Waited {
    fn all_wait(&mut self, open: u32, now: Instant) {
        if self.waiting > 0 && self.waiting == open && self.since.is_none() {
            self.since = Some(now);
        }
    }
}

impl Durations {
    /// A delivery waits for a retry from now on; so many of the record's are not final.
    pub fn waits(&mut self, sequence: u64, open: u32, now: Instant) {
        let waited = self.waited.entry(sequence).or_default();
        waited.waiting += 1;
        waited.all_wait(open, now);
    }

    /// A delivery that has waited is to run again.
    pub fn waits_no_more(&mut self, sequence: u64, now: Instant) {
        let Some(waited) = self.waited.get_mut(&sequence) else { return };
        waited.waiting = waited.waiting.saturating_sub(1);
        if let Some(since) = waited.since.take() {
            waited.total += now.saturating_duration_since(since);
        }
    }

    /// A delivery is final, and so many of the record's are not.
    pub fn one_is_final(&mut self, sequence: u64, open: u32, now: Instant) {
        // Mostly nothing waits.
        if !self.waited.is_empty()
            && let Some(waited) = self.waited.get_mut(&sequence)
        {
            waited.all_wait(open, now);
        }
    }

    /// A record that began then is final now.
    pub fn all_are_final(&mut self, sequence: u64, begun: Instant, at: Instant) {
        let waited = if self.waited.is_empty() { None } else { self.waited.remove(&sequence) };
        let waited = waited.map_or(Duration::ZERO, |waited| waited.total);
        match self.finished.last_mut() {
            Some(last) if last.begun == begun && last.at == at && last.waited == waited => last.records += 1,
            _ => self.finished.push(Finished { begun, at, waited, records: 1 }),
        }
    }

    /// Nothing that waits will go on.
    pub fn give_up(&mut self) {
        self.waited.clear();
    }

    /// Shows how long records took that became final since the last time, and how many took as long.
    pub fn take(&mut self, mut show: impl FnMut(Duration, u64)) {
        for Finished { begun, at, waited, records } in self.finished.drain(..) {
            show(at.saturating_duration_since(begun).saturating_sub(waited), records);
        }
    }
}
