//! Waiting until a broker answers.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use rdkafka::consumer::{BaseConsumer, Consumer as _};

use super::connection::Connection;
use crate::process::Process;

/// One question to the broker. Short, so that an early end of the process is noticed.
const QUESTION: Duration = Duration::from_millis(500);

/// Waits until every listener answers a question about the cluster, so that what follows needs no patience.
pub(super) fn wait(
    process: &mut Process,
    listeners: &[Connection],
    deadline: Duration,
    cancelled: &AtomicBool,
) -> Result<()> {
    let start = Instant::now();
    for listener in listeners {
        let client: BaseConsumer = listener.client().create()?;
        loop {
            ensure!(!cancelled.load(Ordering::Relaxed), "cancelled");
            if let Some(status) = process.ended() {
                bail!("it ended with {status}");
            }
            let seen = match client.fetch_metadata(None, QUESTION) {
                Ok(cluster) if !cluster.brokers().is_empty() => break,
                Ok(_) => "it answers and names no broker".to_owned(),
                Err(error) => error.to_string(),
            };
            let waited = start.elapsed();
            if waited > deadline {
                bail!("no answer at {} after {:.0} s; seen last: {seen}", listener.bootstrap(), waited.as_secs_f64());
            }
        }
    }
    Ok(())
}
