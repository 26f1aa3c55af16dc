//! What deciding costs: key-ordered deliveries that succeed at once through the scheduler alone, without
//! Kafka and without guests, and how that grows with keys, window and handlers; allocations are counted.
//!
//! `cargo bench -p sandbus --bench engine`. Each figure is for [`EVENTS`] events: of each the record comes
//! in, the tries of all its handlers are started and end in `ack`, and the watermark passes it.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot run stops")]

use std::hash::BuildHasher as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use divan::{AllocProfiler, Bencher, counter::ItemsCount};
use foldhash::fast::RandomState;
use sandbus::config::RetryPolicy;
use sandbus::delivery::buffer::{Account, Buffer};
use sandbus::delivery::partition::{Arrival, HandlerIndex, Policy};
use sandbus::delivery::scheduler::{Assignment, Command, Rules, Scheduler, Timing};
use sandbus::delivery::verdict::Ending;
use sandbus::event::TopicPartition;

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

/// Events of one sample.
const EVENTS: u64 = 100_000;

/// Records read before the next turn, as the consumer hands them over.
const BATCH: u64 = 256;

const PARTITION: Assignment = Assignment(1);

fn main() {
    divan::main();
}

/// A group at work, with everything that it needs allocated.
struct Group {
    scheduler: Scheduler<u64>,
    account: Arc<Account>,
    commands: Vec<Command<u64>>,
    running: Vec<Command<u64>>,
    hasher: RandomState,
    keys: Vec<[u8; 36]>,
    handlers: HandlerIndex,
    in_flight: usize,
    next: u64,
}

impl Group {
    fn new(keys: u64, in_flight: usize, handlers: HandlerIndex) -> Group {
        let retry = RetryPolicy {
            max_retries: 3,
            base_delay: Duration::from_secs(1),
            max_delay: Duration::from_secs(60),
            jitter: 0.1,
        };
        let timing = Timing {
            commit_interval: Duration::from_secs(1),
            drain_timeout: Duration::from_secs(10),
            shutdown_timeout: Duration::from_secs(25),
        };
        let concurrency = u32::try_from(in_flight).unwrap();
        let rules = vec![
            Rules { policy: Policy { retry, dead_letters: true }, concurrency, max_batch: 1 };
            usize::from(handlers)
        ];
        let mut scheduler = Scheduler::new(timing, &rules, Instant::now());
        let account = Buffer::new(1 << 40).open(1_000_000, Arc::new(|| {}));
        scheduler.assigned(PARTITION, TopicPartition { topic: "t".into(), partition: 0 }, None, account.clone());
        let key = |number: u64| {
            let text = format!("{number:036}");
            <[u8; 36]>::try_from(text.as_bytes()).unwrap()
        };
        let mut group = Group {
            scheduler,
            account,
            commands: Vec::new(),
            running: Vec::new(),
            hasher: RandomState::default(),
            keys: (0..keys).map(key).collect(),
            handlers,
            in_flight,
            next: 0,
        };
        // Until every table has the size that it needs.
        group.deliver(2 * EVENTS.max(keys));
        group
    }

    fn deliver(&mut self, events: u64) {
        let end = self.next + events;
        while self.next < end {
            let now = Instant::now();
            for _ in 0..BATCH.min(end - self.next) {
                let offset = self.next;
                self.next += 1;
                // Spread, so that neighbours are other keys.
                let key = usize::try_from(offset.wrapping_mul(7919) % self.keys.len() as u64).unwrap();
                let lane = self.hasher.hash_one(self.keys.get(key).unwrap());
                assert!(self.account.admit(1024));
                let arrival = Arrival { offset: i64::try_from(offset).unwrap(), bytes: 1024, event: offset, at: now };
                let wants = (0..self.handlers).map(|handler| (handler, Some(lane)));
                self.scheduler.receive(PARTITION, arrival, wants, &mut self.commands);
            }
            self.turn(now, self.in_flight * usize::from(self.handlers));
        }
        self.turn(Instant::now(), 0);
    }

    /// Ends tries until no more than `left` are under way, oldest first.
    fn turn(&mut self, now: Instant, left: usize) {
        loop {
            self.scheduler.tick(now, &mut self.commands);
            self.scheduler.dispatch(&mut self.commands);
            let runs = self.commands.drain(..).filter(|command| matches!(command, Command::Run(..)));
            self.running.extend(runs);
            if self.running.is_empty() || self.running.len() < left {
                return;
            }
            for command in self.running.drain(..) {
                let Command::Run(handler, batch) = command else { continue };
                for run in &batch {
                    self.scheduler.ended(run.id, &Ending::Ack, false, now, 0.5, &mut self.commands);
                }
                self.scheduler.idle(handler, batch.len(), Duration::ZERO);
            }
        }
    }
}

fn bench(bencher: Bencher<'_, '_>, keys: u64, in_flight: usize, handlers: HandlerIndex) {
    let mut group = Group::new(keys, in_flight, handlers);
    bencher.counter(ItemsCount::new(EVENTS)).bench_local(|| group.deliver(EVENTS));
}

/// One handler, 256 instances.
#[divan::bench(args = [1, 1_000, 100_000, 1_000_000], sample_count = 30, sample_size = 1)]
fn keys(bencher: Bencher<'_, '_>, keys: u64) {
    bench(bencher, keys, 256, 1);
}

/// One handler, 100,000 keys.
#[divan::bench(args = [1, 16, 256, 4096], sample_count = 30, sample_size = 1)]
fn in_flight(bencher: Bencher<'_, '_>, in_flight: usize) {
    bench(bencher, 100_000, in_flight, 1);
}

/// 100,000 keys, 256 instances of each.
#[divan::bench(args = [1, 4, 16, 64], sample_count = 10, sample_size = 1)]
fn handlers(bencher: Bencher<'_, '_>, handlers: HandlerIndex) {
    bench(bencher, 100_000, 256, handlers);
}
