//! Which topics there are, and the making of those that the host needs for itself.

use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::queue::{forget_events, waiting};
use super::topic_id::{self, TopicId};
use super::{Cluster, PlainContext};

/// How long one question to the brokers may take.
const ASK: Duration = Duration::from_secs(5);

/// A redrive topic's partitions. A redrive is rare, and its order is not promised: one reader is enough.
const REDRIVE_PARTITIONS: i32 = 1;

/// What is written to a redrive topic stays: it says what was redriven and purged, for as long as the dead
/// letters are there. Compaction would take from it what has a key, and refuse what has none.
const REDRIVE_CONFIG: [(&str, &str); 3] =
    [("cleanup.policy", "delete"), ("retention.ms", "-1"), ("retention.bytes", "-1")];

/// Asks a cluster about its topics. Every call blocks, for seconds where no broker answers.
pub struct Topics {
    // A consumer, because a producer's question would make the topic it asks for.
    client: BaseConsumer<PlainContext>,
    admin: AdminClient<PlainContext>,
}

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum TopicError {
    /// No broker answered; it may later.
    #[error("no answer: {0}")]
    Away(KafkaError),
    /// The topic cannot be made.
    #[error("cannot make the topic {0:?}: {1}; make it, or allow this user to")]
    Create(String, String),
}

impl Topics {
    /// Connects when it is first asked.
    ///
    /// # Errors
    /// Where librdkafka does not accept the configuration.
    pub fn new(cluster: &Cluster) -> anyhow::Result<Topics> {
        let context = || PlainContext::new(cluster);
        let admin = cluster.producer().create_with_context(context()).map_err(super::not_accepted)?;
        let mut config = cluster.consumer();
        config.set("allow.auto.create.topics", "false");
        let client = config.create_with_context(context()).map_err(super::not_accepted)?;
        Ok(Topics { client, admin })
    }

    /// How many partitions a topic has; `None` if there is no such topic.
    ///
    /// # Errors
    /// Where no broker answers.
    pub fn partitions(&self, topic: &str) -> Result<Option<i32>, TopicError> {
        self.serve();
        let metadata = self.client.fetch_metadata(Some(topic), ASK).map_err(TopicError::Away)?;
        let Some(found) = metadata.topics().iter().find(|found| found.name() == topic) else { return Ok(None) };
        match found.error().map(RDKafkaErrorCode::from) {
            None => Ok(Some(i32::try_from(found.partitions().len()).unwrap_or(i32::MAX)).filter(|count| *count > 0)),
            Some(RDKafkaErrorCode::UnknownTopic | RDKafkaErrorCode::UnknownTopicOrPartition) => Ok(None),
            Some(code) => Err(TopicError::Away(KafkaError::MetadataFetch(code))),
        }
    }

    /// Which topic has that name now. `None` where that is not known.
    pub fn id(&self, topic: &str) -> Option<TopicId> {
        self.serve();
        topic_id::of(&self.admin, topic, ASK)
    }

    /// Hears what the connections have to say: both clients have the same troubles, so one tells of them.
    fn serve(&self) {
        // One is polled at a time, and a log line, which is answered with nothing, may stand before an error.
        for _ in 0..waiting(self.client.client()) {
            let _ = self.client.poll(Duration::ZERO);
        }
        forget_events(self.admin.inner());
    }

    /// Makes a topic, with the cluster's own replication and configuration. One that is there already is fine.
    ///
    /// # Errors
    /// Where no broker answers, or it refuses.
    pub async fn create(&self, topic: &str, partitions: i32) -> Result<(), TopicError> {
        self.make(NewTopic::new(topic, partitions, TopicReplication::Fixed(-1))).await
    }

    /// Makes a redrive topic: one partition, kept without limit. One that is there already is fine, however
    /// many partitions it has.
    ///
    /// # Errors
    /// Where no broker answers, or it refuses.
    pub async fn create_redrive(&self, topic: &str) -> Result<(), TopicError> {
        let new = NewTopic::new(topic, REDRIVE_PARTITIONS, TopicReplication::Fixed(-1));
        self.make(REDRIVE_CONFIG.iter().fold(new, |new, (name, value)| new.set(name, value))).await
    }

    /// Makes a topic whose records go by themselves after `retention`, and that takes batches, and so records, of
    /// up to `largest` bytes.
    ///
    /// # Errors
    /// Where no broker answers, or it refuses.
    pub async fn create_for(
        &self,
        topic: &str,
        partitions: i32,
        retention: Duration,
        largest: usize,
    ) -> Result<(), TopicError> {
        let (retention, largest) = (retention.as_millis().to_string(), largest.to_string());
        let new = NewTopic::new(topic, partitions, TopicReplication::Fixed(-1));
        self.make(new.set("retention.ms", &retention).set("max.message.bytes", &largest)).await
    }

    /// Deletes topics and consumer groups. What is not there is fine.
    ///
    /// # Errors
    /// Where no broker answers.
    pub async fn delete(&self, topics: &[&str], groups: &[&str]) -> Result<(), TopicError> {
        let options = AdminOptions::new().operation_timeout(Some(ASK)).request_timeout(Some(ASK));
        if !groups.is_empty() {
            self.admin.delete_groups(groups, &options).await.map_err(TopicError::Away)?;
        }
        if !topics.is_empty() {
            self.admin.delete_topics(topics, &options).await.map_err(TopicError::Away)?;
        }
        Ok(())
    }

    async fn make(&self, new: NewTopic<'_>) -> Result<(), TopicError> {
        let options = AdminOptions::new().operation_timeout(Some(ASK)).request_timeout(Some(ASK));
        let answers = self.admin.create_topics([&new], &options).await.map_err(TopicError::Away)?;
        match answers.into_iter().next() {
            None | Some(Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists))) => Ok(()),
            Some(Err((_, code @ (RDKafkaErrorCode::RequestTimedOut | RDKafkaErrorCode::NotController)))) => {
                Err(TopicError::Away(KafkaError::AdminOp(code)))
            }
            Some(Err((topic, code))) => Err(TopicError::Create(topic, code.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use rdkafka::client::ClientContext;
    use rdkafka::consumer::ConsumerContext;

    use super::*;
    use crate::config::Config;
    use crate::kafka::connections::{ConnectionWatch, STATISTICS};
    use crate::kafka::embedded::EmbeddedBroker;

    struct Nobody;

    impl ConnectionWatch for Nobody {
        fn may_fail(&self, _: &str) {}

        fn failed(&self, _: &str) {}

        fn reconnected(&self, _: u64) {}

        fn connected(&self, _: &str, _: bool) {}
    }

    /// How often a client has told.
    #[derive(Default)]
    struct Told(AtomicUsize);

    impl ClientContext for Told {
        fn stats_raw(&self, _: &[u8]) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    impl ConsumerContext for Told {}

    #[test]
    fn what_nobody_polls_for_is_not_kept_for_good() {
        let broker = EmbeddedBroker::start().unwrap();
        let text = format!(
            "[kafka]\nbootstrap_servers = {:?}\n[kafka.properties]\n\"statistics.interval.ms\" = \"100\"\n",
            broker.bootstrap_servers()
        );
        let nothing = std::iter::empty::<(&str, &str)>();
        let kafka = Config::from_text(&text, Path::new("/nowhere"), nothing).unwrap().kafka;
        let cluster = Cluster::watched(kafka, Arc::new(Nobody));
        let topics = Topics::new(&cluster).unwrap();
        let mut config = cluster.consumer();
        config.set(STATISTICS, "100");
        let telling = || config.create_with_context::<_, BaseConsumer<Told>>(Told::default()).unwrap();
        let (unheard, heard) = (telling(), telling());
        // By then those before would have told at the host's own interval, too.
        while heard.context().0.load(Ordering::Relaxed) < 15 {
            let _ = heard.poll(Duration::from_secs(1));
        }
        assert_eq!((waiting(topics.client.client()), waiting(topics.admin.inner())), (0, 0));
        let kept = waiting(unheard.client());
        assert!(kept > 1, "{kept}");
        forget_events(unheard.client());
        assert!(waiting(unheard.client()) < kept);
    }
}
