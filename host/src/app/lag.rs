//! Asks once a second where the assigned partitions end: what the lag is measured by. The watermarks it is measured from
//! are known without asking.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use crossbeam_channel::{RecvTimeoutError, Sender, bounded};

use crate::kafka::Cluster;
use crate::kafka::ends::Ends;
use crate::telemetry::Partitions;
use crate::telemetry::partitions::PartitionStatus;

/// How often.
const EVERY: Duration = Duration::from_secs(1);

/// Dropped, it asks no more.
pub struct Lag {
    _stop: Sender<()>,
}

impl Lag {
    /// Asks for what `partitions` holds, and tells it.
    ///
    /// # Errors
    /// Where the client or its thread cannot be made.
    pub fn watch(cluster: &Cluster, partitions: &Arc<Partitions>) -> anyhow::Result<Lag> {
        let (ends, partitions) = (Ends::new(cluster)?, partitions.clone());
        let (stop, stopped) = bounded::<()>(0);
        let ask = move || {
            while stopped.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                let held: Vec<_> = partitions.all().iter().map(PartitionStatus::topic_partition).collect();
                if held.is_empty() {
                    continue;
                }
                match ends.of(&held) {
                    Ok(ends) => partitions.set_ends(ends),
                    // What was known last stands.
                    Err(error) => tracing::debug!(%error, "the ends of partitions are not known"),
                }
            }
        };
        std::thread::Builder::new()
            .name("lag".into())
            .spawn(ask)
            .context("cannot start the thread that asks for ends")?;
        Ok(Lag { _stop: stop })
    }
}
