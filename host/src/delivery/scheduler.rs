//! The decisions of one consumer group: plain code, without I/O, clock or threads.
//!
//! Assignments, records, endings, acknowledgements and the time go in; [`Command`]s come out, which the
//! [engine](super::engine) carries out. Each [`Partition`] decides about its own records; here is what
//! lies between them:
//! - tries start when an instance of their handler is idle, as one batch, in the order in which they became
//!   ready;
//! - a revoked partition starts nothing more; what is under way may end within `drain_timeout`, then its
//!   watermark goes with its release. Of a lost one nothing is committed;
//! - watermarks are committed at intervals, and after many records;
//! - what ends under an assignment that was given up counts for nobody;
//! - at the end all partitions drain, within `shutdown_timeout`;
//! - a record that holds a watermark for long is reported;
//! - a handler whose tries fail in a row, or all of whose first events do, pays for that itself
//!   ([breaker](super::breaker), [trial](super::trial)).

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use foldhash::fast::RandomState;
use slotmap::Key as _;

use super::batch::{MAX_BATCH, MAX_BATCH_BYTES};
use super::buffer::Account;
use super::handler::Deployment;
use super::mutants::{Mutant, planted};
use super::partition::{
    Arrival, Charge, DeliveryKey, Effect, GivenUp, HandlerIndex, Lane, Partition, Policy, Started, TryEnd,
};
use super::report::{HandlerLoad, Holder, PartitionReport};
use crate::event::TopicPartition;

mod changes;
mod handler;

pub use handler::{Ended, Rules};
use handler::{Handler, Turn};

/// A partition in this process's hands, from when it is assigned until it is given back. Each assignment
/// has a number of its own: what belongs to an earlier one is not this one's business.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Assignment(pub u64);

/// One record given to one handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeliveryId {
    /// Under which assignment.
    pub assignment: Assignment,
    /// Which of its deliveries.
    pub key: DeliveryKey,
}

impl DeliveryId {
    /// For a try that belongs to no delivery.
    pub fn none() -> DeliveryId {
        DeliveryId { assignment: Assignment(0), key: DeliveryKey::null() }
    }
}

/// Records final since the last commit after which the next one does not wait for its time.
pub const COMMIT_RECORDS: u64 = 10_000;

/// After this time a watermark is committed again that has not moved: Kafka forgets commits of topics that
/// a group does not subscribe to, as of its redrive topics, after days.
const RENEW: Duration = Duration::from_secs(60 * 60);

/// How long a record may hold its partition's watermark before that is reported; then after twice as long.
pub const STUCK: Duration = Duration::from_secs(30);

/// How often that is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// What holds for the whole group.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// How often watermarks are committed.
    pub commit_interval: Duration,
    /// How long what is under way in revoked partitions may go on.
    pub drain_timeout: Duration,
    /// How long it may at the end.
    pub shutdown_timeout: Duration,
}

/// One try of a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct Run<E> {
    /// Which delivery.
    pub id: DeliveryId,
    /// Counts its tries, from 1.
    pub attempt: u32,
    /// Its lane. `None`: it has no order.
    pub lane: Option<Lane>,
    /// The event.
    pub event: E,
    /// Since when it has waited to be run.
    pub since: Instant,
}

/// What the caller has to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Command<E> {
    /// Run a batch on the next idle instance of this handler. Answered by one [`Scheduler::ended`] or
    /// [`Scheduler::not_run`] for each, in their order, and then by [`Scheduler::idle`].
    Run(HandlerIndex, Vec<Run<E>>),
    /// Send a dead letter. Answered by [`Scheduler::settled`] once the broker has acknowledged it.
    DeadLetter(Assignment, GivenUp<E>),
    /// The event was given up and is not kept. Needs no answer.
    Dropped(Assignment, GivenUp<E>),
    /// Commit watermarks when there is time.
    Commit(Vec<(Assignment, i64)>),
    /// A delivery that was under way was given up with its partition; it will be repeated.
    Abandoned(Option<HandlerIndex>),
    /// Give partitions back, after committing these watermarks.
    Release(Vec<Assignment>, Vec<(Assignment, i64)>),
    /// A record has held its partition's watermark for long.
    Stuck(PartitionReport),
    /// The handler is quarantined from now on.
    Quarantined(HandlerIndex),
    /// The handler is quarantined no more.
    Released(HandlerIndex),
    /// The handler's generation is not taken back any more.
    Proven(HandlerIndex),
    /// The handler's generation is bad. Answered by [`Scheduler::deploy`] of the one before it, at once.
    RollBack(HandlerIndex),
    /// Commit these watermarks and leave the group. The last command.
    Close(Vec<(Assignment, i64)>),
}

/// How a group ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Deliveries that were under way and were given up at the end.
    pub abandoned: usize,
    /// Deliveries that were waiting, for their next try or for others of their lane. They are repeated.
    pub waiting: usize,
}

impl std::ops::AddAssign for Summary {
    fn add_assign(&mut self, other: Summary) {
        self.abandoned += other.abandoned;
        self.waiting += other.waiting;
    }
}

struct Assigned<E> {
    topic_partition: TopicPartition,
    partition: Partition<E>,
    committed: Option<i64>,
    /// It is being taken away: its watermark goes with its release, if at all.
    revoked: bool,
    /// The offset that was reported as stuck, and when it is again.
    stuck: Option<(i64, Duration)>,
}

/// Partitions that are being taken away: what is under way may still end.
struct Draining {
    assignments: Vec<Assignment>,
    until: Instant,
    lost: bool,
}

/// See the module's documentation. `E` is a handle on the event, cheap to clone.
pub struct Scheduler<E> {
    timing: Timing,
    policies: Arc<[Policy]>,
    handlers: Vec<Handler>,
    partitions: HashMap<Assignment, Assigned<E>, RandomState>,
    draining: Vec<Draining>,
    shutdown: Option<Instant>,
    closed: bool,
    next_commit: Instant,
    next_renewal: Instant,
    next_look: Instant,
    /// Records that watermarks have passed since the last commit.
    uncommitted: u64,
    effects: Vec<Effect<E>>,
    summary: Summary,
}

impl<E: Clone> Scheduler<E> {
    /// A group without partitions. `handlers` keep their places.
    pub fn new(timing: Timing, handlers: &[Rules], now: Instant) -> Self {
        Self {
            timing,
            policies: handlers.iter().map(|rules| rules.policy).collect(),
            handlers: handlers.iter().copied().map(Handler::new).collect(),
            partitions: HashMap::default(),
            draining: Vec::new(),
            shutdown: None,
            closed: false,
            next_commit: now + timing.commit_interval,
            next_renewal: now + RENEW,
            next_look: now + LOOK,
            uncommitted: 0,
            effects: Vec::new(),
            summary: Summary::default(),
        }
    }

    // --- Assignments ---

    /// A partition now belongs to this process. `start` is where its reading begins, where that is known.
    pub fn assigned(
        &mut self,
        assignment: Assignment,
        topic_partition: TopicPartition,
        start: Option<i64>,
        account: Arc<Account>,
    ) {
        let mut partition = Partition::new(self.policies.clone(), account, start);
        if self.shutdown.is_some() {
            partition.stop();
        }
        let assigned = Assigned { topic_partition, partition, committed: None, revoked: false, stuck: None };
        self.partitions.insert(assignment, assigned);
    }

    /// Partitions are being taken away. `lost`: they already belong to somebody else. They are answered by
    /// one [`Command::Release`], also those that are unknown.
    pub fn revoked(&mut self, assignments: Vec<Assignment>, lost: bool, now: Instant) {
        let grace = if lost { Duration::ZERO } else { self.timing.drain_timeout };
        for assignment in &assignments {
            if let Some(assigned) = self.partitions.get_mut(assignment) {
                assigned.partition.stop();
                assigned.revoked = true;
            }
        }
        self.draining.push(Draining { assignments, until: now + grace, lost });
    }

    /// Finish what is under way, and end.
    pub fn shut_down(&mut self, now: Instant) {
        if self.shutdown.is_none() {
            self.shutdown = Some(now + self.timing.shutdown_timeout);
            self.partitions.values_mut().for_each(|assigned| assigned.partition.stop());
        }
    }

    /// Whether the last command has been given.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// What was given up at the end.
    pub fn summary(&self) -> Summary {
        self.summary
    }

    fn drain(&mut self, now: Instant, out: &mut Vec<Command<E>>) {
        for draining in std::mem::take(&mut self.draining) {
            let idle = draining.assignments.iter().all(|assignment| self.under_way(*assignment) == 0);
            if !idle && now < draining.until {
                self.draining.push(draining);
                continue;
            }
            let commit = !draining.lost || planted(Mutant::CommitAfterLoss);
            let watermarks = self.give_up(&draining.assignments, commit, out);
            out.push(Command::Release(draining.assignments, watermarks));
        }
        let Some(until) = self.shutdown else { return };
        let assignments: Vec<_> = self.partitions.keys().copied().collect();
        let under_way: usize = assignments.iter().map(|assignment| self.under_way(*assignment)).sum();
        if self.draining.is_empty() && (under_way == 0 || now >= until) && !self.closed {
            // Only what the end itself gives up: what a rebalance gave up was repeated long ago.
            self.summary.abandoned += under_way;
            let unfinished: usize = self.partitions.values().map(|assigned| assigned.partition.unfinished()).sum();
            self.summary.waiting += unfinished.saturating_sub(under_way);
            let watermarks = self.give_up(&assignments, true, out);
            out.push(Command::Close(watermarks));
            self.closed = true;
        }
    }

    fn under_way(&self, assignment: Assignment) -> usize {
        self.partitions.get(&assignment).map_or(0, |assigned| assigned.partition.under_way())
    }

    /// Forgets partitions and says what may be committed of them.
    fn give_up(
        &mut self,
        assignments: &[Assignment],
        commit: bool,
        out: &mut Vec<Command<E>>,
    ) -> Vec<(Assignment, i64)> {
        let mut watermarks = Vec::new();
        for assignment in assignments {
            let Some(assigned) = self.partitions.remove(assignment) else { continue };
            if let (true, Some(watermark)) = (commit, assigned.partition.watermark()) {
                watermarks.push((*assignment, watermark));
            }
            out.extend(assigned.partition.handlers_under_way().map(Command::Abandoned));
        }
        watermarks
    }

    // --- Records and tries ---

    /// Whether what comes of a partition is still taken. If not, that is so for all that follows, too: the
    /// watermark stays before it.
    fn takes(&self, assignment: Assignment) -> bool {
        self.shutdown.is_none() && self.partitions.get(&assignment).is_some_and(|assigned| !assigned.revoked)
    }

    /// The next record of a partition, and who wants it in which lane.
    pub fn receive(
        &mut self,
        assignment: Assignment,
        arrival: Arrival<E>,
        wants: impl IntoIterator<Item = (HandlerIndex, Option<Lane>)>,
        out: &mut Vec<Command<E>>,
    ) {
        if self.takes(assignment) {
            self.decide(assignment, out, |partition, effects| partition.receive(arrival, wants, effects));
        }
    }

    /// Nothing more comes of a partition before this offset.
    pub fn read_to(&mut self, assignment: Assignment, offset: i64) {
        if self.takes(assignment)
            && let Some(assigned) = self.partitions.get_mut(&assignment)
        {
            assigned.partition.read_to(offset);
        }
    }

    /// The next record of a partition, which no handler can be shown.
    pub fn receive_undecodable(
        &mut self,
        assignment: Assignment,
        arrival: Arrival<E>,
        message: &str,
        dead_letters: bool,
        out: &mut Vec<Command<E>>,
    ) {
        if self.takes(assignment) {
            self.decide(assignment, out, |partition, effects| {
                partition.receive_undecodable(arrival, message, dead_letters, effects);
            });
        }
    }

    /// Whether a handler has less ready than it may soon need.
    pub fn is_hungry(&self) -> bool {
        self.handlers.iter().any(|handler| handler.ready.len() < MAX_BATCH && !handler.removed)
    }

    /// Starts what is ready: one batch for each instance that is idle, and some for those that soon are.
    pub fn dispatch(&mut self, now: Instant, out: &mut Vec<Command<E>>) {
        for (index, handler) in self.handlers.iter_mut().enumerate() {
            while let Some(size) = handler.next_batch(now) {
                let batch = batch(&mut handler.ready, &mut self.partitions, size, now);
                if batch.is_empty() {
                    break;
                }
                handler.starts(batch.len());
                out.push(Command::Run(index as HandlerIndex, batch));
            }
        }
    }

    /// Whether the handler's batches are so quick that they are run right where they are made.
    pub fn runs_here(&self, handler: HandlerIndex) -> bool {
        self.handlers.get(usize::from(handler)).is_some_and(|handler| handler.runs_here())
    }

    /// A batch of so many events, which belongs to this deployment of the handler, ended after that time.
    pub fn idle(&mut self, handler: HandlerIndex, deployment: Deployment, events: usize, took: Duration) {
        if let Some(handler) = self.handlers.get_mut(usize::from(handler)) {
            handler.ran(deployment, events, took);
        }
    }

    /// A try did not run. `alone`: it runs again in a batch of its own.
    pub fn not_run(&mut self, id: DeliveryId, alone: bool, out: &mut Vec<Command<E>>) {
        let assignment = self.current(id.assignment);
        self.decide(assignment, out, |partition, effects| partition.not_run(id.key, alone, effects));
    }

    /// Whether the delivery is still under way under its assignment. What ends otherwise counts for nobody.
    pub fn knows(&self, id: DeliveryId) -> bool {
        self.partitions.get(&id.assignment).is_some_and(|assigned| assigned.partition.has(id.key))
    }

    /// A try ended. Where what it published is not acknowledged yet, [`Self::settled`] or [`Self::refused`] will
    /// follow. `draw` is uniform in 0 to 1. Answers whether the delivery was still under way: what ends otherwise
    /// counts for nobody.
    pub fn ended(
        &mut self,
        handler: HandlerIndex,
        ended: Ended<'_>,
        now: Instant,
        draw: f64,
        out: &mut Vec<Command<E>>,
    ) -> bool {
        let assignment = self.current(ended.id.assignment);
        let (mut known, mut turns) = (false, Vec::new());
        self.decide_with_handlers(assignment, out, |partition, handlers, effects| {
            let Ended { id, ending, settles_later, deployment, .. } = ended;
            known = partition.has(id.key);
            if !known {
                return;
            }
            let judged = handlers.get_mut(usize::from(handler)).map(|handler| handler.judge(&ended, now));
            let (charge, of_handler) = judged.unwrap_or((Charge::Event, Vec::new()));
            turns = of_handler;
            let end = TryEnd { deployment, ending, settles_later, charge, draw };
            partition.ended(id.key, end, now, effects);
        });
        for turn in turns {
            match turn {
                Turn::Quarantined => out.push(Command::Quarantined(handler)),
                Turn::Released => out.push(Command::Released(handler)),
                Turn::Proven => out.push(Command::Proven(handler)),
                Turn::RolledBack(setbacks) => {
                    if !planted(Mutant::KeepSetbacks) {
                        self.give_back(setbacks);
                    }
                    out.push(Command::RollBack(handler));
                }
            }
        }
        known
    }

    /// The broker has acknowledged all that belongs to this delivery.
    pub fn settled(&mut self, id: DeliveryId, now: Instant, out: &mut Vec<Command<E>>) {
        let assignment = self.current(id.assignment);
        self.decide(assignment, out, |partition, _| partition.settled(id.key, now));
    }

    /// The broker refused for good what an acknowledged try published.
    pub fn refused(&mut self, id: DeliveryId, message: &str, now: Instant, out: &mut Vec<Command<E>>) {
        let assignment = self.current(id.assignment);
        self.decide(assignment, out, |partition, effects| partition.refused(id.key, message, now, effects));
    }

    fn current(&self, assignment: Assignment) -> Assignment {
        if planted(Mutant::BelieveTheLate) {
            return self.partitions.keys().max().copied().unwrap_or(assignment);
        }
        assignment
    }

    /// Lets a partition decide, and passes on what it wants.
    fn decide(
        &mut self,
        assignment: Assignment,
        out: &mut Vec<Command<E>>,
        decide: impl FnOnce(&mut Partition<E>, &mut Vec<Effect<E>>),
    ) {
        self.decide_with_handlers(assignment, out, |partition, _, effects| decide(partition, effects));
    }

    /// The same, where what the handlers have done counts.
    fn decide_with_handlers(
        &mut self,
        assignment: Assignment,
        out: &mut Vec<Command<E>>,
        decide: impl FnOnce(&mut Partition<E>, &mut [Handler], &mut Vec<Effect<E>>),
    ) {
        let Some(assigned) = self.partitions.get_mut(&assignment) else { return };
        let passed = assigned.partition.passed();
        decide(&mut assigned.partition, &mut self.handlers, &mut self.effects);
        self.uncommitted += assigned.partition.passed() - passed;
        for effect in self.effects.drain(..) {
            match effect {
                Effect::Ready(handler, key) => {
                    if let Some(handler) = self.handlers.get_mut(usize::from(handler)) {
                        handler.ready.push_back(DeliveryId { assignment, key });
                    }
                }
                Effect::DeadLetter(given_up) => out.push(Command::DeadLetter(assignment, given_up)),
                Effect::Dropped(given_up) => out.push(Command::Dropped(assignment, given_up)),
            }
        }
    }

    // --- Time ---

    /// When [`Self::tick`] has something to do, at the latest.
    pub fn next_deadline(&self) -> Instant {
        let retries = self.partitions.values().filter_map(|assigned| assigned.partition.next_due());
        let drains = self.draining.iter().map(|draining| draining.until);
        let probes = self.handlers.iter().filter_map(Handler::next_probe);
        retries
            .chain(drains)
            .chain(probes)
            .chain(self.shutdown)
            .fold(self.next_commit.min(self.next_look), Instant::min)
    }

    /// Time has passed. To be called whenever something was said, too: a drain ends as soon as it can.
    pub fn tick(&mut self, now: Instant, out: &mut Vec<Command<E>>) {
        self.partitions.values_mut().for_each(|assigned| assigned.partition.tell_account());
        let is_due = |assigned: &Assigned<E>| assigned.partition.next_due().is_some_and(|at| at <= now);
        let due: Vec<_> = self.partitions.iter().filter(|(_, of)| is_due(of)).map(|(number, _)| *number).collect();
        for assignment in due {
            self.decide(assignment, out, |partition, effects| partition.due(now, effects));
        }
        if now >= self.next_commit || self.uncommitted >= COMMIT_RECORDS {
            self.next_commit = now + self.timing.commit_interval;
            if now >= self.next_renewal {
                self.next_renewal = now + RENEW;
                self.partitions.values_mut().for_each(|assigned| assigned.committed = None);
            }
            self.commit(out);
        }
        if now >= self.next_look {
            self.next_look = now + LOOK;
            self.look_for_stuck(now, out);
        }
        if self.shutdown.is_some() || !self.draining.is_empty() {
            self.drain(now, out);
        }
    }

    fn commit(&mut self, out: &mut Vec<Command<E>>) {
        self.uncommitted = 0;
        let mut watermarks = Vec::new();
        for (assignment, assigned) in self.partitions.iter_mut().filter(|(_, assigned)| !assigned.revoked) {
            let watermark = assigned.partition.watermark();
            if let (Some(offset), true) = (watermark, watermark != assigned.committed) {
                assigned.committed = watermark;
                watermarks.push((*assignment, offset));
            }
        }
        if !watermarks.is_empty() {
            out.push(Command::Commit(watermarks));
        }
    }

    fn look_for_stuck(&mut self, now: Instant, out: &mut Vec<Command<E>>) {
        for assigned in self.partitions.values_mut() {
            let Some(oldest) = assigned.partition.oldest() else {
                assigned.stuck = None;
                continue;
            };
            let (offset, held) = (oldest.offset, now.saturating_duration_since(oldest.at));
            let after = assigned.stuck.filter(|(at, _)| *at == offset).map_or(STUCK, |(_, after)| after);
            if held >= after {
                assigned.stuck = Some((offset, held.max(after) * 2));
                out.push(Command::Stuck(report(assigned, now)));
            }
        }
    }

    /// Shows each event that came before that time, and is not final, to `keep`, once. Answers whether there
    /// are others that are not final.
    pub fn keep_old(&mut self, before: Instant, mut keep: impl FnMut(&mut E)) -> bool {
        let mut others = false;
        for assigned in self.partitions.values_mut() {
            others |= assigned.partition.keep_old(before, &mut keep);
        }
        others
    }

    /// Shows how long records of each partition took that became final since the last time, and how many took as
    /// long.
    pub fn take_finished(&mut self, mut show: impl FnMut(&TopicPartition, Duration, u64)) {
        for Assigned { topic_partition, partition, .. } in self.partitions.values_mut() {
            partition.take_finished(|took, records| show(topic_partition, took, records));
        }
    }

    /// What each handler has to do now.
    pub fn load(&self) -> Vec<HandlerLoad> {
        self.handlers.iter().map(Handler::load).collect()
    }

    /// Every assigned partition as it is now.
    pub fn report(&self, now: Instant) -> Vec<PartitionReport> {
        let mut partitions: Vec<_> = self.partitions.values().map(|assigned| report(assigned, now)).collect();
        partitions.sort_by(|a, b| a.topic_partition.cmp(&b.topic_partition));
        partitions
    }

    /// The event that holds a partition's watermark.
    pub fn oldest(&self, topic_partition: &TopicPartition) -> Option<E> {
        let mut assigned = self.partitions.values().filter(|of| of.topic_partition == *topic_partition);
        assigned.find_map(|of| of.partition.oldest().map(|oldest| oldest.event.clone()))
    }
}

/// Starts up to `size` deliveries: those that are ready, oldest first, each followed by the next ones of
/// its lane.
fn batch<E: Clone>(
    ready: &mut VecDeque<DeliveryId>,
    partitions: &mut HashMap<Assignment, Assigned<E>, RandomState>,
    size: usize,
    now: Instant,
) -> Vec<Run<E>> {
    let (mut batch, mut bytes) = (Vec::new(), 0);
    while batch.len() < size && bytes < MAX_BATCH_BYTES {
        let Some(first) = ready.pop_front() else { break };
        // Gone: its partition was given up.
        let Some(assigned) = partitions.get_mut(&first.assignment) else { continue };
        if !batch.is_empty() && assigned.partition.is_alone(first.key) {
            ready.push_front(first);
            break;
        }
        let mut key = first.key;
        while let Some(started) = assigned.partition.start(key, now) {
            let Started { attempt, lane, event, alone, next, since, bytes: more } = started;
            batch.push(Run { id: DeliveryId { assignment: first.assignment, key }, attempt, lane, event, since });
            bytes += more;
            if alone {
                return batch;
            }
            if batch.len() >= size || bytes >= MAX_BATCH_BYTES || assigned.partition.is_alone(next) {
                break;
            }
            key = next;
        }
    }
    batch
}

fn report<E: Clone>(assigned: &Assigned<E>, now: Instant) -> PartitionReport {
    let partition = &assigned.partition;
    let oldest = partition.oldest();
    let held_for = oldest.as_ref().map_or(Duration::ZERO, |oldest| now.saturating_duration_since(oldest.at));
    let holders = |_| partition.holders().map(|(handler, stage, attempt)| Holder { handler, stage, attempt }).collect();
    PartitionReport {
        topic_partition: assigned.topic_partition.clone(),
        watermark: partition.watermark(),
        held_for,
        // To find them is work; what has just come is no news.
        holders: oldest.filter(|_| held_for >= LOOK).map(holders).unwrap_or_default(),
        records: partition.account().records(),
        bytes: partition.account().bytes(),
        full: partition.account().is_full(),
    }
}

#[cfg(test)]
mod tests;
