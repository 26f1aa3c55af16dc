//! A group's consumer: a thread that polls and hands over, and carries out what the engine asks.
//!
//! It polls all the time, whatever the handlers do, so that the group never misses it. One client is the
//! group's member and reads nothing, another ([`super::fetcher`]) reads what the member holds. Each partition
//! has a queue of its own, and is read as far as its account admits: what may not be held stays in
//! librdkafka, which then fetches no more of it. The rebalance callback only records what happened: partitions are
//! given back later, from the poll loop, when the engine has drained them and their last watermarks are
//! committed; those that stay are read on meanwhile. Watermarks are committed asynchronously, one commit
//! at a time; what fails is committed again as long as the partition is held.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use crossbeam_channel::{Receiver, Sender, unbounded};
use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext, RebalanceProtocol};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaRespErr;

use super::commit::commit;
use super::connections::Attempts;
use super::convert::{TopicNames, list};
use super::fetcher::{Fetcher, IDLE, Progress};
use super::queue::{Client, EventQueue};
use super::start::{self, Start, Starts};
use super::wake::Alarm;
use super::{Cluster, ConnectionLog};
use crate::delivery::buffer::{Ahead, Buffer};
use crate::delivery::ports::{Assigned, Consumer, Reading};
use crate::delivery::scheduler::Assignment;
use crate::event::TopicPartition;

mod held;

use held::Held;

/// How long the thread waits where nothing wakes it: a safety net, and the clock of what is tried again.
const TICK: Duration = IDLE;

/// How long a failed commit waits for the next.
const RECOMMIT: Duration = Duration::from_secs(1);

/// How long the last commit of a partition may take.
const FINAL_COMMIT: Duration = Duration::from_secs(5);

enum Control {
    Subscribe(Vec<String>),
    Source(String, Option<String>),
    ReadAnew(String),
    Commit(Vec<(Assignment, i64)>),
    Release(Vec<Assignment>, Vec<(Assignment, i64)>),
    Close(Vec<(Assignment, i64)>),
}

/// Asks the consumer's thread; the engine's door.
#[derive(Clone)]
pub struct ConsumerHandle {
    controls: Sender<Control>,
    alarm: Arc<Alarm>,
    ahead: Arc<Ahead>,
}

impl ConsumerHandle {
    /// Reads these topics, in place of those it read.
    pub fn subscribe(&self, topics: Vec<String>) {
        self.ask(Control::Subscribe(topics));
    }

    /// May be told to subscribe to this topic, too, with which that redrive topic is read.
    pub fn may_read(&self, source: String, redrive: Option<String>) {
        self.ask(Control::Source(source, redrive));
    }

    /// Reads a topic from its beginning: it is another one under the same name.
    pub fn read_anew(&self, topic: String) {
        self.ask(Control::ReadAnew(topic));
    }

    fn ask(&self, control: Control) {
        // A thread that is gone has been reported by its own end.
        let _ = self.controls.send(control);
        self.alarm.ring();
    }
}

impl Consumer for ConsumerHandle {
    fn taken_in(&self, records: usize) {
        self.ahead.taken_in(records);
    }

    fn commit(&self, watermarks: Vec<(Assignment, i64)>) {
        self.ask(Control::Commit(watermarks));
    }

    fn release(&self, assignments: Vec<Assignment>, watermarks: Vec<(Assignment, i64)>) {
        self.ask(Control::Release(assignments, watermarks));
    }

    fn close(&self, watermarks: Vec<(Assignment, i64)>) {
        self.ask(Control::Close(watermarks));
    }
}

/// What the group's membership did, for whoever watches.
pub trait Membership: Send + Sync {
    /// An assignment arrived, even an empty one.
    fn assigned(&self);
    /// A rebalance took something.
    fn revoked(&self);
}

/// What a group's member is configured with.
pub(super) fn configure(cluster: &Cluster, group: &str) -> ClientConfig {
    let (mut config, kafka) = (cluster.consumer(), &cluster.kafka);
    // With the newer protocol the broker assigns.
    let by_broker = kafka.properties.get("group.protocol").is_some_and(|protocol| protocol == "consumer");
    if !by_broker && kafka.properties.get("partition.assignment.strategy").is_none() {
        config.set("partition.assignment.strategy", "cooperative-sticky");
    }
    config
        .set("group.id", group)
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("isolation.level", "read_committed")
        // It reads nothing: that is the fetcher's.
        .set("auto.offset.reset", "earliest")
        .set("queued.max.messages.kbytes", "1");
    cluster.tell_connections(&mut config);
    config
}

/// What a group's consumer needs to know.
pub struct Settings {
    /// The group.
    pub group: String,
    /// The topics that it subscribes to, and to which `auto_offset_reset` holds.
    pub sources: Vec<String>,
    /// The redrive topic of each of them. Who holds a source's partition 0 reads it, all of it, from its
    /// beginning: were it subscribed to, its partitions would count in the assignment, and a member might
    /// get nothing else.
    pub redrives: HashMap<String, String>,
    /// Records of a partition from its watermark to its newest.
    pub window: u32,
    /// Bytes that the process may hold.
    pub buffer: Arc<Buffer>,
}

/// Starts a consumer's thread. It ends after [`Consumer::close`], or with the error that ended it.
///
/// # Errors
/// Where librdkafka does not accept the configuration.
pub fn start(
    cluster: &Cluster,
    settings: Settings,
    readings: Sender<Reading>,
    membership: Arc<dyn Membership>,
) -> anyhow::Result<(ConsumerHandle, JoinHandle<anyhow::Result<()>>)> {
    let context = GroupContext {
        connection: cluster.log.clone(),
        group: settings.group.clone(),
        attempts: Attempts::default(),
        rebalances: Mutex::default(),
        answered: AtomicU64::new(0),
        failed: Mutex::default(),
        closing: AtomicBool::new(false),
    };
    let consumer: BaseConsumer<GroupContext> =
        configure(cluster, &settings.group).create_with_context(context).map_err(super::not_accepted)?;
    let (consumer, alarm) = (Arc::new(consumer), Arc::new(Alarm::new()?));
    let fetcher = Fetcher::new(cluster, &settings.group, &alarm)?;
    let (sender, controls) = unbounded();
    let ring = alarm.clone();
    let ahead = Arc::new(Ahead::new(Arc::new(move || ring.ring())));
    let events = EventQueue::of(&consumer, alarm.raw()).context("the consumer has no queue")?;
    let group = settings.group.clone();
    let poll_loop = PollLoop {
        partitions: Vec::new(),
        fetcher,
        events,
        consumer,
        alarm: alarm.clone(),
        ahead: ahead.clone(),
        controls,
        readings,
        membership,
        names: TopicNames::default(),
        starts: Starts::new(cluster.kafka.auto_offset_reset, settings.sources.clone()),
        settings,
        next_assignment: 1,
        taking: None,
        uncommitted: HashMap::new(),
        next_commit: None,
        issued: 0,
        releasing: VecDeque::new(),
    };
    let thread = std::thread::Builder::new()
        .name(format!("kafka-{group}"))
        .spawn(move || poll_loop.run())
        .context("cannot start the consumer's thread")?;
    Ok((ConsumerHandle { controls: sender, alarm, ahead }, thread))
}

enum Rebalance {
    Assigned(TopicPartitionList),
    Revoked(TopicPartitionList),
}

/// What librdkafka calls back, on the consumer's own thread.
struct GroupContext {
    connection: Arc<ConnectionLog>,
    group: String,
    attempts: Attempts,
    rebalances: Mutex<Vec<Rebalance>>,
    answered: AtomicU64,
    failed: Mutex<Vec<(String, i32, i64)>>,
    closing: AtomicBool,
}

impl ClientContext for GroupContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        super::log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.connection.trouble(&error, reason);
    }

    fn stats_raw(&self, statistics: &[u8]) {
        self.connection.told(statistics, &self.attempts, Some(&self.group));
    }
}

impl ConsumerContext for GroupContext {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, error: RDKafkaRespErr, partitions: &mut TopicPartitionList) {
        if self.closing.load(Ordering::Relaxed) {
            // The loop has ended: closing waits for this answer.
            if let Err(error) = give_back(consumer, partitions) {
                tracing::debug!(%error, "unassign while closing");
            }
            return;
        }
        let rebalance = match error {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => Rebalance::Assigned(partitions.clone()),
            _ => Rebalance::Revoked(partitions.clone()),
        };
        self.rebalances.lock().unwrap_or_else(PoisonError::into_inner).push(rebalance);
    }

    fn commit_callback(&self, result: KafkaResult<()>, offsets: &TopicPartitionList) {
        self.answered.fetch_add(1, Ordering::Relaxed);
        if result.as_ref().is_err_and(|error| error.rdkafka_error_code() == Some(RDKafkaErrorCode::NoOffset)) {
            return;
        }
        // One partition may be refused and the others not.
        let refused: Vec<_> =
            offsets.elements().into_iter().filter(|e| result.is_err() || e.error().is_err()).collect();
        if refused.is_empty() {
            return;
        }
        let error = result.err().or_else(|| refused.first().and_then(|e| e.error().err()));
        tracing::warn!(error = error.map(tracing::field::display), "watermarks were not committed; trying again");
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        for element in refused {
            if let Offset::Offset(offset) = element.offset() {
                failed.push((element.topic().to_owned(), element.partition(), offset));
            }
        }
    }
}

fn give_back(consumer: &BaseConsumer<GroupContext>, partitions: &TopicPartitionList) -> KafkaResult<()> {
    match consumer.rebalance_protocol() {
        RebalanceProtocol::Cooperative => consumer.incremental_unassign(partitions),
        _ => consumer.unassign(),
    }
}

/// Partitions that wait for their last commit before they are given back.
struct Releasing {
    assignments: Vec<Assignment>,
    /// The number of the commit that holds their watermarks, once it was asked for.
    commit: Option<u64>,
    watermarks: Vec<(TopicPartition, i64)>,
    until: Instant,
}

/// An assignment whose partitions' starts are not found yet.
struct Taking {
    partitions: TopicPartitionList,
    again: Instant,
}

struct PollLoop {
    partitions: Vec<Held>,
    fetcher: Fetcher,
    events: EventQueue<GroupContext>,
    /// The group's member.
    consumer: Client<GroupContext>,
    // Dropped after the queues that ring it.
    alarm: Arc<Alarm>,
    ahead: Arc<Ahead>,
    settings: Settings,
    controls: Receiver<Control>,
    readings: Sender<Reading>,
    membership: Arc<dyn Membership>,
    names: TopicNames,
    starts: Starts,
    next_assignment: u64,
    taking: Option<Taking>,
    /// Watermarks to commit, of partitions that are held.
    uncommitted: HashMap<TopicPartition, i64>,
    next_commit: Option<Instant>,
    /// Commits asked for.
    issued: u64,
    releasing: VecDeque<Releasing>,
}

impl PollLoop {
    fn run(mut self) -> anyhow::Result<()> {
        loop {
            self.alarm.reset();
            while let Ok(control) = self.controls.try_recv() {
                if let Control::Close(watermarks) = control {
                    self.close(watermarks);
                    return Ok(());
                }
                self.obey(control)?;
            }
            self.poll_events()?;
            self.fetcher.poll_events()?;
            self.rebalance();
            let more = self.read();
            self.change_pace();
            self.commit_due();
            self.release_committed();
            if !more {
                self.alarm.wait(TICK);
            }
        }
    }

    /// Serves librdkafka's callbacks, and counts as life in the eyes of the group.
    fn poll_events(&self) -> anyhow::Result<()> {
        loop {
            match self.consumer.poll(Duration::ZERO) {
                // A message was fetched before its partition was paused; the fetcher reads it.
                None | Some(Ok(_)) => {}
                Some(Err(KafkaError::MessageConsumptionFatal(code))) => {
                    anyhow::bail!("the consumer cannot go on: {code}");
                }
                Some(Err(error)) => self.connection().trouble(&error, ""),
            }
            if !self.events.has_events() {
                return Ok(());
            }
        }
    }

    fn connection(&self) -> &ConnectionLog {
        &self.consumer.context().connection
    }

    /// Hands over what has come and may be held. Answers whether there may be more right now.
    fn read(&mut self) -> bool {
        let (mut more, mut in_turn) = (false, None);
        for (place, held) in self.partitions.iter_mut().enumerate().filter(|(_, held)| !held.revoked) {
            if !self.ahead.has_room() {
                // It is rung for when there is.
                (more, in_turn) = (false, Some(place));
                break;
            }
            let (batch, more_of_it) = held.read(&self.consumer.context().connection);
            more |= more_of_it;
            // An engine that is gone has closed this consumer.
            if let Some(batch) = batch {
                self.ahead.handed_over(batch.len());
                let _ = self.readings.send(Reading::Records(held.assignment, batch));
            }
            if let Some(end) = held.new_end() {
                let _ = self.readings.send(Reading::End(held.assignment, end));
            }
        }
        // Next time it begins where it ended, so that each has its turn.
        self.partitions.rotate_left(in_turn.unwrap_or_default());
        more
    }

    fn change_pace(&mut self) {
        let now = Instant::now();
        for held in self.partitions.iter_mut().filter(|held| !held.revoked) {
            held.change_pace(&self.fetcher, now);
        }
    }

    fn say(&self, reading: Reading) {
        let _ = self.readings.send(reading);
    }

    // --- Assignments ---

    fn rebalance(&mut self) {
        let rebalances =
            std::mem::take(&mut *self.consumer.context().rebalances.lock().unwrap_or_else(PoisonError::into_inner));
        for rebalance in rebalances {
            match rebalance {
                Rebalance::Assigned(partitions) => {
                    self.taking = Some(Taking { partitions, again: Instant::now() });
                    self.take();
                }
                Rebalance::Revoked(partitions) => self.revoked(&partitions),
            }
        }
        self.take();
    }

    /// Takes an assignment as soon as it is known where to begin.
    fn take(&mut self) {
        let Some(Taking { partitions, .. }) = self.taking.take_if(|taking| taking.again <= Instant::now()) else {
            return;
        };
        let found = self.with_redrives(&partitions).and_then(|all| self.starts.find(&self.consumer, &all));
        let starts = match found {
            Ok(starts) => starts,
            Err(error) => {
                tracing::warn!(%error, "cannot find out where to begin; asking again");
                self.taking = Some(Taking { partitions, again: Instant::now() + RECOMMIT });
                return;
            }
        };
        // A list for each: librdkafka keeps a client's own objects in the list that it was given.
        let of_group = |start: &&Start| partitions.find_partition(&start.topic, start.partition).is_some();
        let (for_member, for_fetcher) = (start::list(starts.iter().filter(of_group)), start::list(&starts));
        let mut assigned = Vec::new();
        for Start { topic, partition, commit, .. } in starts {
            let topic_partition = TopicPartition { topic: self.names.get(&topic), partition };
            let source = self.settings.redrives.iter().find(|(_, redrive)| **redrive == topic);
            let comes_with = match source {
                Some((source, _)) => TopicPartition { topic: self.names.get(source), partition: 0 },
                None => topic_partition.clone(),
            };
            let progress = Progress::default();
            let Some(queue) = self.fetcher.queue(progress.pace, &topic, partition) else {
                tracing::error!(partition = %topic_partition, "librdkafka has no such partition");
                continue;
            };
            let assignment = Assignment(self.next_assignment);
            self.next_assignment += 1;
            let alarm = self.alarm.clone();
            let account = self.settings.buffer.open(self.settings.window, Arc::new(move || alarm.ring()));
            self.partitions.push(Held {
                assignment,
                topic_partition: topic_partition.clone(),
                comes_with,
                queue,
                progress,
                known_end: commit,
                account: account.clone(),
                revoked: false,
            });
            assigned.push(Assigned { assignment, topic_partition, start: commit, account });
        }
        let taken = match self.consumer.rebalance_protocol() {
            RebalanceProtocol::Cooperative => self.consumer.incremental_assign(&for_member),
            _ => self.consumer.assign(&for_member),
        };
        log_error("take", taken);
        if !assigned.is_empty() {
            log_error("pause", self.consumer.pause(&for_member));
            log_error("read", self.fetcher.add(Progress::default().pace, &for_fetcher));
        }
        self.membership.assigned();
        self.say(Reading::Assigned(assigned));
    }

    /// The partitions of an assignment, and those of the redrive topics that come with them.
    fn with_redrives(&self, partitions: &TopicPartitionList) -> KafkaResult<TopicPartitionList> {
        let mut all = partitions.clone();
        for element in partitions.elements() {
            let redrive = self.settings.redrives.get(element.topic()).filter(|_| element.partition() == 0);
            if let Some(redrive) = redrive {
                let count = start::partitions(&self.consumer, redrive)?;
                if count == 0 {
                    tracing::warn!(topic = redrive, "the topic for redriven dead letters is not there; waiting for it");
                    return Err(KafkaError::MetadataFetch(RDKafkaErrorCode::UnknownTopicOrPartition));
                }
                for partition in 0..count {
                    all.add_partition(redrive, partition);
                }
            }
        }
        Ok(all)
    }

    fn revoked(&mut self, partitions: &TopicPartitionList) {
        let lost = self.consumer.assignment_lost();
        if self.taking.take().is_some() {
            // It goes before it came.
            log_error("give back", give_back(&self.consumer, partitions));
            return;
        }
        let partitions = self.names.partitions(partitions);
        tracing::info!(partitions = %words(&partitions), group = self.settings.group, lost, "revoked");
        if !partitions.is_empty() {
            self.membership.revoked();
        }
        let mut assignments = Vec::new();
        for held in self.partitions.iter_mut().filter(|held| partitions.contains(&held.comes_with)) {
            held.revoked = true;
            self.uncommitted.remove(&held.topic_partition);
            assignments.push(held.assignment);
            held.read_no_more(&self.fetcher);
        }
        self.say(Reading::Revoked { assignments, lost });
    }

    fn obey(&mut self, control: Control) -> anyhow::Result<()> {
        match control {
            Control::Subscribe(topics) => {
                let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
                self.consumer
                    .subscribe(&topics)
                    .map_err(|error| super::in_words(&error))
                    .context("cannot subscribe")?;
            }
            Control::Source(source, redrive) => {
                self.starts.add(&source);
                self.settings.redrives.extend(redrive.map(|redrive| (source, redrive)));
            }
            Control::ReadAnew(topic) => self.read_anew(&topic),
            Control::Commit(watermarks) => {
                let held = watermarks.into_iter().filter_map(|(assignment, offset)| {
                    let held = self.partitions.iter().find(|held| held.assignment == assignment && !held.revoked)?;
                    Some((held.topic_partition.clone(), offset))
                });
                self.uncommitted.extend(held);
                self.next_commit.get_or_insert_with(Instant::now);
            }
            Control::Release(assignments, watermarks) => {
                let until = Instant::now() + FINAL_COMMIT;
                let watermarks = self.places(watermarks);
                self.releasing.push_back(Releasing { assignments, commit: None, watermarks, until });
            }
            Control::Close(_) => {}
        }
        Ok(())
    }

    fn places(&self, watermarks: Vec<(Assignment, i64)>) -> Vec<(TopicPartition, i64)> {
        let place = |(assignment, offset)| {
            let held = self.partitions.iter().find(|held| held.assignment == assignment)?;
            Some((held.topic_partition.clone(), offset))
        };
        watermarks.into_iter().filter_map(place).collect()
    }

    fn is_held(&self, topic_partition: &TopicPartition) -> bool {
        self.partitions.iter().any(|held| held.topic_partition == *topic_partition && !held.revoked)
    }

    /// librdkafka itself goes on in the new topic at the position that it had in the old one.
    fn read_anew(&mut self, topic: &str) {
        let of_topic = |held: &&mut Held| &*held.topic_partition.topic == topic && !held.revoked;
        self.partitions.iter_mut().filter(of_topic).for_each(|held| held.read_anew(&self.fetcher));
    }

    /// Gives back the partitions whose last commit is answered, or was waited for long enough. The others
    /// are read on meanwhile.
    fn release_committed(&mut self) {
        let answered = self.consumer.context().answered.load(Ordering::Relaxed);
        while let Some(releasing) = self.releasing.front() {
            let done = releasing.watermarks.is_empty() || releasing.commit.is_some_and(|commit| commit <= answered);
            if !done && Instant::now() < releasing.until {
                return;
            }
            if !done {
                tracing::warn!("the last commit was not answered; its events will be repeated");
            }
            let Some(releasing) = self.releasing.pop_front() else { return };
            let (gone, kept): (Vec<_>, Vec<_>) =
                self.partitions.drain(..).partition(|held| releasing.assignments.contains(&held.assignment));
            self.partitions = kept;
            let of_group = gone.iter().filter(|held| held.comes_with == held.topic_partition);
            let list = list(of_group.map(|held| &held.topic_partition));
            log_error("give back", give_back(&self.consumer, &list));
        }
    }

    // --- Commits ---

    fn commit_due(&mut self) {
        let failed =
            std::mem::take(&mut *self.consumer.context().failed.lock().unwrap_or_else(PoisonError::into_inner));
        for (topic, partition, offset) in failed {
            let partition = TopicPartition { topic: self.names.get(&topic), partition };
            // What was given back may be somebody else's by now.
            if !self.is_held(&partition) {
                continue;
            }
            // A newer watermark goes before.
            self.uncommitted.entry(partition).or_insert(offset);
            self.next_commit.get_or_insert_with(|| Instant::now() + RECOMMIT);
        }
        // One at a time: librdkafka repeats a failed commit by itself, and an older one that came after a
        // newer would take the watermark back.
        if self.in_flight() > 0 {
            return;
        }
        if let Some(at) = self.releasing.iter().position(|of| of.commit.is_none() && !of.watermarks.is_empty()) {
            let watermarks = self.releasing.get(at).map(|of| of.watermarks.clone()).unwrap_or_default();
            if self.commit(&watermarks)
                && let Some(releasing) = self.releasing.get_mut(at)
            {
                releasing.commit = Some(self.issued);
            }
        } else if self.next_commit.is_some_and(|at| at <= Instant::now()) {
            self.next_commit = None;
            let watermarks: Vec<_> = self.uncommitted.drain().collect();
            if !self.commit(&watermarks) {
                self.uncommitted.extend(watermarks);
                self.next_commit = Some(Instant::now() + RECOMMIT);
            }
        }
    }

    /// Commits that are not answered.
    fn in_flight(&self) -> u64 {
        self.issued.saturating_sub(self.consumer.context().answered.load(Ordering::Relaxed))
    }

    /// Asks for a commit. Answers whether it will be answered.
    fn commit(&mut self, watermarks: &[(TopicPartition, i64)]) -> bool {
        if watermarks.is_empty() {
            return true;
        }
        let mut offsets = list(watermarks.iter().map(|(partition, _)| partition));
        for (partition, offset) in watermarks {
            let set = offsets.set_partition_offset(&partition.topic, partition.partition, Offset::Offset(*offset));
            log_error("set offsets of", set);
        }
        match commit(&self.consumer, &offsets) {
            Ok(()) => {
                self.issued += 1;
                true
            }
            Err(error) => {
                tracing::warn!(%error, "watermarks were not committed; trying again");
                false
            }
        }
    }

    /// Leaves the group after a last commit. A synchronous one would wait for a broker that is away as long
    /// as the session lasts.
    fn close(&mut self, watermarks: Vec<(Assignment, i64)>) {
        let watermarks = self.places(watermarks);
        self.partitions.iter_mut().for_each(|held| held.revoked = true);
        let deadline = Instant::now() + FINAL_COMMIT;
        self.wait_for_answers(deadline);
        self.commit(&watermarks);
        self.wait_for_answers(deadline);
        if self.in_flight() > 0 {
            tracing::warn!("the last commit was not answered; its events will be repeated");
        }
        self.partitions.clear();
        self.consumer.context().closing.store(true, Ordering::Relaxed);
        // Dropped, the consumer leaves its group.
        self.consumer.unsubscribe();
    }

    fn wait_for_answers(&mut self, deadline: Instant) {
        while self.in_flight() > 0 && Instant::now() < deadline {
            self.alarm.reset();
            if let Err(error) = self.poll_events() {
                tracing::warn!("while closing: {error:#}");
                return;
            }
            if self.in_flight() > 0 {
                self.alarm.wait(TICK);
            }
        }
    }
}

fn log_error(what: &str, result: KafkaResult<()>) {
    if let Err(error) = result {
        tracing::error!(%error, "cannot {what} partitions");
    }
}

fn words(partitions: &[TopicPartition]) -> String {
    partitions.iter().map(TopicPartition::to_string).collect::<Vec<_>>().join(" ")
}
