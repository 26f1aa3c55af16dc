//! Where a subcommand looks: the cluster, the source topics with their dead-letter topics, the groups.

use std::collections::BTreeSet;
use std::time::Duration;

use clap::Args;

use super::super::{Cluster, Failure};
use crate::config::{Config, DeadLetters, GroupName, TopicName};
use crate::delivery::dead_letter::refusal::Roster;
use crate::event::Position;
use crate::kafka::Cluster as KafkaCluster;

/// Which topics and groups, in which cluster.
#[derive(Debug, Args)]
pub(super) struct Place {
    #[command(flatten)]
    cluster: Cluster,
    /// Source topic, whose dead letters are meant; may be repeated [default: all configured]
    #[arg(short, long = "topic", value_name = "TOPIC", value_parser = topic)]
    topics: Vec<TopicName>,
    /// Consumer group; may be repeated [default: all configured, the handlers' own ones too]
    #[arg(short, long = "group", value_name = "GROUP", value_parser = group)]
    groups: Vec<GroupName>,
    /// How long to wait for the brokers
    #[arg(long, default_value = "10s", value_parser = humantime::parse_duration)]
    timeout: Duration,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

fn topic(text: &str) -> Result<TopicName, String> {
    TopicName::new(text).map_err(|error| error.to_string())
}

fn group(text: &str) -> Result<GroupName, String> {
    GroupName::new(text).map_err(|error| error.to_string())
}

/// A source topic and the topic of its dead letters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Source {
    pub(super) topic: String,
    pub(super) dead_letters: String,
    /// Whether it was asked for by name, and has to be there.
    pub(super) named: bool,
}

/// What was asked for, resolved.
pub(super) struct Scope {
    pub(super) cluster: KafkaCluster,
    pub(super) sources: Vec<Source>,
    pub(super) groups: BTreeSet<String>,
    /// Whether the groups were named.
    pub(super) groups_named: bool,
    /// `None` without a configuration file.
    pub(super) roster: Option<Roster>,
    pub(super) timeout: Duration,
}

impl Place {
    /// Looks it up in the configuration. Positions name their topics themselves.
    pub(super) fn scope(&self, positions: &[Position]) -> Result<Scope, Failure> {
        let (config, from_file) = self.cluster.config()?;
        let DeadLetters::Topic { suffix } = &config.delivery.dead_letters else {
            return Err(Failure::Usage(
                "delivery.enable_dlq is false: hosts write no dead letters and read no redrive topic; set it to true"
                    .into(),
            ));
        };
        let roster = Roster::of(&config).map_err(|error| Failure::Usage(error.to_string()))?;
        Ok(Scope {
            sources: self.sources(&config, &roster, suffix, positions)?,
            groups: self.groups(&config, &roster, from_file),
            groups_named: !self.groups.is_empty(),
            cluster: KafkaCluster::new(config.kafka),
            roster: from_file.then_some(roster),
            timeout: self.timeout,
        })
    }

    fn sources(
        &self,
        config: &Config,
        roster: &Roster,
        suffix: &str,
        positions: &[Position],
    ) -> Result<Vec<Source>, Failure> {
        let source =
            |topic: &str, named| Source { topic: topic.to_owned(), dead_letters: format!("{topic}{suffix}"), named };
        let mut of_positions = BTreeSet::new();
        for position in positions {
            let topic = position.topic.strip_suffix(suffix).filter(|topic| !topic.is_empty()).ok_or_else(|| {
                Failure::Usage(format!("{position} is not in a dead-letter topic, whose name ends with {suffix:?}"))
            })?;
            if !self.topics.is_empty() && !self.topics.iter().any(|named| named.as_str() == topic) {
                return Err(Failure::Usage(format!("{position} is not in the dead-letter topic of --topic")));
            }
            of_positions.insert(source(topic, true));
        }
        if !of_positions.is_empty() {
            return Ok(of_positions.into_iter().collect());
        }
        if !self.topics.is_empty() {
            let named: BTreeSet<_> = self.topics.iter().map(|topic| source(topic, true)).collect();
            return Ok(named.into_iter().collect());
        }
        let mut configured: BTreeSet<&str> = roster.topics();
        if configured.is_empty() {
            configured.extend(config.kafka.topics.iter().map(TopicName::as_str));
        }
        Ok(configured.into_iter().map(|topic| source(topic, false)).collect())
    }

    fn groups(&self, config: &Config, roster: &Roster, from_file: bool) -> BTreeSet<String> {
        if !self.groups.is_empty() {
            return self.groups.iter().map(ToString::to_string).collect();
        }
        let mut groups = BTreeSet::from([config.kafka.consumer_group.to_string()]);
        if from_file {
            groups.extend(roster.groups().map(str::to_owned));
        }
        groups
    }
}
