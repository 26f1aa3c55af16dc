//! A broker inside the process: nothing to install, nothing kept. For trying things, not for promises:
//! it holds a few megabytes of each partition and knows no transactions.

use anyhow::Context as _;
use rdkafka::ClientConfig;
use rdkafka::bindings;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, DefaultProducerContext, Producer as _};

/// How long a group waits for its first members, in milliseconds. Kafka waits 3 s; here there is one, and somebody who looks
/// on.
const FIRST_MEMBERS: i32 = 100;

/// Lives as long as this value.
pub struct EmbeddedBroker {
    /// librdkafka keeps its brokers with a client.
    client: BaseProducer,
    servers: String,
}

impl EmbeddedBroker {
    /// Starts one broker on a free port.
    ///
    /// # Errors
    /// Where librdkafka cannot.
    pub fn start() -> anyhow::Result<EmbeddedBroker> {
        let mut config = ClientConfig::new();
        config.set("test.mock.num.brokers", "1");
        let client: BaseProducer = config.create().context("cannot start the embedded broker")?;
        let servers = cluster(&client)?.bootstrap_servers();
        // SAFETY: the client is alive, and has brokers, as was just seen.
        unsafe {
            let cluster = bindings::rd_kafka_handle_mock_cluster(client.client().native_ptr());
            bindings::rd_kafka_mock_group_initial_rebalance_delay_ms(cluster, FIRST_MEMBERS);
        }
        Ok(EmbeddedBroker { client, servers })
    }

    /// `host:port`.
    pub fn bootstrap_servers(&self) -> &str {
        &self.servers
    }

    /// Makes a topic.
    ///
    /// # Errors
    /// Where librdkafka refuses it.
    pub fn create_topic(&self, topic: &str, partitions: i32) -> anyhow::Result<()> {
        cluster(&self.client)?
            .create_topic(topic, partitions, 1)
            .with_context(|| format!("cannot make the topic {topic}"))
    }
}

fn cluster(client: &BaseProducer) -> anyhow::Result<MockCluster<'_, DefaultProducerContext>> {
    client.client().mock_cluster().context("there is no embedded broker")
}
