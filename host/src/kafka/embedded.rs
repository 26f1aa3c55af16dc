//! A broker inside the process: nothing to install, nothing kept. For trying things, not for promises:
//! it holds a few megabytes of each partition and knows no transactions.

use anyhow::Context as _;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;

/// Lives as long as this value.
pub struct EmbeddedBroker {
    cluster: MockCluster<'static, DefaultProducerContext>,
}

impl EmbeddedBroker {
    /// Starts one broker on a free port.
    ///
    /// # Errors
    /// Where librdkafka cannot.
    pub fn start() -> anyhow::Result<EmbeddedBroker> {
        let cluster = MockCluster::new(1).context("cannot start the embedded broker")?;
        Ok(EmbeddedBroker { cluster })
    }

    /// `host:port`.
    pub fn bootstrap_servers(&self) -> String {
        self.cluster.bootstrap_servers()
    }

    /// Makes a topic.
    ///
    /// # Errors
    /// Where librdkafka refuses it.
    pub fn create_topic(&self, topic: &str, partitions: i32) -> anyhow::Result<()> {
        self.cluster.create_topic(topic, partitions, 1).with_context(|| format!("cannot make the topic {topic}"))
    }
}
