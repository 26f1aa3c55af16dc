//! A producer with a thread that serves its callbacks.
//!
//! librdkafka's wrapper has one too, which wakes up every 100 ms and keeps its core busy for the last millisecond
//! of them: a host with nothing to do took a hundredth of a core for each producer.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use rdkafka::config::{ClientConfig, FromClientConfigAndContext as _};
use rdkafka::producer::{BaseProducer, ProducerContext};

/// How long the thread waits for something to serve: so long may a producer outlive its last handle.
const WAIT: Duration = Duration::from_secs(1);

/// Dropped, it is served no more, and its thread ends soon after.
pub struct PolledProducer<C: ProducerContext + 'static> {
    producer: Arc<BaseProducer<C>>,
    stopped: Arc<AtomicBool>,
}

impl<C: ProducerContext + 'static> PolledProducer<C> {
    /// A producer that is configured so.
    ///
    /// # Errors
    /// Where librdkafka does not accept the configuration, or no thread can be started.
    pub fn new(config: &ClientConfig, context: C) -> anyhow::Result<Self> {
        let producer = BaseProducer::from_config_and_context(config, context).map_err(super::not_accepted)?;
        let (producer, stopped) = (Arc::new(producer), Arc::new(AtomicBool::new(false)));
        let (served, end) = (producer.clone(), stopped.clone());
        let serve = move || {
            while !end.load(Ordering::Relaxed) {
                served.poll(WAIT);
            }
        };
        std::thread::Builder::new()
            .name("producer".into())
            .spawn(serve)
            .context("cannot start the producer's thread")?;
        Ok(Self { producer, stopped })
    }
}

impl<C: ProducerContext + 'static> Deref for PolledProducer<C> {
    type Target = BaseProducer<C>;

    fn deref(&self) -> &BaseProducer<C> {
        &self.producer
    }
}

impl<C: ProducerContext + 'static> Drop for PolledProducer<C> {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
    }
}
