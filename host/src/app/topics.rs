//! Waits for the source topics, makes their dead-letter and redrive topics, and subscribes the groups to
//! what is there. It goes on asking: a topic that is missing, now or later, is named in the log and on `/readyz`;
//! one that was made again under its name is read from its beginning.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::Notify;

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
#[derive(Clone)]
pub struct Reader {
    /// The group.
    pub group: GroupName,
    /// Its consumer.
    pub consumer: ConsumerHandle,
    /// Source topics.
    pub topics: Vec<TopicName>,
}

/// Who reads what now.
#[derive(Default)]
pub struct Readers {
    list: Mutex<Vec<Reader>>,
    changed: Notify,
}

impl Readers {
    /// A group reads these topics, and no others.
    pub fn set(&self, reader: Reader) {
        let mut list = self.list();
        list.retain(|other| other.group != reader.group);
        list.push(reader);
        self.changed.notify_one();
    }

    /// A group reads nothing more.
    pub fn remove(&self, group: &GroupName) {
        self.list().retain(|reader| reader.group != *group);
        self.changed.notify_one();
    }

    fn list(&self) -> MutexGuard<'_, Vec<Reader>> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// See the module's documentation.
pub struct Watcher {
    topics: Arc<Topics>,
    readers: Arc<Readers>,
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
        readers: Arc<Readers>,
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
        let (mut away, mut named, mut ids) = (false, Vec::new(), BTreeMap::new());
        let (mut known, mut subscribed) = (Vec::new(), BTreeMap::<GroupName, Vec<String>>::new());
        loop {
            let readers = self.readers.list().clone();
            let reads: Vec<_> = readers.iter().map(|reader| (reader.group.clone(), reader.topics.clone())).collect();
            if reads != known {
                known = reads;
                // Also those that are there: a new reader's redrive topic may not be.
                wanted = readers.iter().flat_map(|reader| &reader.topics).map(|t| (t.to_string(), false)).collect();
                subscribed.retain(|group, _| readers.iter().any(|reader| reader.group == *group));
                if named.is_empty() && subscribed.is_empty() {
                    self.health.missing(wanted.keys().cloned().collect());
                }
            }
            match self.look(&readers, &mut wanted, &mut ids).await {
                Ok(changed) => {
                    if away {
                        tracing::info!(brokers = self.brokers, "Kafka answers");
                        away = false;
                    }
                    let missing: Vec<_> = wanted.iter().filter(|(_, ready)| !**ready).map(|(t, _)| t.clone()).collect();
                    // One that comes back is assigned anew.
                    subscribed
                        .retain(|_, topics| topics.iter().all(|topic| wanted.get(topic).is_some_and(|ready| *ready)));
                    if changed {
                        subscribe(&readers, &wanted, &mut subscribed);
                    }
                    if !missing.is_empty() && missing != named {
                        tracing::warn!(topics = missing.join(" "), "there is no such topic; waiting for it");
                    }
                    named.clone_from(&missing);
                    self.health.missing(missing);
                    // Nobody waits for that: some brokers know no ids, and take their time to say so.
                    self.look_for_others(&readers, &wanted, &mut ids).await;
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
            let wait = if complete && !away { NONE_MISSING } else { AGAIN };
            let _ = tokio::time::timeout(wait, self.readers.changed.notified()).await;
        }
    }

    /// Looks for every topic. Answers whether one has come.
    async fn look(
        &self,
        readers: &[Reader],
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
            if *ready {
                continue;
            }
            if let DeadLetters::Topic { suffix } = &self.dead_letters {
                let dead_letters = format!("{topic}{suffix}");
                if self.partitions(dead_letters.clone()).await?.is_none() {
                    self.topics.create(&dead_letters, partitions).await?;
                    tracing::info!(topic = dead_letters, partitions, "made the topic for dead letters");
                }
                for reader in readers.iter().filter(|reader| reader.reads(topic)) {
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

    /// Looks whether a topic that is there is another than before.
    async fn look_for_others(
        &self,
        readers: &[Reader],
        wanted: &BTreeMap<String, bool>,
        ids: &mut BTreeMap<String, TopicId>,
    ) {
        for topic in wanted.iter().filter(|(_, ready)| **ready).map(|(topic, _)| topic) {
            if let Some(id) = self.id(topic.clone()).await
                && ids.insert(topic.clone(), id).is_some_and(|before| before != id)
            {
                tracing::warn!(topic, "the topic was made again; reading it from its beginning");
                let readers = readers.iter().filter(|reader| reader.reads(topic));
                readers.for_each(|reader| reader.consumer.read_anew(topic.clone()));
            }
        }
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
}

/// Tells each group what there is for it, if that is something else than before.
fn subscribe(readers: &[Reader], wanted: &BTreeMap<String, bool>, subscribed: &mut BTreeMap<GroupName, Vec<String>>) {
    for Reader { group, consumer, topics } in readers {
        let ready = |topic: &&TopicName| wanted.get(topic.as_str()).copied().unwrap_or_default();
        let ready: Vec<String> = topics.iter().filter(ready).map(ToString::to_string).collect();
        if !ready.is_empty() && subscribed.get(group) != Some(&ready) {
            consumer.subscribe(ready.clone());
            subscribed.insert(group.clone(), ready);
        }
    }
}

impl Reader {
    fn reads(&self, topic: &str) -> bool {
        self.topics.iter().any(|read| read.as_str() == topic)
    }
}
