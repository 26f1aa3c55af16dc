//! What `sandbus bench` needs of librdkafka besides the host: a writer that fills topics, at full speed or at
//! a given rate, and the bare loop that everything is measured by.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rdkafka::Message as _;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, DeliveryResult, Headers as _};
use rdkafka::producer::{BaseRecord, Producer as _, ProducerContext};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::polled::PolledProducer;
use super::reader::{self, Start};
use super::{Cluster, PlainContext, fetcher, headers, in_words, not_accepted, producer};
use crate::event::Outgoing;

/// How long one question to the brokers may take.
const ASK: Duration = Duration::from_secs(10);

/// librdkafka's version.
pub fn version() -> String {
    rdkafka::util::get_rdkafka_version().1
}

/// Counts what the broker has answered.
#[derive(Default)]
struct Answers {
    acknowledged: AtomicU64,
    refused: Mutex<Option<String>>,
}

impl ClientContext for Answers {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        super::log(level, facility, message);
    }
}

impl ProducerContext for Answers {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        match result {
            Ok(_) => {
                self.acknowledged.fetch_add(1, Ordering::Relaxed);
            }
            Err((error, _)) => {
                self.refused.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| error.to_string());
            }
        }
    }
}

/// Writes records, with the host's settings for producers.
pub struct LoadWriter {
    producer: PolledProducer<Answers>,
}

impl LoadWriter {
    /// Connects when there is something to send. `linger` is how long a batch is collected.
    ///
    /// # Errors
    /// Where librdkafka does not accept the configuration.
    pub fn new(cluster: &Cluster, linger: Duration) -> anyhow::Result<LoadWriter> {
        let mut config = producer::configure(cluster);
        config.set("linger.ms", linger.as_millis().to_string());
        Ok(LoadWriter { producer: PolledProducer::new(&config, Answers::default())? })
    }

    /// Hands a record over. `false`: there is no room, try again.
    ///
    /// # Errors
    /// Where it cannot be sent.
    pub fn send(&self, record: &Outgoing) -> anyhow::Result<bool> {
        let mut base = BaseRecord::<[u8], [u8]>::to(&record.topic);
        base.key = record.key.as_deref();
        base.payload = record.value.as_deref();
        base.headers = headers::build(&record.headers);
        match self.producer.send(base) {
            Ok(()) => Ok(true),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => Ok(false),
            Err((error, _)) => Err(in_words(&error)).context("cannot write to Kafka"),
        }
    }

    /// How many records the broker has acknowledged.
    ///
    /// # Errors
    /// Where it has refused one.
    pub fn acknowledged(&self) -> anyhow::Result<u64> {
        let answers = self.producer.context();
        match &*answers.refused.lock().unwrap_or_else(PoisonError::into_inner) {
            None => Ok(answers.acknowledged.load(Ordering::Relaxed)),
            Some(reason) => Err(anyhow::anyhow!("the broker did not take a record: {reason}")),
        }
    }
}

/// One record, as the bare loop sees it.
pub struct BareRecord<'a>(&'a BorrowedMessage<'a>);

impl BareRecord<'_> {
    /// The value's length, its first and its last byte: what the loop touches.
    pub fn touch(&self) -> (usize, Option<u8>, Option<u8>) {
        let value = self.0.payload().unwrap_or_default();
        (value.len(), value.first().copied(), value.last().copied())
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.0.headers()?.iter().find(|header| header.key == name)?.value
    }
}

/// The loop that a user would write: no group, no commits, `BaseConsumer::poll` and nothing else.
pub struct BareLoop {
    consumer: BaseConsumer<PlainContext>,
    records: u64,
}

impl BareLoop {
    /// Begins to read every partition of a topic, with what the host's own consumer is configured with. That
    /// one has a queue for each partition, this one has one for all: it gets as many bytes as they have together.
    ///
    /// # Errors
    /// Where no broker answers, or there is no such topic.
    pub fn open(cluster: &Cluster, topic: &str, start: Start) -> anyhow::Result<BareLoop> {
        let mut config = fetcher::configure(cluster, "sandbus-bench");
        let partitions = i32::try_from(ends(cluster, topic)?.len()).unwrap_or(i32::MAX);
        if let Some(each) = config.get("queued.max.messages.kbytes").and_then(|kbytes| kbytes.parse::<i32>().ok()) {
            let all = each.saturating_mul(partitions).min(2_097_151);
            config.set("queued.max.messages.kbytes", all.to_string());
        }
        let consumer: BaseConsumer<PlainContext> =
            config.create_with_context(PlainContext::new(cluster)).map_err(not_accepted)?;
        let (mut list, mut records) = (TopicPartitionList::new(), 0);
        for partition in 0..partitions {
            let (first, end) = consumer.fetch_watermarks(topic, partition, ASK).map_err(|error| in_words(&error))?;
            let offset = match start {
                Start::Beginning => Offset::Offset(first),
                Start::End => Offset::Offset(end),
            };
            records += u64::try_from(end - first).unwrap_or_default();
            list.add_partition_offset(topic, partition, offset)?;
        }
        consumer.assign(&list).context("cannot read the topic")?;
        Ok(BareLoop { consumer, records })
    }

    /// How many records the topic held when the loop was opened.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Shows the next record to `each`, if one comes in time.
    ///
    /// # Errors
    /// What the consumer reports.
    #[inline]
    pub fn poll<T>(&self, wait: Duration, each: impl FnOnce(&BareRecord<'_>) -> T) -> anyhow::Result<Option<T>> {
        match self.consumer.poll(wait) {
            Some(Ok(message)) => Ok(Some(each(&BareRecord(&message)))),
            Some(Err(error)) => Err(in_words(&error)).context("the bare loop cannot read"),
            None => Ok(None),
        }
    }
}

/// Oldest and next offset of every partition of a topic.
///
/// # Errors
/// Where no broker answers, or there is no such topic.
pub fn ends(cluster: &Cluster, topic: &str) -> anyhow::Result<Vec<(i64, i64)>> {
    let consumer = super::reader::connect(cluster)?;
    let servers = cluster.bootstrap_servers();
    let deadline = Instant::now() + ASK;
    loop {
        let metadata = reader::metadata(&consumer, cluster, topic, ASK)?;
        let found = metadata.topics().iter().find(|found| found.name() == topic && found.error().is_none());
        let partitions = found.map_or(0, |found| found.partitions().len());
        let ends = (0..i32::try_from(partitions)?).map(|partition| consumer.fetch_watermarks(topic, partition, ASK));
        // What was made a moment ago may not be known everywhere.
        match ends.collect::<Result<Vec<_>, _>>() {
            Ok(ends) if !ends.is_empty() => return Ok(ends),
            Ok(_) => anyhow::ensure!(Instant::now() < deadline, "there is no topic {topic:?} at {servers}"),
            Err(error) if Instant::now() >= deadline => return Err(in_words(&error)),
            Err(_) => {}
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}
