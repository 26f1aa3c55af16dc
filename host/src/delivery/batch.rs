//! How many events go into one batch: plain arithmetic, without a clock.
//!
//! A batch spares the way to the guest and back. It is made of what is ready, and nothing waits for it to
//! fill up. It is bounded by bytes, so that it stays in the processor's cache, and by time: what is slow is
//! given out singly, because a batch's events are answered together.

use std::time::Duration;

/// Bytes of events after which a batch is full: 64 to 128 KiB were fastest (half of a usual L2 cache).
pub const MAX_BATCH_BYTES: u64 = 96 << 10;

/// Events of a batch, however small they are.
pub const MAX_BATCH: usize = 512;

/// How long a batch should take, at most.
const TARGET: Duration = Duration::from_millis(5);

/// How much work is worth another thread.
const WORTHWHILE: Duration = Duration::from_micros(200);

/// Batches that are made before an instance is idle, where they are quick: so none has to wait for its next.
const AHEAD: u32 = 4;

/// How long a quick batch takes, at most.
const QUICK: Duration = Duration::from_millis(1);

/// What an event takes, at most, for which it is not worth while to hand its batch to another thread: there and
/// back costs about as much.
const HERE: Duration = Duration::from_nanos(600);

/// How long a handler's events take, and what follows for its next batch.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    max: usize,
    /// Nanoseconds that one event usually takes: a batch that was held up changes it little.
    usual: f64,
    /// Nanoseconds for one event; slow ones are believed sooner than quick ones.
    event: f64,
    /// A batch grows to at most so many events, until larger ones have been seen to be quick.
    known: usize,
}

impl Pace {
    /// Of a handler whose batches have at most `max` events. The first batch has one.
    pub fn new(max: usize) -> Pace {
        Pace { max: max.clamp(1, MAX_BATCH), usual: f64::INFINITY, event: 0.0, known: 1 }
    }

    /// Events of the next batch, where so many are ready for so many idle instances.
    pub fn batch(&self, ready: usize, idle: u32) -> usize {
        let within = |time: Duration| (time.as_nanos() as f64 / self.event.max(1.0)) as usize;
        let share = ready.div_ceil(idle.max(1) as usize).max(within(WORTHWHILE));
        share.min(within(TARGET)).min(self.known).clamp(1, self.max)
    }

    /// Batches that may be made before an instance is idle.
    pub fn ahead(&self) -> u32 {
        let quick = self.event > 0.0 && self.event * self.known as f64 <= QUICK.as_nanos() as f64;
        if quick && self.max > 1 && !self.here() { AHEAD } else { 0 }
    }

    /// Whether its batches are run by the thread that makes them.
    pub fn here(&self) -> bool {
        self.usual <= HERE.as_nanos() as f64
    }

    /// A batch of so many events took so long.
    pub fn took(&mut self, events: usize, time: Duration) {
        let event = time.as_nanos() as f64 / events.max(1) as f64;
        self.usual =
            if self.usual.is_finite() { self.usual + (event.min(self.usual * 8.0) - self.usual) / 8.0 } else { event };
        let weight = if event > self.event { 0.5 } else { 0.125 };
        self.event += (event - self.event) * weight;
        self.known = self.known.max(events.saturating_mul(4)).min(self.max);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn micros(micros: u64) -> Duration {
        Duration::from_micros(micros)
    }

    #[test]
    fn batches_of_quick_events_grow_to_the_bound() {
        let mut pace = Pace::new(MAX_BATCH);
        let mut sizes = Vec::new();
        for _ in 0..6 {
            let size = pace.batch(10_000, 1);
            sizes.push(size);
            pace.took(size, micros(size as u64));
        }
        assert_eq!(sizes, [1, 4, 16, 64, 256, 512]);
    }

    #[test]
    fn slow_events_go_out_singly_and_soon_again() {
        let mut pace = Pace::new(MAX_BATCH);
        (0..20).for_each(|_| pace.took(64, micros(64)));
        assert!(pace.batch(1000, 1) > 64);
        pace.took(64, Duration::from_secs(2));
        assert_eq!(pace.batch(1000, 1), 1);
        (0..100).for_each(|_| pace.took(1, micros(1)));
        assert!(pace.batch(1000, 1) > 64);
    }

    #[test]
    fn idle_instances_share_what_is_ready_where_it_is_worth_it() {
        let mut pace = Pace::new(MAX_BATCH);
        (0..50).for_each(|_| pace.took(128, micros(128 * 100)));
        assert_eq!(pace.batch(32, 4), 8);
        assert_eq!(pace.batch(1000, 4), 50, "five milliseconds");
        (0..100).for_each(|_| pace.took(128, micros(128)));
        assert!(pace.batch(32, 4) >= 32, "too little to be shared");
        assert_eq!(Pace::new(1).batch(1000, 1), 1);
    }

    #[test]
    fn quick_events_are_run_where_they_are_made_and_being_held_up_once_changes_nothing() {
        let mut pace = Pace::new(MAX_BATCH);
        assert!(!pace.here(), "nothing is known yet");
        (0..50).for_each(|_| pace.took(100, micros(30)));
        assert!(pace.here() && pace.ahead() == 0);
        pace.took(100, Duration::from_millis(8));
        assert!(pace.here());
        (0..3).for_each(|_| pace.took(100, Duration::from_millis(8)));
        assert!(!pace.here(), "it has become slow");
        (0..100).for_each(|_| pace.took(100, micros(100)));
        assert!(!pace.here() && pace.ahead() > 0, "that is worth another thread");
    }
}
