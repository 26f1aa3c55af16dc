//! A group's consumer: a thread that polls and hands over, and carries out what the engine asks.
//!
//! It polls all the time, whatever the handlers do, so that the group never misses it. The rebalance
//! callback only records what happened: partitions are given back later, from the poll loop, when the
//! engine has drained them. Watermarks are committed asynchronously; what fails is committed again as
//! long as the partition is held.

use std::collections::{HashMap, HashSet};
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
use super::convert::{TopicNames, list};
use super::{Cluster, ConnectionLog};
use crate::delivery::ports::{Consumer, Reading};
use crate::event::{Record, TopicPartition};

/// How long one poll waits: the longest delay of a pause, a commit or a release.
const POLL: Duration = Duration::from_millis(25);

/// Records handed over at once, and their bytes: enough to spare the channel, few enough to bound what
/// arrives after a pause.
const BATCH_RECORDS: usize = 256;
const BATCH_BYTES: usize = 1 << 20;

/// How long a failed commit waits for the next.
const RECOMMIT: Duration = Duration::from_secs(1);

/// How long the last commit of a partition may take.
const FINAL_COMMIT: Duration = Duration::from_secs(5);

enum Control {
    Subscribe(Vec<String>),
    Pause(Vec<TopicPartition>),
    Resume(Vec<TopicPartition>),
    Commit(Vec<(TopicPartition, i64)>),
    Release(Vec<TopicPartition>, Vec<(TopicPartition, i64)>),
    Close(Vec<(TopicPartition, i64)>),
}

/// Asks the consumer's thread; the engine's door.
#[derive(Clone)]
pub struct ConsumerHandle(Sender<Control>);

impl ConsumerHandle {
    /// Reads these topics, in place of those it read.
    pub fn subscribe(&self, topics: Vec<String>) {
        self.ask(Control::Subscribe(topics));
    }

    fn ask(&self, control: Control) {
        // A thread that is gone has been reported by its own end.
        let _ = self.0.send(control);
    }
}

impl Consumer for ConsumerHandle {
    fn pause(&self, partitions: Vec<TopicPartition>) {
        self.ask(Control::Pause(partitions));
    }

    fn resume(&self, partitions: Vec<TopicPartition>) {
        self.ask(Control::Resume(partitions));
    }

    fn commit(&self, watermarks: Vec<(TopicPartition, i64)>) {
        self.ask(Control::Commit(watermarks));
    }

    fn release(&self, partitions: Vec<TopicPartition>, watermarks: Vec<(TopicPartition, i64)>) {
        self.ask(Control::Release(partitions, watermarks));
    }

    fn close(&self, watermarks: Vec<(TopicPartition, i64)>) {
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

/// What a group's consumer is configured with.
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
        .set("auto.offset.reset", kafka.auto_offset_reset.as_str())
        .set("isolation.level", "read_committed")
        .set("enable.partition.eof", "false");
    config
}

/// Starts a consumer's thread. It ends after [`Consumer::close`], or with the error that ended it.
///
/// # Errors
/// Where librdkafka does not accept the configuration.
pub fn start(
    cluster: &Cluster,
    group: &str,
    readings: Sender<Reading>,
    membership: Arc<dyn Membership>,
) -> anyhow::Result<(ConsumerHandle, JoinHandle<anyhow::Result<()>>)> {
    let context = GroupContext {
        connection: cluster.log.clone(),
        rebalances: Mutex::default(),
        answered: AtomicU64::new(0),
        failed: Mutex::default(),
        closing: AtomicBool::new(false),
    };
    let consumer: BaseConsumer<GroupContext> =
        configure(cluster, group).create_with_context(context).map_err(super::not_accepted)?;
    let (sender, controls) = unbounded();
    let poll_loop = PollLoop {
        consumer,
        controls,
        readings,
        membership,
        names: TopicNames::default(),
        batch: Vec::new(),
        batch_bytes: 0,
        held: HashSet::new(),
        uncommitted: HashMap::new(),
        next_commit: None,
        issued: 0,
    };
    let thread = std::thread::Builder::new()
        .name(format!("kafka-{group}"))
        .spawn(move || poll_loop.run())
        .context("cannot start the consumer's thread")?;
    Ok((ConsumerHandle(sender), thread))
}

enum Rebalance {
    Assigned(TopicPartitionList),
    Revoked(TopicPartitionList),
}

/// What librdkafka calls back, on the consumer's own thread.
struct GroupContext {
    connection: Arc<ConnectionLog>,
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

struct PollLoop {
    consumer: BaseConsumer<GroupContext>,
    controls: Receiver<Control>,
    readings: Sender<Reading>,
    membership: Arc<dyn Membership>,
    names: TopicNames,
    batch: Vec<Record>,
    batch_bytes: usize,
    /// Partitions that are assigned and not being taken away.
    held: HashSet<TopicPartition>,
    /// Watermarks to commit, of partitions that are held.
    uncommitted: HashMap<TopicPartition, i64>,
    next_commit: Option<Instant>,
    /// Commits asked for.
    issued: u64,
}

impl PollLoop {
    fn run(mut self) -> anyhow::Result<()> {
        loop {
            while let Ok(control) = self.controls.try_recv() {
                if let Control::Close(watermarks) = control {
                    self.close(watermarks);
                    return Ok(());
                }
                self.obey(control)?;
            }
            self.poll()?;
            self.rebalance();
            self.commit_due();
        }
    }

    /// Takes what is there, up to a batch.
    fn poll(&mut self) -> anyhow::Result<()> {
        let mut wait = POLL;
        while self.batch.len() < BATCH_RECORDS && self.batch_bytes < BATCH_BYTES {
            match self.consumer.poll(wait) {
                Some(Ok(message)) => {
                    let record = self.names.record(&message);
                    self.batch_bytes += record.held_bytes();
                    self.batch.push(record);
                }
                Some(Err(KafkaError::MessageConsumptionFatal(code))) => {
                    anyhow::bail!("the consumer cannot go on: {code}");
                }
                Some(Err(error)) => self.consumer.context().connection.trouble(&error, ""),
                // Also after an event, such as a rebalance.
                None => break,
            }
            wait = Duration::ZERO;
        }
        self.flush();
        Ok(())
    }

    fn flush(&mut self) {
        if !self.batch.is_empty() {
            self.batch_bytes = 0;
            let records = std::mem::take(&mut self.batch);
            self.say(Reading::Records(records));
        }
    }

    /// Blocks while the engine has not taken the last few: it never waits itself.
    fn say(&self, reading: Reading) {
        // An engine that is gone has closed this consumer.
        let _ = self.readings.send(reading);
    }

    fn rebalance(&mut self) {
        let rebalances =
            std::mem::take(&mut *self.consumer.context().rebalances.lock().unwrap_or_else(PoisonError::into_inner));
        for rebalance in rebalances {
            match rebalance {
                Rebalance::Assigned(partitions) => {
                    let assigned = match self.consumer.rebalance_protocol() {
                        RebalanceProtocol::Cooperative => self.consumer.incremental_assign(&partitions),
                        _ => self.consumer.assign(&partitions),
                    };
                    self.log_error("take", assigned);
                    // What was paused under an earlier assignment would stay so.
                    self.log_error("resume", self.consumer.resume(&partitions));
                    self.membership.assigned();
                    let partitions = self.names.partitions(&partitions);
                    self.held.extend(partitions.iter().cloned());
                    self.say(Reading::Assigned(partitions));
                }
                Rebalance::Revoked(partitions) => {
                    let lost = self.consumer.assignment_lost();
                    let partitions = self.names.partitions(&partitions);
                    for partition in &partitions {
                        self.held.remove(partition);
                        self.uncommitted.remove(partition);
                    }
                    if !partitions.is_empty() {
                        self.membership.revoked();
                    }
                    self.say(Reading::Revoked { partitions, lost });
                }
            }
        }
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
            Control::Pause(partitions) => self.log_error("pause", self.consumer.pause(&list(&partitions))),
            Control::Resume(partitions) => self.log_error("resume", self.consumer.resume(&list(&partitions))),
            Control::Commit(watermarks) => {
                self.uncommitted.extend(watermarks.into_iter().filter(|(partition, _)| self.held.contains(partition)));
                self.next_commit.get_or_insert_with(Instant::now);
            }
            Control::Release(partitions, watermarks) => {
                self.commit_and_wait(watermarks);
                self.log_error("give back", give_back(&self.consumer, &list(&partitions)));
            }
            Control::Close(_) => {}
        }
        Ok(())
    }

    fn log_error(&self, what: &str, result: KafkaResult<()>) {
        if let Err(error) = result {
            tracing::error!(%error, "cannot {what} partitions");
        }
    }

    fn commit_due(&mut self) {
        let failed =
            std::mem::take(&mut *self.consumer.context().failed.lock().unwrap_or_else(PoisonError::into_inner));
        for (topic, partition, offset) in failed {
            let partition = TopicPartition { topic: self.names.get(&topic), partition };
            // What was given back may be somebody else's by now.
            if !self.held.contains(&partition) {
                continue;
            }
            // A newer watermark goes before.
            self.uncommitted.entry(partition).or_insert(offset);
            self.next_commit.get_or_insert_with(|| Instant::now() + RECOMMIT);
        }
        // One at a time: librdkafka repeats a failed commit by itself, and an older one that came after a
        // newer would take the watermark back.
        if self.in_flight() == 0 && self.next_commit.is_some_and(|at| at <= Instant::now()) {
            self.next_commit = None;
            let watermarks: Vec<_> = self.uncommitted.drain().collect();
            self.commit(watermarks);
        }
    }

    /// Commits that are not answered.
    fn in_flight(&self) -> u64 {
        self.issued.saturating_sub(self.consumer.context().answered.load(Ordering::Relaxed))
    }

    fn commit(&mut self, watermarks: Vec<(TopicPartition, i64)>) {
        if watermarks.is_empty() {
            return;
        }
        let mut offsets = list(watermarks.iter().map(|(partition, _)| partition));
        for (partition, offset) in &watermarks {
            let set = offsets.set_partition_offset(&partition.topic, partition.partition, Offset::Offset(*offset));
            self.log_error("set offsets of", set);
        }
        match commit(&self.consumer, &offsets) {
            Ok(()) => self.issued += 1,
            Err(error) => {
                tracing::warn!(%error, "watermarks were not committed; trying again");
                let held = watermarks.into_iter().filter(|(partition, _)| self.held.contains(partition));
                self.uncommitted.extend(held);
                self.next_commit = Some(Instant::now() + RECOMMIT);
            }
        }
    }

    /// A synchronous commit would wait for a broker that is away as long as the session lasts.
    fn commit_and_wait(&mut self, watermarks: Vec<(TopicPartition, i64)>) {
        let deadline = Instant::now() + FINAL_COMMIT;
        self.wait_for_answers(deadline);
        self.commit(watermarks);
        self.wait_for_answers(deadline);
        if self.in_flight() > 0 {
            tracing::warn!("the last commit was not answered; its events will be repeated");
        }
    }

    fn wait_for_answers(&mut self, deadline: Instant) {
        while self.in_flight() > 0 && Instant::now() < deadline {
            if let Some(Ok(message)) = self.consumer.poll(POLL) {
                let record = self.names.record(&message);
                self.batch.push(record);
            }
        }
    }

    fn close(&mut self, watermarks: Vec<(TopicPartition, i64)>) {
        self.commit_and_wait(watermarks);
        self.consumer.context().closing.store(true, Ordering::Relaxed);
        // Dropped, the consumer leaves its group.
        self.consumer.unsubscribe();
    }
}
