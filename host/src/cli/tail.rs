//! `sandbus tail`: events of a topic as JSON Lines.

use std::time::Duration;

use clap::Args;

use super::{Cluster, Done, Failure, print_line};
use crate::event::json_lines;
use crate::kafka::Cluster as KafkaCluster;
use crate::kafka::reader::{Start, TopicReader};

/// How long to look for the next event before asking whether the end was reached.
const WAIT: Duration = Duration::from_millis(200);

/// Print the events of a topic as JSON Lines, as they come
///
/// Reads without a consumer group, so it takes nothing from anybody. What it prints can be given to
/// `sandbus test` and `sandbus publish`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  sandbus tail --topic events.stream.dlq --from-beginning --exit")]
pub struct Tail {
    #[command(flatten)]
    cluster: Cluster,
    /// Topic [default: the configuration's first]
    #[arg(short, long)]
    topic: Option<String>,
    /// Start with the oldest event instead of the next one
    #[arg(long)]
    from_beginning: bool,
    /// End when the events that were there at the start are printed
    #[arg(long)]
    exit: bool,
    /// End after that many events
    #[arg(short = 'n', long, value_name = "N")]
    max: Option<u64>,
    /// How long to wait for the brokers
    #[arg(long, default_value = "10s", value_parser = humantime::parse_duration)]
    timeout: Duration,
}

impl Tail {
    pub(super) fn run(self) -> Done {
        crate::telemetry::log::start(Default::default(), "warn");
        let kafka = self.cluster.kafka()?;
        let topic = self.topic.clone().or_else(|| kafka.topics.first().map(ToString::to_string));
        let topic = topic.ok_or_else(|| Failure::Usage("name a topic with --topic".into()))?;
        let start = if self.from_beginning { Start::Beginning } else { Start::End };
        let mut reader = TopicReader::open(&KafkaCluster::new(kafka), &topic, start, self.timeout)?;
        let mut printed = 0;
        loop {
            if self.max.is_some_and(|max| printed >= max) {
                return Ok(());
            }
            match reader.next(WAIT)? {
                Some(record) => {
                    print_line(&json_lines::write(&record))?;
                    printed += 1;
                }
                None if self.exit && reader.caught_up() => return Ok(()),
                None => {}
            }
        }
    }
}
