//! The loop of one consumer group: records and answers come in, tries, dead letters and commits go out.
//!
//! It decides nothing about deliveries: it tells the [`Scheduler`] what happened and carries out what that
//! commands. It runs on a thread of its own and never waits for anything but its inbox and the next time
//! at which something is due.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crossbeam_channel::{Receiver, select};

use super::handler::{Ask, Deployment};
use super::incoming::Incoming;
use super::partition::{Arrival, GivenUp, HandlerIndex, Lane};
use super::ports::{Consumer, Observer, Producer, Proof, Ran, Reading, Signal, Tracer, Tried, Try};
use super::report::PartitionReport;
use super::scheduler::{Assignment, Command, DeliveryId, Ended, Run, Scheduler, Timing};
use super::verdict::{Ending, error_type};
use crate::config::{DeadLetters, Ordering};
use crate::event::batch::Batch;
use crate::event::{Event, Record};

pub use super::handler::{EngineHandler, Subscription};
pub use super::scheduler::Summary;

mod lineup;
mod outbound;
mod publishing;
#[cfg(test)]
mod tests;

use lineup::Lineup;
use outbound::Outbound;

/// How often the group's partitions are reported.
const REPORT: Duration = Duration::from_secs(1);

/// After this time an event that is not final is copied out of what it was read with, which it would pin.
const OLD: Duration = Duration::from_millis(100);

/// Messages of the inbox after which the time is looked at again.
const TURN: usize = 256;

/// What holds for the whole group.
#[derive(Clone, Debug)]
pub struct EngineSettings {
    /// The consumer group.
    pub group: Arc<str>,
    /// Where dead letters go.
    pub dead_letters: DeadLetters,
    /// Commits, drains, the end.
    pub timing: Timing,
}

/// The doors of one engine.
pub struct Doors {
    /// From the consumer, in bounded number: each record is admitted to its partition's account.
    pub readings: Receiver<Reading>,
    /// From the guests and the producer.
    pub signals: Receiver<Signal>,
    /// To the consumer.
    pub consumer: Box<dyn Consumer>,
    /// To the producer.
    pub producer: Box<dyn Producer>,
    /// To whoever watches.
    pub observer: Arc<dyn Observer>,
    /// To who follows events, if anybody does.
    pub tracer: Option<Arc<dyn Tracer>>,
    /// Told what becomes of new generations.
    pub proofs: Box<dyn Fn(HandlerIndex, Proof) + Send>,
}

/// A record that is held until it is final.
#[derive(Clone, Debug)]
enum Held {
    Event(Event),
    Undecodable(Record),
}

impl Held {
    fn detach(&mut self) {
        match self {
            Held::Event(event) => *event = event.detached(),
            Held::Undecodable(record) => *record = record.detached(),
        }
    }

    fn record(&self) -> &Record {
        match self {
            Held::Event(event) => &event.record,
            Held::Undecodable(record) => record,
        }
    }

    fn event_type(&self) -> &str {
        match self {
            Held::Event(event) => event.event_type(),
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

/// What was read of a partition.
enum Unread {
    Records(Batch),
    End(i64),
}

/// See the module's documentation.
pub struct Engine {
    group: Arc<str>,
    dead_letters: bool,
    lineup: Lineup,
    readings: Receiver<Reading>,
    signals: Receiver<Signal>,
    consumer: Box<dyn Consumer>,
    observer: Arc<dyn Observer>,
    tracer: Option<Arc<dyn Tracer>>,
    proofs: Box<dyn Fn(HandlerIndex, Proof) + Send>,
    scheduler: Scheduler<Held>,
    outbound: Outbound,
    /// What was read and not taken in yet.
    unread: VecDeque<(Assignment, Unread)>,
    wanting: Wanting,
    /// Batches that were run on this thread.
    here: VecDeque<(HandlerIndex, Deployment, Ran)>,
    commands: Vec<Command<Held>>,
    next_report: Instant,
    /// When events are looked for that have become old, if there are any.
    next_old: Option<Instant>,
}

impl Engine {
    /// An engine without partitions. `handlers` keep their places.
    pub fn new(settings: EngineSettings, handlers: Vec<EngineHandler>, doors: Doors) -> Engine {
        let Doors { readings, signals, consumer, producer, observer, tracer, proofs } = doors;
        let rules: Vec<_> = handlers.iter().map(EngineHandler::rules).collect();
        let (dead_letters, suffix) = match settings.dead_letters {
            DeadLetters::Topic { suffix } => (true, suffix),
            DeadLetters::Drop => (false, String::new()),
        };
        let now = Instant::now();
        Engine {
            scheduler: Scheduler::new(settings.timing, &rules, now),
            outbound: Outbound::new(settings.group.clone(), suffix, producer, observer.clone(), tracer.clone()),
            group: settings.group,
            dead_letters,
            lineup: Lineup::new(handlers),
            readings,
            signals,
            consumer,
            observer,
            tracer,
            proofs,
            unread: VecDeque::new(),
            wanting: Wanting::default(),
            here: VecDeque::new(),
            commands: Vec::new(),
            next_report: now + REPORT,
            next_old: None,
        }
    }

    /// Runs until the group is closed: after [`Signal::Shutdown`], or when its consumer is gone.
    pub fn run(mut self) -> Summary {
        while !self.scheduler.is_closed() {
            if self.here.is_empty() && !self.wait() {
                break;
            }
            self.rest_of_the_turn();
            self.time_passed(Instant::now());
            self.take_in();
            if !self.outbound.is_full() {
                self.scheduler.dispatch(Instant::now(), &mut self.commands);
                self.obey();
            }
        }
        self.observer.partitions(Vec::new());
        self.scheduler.summary()
    }

    /// Waits until there is something to do. Answers whether there still can be.
    fn wait(&mut self) -> bool {
        let wait = self.next_deadline().saturating_duration_since(Instant::now());
        select! {
            recv(self.signals) -> signal => signal.map(|signal| self.signal(signal)).is_ok(),
            recv(self.readings) -> reading => reading.map(|reading| self.read(reading)).is_ok(),
            default(wait) => true,
        }
    }

    /// What came meanwhile, answers before records: they make room.
    fn rest_of_the_turn(&mut self) {
        while let Some((handler, deployment, ran)) = self.here.pop_front() {
            self.signal(Signal::Ran(handler, deployment, ran));
        }
        for _ in 0..TURN {
            let Ok(signal) = self.signals.try_recv() else { break };
            self.signal(signal);
        }
        for _ in 0..TURN {
            let Ok(reading) = self.readings.try_recv() else { break };
            self.read(reading);
        }
    }

    fn next_deadline(&self) -> Instant {
        let deadline = self.scheduler.next_deadline().min(self.next_report);
        self.outbound.next_resend().into_iter().chain(self.next_old).fold(deadline, Instant::min)
    }

    fn time_passed(&mut self, now: Instant) {
        self.scheduler.tick(now, &mut self.commands);
        let observer = &self.observer;
        self.scheduler.take_finished(|partition, took, events| observer.finished(partition, took, events));
        self.obey();
        self.outbound.send_again(now);
        self.outbound.make_letters(&self.lineup);
        if self.next_old.is_some_and(|at| now >= at) {
            let others = self.scheduler.keep_old(now - OLD, Held::detach);
            self.next_old = others.then_some(now + OLD);
        }
        if now >= self.next_report {
            self.next_report = now + REPORT;
            self.observer.partitions(self.scheduler.report(now));
            self.observer.load(self.scheduler.load());
        }
    }

    // --- What comes in ---

    fn read(&mut self, reading: Reading) {
        match reading {
            Reading::Assigned(partitions) => {
                for assigned in partitions {
                    tracing::info!(partition = %assigned.topic_partition, group = %self.group, "assigned");
                    let (assignment, start) = (assigned.assignment, assigned.start);
                    self.scheduler.assigned(assignment, assigned.topic_partition, start, assigned.account);
                }
            }
            Reading::Records(assignment, batch) => self.unread.push_back((assignment, Unread::Records(batch))),
            Reading::End(assignment, offset) => self.unread.push_back((assignment, Unread::End(offset))),
            Reading::Revoked { assignments, lost } => {
                let mut thrown_away = 0;
                self.unread.retain(|(assignment, unread)| {
                    let is_kept = !assignments.contains(assignment);
                    if let (false, Unread::Records(batch)) = (is_kept, unread) {
                        thrown_away += batch.len();
                    }
                    is_kept
                });
                self.consumer.taken_in(thrown_away);
                self.scheduler.revoked(assignments, lost, Instant::now());
            }
        }
        self.obey();
    }

    /// Takes in what was read, as long as a handler has little to do: what waits, waits as it came.
    fn take_in(&mut self) {
        while self.scheduler.is_hungry() {
            let Some((assignment, unread)) = self.unread.pop_front() else { return };
            let batch = match unread {
                Unread::Records(batch) => batch,
                Unread::End(offset) => {
                    self.scheduler.read_to(assignment, offset);
                    continue;
                }
            };
            let now = Instant::now();
            self.next_old.get_or_insert(now + OLD);
            let mut counted = Counted::default();
            for record in (0..batch.len()).filter_map(|at| batch.get(at)) {
                self.receive(assignment, record, now, &mut counted);
            }
            self.consumer.taken_in(batch.len());
            self.report(counted.0);
            self.wanting.let_go();
            self.obey();
        }
    }

    fn report(&self, counted: Option<(Event, u64)>) {
        if let Some((event, events)) = counted {
            self.observer.consumed(event.record.topic_partition(), event.event_type(), events);
        }
    }

    fn receive(&mut self, assignment: Assignment, record: Record, now: Instant, counted: &mut Counted) {
        // Of the record as it was read: what is restored from it may have another place, and fewer bytes.
        let (offset, bytes) = (record.offset(), record.held_bytes());
        let arrival = |event| Arrival { offset, bytes, event, at: now };
        match Incoming::of(record, &self.group, |name| self.lineup.index_of(name)) {
            Incoming::Event(event) => {
                self.report(counted.add(&event));
                self.wanting.find(&self.lineup, &event);
                let (lineup, key) = (&self.lineup, event.record.key_hash());
                let wants = self.wanting.handlers.iter().map(|index| (*index, lane(lineup.ordering(*index), key)));
                self.scheduler.receive(assignment, arrival(Held::Event(event)), wants, &mut self.commands);
            }
            Incoming::Again(event, handler) => {
                self.report(counted.add(&event));
                let wants = [(handler, lane(self.lineup.ordering(handler), event.record.key_hash()))];
                let arrival = arrival(Held::Event(event));
                self.scheduler.receive(assignment, arrival, wants, &mut self.commands);
            }
            Incoming::Undecodable(record, reason) => {
                tracing::warn!(partition = %record.topic_partition(), offset, reason, "undecodable");
                self.observer.consumed(record.topic_partition(), error_type::OTHER, 1);
                let (arrival, keep) = (arrival(Held::Undecodable(record)), self.dead_letters);
                self.scheduler.receive_undecodable(assignment, arrival, &reason, keep, &mut self.commands);
            }
            Incoming::Mark(record) => {
                let arrival = arrival(Held::Undecodable(record));
                self.scheduler.receive(assignment, arrival, [], &mut self.commands);
            }
        }
    }

    fn signal(&mut self, signal: Signal) {
        match signal {
            Signal::Ran(handler, deployment, ran) => self.ran(handler, deployment, ran),
            Signal::Change(Ask { change, done }) => {
                self.change(change);
                self.obey();
                // Whoever asked may have gone.
                let _ = done.send(());
            }
            Signal::Sent(token, answer) => {
                if let Some(settlement) = self.outbound.answered(token, answer) {
                    match settlement.refused {
                        None => self.scheduler.settled(settlement.id, Instant::now(), &mut self.commands),
                        Some(message) => {
                            self.scheduler.refused(settlement.id, &message, Instant::now(), &mut self.commands);
                        }
                    }
                }
            }
            Signal::Shutdown => self.scheduler.shut_down(Instant::now()),
        }
        self.obey();
    }

    fn ran(&mut self, handler: HandlerIndex, deployment: Deployment, mut ran: Ran) {
        self.scheduler.idle(handler, deployment, ran.tried.len(), ran.took);
        self.observer.ran(handler, &ran);
        if let Some(tracer) = &self.tracer {
            tracer.ran(handler, &ran);
        }
        if let Some((kind, error_message)) = &ran.fault {
            let (handler_name, events, error_type) = (self.name(Some(handler)), ran.tried.len(), kind.name());
            tracing::warn!(
                handler = handler_name,
                events,
                error_type,
                error_message,
                "a batch failed; its events run again, each alone"
            );
            self.observer.batch_fault(handler, &ran);
        }
        let (now, alone) = (Instant::now(), ran.fault.is_some());
        for alike in ran.tried.chunk_by_mut(Tried::is_like) {
            match alike {
                [Tried { run, ending: None, .. }] => self.scheduler.not_run(run.id, alone, &mut self.commands),
                [tried] => self.tried(handler, deployment, tried, now),
                alike => self.all_well(handler, deployment, alike, now),
            }
        }
    }

    /// Tries that ended alike, in a success without consequences.
    fn all_well(&mut self, handler: HandlerIndex, deployment: Deployment, alike: &[Tried], now: Instant) {
        // By their places. Mostly there are none.
        let mut late = Vec::new();
        for (at, tried) in alike.iter().enumerate() {
            let Tried { run, ending: Some(ending), .. } = tried else { continue };
            let ended = Ended { id: run.id, attempt: run.attempt, deployment, ending, settles_later: false };
            if self.scheduler.ended(handler, ended, now, 0.0, &mut self.commands) {
                self.retried(handler, run);
                self.log(handler, run, ending);
            } else {
                late.push(at);
            }
        }
        if late.is_empty() {
            return self.went_well(handler, alike);
        }
        for (at, tried) in alike.iter().enumerate() {
            if late.binary_search(&at).is_ok() {
                self.observer.late(handler, tried);
            } else {
                self.went_well(handler, std::slice::from_ref(tried));
            }
        }
    }

    fn went_well(&self, handler: HandlerIndex, alike: &[Tried]) {
        self.observer.measured(handler, alike);
        if let Some(tried) = alike.first() {
            self.observer.tried(handler, tried.run.event.event_type(), None, alike.len() as u64);
        }
    }

    fn tried(&mut self, handler: HandlerIndex, deployment: Deployment, tried: &mut Tried, now: Instant) {
        // Otherwise its partition was given up in the meantime: then it counts for nobody.
        if !self.scheduler.knows(tried.run.id) {
            return self.observer.late(handler, tried);
        }
        self.observer.measured(handler, std::slice::from_ref(tried));
        let Tried { run, ending: Some(ending), outbox, .. } = tried else { return };
        let publishes = !outbox.is_empty();
        let ended = Ended { id: run.id, attempt: run.attempt, deployment, ending, settles_later: publishes };
        self.scheduler.ended(handler, ended, now, fastrand::f64(), &mut self.commands);
        self.retried(handler, run);
        self.log(handler, run, ending);
        if publishes {
            self.outbound.publish(handler, run, std::mem::take(outbox));
        } else {
            self.observer.tried(handler, run.event.event_type(), ending.error_type(), 1);
        }
    }

    /// Counts a try that has ended, if it was not the first. One that starts may not have been run, and starts again.
    fn retried(&self, handler: HandlerIndex, run: &Try) {
        if run.attempt > 1 {
            self.observer.retried(handler);
        }
    }

    // --- What goes out ---

    fn obey(&mut self) {
        let mut commands = std::mem::take(&mut self.commands);
        for command in commands.drain(..) {
            match command {
                Command::Run(handler, batch) => {
                    self.started(handler, &batch, Instant::now());
                    let tries = batch.into_iter().filter_map(|run| {
                        let Run { id, attempt, lane, event, .. } = run;
                        let Held::Event(event) = event else { return None };
                        Some(Try { id, attempt, lane, event })
                    });
                    let tries = tries.collect();
                    let Some((deployment, instances)) = self.lineup.at_work(handler) else { continue };
                    if self.scheduler.runs_here(handler) {
                        let ran = instances.run_here(tries);
                        self.here.extend(ran.map(|ran| (handler, deployment, ran)));
                    } else {
                        instances.run(tries);
                    }
                }
                Command::DeadLetter(assignment, given_up) => {
                    let at = SystemTime::now();
                    self.log_given_up(&given_up, "to the dead letters");
                    let id = DeliveryId { assignment, key: given_up.key };
                    self.outbound.dead_letter(id, given_up, at, &self.lineup);
                }
                Command::Dropped(_, given_up) => {
                    self.log_given_up(&given_up, "dropped: dead letters are off");
                    self.observer.dropped(given_up.handler);
                }
                Command::Commit(watermarks) => self.consumer.commit(watermarks),
                Command::Abandoned(handler) => {
                    tracing::warn!(handler = self.name(handler), group = %self.group, "gave up a delivery that was under way; it will be repeated");
                    self.observer.abandoned(handler, 1);
                }
                Command::Release(assignments, watermarks) => {
                    self.outbound.forget(&assignments);
                    self.consumer.release(assignments, watermarks);
                }
                Command::Stuck(report) => self.stuck(&report),
                Command::Quarantined(handler) => self.quarantined(handler),
                Command::Released(handler) => self.released(handler),
                Command::Proven(handler) => self.proven(handler),
                Command::RollBack(handler) => self.roll_back(handler),
                Command::Close(watermarks) => self.consumer.close(watermarks),
            }
        }
        // Its room is used again.
        self.commands = commands;
    }

    fn started(&self, handler: HandlerIndex, batch: &[Run<Held>], now: Instant) {
        // What came together has waited as long.
        for alike in batch.chunk_by(|one, other| one.since == other.since) {
            let [first, ..] = alike else { continue };
            let bytes = alike.iter().map(|run| run.event.record().payload_bytes()).sum();
            let waited = now.saturating_duration_since(first.since);
            self.observer.started(handler, waited, alike.len() as u64, bytes);
        }
    }

    fn log_given_up(&self, given_up: &GivenUp<Held>, what: &str) {
        let (handler, record) = (self.name(given_up.handler), given_up.event.record());
        let (event_type, reason, error_type) =
            (given_up.event.event_type(), given_up.reason.name(), &*given_up.error_type);
        tracing::warn!(handler, partition = %record.topic_partition(), offset = record.offset(), event_type, reason, error_type, "{what}");
    }

    fn stuck(&self, report: &PartitionReport) {
        let event = self.scheduler.oldest(&report.topic_partition);
        let event_id = match &event {
            Some(Held::Event(event)) => event.id(),
            _ => "".into(),
        };
        let event_type = event.as_ref().map_or("", Held::event_type);
        let held_for = humantime::format_duration(Duration::from_secs(report.held_for.as_secs())).to_string();
        for holder in &report.holders {
            tracing::warn!(
                handler = self.name(holder.handler), partition = %report.topic_partition, group = %self.group,
                offset = report.watermark, event_type, event_id = &*event_id, attempt = holder.attempt,
                is = holder.stage.name(), held_for, records = report.records, full = report.full,
                "an event holds its partition's watermark"
            );
        }
    }

    fn log(&self, handler: HandlerIndex, run: &Try, ending: &Ending) {
        let handler = self.name(Some(handler));
        let record = &run.event.record;
        let (offset, attempt) = (record.offset(), run.attempt);
        let (verdict, error_message) = (ending.name(), ending.message());
        match ending.error_type() {
            None => {
                tracing::debug!(handler, partition = %record.topic_partition(), offset, attempt, verdict, "handled");
            }
            Some(error_type) => {
                tracing::warn!(handler, partition = %record.topic_partition(), offset, attempt, verdict, error_type, error_message, "failed");
            }
        }
    }

    fn name(&self, handler: Option<HandlerIndex>) -> &str {
        handler.map_or("", |handler| self.lineup.name(handler))
    }
}

/// Events of one type and partition, one after the other, that are reported together.
#[derive(Default)]
struct Counted(Option<(Event, u64)>);

impl Counted {
    /// Counts an event. Answers those before it, if it does not belong to them.
    fn add(&mut self, event: &Event) -> Option<(Event, u64)> {
        match &mut self.0 {
            Some((first, events)) if first.is_of_type_of(event) && first.is_of_partition_of(event) => {
                *events += 1;
                None
            }
            counted => counted.replace((event.clone(), 1)),
        }
    }
}

/// Which handlers want the events of one type and topic: mostly those of the event before.
#[derive(Default)]
struct Wanting {
    last: Option<Event>,
    handlers: Vec<HandlerIndex>,
}

impl Wanting {
    /// Holds nothing of a batch any more.
    fn let_go(&mut self) {
        self.last = self.last.take().map(|last| last.detached());
    }

    fn find(&mut self, lineup: &Lineup, event: &Event) {
        // Mostly told without a look at their bytes.
        if self.last.as_ref().is_some_and(|last| last.record.is_of_type_of(&event.record)) {
            return;
        }
        let is_like = |last: &Event| last.is_of_type_of(event) && last.record.topic() == event.record.topic();
        if !self.last.as_ref().is_some_and(is_like) {
            self.handlers.clear();
            self.handlers.extend(lineup.wanting(event));
        }
        self.last = Some(event.clone());
    }
}

fn lane(ordering: Ordering, key: u64) -> Option<Lane> {
    match ordering {
        // Records without a key share an order, apart from that of any key.
        Ordering::Key => Some(key),
        Ordering::Partition => Some(0),
        Ordering::None => None,
    }
}
