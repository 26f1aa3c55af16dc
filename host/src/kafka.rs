//! Talks to Kafka: everything that knows librdkafka, and nothing that knows wasmtime.
//!
//! - [`consumer`]: a thread for each group that polls, and hands over; nothing else.
//! - [`producer`]: one for the process; answers every record with what the broker said.
//! - [`topics`]: which topics there are, and the ones that must be made.
//! - [`headers`], [`convert`]: a record's bytes out of librdkafka and into it. The only `unsafe` code.
//! - [`reader`]: reads a topic without a group, for `sandbus tail`.
//! - [`embedded`]: a broker inside the process, for `sandbus demo`.

use std::sync::Arc;

use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::config;

pub mod consumer;
pub mod convert;
pub mod embedded;
pub mod headers;
pub mod producer;
pub mod reader;
pub mod topics;

/// What every client of this cluster is configured with, besides its own properties.
fn client_config<'a>(
    kafka: &'a config::Kafka,
    properties: impl Iterator<Item = (&'a str, &'a str)>,
) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &kafka.bootstrap_servers).set("client.id", "sandbus");
    for (name, value) in properties {
        config.set(name, value);
    }
    // librdkafka says each failed connection; we say what it means, once in a while.
    config.set("log.connection.close", "false").set_log_level(RDKafkaLogLevel::Warning);
    config
}

/// Turns what a client says of its connection into log lines that an operator can act on.
#[derive(Debug)]
pub struct ConnectionLog {
    brokers: Arc<str>,
    last: std::sync::Mutex<Option<(RDKafkaErrorCode, std::time::Instant)>>,
}

impl ConnectionLog {
    /// For clients of these brokers.
    pub fn new(brokers: &str) -> Self {
        Self { brokers: brokers.into(), last: std::sync::Mutex::new(None) }
    }

    /// Says an error, unless it said the same within the last ten seconds.
    pub fn error(&self, error: &KafkaError, reason: &str) {
        let Some(code) = error.rdkafka_error_code() else {
            tracing::warn!(brokers = &*self.brokers, reason, "Kafka: {error}");
            return;
        };
        let mut last = self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let now = std::time::Instant::now();
        if last.is_some_and(|(same, at)| same == code && now.duration_since(at).as_secs() < 10) {
            return;
        }
        *last = Some((code, now));
        let advice = match code {
            RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SaslAuthenticationFailed => {
                "Kafka refused the login; check kafka.properties \"sasl.mechanism\", \"sasl.username\" and \"sasl.password\"; trying again"
            }
            RDKafkaErrorCode::SSL => {
                "no TLS connection to Kafka; check kafka.properties \"ssl.ca.location\" and \"security.protocol\"; trying again"
            }
            RDKafkaErrorCode::Resolve => "the name of a Kafka broker does not resolve; check kafka.bootstrap_servers; trying again",
            RDKafkaErrorCode::AllBrokersDown | RDKafkaErrorCode::BrokerTransportFailure => {
                "Kafka cannot be reached; trying again"
            }
            RDKafkaErrorCode::TopicAuthorizationFailed | RDKafkaErrorCode::GroupAuthorizationFailed => {
                "Kafka's access rules forbid this"
            }
            _ => "Kafka reports an error",
        };
        tracing::warn!(brokers = &*self.brokers, code = ?code, reason, "{advice}");
    }
}

impl ClientContext for ConnectionLog {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        ConnectionLog::error(self, &error, reason);
    }
}

/// librdkafka's own lines, for whoever looks into a problem: what matters of them comes as an error too.
fn log(level: RDKafkaLogLevel, facility: &str, message: &str) {
    match level {
        RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
            tracing::error!(facility, "librdkafka: {message}");
        }
        _ => tracing::debug!(facility, "librdkafka: {message}"),
    }
}
