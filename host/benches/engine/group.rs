//! Key-ordered deliveries that succeed at once through the scheduler alone, without Kafka and without guests.

use std::hash::BuildHasher as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use foldhash::fast::FixedState;
use sandbus::config::RetryPolicy;
use sandbus::delivery::buffer::{Account, Buffer};
use sandbus::delivery::handler::Deployment;
use sandbus::delivery::partition::{Arrival, HandlerIndex, Policy};
use sandbus::delivery::scheduler::{Assignment, Command, Ended, Rules, Scheduler, Timing};
use sandbus::delivery::verdict::Ending;
use sandbus::event::TopicPartition;

/// Records read before the next turn, as the consumer hands them over.
const BATCH: u64 = 256;

const PARTITION: Assignment = Assignment(1);

/// A group at work, with everything that it needs allocated.
pub struct Group {
    scheduler: Scheduler<u64>,
    account: Arc<Account>,
    commands: Vec<Command<u64>>,
    running: Vec<Command<u64>>,
    /// The same lanes in each run.
    hasher: FixedState,
    keys: Vec<[u8; 36]>,
    handlers: HandlerIndex,
    in_flight: usize,
    next: u64,
}

impl Group {
    /// With `in_flight` instances of each handler; `warm_up` events have passed.
    pub fn new(keys: u64, in_flight: usize, handlers: HandlerIndex, warm_up: u64) -> Group {
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
        let (policy, deployment) = (Policy { retry, dead_letters: true }, Deployment::default());
        let rules = Rules { policy, quarantine: None, concurrency, max_batch: 1, deployment };
        let rules = vec![rules; usize::from(handlers)];
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
            hasher: FixedState::default(),
            keys: (0..keys).map(key).collect(),
            handlers,
            in_flight,
            next: 0,
        };
        // Until every table has the size that it needs.
        group.deliver(warm_up);
        group
    }

    /// Of each event the record comes in, the tries of all its handlers are started and end in `ack`, and the
    /// watermark passes it.
    pub fn deliver(&mut self, events: u64) {
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
            self.scheduler.take_finished(|_, _, _| ());
            self.scheduler.dispatch(now, &mut self.commands);
            let runs = self.commands.drain(..).filter(|command| matches!(command, Command::Run(..)));
            self.running.extend(runs);
            if self.running.is_empty() || self.running.len() < left {
                return;
            }
            for command in self.running.drain(..) {
                let Command::Run(handler, batch) = command else { continue };
                for run in &batch {
                    let (ending, deployment) = (&Ending::Ack, Deployment::default());
                    let ended = Ended { id: run.id, attempt: run.attempt, deployment, ending, settles_later: false };
                    self.scheduler.ended(handler, ended, now, 0.5, &mut self.commands);
                }
                self.scheduler.idle(handler, Deployment::default(), batch.len(), Duration::ZERO);
            }
        }
    }
}
