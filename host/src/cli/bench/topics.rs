//! The topics of a benchmark: made and filled by it, and deleted when it is done.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::runtime::Runtime;

use super::records::Shape;
use super::work::END;
use crate::event::Outgoing;
use crate::kafka::Cluster;
use crate::kafka::load::{self, LoadWriter};
use crate::kafka::topics::Topics;

/// Should the process be killed, its topics go by themselves.
const RETENTION: Duration = Duration::from_secs(24 * 60 * 60);

/// Bytes on their way to the broker at once.
const IN_FLIGHT_BYTES: usize = 64 << 20;

/// Give up when nothing moves for so long.
pub const STALLED: Duration = Duration::from_secs(60);

/// What Kafka takes by default, in bytes.
const USUAL_RECORD: usize = 1_048_588;

/// Room for key, headers and the batch around them, in bytes.
const AROUND_VALUE: usize = 64 << 10;

/// What was made for this benchmark, and is deleted with it.
pub struct Made {
    cluster: Cluster,
    topics: Topics,
    runtime: Runtime,
    names: Vec<String>,
    groups: Vec<String>,
    keep: bool,
}

impl Made {
    /// Nothing yet. With `keep` nothing is deleted.
    ///
    /// # Errors
    /// Where librdkafka does not accept the configuration.
    pub fn new(cluster: &Cluster, keep: bool) -> anyhow::Result<Made> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let topics = Topics::new(cluster)?;
        Ok(Made { cluster: cluster.clone(), topics, runtime, names: Vec::new(), groups: Vec::new(), keep })
    }

    /// Makes a topic whose records may have values of `size` bytes.
    ///
    /// # Errors
    /// Where no broker answers, or it refuses.
    pub fn topic(&mut self, name: String, partitions: i32, size: usize) -> anyhow::Result<Arc<str>> {
        let topic: Arc<str> = name.as_str().into();
        let servers = self.cluster.bootstrap_servers();
        let largest = USUAL_RECORD.max(size + AROUND_VALUE);
        self.runtime
            .block_on(self.topics.create_for(&name, partitions, RETENTION, largest))
            .with_context(|| format!("cannot make a topic at {servers}; does Kafka run there?"))?;
        self.names.push(name);
        // Waits until it is known.
        load::ends(&self.cluster, &topic)?;
        Ok(topic)
    }

    /// A group that was used.
    pub fn group(&mut self, name: &str) {
        self.groups.push(name.to_owned());
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        if self.keep {
            return;
        }
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        let groups: Vec<&str> = self.groups.iter().map(String::as_str).collect();
        if let Err(error) = self.runtime.block_on(self.topics.delete(&names, &groups)) {
            eprintln!("sandbus: could not delete what the bench has made ({}): {error}", names.join(", "));
        }
    }
}

/// Writes that many records, and waits until the broker has all of them.
///
/// # Errors
/// Where the broker refuses one, or nothing moves.
pub fn fill(cluster: &Cluster, topic: &Arc<str>, shape: Shape, records: u64) -> anyhow::Result<()> {
    let writer = LoadWriter::new(cluster, Duration::from_millis(20))?;
    let in_flight = u64::try_from(IN_FLIGHT_BYTES / (shape.size + 256)).unwrap_or(u64::MAX).clamp(1, 50_000);
    let (mut handed, mut seen, mut moved) = (0, 0, Instant::now());
    loop {
        let acknowledged = writer.acknowledged()?;
        if acknowledged == records {
            return Ok(());
        }
        if acknowledged != seen {
            (seen, moved) = (acknowledged, Instant::now());
        }
        anyhow::ensure!(moved.elapsed() < STALLED, "the broker took {acknowledged} of {records} records, and no more");
        let room =
            (handed - acknowledged < in_flight && handed < records) && writer.send(&shape.record(topic, handed, 0))?;
        if room {
            handed += 1;
        } else {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Writes events that end a run: each instance counts what it has not counted yet. One writer is for all runs: a new
/// one takes half a second to begin.
///
/// # Errors
/// Where the broker does not take them.
pub fn end(writer: &LoadWriter, topic: &Arc<str>, run: &str, events: u64) -> anyhow::Result<()> {
    let before = writer.acknowledged()?;
    for number in 0..events {
        let record = Outgoing {
            topic: topic.clone(),
            // A key of its own, and so a lane: several instances get them at once.
            key: Some(number.to_le_bytes().to_vec()),
            value: Some(run.as_bytes().to_vec()),
            headers: vec![(b"event_type".to_vec(), Some(END.into()))],
            timestamp: None,
        };
        anyhow::ensure!(writer.send(&record)?, "there is no room for the events that end a run");
    }
    let deadline = Instant::now() + STALLED;
    while writer.acknowledged()? < before + events {
        anyhow::ensure!(Instant::now() < deadline, "the broker did not take the events that end a run");
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}
