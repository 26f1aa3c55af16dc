//! The loop of one consumer group: records and answers come in, tries, dead letters and commits go out.
//!
//! It owns the group's partitions and carries out what they decide. It runs on a thread of its own, never
//! waits for anything but its inbox and the next retry, and holds the only mutable state of delivery.
//! Reading stops (`pause`) before a partition's window or its share of the buffer is passed; what the
//! consumer had already taken in is still accepted.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, select};

use super::incoming::Incoming;
use super::partition::{Command, DeliveryId, HandlerIndex, Lane, Partition, Policy};
use super::ports::{Consumer, Epoch, Guests, Observer, Producer, Reading, Signal, Tried, Try};
use super::verdict::error_type;
use crate::config::{DeadLetters, Ordering, Pattern, TopicName};
use crate::event::{Event, Record, TopicPartition};

mod outbound;
#[cfg(test)]
mod tests;

use outbound::{Publishing, Sending};

/// Which events a handler is given: those of its topics whose type it wants.
#[derive(Clone, Debug)]
pub struct Subscription {
    /// Topics that it reads.
    pub topics: Vec<TopicName>,
    /// Event types that it wants.
    pub events: Vec<Pattern>,
}

impl Subscription {
    /// Whether the event is one of them.
    pub fn wants(&self, event: &Event) -> bool {
        self.topics.iter().any(|topic| topic.as_str() == &**event.record.topic())
            && self.events.iter().any(|pattern| pattern.matches(&event.identity.event_type))
    }
}

/// One handler, as the engine needs to know it.
#[derive(Clone, Debug)]
pub struct EngineHandler {
    /// `handler.name`.
    pub name: Arc<str>,
    /// Of its component, in hexadecimal.
    pub digest: Arc<str>,
    /// What it is given.
    pub subscription: Subscription,
    /// What must stay in order.
    pub ordering: Ordering,
    /// Tries and waits.
    pub policy: Policy,
    /// Batches that may be under way at once.
    pub concurrency: u32,
}

/// What holds for the whole group.
#[derive(Clone, Debug)]
pub struct EngineSettings {
    /// The consumer group.
    pub group: Arc<str>,
    /// Where dead letters go.
    pub dead_letters: DeadLetters,
    /// Bytes of events not final, for all partitions of this group.
    pub max_buffer: u64,
    /// Records of a partition from its watermark to its newest.
    pub window: u32,
    /// How often watermarks are committed.
    pub commit_interval: Duration,
    /// How long started tries of revoked partitions may go on.
    pub drain_timeout: Duration,
    /// How long they may at the end.
    pub shutdown_timeout: Duration,
}

/// How a group ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Deliveries that were not final when the process gave them up.
    pub abandoned: usize,
}

/// The doors of one engine.
pub struct Doors {
    /// From the consumer, in bounded number.
    pub readings: Receiver<Reading>,
    /// From the guests and the producer.
    pub signals: Receiver<Signal>,
    /// To the consumer.
    pub consumer: Box<dyn Consumer>,
    /// To the producer.
    pub producer: Box<dyn Producer>,
    /// To the handlers' instances.
    pub guests: Box<dyn Guests>,
    /// To whoever watches.
    pub observer: Arc<dyn Observer>,
}

struct Assigned {
    epoch: Epoch,
    partition: Partition<Held>,
    committed: Option<i64>,
    paused: bool,
}

/// A record that is held until it is final.
#[derive(Clone)]
enum Held {
    Event(Arc<Event>),
    Undecodable(Arc<Record>),
}

impl Held {
    fn record(&self) -> &Record {
        match self {
            Held::Event(event) => &event.record,
            Held::Undecodable(record) => record,
        }
    }

    fn event_type(&self) -> &str {
        match self {
            Held::Event(event) => &event.identity.event_type,
            Held::Undecodable(_) => error_type::OTHER,
        }
    }

    fn redrives(&self) -> u32 {
        match self {
            Held::Event(event) => event.redrives,
            Held::Undecodable(_) => 0,
        }
    }
}

struct Ready {
    partition: TopicPartition,
    run: Try,
}

/// Partitions that are being taken away: what they started may still end.
struct Draining {
    partitions: Vec<TopicPartition>,
    until: Instant,
    lost: bool,
}

/// See the module's documentation.
pub struct Engine {
    settings: EngineSettings,
    handlers: Vec<EngineHandler>,
    policies: Arc<[Policy]>,
    doors: Doors,
    partitions: HashMap<TopicPartition, Assigned>,
    epoch: Epoch,
    ready: Vec<VecDeque<Ready>>,
    busy: Vec<u32>,
    started: HashMap<(Epoch, DeliveryId), TopicPartition>,
    sending: HashMap<u64, Sending>,
    /// Tokens of what the broker could not take, by the time at which it is sent again.
    resend: BinaryHeap<Reverse<(Instant, u64)>>,
    publishing: HashMap<(Epoch, DeliveryId), Publishing>,
    next_token: u64,
    draining: Vec<Draining>,
    shutdown: Option<Instant>,
    closed: bool,
    next_commit: Instant,
    keys: RandomState,
    summary: Summary,
}

impl Engine {
    /// An engine without partitions. `handlers` keep their places.
    pub fn new(settings: EngineSettings, handlers: Vec<EngineHandler>, doors: Doors) -> Engine {
        let now = Instant::now();
        Engine {
            policies: handlers.iter().map(|handler| handler.policy).collect(),
            ready: handlers.iter().map(|_| VecDeque::new()).collect(),
            busy: handlers.iter().map(|_| 0).collect(),
            next_commit: now + settings.commit_interval,
            settings,
            handlers,
            doors,
            partitions: HashMap::new(),
            epoch: 0,
            started: HashMap::new(),
            sending: HashMap::new(),
            resend: BinaryHeap::new(),
            publishing: HashMap::new(),
            next_token: 0,
            draining: Vec::new(),
            shutdown: None,
            closed: false,
            keys: RandomState::new(),
            summary: Summary::default(),
        }
    }

    /// Runs until [`Signal::Shutdown`] is carried out, or all senders are gone.
    pub fn run(mut self) -> Summary {
        while !self.closed {
            let deadline = self.next_deadline();
            let (readings, signals) = (self.doors.readings.clone(), self.doors.signals.clone());
            // Answers before records: they free what records wait for.
            match signals.try_recv() {
                Ok(signal) => self.signal(signal),
                Err(_) => select! {
                    recv(signals) -> signal => match signal {
                        Ok(signal) => self.signal(signal),
                        Err(_) => break,
                    },
                    recv(readings) -> reading => match reading {
                        Ok(reading) => self.read(reading),
                        Err(_) => break,
                    },
                    default(deadline.saturating_duration_since(Instant::now())) => {}
                },
            }
            self.time_passed();
            self.dispatch();
        }
        self.summary
    }

    fn next_deadline(&self) -> Instant {
        let retries = self.partitions.values().filter_map(|assigned| assigned.partition.next_due());
        let sends = self.resend.peek().map(|Reverse((at, _))| *at);
        let drains = self.draining.iter().map(|draining| draining.until);
        retries.chain(sends).chain(drains).chain(self.shutdown).fold(self.next_commit, Instant::min)
    }

    fn read(&mut self, reading: Reading) {
        match reading {
            Reading::Assigned(partitions) => self.assigned(partitions),
            Reading::Records(records) => records.into_iter().for_each(|record| self.receive(record)),
            Reading::Revoked { partitions, lost } => self.revoked(partitions, lost),
        }
    }

    fn signal(&mut self, signal: Signal) {
        match signal {
            Signal::Tried(handler, tried) => {
                if let Some(busy) = self.busy.get_mut(usize::from(handler)) {
                    *busy = busy.saturating_sub(1);
                }
                tried.into_iter().for_each(|tried| self.tried(handler, tried));
            }
            Signal::Sent(token, answer) => self.sent(token, answer),
            Signal::Shutdown => self.shut_down(),
        }
    }

    // --- Assignment ---

    fn assigned(&mut self, partitions: Vec<TopicPartition>) {
        for topic_partition in partitions {
            self.epoch += 1;
            tracing::info!(partition = %topic_partition, group = %self.settings.group, "assigned");
            let partition = Partition::new(self.policies.clone());
            let assigned = Assigned { epoch: self.epoch, partition, committed: None, paused: false };
            self.partitions.insert(topic_partition, assigned);
        }
    }

    fn revoked(&mut self, partitions: Vec<TopicPartition>, lost: bool) {
        tracing::info!(partitions = %list(&partitions), group = %self.settings.group, lost, "revoked");
        let grace = if lost { Duration::ZERO } else { self.settings.drain_timeout };
        self.stop(&partitions);
        self.draining.push(Draining { partitions, until: Instant::now() + grace, lost });
    }

    fn stop(&mut self, partitions: &[TopicPartition]) {
        for topic_partition in partitions {
            if let Some(assigned) = self.partitions.get_mut(topic_partition) {
                assigned.partition.stop();
            }
        }
        // What is ready but was not started never starts.
        for ready in &mut self.ready {
            ready.retain(|ready| !partitions.contains(&ready.partition));
        }
    }

    fn shut_down(&mut self) {
        if self.shutdown.is_none() {
            self.shutdown = Some(Instant::now() + self.settings.shutdown_timeout);
            let partitions: Vec<_> = self.partitions.keys().cloned().collect();
            self.stop(&partitions);
        }
    }

    /// Tries that run, and records on their way, of a partition: what a drain waits for.
    fn under_way(&self, topic_partition: &TopicPartition) -> usize {
        let started = self.started.values().filter(|of| *of == topic_partition).count();
        started + self.sending.values().filter(|sending| sending.partition == *topic_partition).count()
    }

    fn drain(&mut self) {
        let now = Instant::now();
        for draining in std::mem::take(&mut self.draining) {
            let idle = draining.partitions.iter().all(|partition| self.under_way(partition) == 0);
            if !idle && now < draining.until {
                self.draining.push(draining);
                continue;
            }
            let watermarks = self.give_up(&draining.partitions, !draining.lost);
            self.doors.consumer.release(draining.partitions, watermarks);
        }
        let Some(until) = self.shutdown else { return };
        let partitions: Vec<_> = self.partitions.keys().cloned().collect();
        let idle = partitions.iter().all(|partition| self.under_way(partition) == 0);
        if self.draining.is_empty() && (idle || now >= until) {
            // Only what the end itself gives up: what a rebalance gave up was repeated long ago.
            self.summary.abandoned += partitions.iter().map(|partition| self.under_way(partition)).sum::<usize>();
            let watermarks = self.give_up(&partitions, true);
            self.doors.consumer.close(watermarks);
            self.closed = true;
        }
    }

    /// Forgets partitions and says what may be committed of them.
    fn give_up(&mut self, partitions: &[TopicPartition], commit: bool) -> Vec<(TopicPartition, i64)> {
        let mut watermarks = Vec::new();
        for topic_partition in partitions {
            let Some(assigned) = self.partitions.remove(topic_partition) else { continue };
            if let (true, Some(watermark)) = (commit, assigned.partition.watermark()) {
                watermarks.push((topic_partition.clone(), watermark));
            }
            let unfinished = self.under_way(topic_partition);
            if unfinished > 0 {
                tracing::warn!(partition = %topic_partition, deliveries = unfinished, "gave up deliveries that were under way; they will be repeated");
                for (_, id) in self.started.iter().filter(|(_, of)| *of == topic_partition).map(|(key, _)| key) {
                    self.doors.observer.abandoned(id.handler, 1);
                }
            }
            self.started.retain(|_, of| of != topic_partition);
            self.sending.retain(|_, sending| sending.partition != *topic_partition);
            self.publishing.retain(|(epoch, _), _| *epoch != assigned.epoch);
        }
        watermarks
    }

    // --- Records ---

    fn receive(&mut self, record: Record) {
        if self.shutdown.is_some() {
            return;
        }
        let topic_partition = record.topic_partition();
        let Some(assigned) = self.partitions.get_mut(&topic_partition) else { return };
        let (offset, bytes) = (record.offset(), record.held_bytes());
        let mut out = Vec::new();
        match Incoming::of(record, &self.settings.group, |name| index_of(&self.handlers, name)) {
            Incoming::Event(event) => {
                let event = Arc::new(event);
                self.doors.observer.consumed(&event.record, &event.identity.event_type);
                let wants = wants(&self.handlers, &self.keys, event.clone());
                assigned.partition.receive(offset, bytes, Held::Event(event), wants, &mut out);
            }
            Incoming::Again(event, handler) => {
                self.doors.observer.consumed(&event.record, &event.identity.event_type);
                let ordering = self.handlers.get(usize::from(handler)).map_or(Ordering::Key, |of| of.ordering);
                let wants = [(handler, lane(ordering, &self.keys, &event.record))];
                assigned.partition.receive(offset, bytes, Held::Event(Arc::new(event)), wants, &mut out);
            }
            Incoming::Undecodable(record, reason) => {
                tracing::warn!(partition = %topic_partition, offset, %reason, "undecodable");
                self.doors.observer.consumed(&record, error_type::OTHER);
                let held = Held::Undecodable(Arc::new(record));
                let keep = matches!(self.settings.dead_letters, DeadLetters::Topic { .. });
                assigned.partition.receive_undecodable(offset, bytes, held, &reason, keep, &mut out);
            }
            Incoming::Mark(record) => {
                assigned.partition.receive(offset, bytes, Held::Undecodable(Arc::new(record)), [], &mut out);
            }
        }
        self.obey(&topic_partition, out);
        self.backpressure(&topic_partition);
    }

    /// Pauses a partition that holds its share, and resumes it at half of that: every pause throws away
    /// what was fetched ahead.
    fn backpressure(&mut self, topic_partition: &TopicPartition) {
        let share = self.settings.max_buffer / self.partitions.len().max(1) as u64;
        let window = u64::from(self.settings.window);
        let Some(assigned) = self.partitions.get_mut(topic_partition) else { return };
        let (records, bytes) = (assigned.partition.records() as u64, assigned.partition.bytes() as u64);
        let full = records >= window || bytes >= share;
        let roomy = records <= window / 2 && bytes <= share / 2;
        if full && !assigned.paused {
            assigned.paused = true;
            tracing::debug!(partition = %topic_partition, records, bytes, "paused");
            self.doors.consumer.pause(vec![topic_partition.clone()]);
        } else if roomy && assigned.paused {
            assigned.paused = false;
            tracing::debug!(partition = %topic_partition, "resumed");
            self.doors.consumer.resume(vec![topic_partition.clone()]);
        }
    }

    // --- Tries ---

    fn obey(&mut self, topic_partition: &TopicPartition, commands: Vec<Command<Held>>) {
        let Some(epoch) = self.partitions.get(topic_partition).map(|assigned| assigned.epoch) else { return };
        for command in commands {
            match command {
                Command::Run { id, attempt, lane, event } => {
                    let Held::Event(event) = event else { continue };
                    let run = Try { epoch, id, attempt, lane, event };
                    let handler = id.handler.map(usize::from).and_then(|handler| self.ready.get_mut(handler));
                    if let Some(ready) = handler {
                        ready.push_back(Ready { partition: topic_partition.clone(), run });
                    }
                }
                Command::DeadLetter { id, event, reason, error_type, message, attempt } => {
                    self.dead_letter(topic_partition, epoch, id, &event, reason, error_type, &message, attempt);
                }
                Command::Dropped { id, event, reason, error_type } => {
                    let record = event.record();
                    tracing::warn!(handler = self.handler_name(id), partition = %record.topic_partition(), offset = record.offset(), reason = reason.name(), error_type = &*error_type, "dropped: dead letters are off");
                    self.doors.observer.dropped(id.handler);
                }
            }
        }
    }

    /// Starts what is ready on the instances that are idle.
    fn dispatch(&mut self) {
        for (index, handler) in self.handlers.iter().enumerate() {
            let (Some(ready), Some(busy)) = (self.ready.get_mut(index), self.busy.get_mut(index)) else { continue };
            while *busy < handler.concurrency {
                let Some(Ready { partition, run }) = ready.pop_front() else { break };
                *busy += 1;
                let index = index as HandlerIndex;
                if run.attempt > 1 {
                    self.doors.observer.retried(index);
                }
                self.started.insert((run.epoch, run.id), partition);
                self.doors.guests.run(index, vec![run]);
            }
        }
    }

    fn tried(&mut self, handler: HandlerIndex, tried: Tried) {
        self.doors.observer.measured(handler, &tried);
        let (epoch, id) = (tried.run.epoch, tried.run.id);
        // Gone: the partition was given up in the meantime.
        let Some(topic_partition) = self.started.remove(&(epoch, id)) else { return };
        self.log(&tried);
        let publishes = !tried.outbox.is_empty();
        let mut out = Vec::new();
        let Some(assigned) = self.partitions.get_mut(&topic_partition) else { return };
        assigned.partition.ended(id, &tried.ending, publishes, Instant::now(), fastrand::f64(), &mut out);
        if publishes {
            self.publish(&topic_partition, handler, tried);
        } else {
            self.doors.observer.tried(handler, &tried.run.event.identity.event_type, tried.ending.error_type());
        }
        self.obey(&topic_partition, out);
        self.backpressure(&topic_partition);
    }

    fn log(&self, tried: &Tried) {
        let handler = self.handler_name(tried.run.id);
        // Of a redriven event its first place, which is what the handler is told.
        let (partition, offset) = (tried.run.event.record.topic_partition(), tried.run.event.record.offset());
        let attempt = tried.run.attempt;
        let (verdict, error_message) = (tried.ending.name(), tried.ending.message());
        match tried.ending.error_type() {
            None => tracing::debug!(handler, %partition, offset, attempt, verdict, "handled"),
            Some(error_type) => {
                tracing::warn!(handler, %partition, offset, attempt, verdict, error_type, error_message, "failed");
            }
        }
    }

    fn handler_name(&self, id: DeliveryId) -> &str {
        let handler = id.handler.and_then(|handler| self.handlers.get(usize::from(handler)));
        handler.map_or("", |handler| &handler.name)
    }

    // --- Time ---

    fn time_passed(&mut self) {
        let now = Instant::now();
        let mut due = Vec::new();
        for (topic_partition, assigned) in &mut self.partitions {
            if assigned.partition.next_due().is_some_and(|at| at <= now) {
                let mut out = Vec::new();
                assigned.partition.due(now, &mut out);
                due.push((topic_partition.clone(), out));
            }
        }
        for (topic_partition, out) in due {
            self.obey(&topic_partition, out);
        }
        self.send_again(now);
        if now >= self.next_commit {
            self.next_commit = now + self.settings.commit_interval;
            self.commit();
        }
        if self.shutdown.is_some() || !self.draining.is_empty() {
            self.drain();
        }
    }

    fn commit(&mut self) {
        let mut watermarks = Vec::new();
        for (topic_partition, assigned) in &mut self.partitions {
            let watermark = assigned.partition.watermark();
            if let (Some(offset), true) = (watermark, watermark != assigned.committed) {
                assigned.committed = watermark;
                watermarks.push((topic_partition.clone(), offset));
            }
        }
        if !watermarks.is_empty() {
            self.doors.consumer.commit(watermarks);
        }
    }
}

fn index_of(handlers: &[EngineHandler], name: &str) -> Option<HandlerIndex> {
    handlers.iter().position(|handler| &*handler.name == name).map(|index| index as HandlerIndex)
}

/// Which handlers want an event, each with its lane.
fn wants<'a>(
    handlers: &'a [EngineHandler],
    keys: &'a RandomState,
    event: Arc<Event>,
) -> impl Iterator<Item = (HandlerIndex, Lane)> + 'a {
    handlers.iter().enumerate().filter_map(move |(index, handler)| {
        if !handler.subscription.wants(&event) {
            return None;
        }
        Some((index as HandlerIndex, lane(handler.ordering, keys, &event.record)))
    })
}

fn lane(ordering: Ordering, keys: &RandomState, record: &Record) -> Lane {
    match ordering {
        // Records without a key share an order, apart from that of any key.
        Ordering::Key => keys.hash_one(record.key()),
        Ordering::Partition => 0,
        Ordering::None => keys.hash_one(record.offset()),
    }
}

fn list(partitions: &[TopicPartition]) -> String {
    partitions.iter().map(TopicPartition::to_string).collect::<Vec<_>>().join(" ")
}
