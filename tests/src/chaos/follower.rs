//! Reads results and dead letters as they come, and samples what the groups have committed.
//!
//! A sample is taken in this order: committed offsets, then a fence, a record of ours in each partition of the topics that
//! hold what became of events. It goes to the checker when all is read up to the fence. So an end that a commit may rest on
//! is never missed; one that came in the moment between may be taken for there. To ask where a partition ends would not do:
//! a broker that was stopped answers for a partition that is another's by then, with an end of long ago.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{DeliveryResult, Header, Message as _, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _, ProducerContext, PurgeConfig};
use rdkafka::{Offset, TopicPartitionList};

use super::checker::{Ack, Checker, Letter, Stamp};
use super::journal::Journal;
use super::load::key_number;
use super::plan::{Cause, Group, HANDLERS};
use super::stop::Stop;
use crate::kafka::Connection;
use crate::topic::{self, StoredRecord, Topic};

/// Between two samples.
const SAMPLES: Duration = Duration::from_millis(400);
/// One question to a broker, which may be away.
const QUESTION: Duration = Duration::from_secs(3);
const POLL: Duration = Duration::from_millis(100);
/// The header that only a fence has.
const FENCE: &str = "chaos_fence";

/// The topics of a run.
#[derive(Debug, Clone)]
pub(super) struct Topics {
    pub(super) source: Topic,
    pub(super) results: Topic,
    pub(super) dead_letters: Topic,
}

/// The names of a run's two groups.
#[derive(Debug, Clone)]
pub(super) struct Groups {
    pub(super) shared: String,
}

impl Groups {
    pub(super) fn name(&self, group: Group) -> String {
        match group {
            Group::Shared => self.shared.clone(),
            Group::Own => {
                let own = group.handlers().next().expect("a group has a handler");
                format!("{}.{}", self.shared, HANDLERS[own].name)
            }
        }
    }

    fn of(&self, name: &str) -> Option<Group> {
        Group::ALL.into_iter().find(|group| self.name(*group) == name)
    }
}

/// Where each partition of each topic ends.
type Ends = HashMap<(String, i32), i64>;

struct Sample {
    group: Group,
    committed: BTreeMap<i32, i64>,
    ends: Ends,
}

/// Two threads: one reads, one samples.
pub(super) struct Follower {
    reader: JoinHandle<()>,
    sampler: JoinHandle<()>,
}

impl Follower {
    /// Reads on until `stop`, and then up to the last sample's ends.
    pub(super) fn start(
        connection: &Connection,
        topics: &Topics,
        groups: &Groups,
        checker: &Arc<Mutex<Checker>>,
        journal: Journal,
        stop: &Arc<Stop>,
    ) -> Follower {
        let (sender, receiver) = channel();
        let reader = Reader::new(connection, topics, groups.clone(), Arc::clone(checker), receiver, journal);
        let sampler = Sampler::new(connection, topics, groups);
        let stop = Arc::clone(stop);
        let thread = |name: &str| std::thread::Builder::new().name(name.into());
        Follower {
            reader: thread("reader").spawn(move || reader.run()).expect("a thread can be started"),
            sampler: thread("sampler").spawn(move || sampler.run(&sender, &stop)).expect("a thread can be started"),
        }
    }

    /// Waits for both, after the stop was set.
    pub(super) fn end(self) -> Result<(), String> {
        let sampler = self.sampler.join().map_err(|_| "the sampler has panicked");
        let reader = self.reader.join().map_err(|_| "the reader of results has panicked");
        Ok(sampler.and(reader)?)
    }

    /// Whether one has ended before its time, which only a panic does.
    pub(super) fn has_ended(&self) -> bool {
        self.reader.is_finished() || self.sampler.is_finished()
    }
}

/// The committed offset of each partition of a topic that has one.
fn committed(consumer: &BaseConsumer, topic: &Topic, partitions: i32) -> Option<BTreeMap<i32, i64>> {
    let mut asked = TopicPartitionList::new();
    asked.add_partition_range(topic.name(), 0, partitions - 1);
    let committed = consumer.committed_offsets(asked, QUESTION).ok()?;
    let offset = |element: &rdkafka::topic_partition_list::TopicPartitionListElem<'_>| match element.offset() {
        Offset::Offset(offset) => Some((element.partition(), offset)),
        _ => None,
    };
    Some(committed.elements().iter().filter_map(offset).collect())
}

/// The ends of all partitions of some topics.
fn ends<'a>(consumer: &BaseConsumer, topics: impl IntoIterator<Item = &'a Topic>) -> Option<Ends> {
    let mut ends = Ends::new();
    for topic in topics {
        for partition in 0..partitions(consumer, topic)? {
            let (_, end) = consumer.fetch_watermarks(topic.name(), partition, QUESTION).ok()?;
            ends.insert((topic.name().to_owned(), partition), end);
        }
    }
    Some(ends)
}

fn partitions(consumer: &BaseConsumer, topic: &Topic) -> Option<i32> {
    let cluster = consumer.fetch_metadata(Some(topic.name()), QUESTION).ok()?;
    let count = cluster.topics().first()?.partitions().len();
    i32::try_from(count).ok().filter(|count| *count > 0)
}

fn consumer(connection: &Connection, group: &str) -> BaseConsumer {
    connection
        .client()
        .set("group.id", group)
        .set("enable.auto.commit", "false")
        .set("fetch.wait.max.ms", "100")
        .create()
        .expect("a valid client")
}

/// Says where the broker has put a record, if it has.
struct Placed;

type Place = Option<(String, i32, i64)>;

impl ClientContext for Placed {}

impl ProducerContext for Placed {
    type DeliveryOpaque = Box<Sender<Place>>;

    fn delivery(&self, result: &DeliveryResult<'_>, places: Box<Sender<Place>>) {
        let placed = result.as_ref().ok();
        let placed = placed.map(|message| (message.topic().to_owned(), message.partition(), message.offset()));
        // Who has waited for long enough has gone away.
        let _ = places.send(placed);
    }
}

/// Asks for what is committed.
pub(super) struct Sampler {
    topics: Topics,
    consumers: Vec<(Group, BaseConsumer)>,
    fences: BaseProducer<Placed>,
}

impl Sampler {
    pub(super) fn new(connection: &Connection, topics: &Topics, groups: &Groups) -> Sampler {
        let consumers = Group::ALL.map(|group| (group, consumer(connection, &groups.name(group))));
        let fences = connection.client().set("linger.ms", "0").create_with_context(Placed).expect("a valid client");
        Sampler { topics: topics.clone(), consumers: consumers.into(), fences }
    }

    /// Whether both groups have committed everything that is in the source; if not, how far they are.
    pub(super) fn all_committed(&self) -> Result<(), String> {
        for (group, consumer) in &self.consumers {
            let away = || "a broker does not answer".to_owned();
            let ends = ends(consumer, [&self.topics.source]).ok_or_else(away)?;
            let count = i32::try_from(ends.len()).map_err(|error| error.to_string())?;
            let committed = committed(consumer, &self.topics.source, count).ok_or_else(away)?;
            let behind: BTreeMap<_, _> = ends
                .into_iter()
                .map(|((_, partition), end)| (partition, (committed.get(&partition).copied().unwrap_or(0), end)))
                .filter(|(_, (committed, end))| committed != end)
                .collect();
            if !behind.is_empty() {
                return Err(format!("{group:?} has committed (of) by partition: {behind:?}"));
            }
        }
        Ok(())
    }

    fn run(&self, samples: &Sender<Sample>, stop: &Stop) {
        loop {
            let last = stop.wait(SAMPLES);
            for (group, consumer) in &self.consumers {
                // What a broker that is away does not tell is asked again later.
                if let Some(sample) = self.sample(*group, consumer)
                    && samples.send(sample).is_err()
                {
                    return;
                }
            }
            if last {
                return;
            }
        }
    }

    fn sample(&self, group: Group, consumer: &BaseConsumer) -> Option<Sample> {
        let partitions = partitions(consumer, &self.topics.source)?;
        let committed = committed(consumer, &self.topics.source, partitions)?;
        Some(Sample { group, committed, ends: self.fence(consumer)? })
    }

    /// Writes a record to each partition that holds what became of events. Whatever was acknowledged before stands before
    /// it. `None` if a broker did not take one in time.
    fn fence(&self, consumer: &BaseConsumer) -> Option<Ends> {
        let (sender, places) = channel();
        let mut left = 0;
        for topic in [&self.topics.results, &self.topics.dead_letters] {
            for partition in 0..partitions(consumer, topic)? {
                let headers = OwnedHeaders::new().insert(Header { key: FENCE, value: Some("") });
                let record = BaseRecord::with_opaque_to(topic.name(), Box::new(sender.clone()));
                let record: BaseRecord<'_, [u8], [u8], _> = record.partition(partition).headers(headers);
                self.fences.send(record).ok()?;
                left += 1;
            }
        }
        let (mut ends, deadline) = (Ends::new(), Instant::now() + QUESTION);
        while left > 0 {
            self.fences.poll(POLL);
            while let Ok(place) = places.try_recv() {
                let (topic, partition, offset) = place?;
                ends.insert((topic, partition), offset + 1);
                left -= 1;
            }
            if left > 0 && Instant::now() >= deadline {
                self.fences.purge(PurgeConfig::default().queue().inflight());
                return None;
            }
        }
        Some(ends)
    }
}

struct Reader {
    consumer: BaseConsumer,
    topics: Topics,
    groups: Groups,
    checker: Arc<Mutex<Checker>>,
    samples: Receiver<Sample>,
    /// Not told to the checker yet, oldest first.
    pending: VecDeque<Sample>,
    /// Up to where each partition is read.
    read: Ends,
    journal: Journal,
}

impl Reader {
    fn new(
        connection: &Connection,
        topics: &Topics,
        groups: Groups,
        checker: Arc<Mutex<Checker>>,
        samples: Receiver<Sample>,
        journal: Journal,
    ) -> Reader {
        let consumer = consumer(connection, "chaos-reader");
        let mut assignment = TopicPartitionList::new();
        for topic in [&topics.results, &topics.dead_letters] {
            let partitions = topic.partitions().expect("the topic was just made");
            for partition in 0..partitions {
                assignment.add_partition_offset(topic.name(), partition, Offset::Beginning).expect("a valid offset");
            }
        }
        consumer.assign(&assignment).expect("a valid assignment");
        let topics = topics.clone();
        Reader { consumer, topics, groups, checker, samples, pending: VecDeque::new(), read: Ends::new(), journal }
    }

    /// Until nobody samples any more and the last sample is told.
    fn run(mut self) {
        let mut open = true;
        while open || !self.pending.is_empty() {
            loop {
                match self.samples.try_recv() {
                    Ok(sample) => self.pending.push_back(sample),
                    Err(std::sync::mpsc::TryRecvError::Empty) => break,
                    Err(std::sync::mpsc::TryRecvError::Disconnected) => {
                        open = false;
                        break;
                    }
                }
            }
            self.poll();
            self.tell_samples();
        }
    }

    fn poll(&mut self) {
        // An error is a broker that is away: the client goes on by itself.
        let Some(Ok(message)) = self.consumer.poll(POLL) else { return };
        let topic = message.topic().to_owned();
        let record = topic::stored(&message);
        drop(message);
        if record.header(FENCE).is_some() {
            self.read.insert((topic, record.partition), record.offset + 1);
            return;
        }
        let stamp = self.stamp(&topic, &record);
        if topic == self.topics.results.name() {
            let ack = ack(&record, stamp);
            self.journal.ack(&record, &ack);
            self.checker().acked(&ack);
        } else {
            let letter = self.letter(&record, stamp);
            self.journal.letter(&record, &letter);
            self.checker().dead_lettered(&letter);
        }
        self.read.insert((topic, record.partition), record.offset + 1);
    }

    /// The first sample at which the record was in its topic.
    fn stamp(&self, topic: &str, record: &StoredRecord) -> Stamp {
        let place = (topic.to_owned(), record.partition);
        let there = |sample: &Sample| sample.ends.get(&place).is_some_and(|end| record.offset < *end);
        let before = self.pending.iter().position(there).unwrap_or(self.pending.len());
        self.checker().samples() + Stamp::try_from(before).expect("few samples wait")
    }

    fn tell_samples(&mut self) {
        while let Some(sample) = self.pending.front() {
            let read = |(place, end): (&(String, i32), &i64)| self.read.get(place).copied().unwrap_or(0) >= *end;
            if !sample.ends.iter().all(read) {
                return;
            }
            let sample = self.pending.pop_front().expect("it was there just now");
            let number = self.checker().samples();
            self.journal.sample(number, sample.group, &sample.committed);
            self.checker().sampled(sample.group, &sample.committed);
        }
    }

    fn letter(&self, record: &StoredRecord, stamp: Stamp) -> Letter {
        let group = text(record, "dlq_consumer_group");
        let cause = ["dlq_reason", "dlq_error_type", "dlq_retry_count"].map(|name| text(record, name));
        Letter {
            group: self.groups.of(group).unwrap_or_else(|| panic!("a strange group in {record:?}")),
            handler: record.header("dlq_handler").map(|name| handler(name, record)),
            place: (number(record, "dlq_original_partition"), number(record, "dlq_original_offset")),
            number: event_number(record),
            key: event_key(record),
            cause: Cause::text(cause[0], cause[1], cause[2]),
            stamp,
        }
    }

    fn checker(&self) -> std::sync::MutexGuard<'_, Checker> {
        self.checker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A result of the probe, whose config key `name` is `HANDLER@HOST.INCARNATION`.
fn ack(record: &StoredRecord, stamp: Stamp) -> Ack {
    let name = text(record, "probe_handler");
    let (name, by) = name.split_once('@').unwrap_or_else(|| panic!("a strange name in {record:?}"));
    Ack {
        handler: handler(name, record),
        by: by.to_owned(),
        place: (number(record, "probe_partition"), number(record, "probe_offset")),
        number: event_number(record),
        key: event_key(record),
        attempt: number(record, "probe_attempt"),
        stamp,
    }
}

fn handler(name: &str, record: &StoredRecord) -> usize {
    let handler = HANDLERS.iter().position(|handler| handler.name == name);
    handler.unwrap_or_else(|| panic!("a strange handler in {record:?}"))
}

fn text<'a>(record: &'a StoredRecord, name: &str) -> &'a str {
    record.header(name).unwrap_or_else(|| panic!("{name} is missing in {record:?}"))
}

fn number<T: std::str::FromStr>(record: &StoredRecord, name: &str) -> T {
    text(record, name).parse().unwrap_or_else(|_| panic!("{name} is no number in {record:?}"))
}

fn event_number(record: &StoredRecord) -> u32 {
    record.text().parse().unwrap_or_else(|_| panic!("the value is no number in {record:?}"))
}

fn event_key(record: &StoredRecord) -> u16 {
    key_number(record.key.as_deref()).unwrap_or_else(|| panic!("a strange key in {record:?}"))
}
