//! Talks to Kafka: everything that knows librdkafka, and nothing that knows wasmtime.
//!
//! - [`consumer`]: a thread for each group that is its member, reads and commits.
//! - [`fetcher`]: what it reads with, beside the membership.
//! - [`connections`]: what becomes of connections. [`ends`]: where partitions end.
//! - [`producer`]: one for the process; answers every record with what the broker said.
//!   [`polled`]: the thread that serves it.
//! - [`topics`]: which topics there are, and the ones that must be made. [`topic_id`]: which one has a name.
//! - [`headers`], [`convert`]: a record's bytes out of librdkafka and into it.
//! - [`queue`]: each partition's own queue, so that none holds up another. [`message`]: a message in it.
//! - [`start`]: where reading begins where nothing was committed.
//! - [`commit`]: commits whose answer arrives. This, [`queue`], [`message`], [`headers`] and [`topic_id`] hold the only
//!   `unsafe` code.
//! - [`wake`]: wakes a thread for any of several reasons.
//! - [`reader`]: reads a topic without a group, for `sandbus tail`.
//! - [`scan`]: what a topic holds at one moment, for `sandbus dlq`.
//! - [`load`]: fills topics, and reads them in a bare loop, for `sandbus bench`.
//! - [`embedded`]: a broker inside the process, for `sandbus demo`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::client::{Client, ClientContext};
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::types::RDKafkaType;

use crate::config;

use connections::{Attempts, ConnectionWatch, Told};

pub mod commit;
pub mod connections;
pub mod consumer;
pub mod convert;
pub mod embedded;
pub mod ends;
pub mod fetcher;
pub mod headers;
pub mod load;
pub mod message;
pub mod polled;
pub mod producer;
pub mod queue;
pub mod reader;
pub mod scan;
pub mod start;
pub mod topic_id;
pub mod topics;
pub mod wake;

/// How long a complaint is not repeated.
const QUIET: Duration = Duration::from_secs(30);

/// One cluster, for every client that the process has of it.
#[derive(Clone)]
pub struct Cluster {
    kafka: Arc<config::Kafka>,
    log: Arc<ConnectionLog>,
}

impl Cluster {
    /// The configured one. Nothing is connected yet.
    pub fn new(kafka: config::Kafka) -> Cluster {
        Cluster::with(kafka, None)
    }

    /// The same, and somebody hears of its clients' connections.
    pub fn watched(kafka: config::Kafka, watch: Arc<dyn ConnectionWatch>) -> Cluster {
        Trouble::OF_CONNECTIONS.iter().for_each(|code| watch.may_fail(&error_type(*code)));
        Cluster::with(kafka, Some(watch))
    }

    fn with(kafka: config::Kafka, watch: Option<Arc<dyn ConnectionWatch>>) -> Cluster {
        let log = ConnectionLog { brokers: kafka.bootstrap_servers.clone(), said: Mutex::default(), watch };
        Cluster { kafka: Arc::new(kafka), log: Arc::new(log) }
    }

    /// Where the cluster is looked for.
    pub fn bootstrap_servers(&self) -> &str {
        &self.kafka.bootstrap_servers
    }

    /// Whether librdkafka accepts the configured properties, one by one and together. Asks no broker.
    ///
    /// # Errors
    /// What it does not accept, and why.
    pub fn check(&self) -> anyhow::Result<()> {
        // Much is looked at only when a client is made. Without brokers it connects to nothing. It is a bare one: a
        // consumer or an admin client of the binding waits 100 ms when it is dropped.
        let make = |mut config: ClientConfig, kind| {
            config.remove("bootstrap.servers");
            let native = config.create_native_config()?;
            Client::new(&config, native, kind, PlainContext::new(self)).map(drop)
        };
        make(consumer::configure(self, "check"), RDKafkaType::RD_KAFKA_CONSUMER).map_err(not_accepted)?;
        make(producer::configure(self), RDKafkaType::RD_KAFKA_PRODUCER).map_err(not_accepted)
    }

    /// What every consumer is configured with.
    fn consumer(&self) -> ClientConfig {
        self.client(self.kafka.properties.for_consumer())
    }

    /// What every producer is configured with.
    fn producer(&self) -> ClientConfig {
        self.client(self.kafka.properties.for_producer())
    }

    fn client<'a>(&'a self, properties: impl Iterator<Item = (&'a str, &'a str)>) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.kafka.bootstrap_servers).set("client.id", "sandbus");
        for (name, value) in properties {
            config.set(name, value);
        }
        // librdkafka says each failed connection; we say what it means, once in a while.
        config.set("log.connection.close", "false").set_log_level(RDKafkaLogLevel::Warning);
        // A client that nobody polls for them would keep all that it ever told.
        config.remove(connections::STATISTICS);
        config
    }

    /// Has a client tell of its connections. It has to be polled.
    fn tell_connections(&self, config: &mut ClientConfig) {
        if self.log.watch.is_some() {
            connections::tell(config);
        }
    }
}

/// An error of librdkafka's for people. Its own source says the same again, so that is left out.
fn in_words(error: &KafkaError) -> anyhow::Error {
    anyhow::anyhow!("{error}")
}

/// Why librdkafka did not accept a configuration.
fn not_accepted(error: KafkaError) -> anyhow::Error {
    let reason = match error {
        KafkaError::ClientConfig(_, description, _, _) => description,
        KafkaError::ClientCreation(description) => description,
        other => other.to_string(),
    };
    anyhow::anyhow!("kafka.properties are not accepted: {}", reason.trim())
}

/// What may be wrong with a connection, as an operator thinks of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Trouble {
    Away,
    Name,
    Tls,
    Login,
    Access,
    Other(i32),
}

/// librdkafka's name for it.
fn error_type(code: RDKafkaErrorCode) -> String {
    format!("{code:?}")
}

impl Trouble {
    /// Those that any connection may come to, and that are counted from 0.
    const OF_CONNECTIONS: [RDKafkaErrorCode; 6] = [
        RDKafkaErrorCode::AllBrokersDown,
        RDKafkaErrorCode::BrokerTransportFailure,
        RDKafkaErrorCode::Resolve,
        RDKafkaErrorCode::SSL,
        RDKafkaErrorCode::Authentication,
        RDKafkaErrorCode::SaslAuthenticationFailed,
    ];

    fn of(code: RDKafkaErrorCode) -> Trouble {
        match code {
            RDKafkaErrorCode::AllBrokersDown | RDKafkaErrorCode::BrokerTransportFailure => Trouble::Away,
            RDKafkaErrorCode::Resolve => Trouble::Name,
            RDKafkaErrorCode::SSL => Trouble::Tls,
            RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SaslAuthenticationFailed => Trouble::Login,
            RDKafkaErrorCode::TopicAuthorizationFailed
            | RDKafkaErrorCode::GroupAuthorizationFailed
            | RDKafkaErrorCode::ClusterAuthorizationFailed => Trouble::Access,
            other => Trouble::Other(other as i32),
        }
    }

    fn advice(self) -> &'static str {
        match self {
            Trouble::Away => "Kafka cannot be reached; trying again",
            Trouble::Name => "the name of a Kafka broker does not resolve: check kafka.bootstrap_servers; trying again",
            Trouble::Tls => {
                "no TLS connection to Kafka: check \"ssl.ca.location\" and \"security.protocol\" in kafka.properties; trying again"
            }
            Trouble::Login => {
                "Kafka refused the login: check \"sasl.mechanism\", \"sasl.username\" and \"sasl.password\" in kafka.properties; trying again"
            }
            Trouble::Access => "Kafka's access rules forbid this",
            Trouble::Other(_) => "Kafka reports an error",
        }
    }
}

/// Turns what the clients say of their connections into log lines that an operator can act on: each
/// trouble once in [`QUIET`], whichever client has it.
struct ConnectionLog {
    brokers: String,
    said: Mutex<HashMap<Trouble, Instant>>,
    watch: Option<Arc<dyn ConnectionWatch>>,
}

impl ConnectionLog {
    fn trouble(&self, error: &KafkaError, reason: &str) {
        let Some(code) = error.rdkafka_error_code() else {
            tracing::warn!(brokers = self.brokers, reason, "Kafka: {error}");
            return;
        };
        if code == RDKafkaErrorCode::PartitionEOF {
            return;
        }
        if let Some(watch) = &self.watch {
            watch.failed(&error_type(code));
        }
        let (trouble, now) = (Trouble::of(code), Instant::now());
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.get(&trouble).is_some_and(|at| now.duration_since(*at) < QUIET) {
            return;
        }
        said.insert(trouble, now);
        tracing::warn!(brokers = self.brokers, %code, reason, "{}", trouble.advice());
    }

    /// What librdkafka tells of one client, of which `attempts` are known, and which is a member of `group`.
    fn told(&self, statistics: &[u8], attempts: &Attempts, group: Option<&str>) {
        let (Some(watch), Some(told)) = (&self.watch, Told::read(statistics)) else { return };
        let again = attempts.again(&told);
        if again > 0 {
            watch.reconnected(again);
        }
        if let (Some(group), Some(connected)) = (group, told.member_is_connected()) {
            watch.connected(group, connected);
        }
    }
}

/// A client that only has connections.
pub struct PlainContext {
    log: Arc<ConnectionLog>,
    attempts: Attempts,
}

impl PlainContext {
    fn new(cluster: &Cluster) -> PlainContext {
        PlainContext { log: cluster.log.clone(), attempts: Attempts::default() }
    }
}

impl ClientContext for PlainContext {
    fn stats_raw(&self, statistics: &[u8]) {
        self.log.told(statistics, &self.attempts, None);
    }

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.log.trouble(&error, reason);
    }
}

impl rdkafka::consumer::ConsumerContext for PlainContext {}

/// librdkafka's own lines, for whoever looks into a problem: what matters of them comes as an error too.
fn log(level: RDKafkaLogLevel, facility: &str, message: &str) {
    match level {
        RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
            tracing::error!(facility, "librdkafka: {message}");
        }
        _ => tracing::debug!(facility, "librdkafka: {message}"),
    }
}
