//! Waits for the source topics, makes their dead-letter and redrive topics, and subscribes the groups to
//! what is there. It goes on asking: a topic that is missing, now or later, is named in the log and on `/readyz`;
//! one that was made again under its name is read from its beginning.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;

use crate::admin::Health;
use crate::config::{Config, DeadLetters, GroupName, TopicName, redrive_topic};
use crate::kafka::Cluster;
use crate::kafka::consumer::ConsumerHandle;
use crate::kafka::topic_id::TopicId;
use crate::kafka::topics::{TopicError, Topics};

/// How long to wait between two questions while a topic is missing, and while none is.
const AGAIN: Duration = Duration::from_secs(1);
const NONE_MISSING: Duration = Duration::from_secs(5);

/// A group, and what its handlers read.
pub struct Reader {
    /// The group.
    pub group: GroupName,
    /// Its consumer.
    pub consumer: ConsumerHandle,
    /// Source topics.
    pub topics: Vec<TopicName>,
}

/// See the module's documentation.
pub struct Watcher {
    topics: Arc<Topics>,
    readers: Vec<Reader>,
    dead_letters: DeadLetters,
    health: Arc<Health>,
    brokers: String,
}

impl Watcher {
    /// For the groups.
    ///
    /// # Errors
    /// Where a client cannot be made.
    pub fn new(
        config: &Config,
        cluster: &Cluster,
        readers: Vec<Reader>,
        health: Arc<Health>,
    ) -> anyhow::Result<Watcher> {
        Ok(Watcher {
            topics: Arc::new(Topics::new(cluster)?),
            readers,
            dead_letters: config.delivery.dead_letters.clone(),
            health,
            brokers: config.kafka.bootstrap_servers.clone(),
        })
    }

    /// Watches for as long as the host runs.
    ///
    /// # Errors
    /// Where a dead-letter or redrive topic cannot be made: without the one an event could not be given up,
    /// without the other not be given again.
    pub async fn run(self) -> anyhow::Result<()> {
        let mut wanted: BTreeMap<String, bool> = BTreeMap::new();
        for topic in self.readers.iter().flat_map(|reader| &reader.topics) {
            wanted.insert(topic.to_string(), false);
        }
        self.health.missing(wanted.keys().cloned().collect());
        let (mut away, mut named, mut ids) = (false, Vec::new(), BTreeMap::new());
        loop {
            match self.look(&mut wanted, &mut ids).await {
                Ok(changed) => {
                    if away {
                        tracing::info!(brokers = self.brokers, "Kafka answers");
                        away = false;
                    }
                    let missing: Vec<_> = wanted.iter().filter(|(_, ready)| !**ready).map(|(t, _)| t.clone()).collect();
                    if changed {
                        self.subscribe(&wanted);
                    }
                    if !missing.is_empty() && missing != named {
                        tracing::warn!(topics = missing.join(" "), "there is no such topic; waiting for it");
                    }
                    named.clone_from(&missing);
                    self.health.missing(missing);
                }
                Err(TopicError::Away(error)) => {
                    if !away {
                        tracing::warn!(brokers = self.brokers, %error, "Kafka does not answer; waiting for it");
                        away = true;
                    }
                }
                Err(error @ TopicError::Create(..)) => {
                    return Err(error).context("dead letters and their redrive need topics");
                }
            }
            let complete = wanted.values().all(|ready| *ready);
            tokio::time::sleep(if complete && !away { NONE_MISSING } else { AGAIN }).await;
        }
    }

    /// Looks for every topic. Answers whether one has come.
    async fn look(
        &self,
        wanted: &mut BTreeMap<String, bool>,
        ids: &mut BTreeMap<String, TopicId>,
    ) -> Result<bool, TopicError> {
        let mut changed = false;
        for (topic, ready) in wanted.iter_mut() {
            let Some(partitions) = self.partitions(topic.clone()).await? else {
                *ready = false;
                // When it comes back, the groups are assigned its partitions anew.
                ids.remove(topic);
                continue;
            };
            if let Some(id) = self.id(topic.clone()).await
                && ids.insert(topic.clone(), id).is_some_and(|before| before != id)
            {
                tracing::warn!(topic, "the topic was made again; reading it from its beginning");
                let readers = self.readers.iter().filter(|reader| reader.reads(topic));
                readers.for_each(|reader| reader.consumer.read_anew(topic.clone()));
            }
            if *ready {
                continue;
            }
            if let DeadLetters::Topic { suffix } = &self.dead_letters {
                let dead_letters = format!("{topic}{suffix}");
                if self.partitions(dead_letters.clone()).await?.is_none() {
                    self.topics.create(&dead_letters, partitions).await?;
                    tracing::info!(topic = dead_letters, partitions, "made the topic for dead letters");
                }
                for reader in self.readers.iter().filter(|reader| reader.reads(topic)) {
                    let redrive = redrive_topic(topic, &reader.group);
                    if self.partitions(redrive.clone()).await?.is_none() {
                        self.topics.create_redrive(&redrive).await?;
                        tracing::info!(topic = redrive, "made the topic for redriven dead letters");
                    }
                }
            }
            *ready = true;
            changed = true;
        }
        Ok(changed)
    }

    async fn partitions(&self, topic: String) -> Result<Option<i32>, TopicError> {
        let topics = self.topics.clone();
        let asked = tokio::task::spawn_blocking(move || topics.partitions(&topic)).await;
        asked.unwrap_or(Ok(None))
    }

    async fn id(&self, topic: String) -> Option<TopicId> {
        let topics = self.topics.clone();
        tokio::task::spawn_blocking(move || topics.id(&topic)).await.ok().flatten()
    }

    fn subscribe(&self, wanted: &BTreeMap<String, bool>) {
        for Reader { consumer, topics, .. } in &self.readers {
            let ready = |topic: &&TopicName| wanted.get(topic.as_str()).copied().unwrap_or_default();
            let ready: Vec<String> = topics.iter().filter(ready).map(ToString::to_string).collect();
            if !ready.is_empty() {
                consumer.subscribe(ready);
            }
        }
    }
}

impl Reader {
    fn reads(&self, topic: &str) -> bool {
        self.topics.iter().any(|read| read.as_str() == topic)
    }
}
