//! How many bytes of events the process may hold, and which partition may take more.
//!
//! The limit is shared equally by the partitions that are assigned, over all groups; each may hold at
//! least one event, whatever its size. An event counts from the moment the consumer takes it out of
//! librdkafka's queue until it is final. What a partition may not take stays where it is: in a queue of
//! its own that fills up, so that librdkafka stops fetching. Nothing is paused, and nothing fetched is
//! thrown away.
//!
//! [`Account::claim`] is called by the consumer's thread, the rest by the engine's. Counters are all that
//! they share, so a partition's room is known on both sides without a word. They are touched once for many
//! records: room is claimed ahead, and given back together.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::mutants::{Mutant, planted};

/// The process's bound.
#[derive(Debug)]
pub struct Buffer {
    limit: u64,
    held: AtomicU64,
    accounts: AtomicU64,
}

/// Records that may have been handed over and not taken in: about as much as stays in the processor's cache.
const MOST_AHEAD: u64 = 1024;

/// What a group's consumer has handed over and its engine has not taken in. It is bounded, because records that
/// lie there get cold: they stay in librdkafka, which then fetches fewer.
pub struct Ahead {
    records: AtomicU64,
    refused: AtomicBool,
    wake: Wake,
}

impl Ahead {
    /// Nothing. `wake` must not block.
    pub fn new(wake: Wake) -> Ahead {
        Ahead { records: AtomicU64::new(0), refused: AtomicBool::new(false), wake }
    }

    /// Whether more may be handed over. If not, `wake` is called when it may.
    pub fn has_room(&self) -> bool {
        let has_room = || self.records.load(Ordering::SeqCst) < MOST_AHEAD;
        if has_room() {
            return true;
        }
        // Before the second look: what is taken in in between is seen, or announced.
        self.refused.store(true, Ordering::SeqCst);
        has_room()
    }

    /// So many records go to the engine.
    pub fn handed_over(&self, records: usize) {
        self.records.fetch_add(records as u64, Ordering::SeqCst);
    }

    /// The engine has taken so many in, or thrown them away.
    pub fn taken_in(&self, records: usize) {
        let before = self.records.fetch_sub(records as u64, Ordering::SeqCst);
        let few = before.saturating_sub(records as u64) <= MOST_AHEAD / 2;
        if few && self.refused.load(Ordering::SeqCst) && self.refused.swap(false, Ordering::SeqCst) {
            (self.wake)();
        }
    }
}

/// Called when a partition that was refused may take more.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// What one assigned partition holds. Dropped with its last handle, it gives back what it still held.
pub struct Account {
    buffer: Arc<Buffer>,
    /// Records from the watermark to the newest, at most.
    window: u64,
    bytes: AtomicU64,
    records: AtomicU64,
    refused: AtomicBool,
    wake: Wake,
}

impl Buffer {
    /// A bound of so many bytes.
    pub fn new(limit: u64) -> Arc<Buffer> {
        Arc::new(Buffer { limit, held: AtomicU64::new(0), accounts: AtomicU64::new(0) })
    }

    /// The account of a partition that was just assigned. `wake` must not block.
    pub fn open(self: &Arc<Buffer>, window: u32, wake: Wake) -> Arc<Account> {
        self.accounts.fetch_add(1, Ordering::Relaxed);
        Arc::new(Account {
            buffer: self.clone(),
            window: u64::from(window),
            bytes: AtomicU64::new(0),
            records: AtomicU64::new(0),
            refused: AtomicBool::new(false),
            wake,
        })
    }

    /// The bound, in bytes.
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// Bytes held now, over all partitions.
    pub fn held(&self) -> u64 {
        self.held.load(Ordering::Relaxed)
    }

    /// One partition's part, in bytes.
    fn share(&self) -> u64 {
        self.limit / self.accounts.load(Ordering::Relaxed).max(1)
    }
}

/// Room for records that are about to be read. Dropped, it gives back what was not used.
pub struct Claim<'a> {
    account: &'a Account,
    bytes: u64,
    records: u64,
}

impl Claim<'_> {
    /// Counts a record of so many bytes as held, if there is room for it. If not, `wake` is called when
    /// there may be.
    pub fn admit(&mut self, bytes: u64) -> bool {
        if self.records > 0 && bytes <= self.bytes {
            self.records -= 1;
            self.bytes -= bytes;
            return true;
        }
        self.give_back();
        self.account.admit(bytes)
    }

    fn give_back(&mut self) {
        let (bytes, records) = (std::mem::take(&mut self.bytes), std::mem::take(&mut self.records));
        if bytes > 0 || records > 0 {
            self.account.buffer.held.fetch_sub(bytes, Ordering::Relaxed);
            self.account.bytes.fetch_sub(bytes, Ordering::SeqCst);
            self.account.records.fetch_sub(records, Ordering::SeqCst);
        }
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.give_back();
    }
}

impl Account {
    /// Claims so much room, as far as there is any.
    pub fn claim(&self, bytes: u64, records: u64) -> Claim<'_> {
        let records = records.min(self.window.saturating_sub(self.records()));
        let bytes = bytes.min(self.buffer.share().saturating_sub(self.bytes()));
        let mut claimed = 0;
        if records > 0 && bytes > 0 {
            let take = |held: u64| {
                claimed = bytes.min(self.buffer.limit.saturating_sub(held));
                Some(held + claimed)
            };
            // The closure always answers.
            let _ = self.buffer.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take);
            self.bytes.fetch_add(claimed, Ordering::SeqCst);
            self.records.fetch_add(records, Ordering::SeqCst);
        }
        Claim { account: self, bytes: claimed, records: if bytes > 0 { records } else { 0 } }
    }

    /// Counts one record of so many bytes as held, if there is room for it. If not, `wake` is called when
    /// there may be.
    pub fn admit(&self, bytes: u64) -> bool {
        if self.take(bytes) {
            return true;
        }
        // Before the second look: room that is made in between is seen, or announced.
        self.refused.store(true, Ordering::SeqCst);
        let admitted = self.take(bytes);
        if admitted {
            self.refused.store(false, Ordering::Relaxed);
        }
        admitted
    }

    fn take(&self, bytes: u64) -> bool {
        if self.records.load(Ordering::SeqCst) >= self.window && !planted(Mutant::IgnoreWindow) {
            return false;
        }
        let own = self.bytes.load(Ordering::SeqCst);
        let buffer = &self.buffer;
        if own == 0 || planted(Mutant::IgnoreBuffer) {
            buffer.held.fetch_add(bytes, Ordering::Relaxed);
        } else {
            if own.saturating_add(bytes) > buffer.share() {
                return false;
            }
            // Shares that have just become smaller may still be in use.
            let fits = |held: u64| held.checked_add(bytes).filter(|held| *held <= buffer.limit);
            if buffer.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_err() {
                return false;
            }
        }
        self.bytes.fetch_add(bytes, Ordering::SeqCst);
        self.records.fetch_add(1, Ordering::SeqCst);
        true
    }

    /// Records of so many bytes together are final, though they may still be in the window, and the watermark has
    /// passed so many.
    pub(super) fn finished(&self, bytes: u64, passed: u64) {
        self.bytes.fetch_sub(bytes, Ordering::SeqCst);
        self.buffer.held.fetch_sub(bytes, Ordering::Relaxed);
        self.records.fetch_sub(passed, Ordering::SeqCst);
        self.announce();
    }

    /// Not at the first free byte: a partition that is full would be woken for each event.
    fn announce(&self) {
        if self.refused.load(Ordering::SeqCst) && self.is_roomy() && self.refused.swap(false, Ordering::SeqCst) {
            (self.wake)();
        }
    }

    fn is_roomy(&self) -> bool {
        let (own, share) = (self.bytes(), self.buffer.share());
        self.records() <= self.window - self.window.div_ceil(4) && (own == 0 || own <= share - share.div_ceil(4))
    }

    /// Whether the partition could not take the last record that came.
    pub fn is_full(&self) -> bool {
        self.refused.load(Ordering::Relaxed)
    }

    /// Bytes of its records that are not final.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::SeqCst)
    }

    /// Records from its watermark to the newest that was taken.
    pub fn records(&self) -> u64 {
        self.records.load(Ordering::SeqCst)
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        self.buffer.held.fetch_sub(*self.bytes.get_mut(), Ordering::Relaxed);
        self.buffer.accounts.fetch_sub(1, Ordering::Relaxed);
    }
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Account").field("bytes", &self.bytes).field("records", &self.records).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn counted() -> (Wake, Arc<AtomicU64>) {
        let woken = Arc::new(AtomicU64::new(0));
        let counter = woken.clone();
        (Arc::new(move || _ = counter.fetch_add(1, Ordering::Relaxed)), woken)
    }

    #[test]
    fn each_partition_has_an_equal_share_and_room_for_one_event() {
        let buffer = Buffer::new(100);
        let (wake, _) = counted();
        let (a, b) = (buffer.open(10, wake.clone()), buffer.open(10, wake));
        assert!(a.admit(30) && a.admit(20) && !a.admit(1), "half of it is its own");
        assert!(b.admit(1000) && !b.admit(1), "the first is always taken");
        a.finished(50, 0);
        assert!(a.admit(1) && !a.admit(1), "the whole is full");
        drop(b);
        assert!(a.admit(99) && !a.admit(1));
        assert_eq!(buffer.held(), 100);
    }

    #[test]
    fn what_is_handed_over_is_bounded_and_goes_on_when_half_of_it_is_taken_in() {
        let (wake, woken) = counted();
        let ahead = Ahead::new(wake);
        let batch = (MOST_AHEAD / 4) as usize;
        for _ in 0..4 {
            assert!(ahead.has_room());
            ahead.handed_over(batch);
        }
        assert!(!ahead.has_room());
        ahead.taken_in(batch);
        assert_eq!(woken.load(Ordering::Relaxed), 0);
        ahead.taken_in(batch);
        assert_eq!(woken.load(Ordering::Relaxed), 1);
        assert!(ahead.has_room());
        ahead.taken_in(batch);
        assert_eq!(woken.load(Ordering::Relaxed), 1, "nobody waits");
    }

    #[test]
    fn a_window_is_full_of_records_final_or_not_and_wakes_at_three_quarters() {
        let (wake, woken) = counted();
        let account = Buffer::new(1 << 20).open(4, wake);
        assert!((0..4).all(|_| account.admit(1)) && !account.admit(1) && account.is_full());
        account.finished(1, 0);
        assert!(!account.admit(1), "the watermark has not moved");
        assert_eq!(woken.load(Ordering::Relaxed), 0);
        account.finished(0, 1);
        assert_eq!(woken.load(Ordering::Relaxed), 1);
        assert!(account.admit(1) && !account.admit(1));
    }

    proptest! {
        #[test]
        fn the_bound_is_never_passed_by_more_than_one_event_of_each_partition(
            steps in prop::collection::vec((0usize..4, 1u64..60, 0u64..80, 0u64..4, any::<bool>()), 1..200)
        ) {
            let buffer = Buffer::new(100);
            let (wake, woken) = counted();
            let accounts: Vec<_> = (0..4).map(|_| buffer.open(5, wake.clone())).collect();
            let mut held = vec![Vec::new(); 4];
            for (at, bytes, claimed, records, take) in steps {
                if take {
                    let mut claim = accounts[at].claim(claimed, records);
                    let most: u64 = held.iter().filter(|of| of.len() > 1).flatten().sum();
                    prop_assert!(most + claim.bytes <= 100);
                    // Out of what is claimed, and beyond it.
                    for _ in 0..3 {
                        if claim.admit(bytes) {
                            held[at].push(bytes);
                        }
                    }
                } else if let Some(bytes) = held[at].pop() {
                    let (before, waiting) = (woken.load(Ordering::Relaxed), accounts[at].is_full());
                    accounts[at].finished(bytes, 1);
                    if waiting && held[at].is_empty() {
                        prop_assert!(woken.load(Ordering::Relaxed) > before, "an empty partition was not woken");
                    }
                }
                let total: u64 = held.iter().flatten().sum();
                prop_assert_eq!(buffer.held(), total);
                let more_than_one: u64 = held.iter().filter(|of| of.len() > 1).flatten().sum();
                prop_assert!(more_than_one <= 100);
                prop_assert!(held.iter().all(|of| of.len() <= 1 || of.iter().sum::<u64>() <= 25));
            }
        }
    }
}
