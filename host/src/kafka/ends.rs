//! Where partitions end: their last stable offsets, which is as far as a group may read.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::{Cluster, PlainContext, not_accepted};
use crate::event::TopicPartition;

/// How long the brokers may take to answer.
const ASK: Duration = Duration::from_secs(5);

/// How long one broker may take, where each is asked alone.
const ASK_ONE: Duration = Duration::from_secs(2);

/// A client that asks.
pub struct Ends(BaseConsumer<PlainContext>);

impl Ends {
    /// Connects when there is something to ask.
    ///
    /// # Errors
    /// Where librdkafka does not accept the configuration.
    pub fn new(cluster: &Cluster) -> anyhow::Result<Ends> {
        let config = super::fetcher::configure(cluster, "sandbus.ends");
        config.create_with_context(PlainContext::new(cluster)).map(Ends).map_err(not_accepted)
    }

    /// The last stable offset of each of these, in one question to each broker; those of which none is known are
    /// left out. Waits some seconds at most.
    ///
    /// # Errors
    /// Where no broker answers.
    pub fn of(&self, partitions: &[TopicPartition]) -> KafkaResult<Vec<(TopicPartition, i64)>> {
        // What its connections have to say.
        while self.0.poll(Duration::ZERO).is_some() {}
        match self.ask(partitions, ASK) {
            Ok(known) if known.len() == partitions.len() => Ok(known),
            // librdkafka gives all up for one that is refused, or for one broker that is silent, and remembers for minutes who
            // led and which topics there were.
            answered => match self.apart(partitions) {
                known if known.is_empty() => answered,
                known => Ok(known),
            },
        }
    }

    /// Looks up who leads, and asks each leader for each topic alone.
    fn apart(&self, partitions: &[TopicPartition]) -> Vec<(TopicPartition, i64)> {
        let until = Instant::now() + ASK;
        let left = || until.saturating_duration_since(Instant::now()).min(ASK_ONE);
        let topics: BTreeSet<_> = partitions.iter().map(|of| &of.topic).collect();
        let mut leaders = HashMap::new();
        for topic in topics {
            let Ok(metadata) = self.0.fetch_metadata(Some(topic), left()) else { continue };
            let found = metadata.topics().iter().flat_map(rdkafka::metadata::MetadataTopic::partitions);
            leaders.extend(found.map(|of| ((topic.clone(), of.id()), of.leader())));
        }
        let mut questions: BTreeMap<_, Vec<TopicPartition>> = BTreeMap::new();
        for of in partitions {
            // Below zero where nobody leads.
            if let Some(leader) = leaders.get(&(of.topic.clone(), of.partition)).filter(|leader| **leader >= 0) {
                questions.entry((*leader, &of.topic)).or_default().push(of.clone());
            }
        }
        let (mut known, mut silent) = (Vec::new(), HashSet::new());
        for ((leader, _), partitions) in &questions {
            if silent.contains(leader) {
                continue;
            }
            match self.ask(partitions, left()) {
                Ok(ends) => known.extend(ends),
                Err(error) if is_silence(&error) => {
                    silent.insert(*leader);
                }
                Err(_) => {}
            }
        }
        known
    }

    fn ask(&self, partitions: &[TopicPartition], within: Duration) -> KafkaResult<Vec<(TopicPartition, i64)>> {
        let mut asked = TopicPartitionList::with_capacity(partitions.len());
        for TopicPartition { topic, partition } in partitions {
            // In place of a time, it stands for the end (ListOffsets, KIP-79); what is uncommitted lies behind it, as
            // the client reads what is committed (KIP-98).
            asked.add_partition_offset(topic, *partition, Offset::End)?;
        }
        let answered = self.0.offsets_for_times(asked, within)?;
        let known = partitions.iter().filter_map(|of| {
            let element = answered.find_partition(&of.topic, of.partition)?;
            match (element.error(), element.offset()) {
                (Ok(()), Offset::Offset(end)) => Some((of.clone(), end)),
                _ => None,
            }
        });
        Ok(known.collect())
    }
}

/// Whether a broker did not answer, as opposed to what it answered.
fn is_silence(error: &KafkaError) -> bool {
    let code = error.rdkafka_error_code();
    code.is_some_and(|code| {
        matches!(code, RDKafkaErrorCode::OperationTimedOut | RDKafkaErrorCode::BrokerTransportFailure)
    })
}
