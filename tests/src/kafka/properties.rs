//! `server.properties` of one node.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::security::Security;

/// The ports of one node, all on 127.0.0.1.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) plaintext: u16,
    pub(super) sasl_ssl: u16,
    pub(super) controller: u16,
}

/// Lines that do not depend on the node.
const FIXED: &[(&str, &str)] = &[
    ("process.roles", "broker,controller"),
    ("node.id", "1"),
    ("controller.listener.names", "CONTROLLER"),
    ("inter.broker.listener.name", "PLAINTEXT"),
    ("listener.security.protocol.map", "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL"),
    // A topic that nobody created stays missing: the host has to say so.
    ("auto.create.topics.enable", "false"),
    // Tests write records with timestamps of their own, old ones too; those must not be cleaned away.
    ("log.retention.ms", "-1"),
    // One node holds every replica.
    ("offsets.topic.replication.factor", "1"),
    ("offsets.topic.num.partitions", "4"),
    ("transaction.state.log.replication.factor", "1"),
    ("transaction.state.log.min.isr", "1"),
    ("transaction.state.log.num.partitions", "4"),
    ("share.coordinator.state.topic.replication.factor", "1"),
    ("share.coordinator.state.topic.min.isr", "1"),
    // A test of compacted topics must not wait long for it.
    ("log.cleaner.backoff.ms", "200"),
    // Groups form at once, and tests of lost members may use short sessions.
    ("group.initial.rebalance.delay.ms", "0"),
    ("group.min.session.timeout.ms", "1000"),
    // With the newer protocol the broker says how often members ask what they are to do.
    ("group.consumer.min.heartbeat.interval.ms", "200"),
    ("group.consumer.heartbeat.interval.ms", "300"),
];

/// The whole file. `extra` wins over the harness's own lines.
pub(super) fn server(node: &Node, directory: &Path, security: &Security, extra: &[(String, String)]) -> String {
    let Node { plaintext, sasl_ssl, controller } = node;
    let own = [
        ("controller.quorum.bootstrap.servers", format!("127.0.0.1:{controller}")),
        (
            "listeners",
            format!(
                "PLAINTEXT://127.0.0.1:{plaintext},SASL_SSL://127.0.0.1:{sasl_ssl},CONTROLLER://127.0.0.1:{controller}"
            ),
        ),
        ("advertised.listeners", format!("PLAINTEXT://127.0.0.1:{plaintext},SASL_SSL://localhost:{sasl_ssl}")),
        ("log.dirs", directory.join("data").display().to_string()),
    ];
    let mut lines: BTreeMap<String, String> = BTreeMap::new();
    lines.extend(FIXED.iter().map(|(name, value)| ((*name).into(), (*value).into())));
    lines.extend(own.map(|(name, value)| (name.to_owned(), value)));
    lines.extend(security.properties());
    lines.extend(extra.iter().cloned());
    lines.iter().map(|(name, value)| format!("{name}={value}\n")).collect()
}

/// A cluster id as Kafka writes one: 16 bytes in URL-safe base64. The first byte is small, because an id that begins
/// with `-` would be read as an option.
pub(super) fn cluster_id() -> String {
    let mut bytes = fastrand::u128(..).to_be_bytes();
    bytes[0] &= 0x7f;
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_cluster_id_is_no_option() {
        for _ in 0..1000 {
            let id = super::cluster_id();
            assert_eq!(id.len(), 22);
            assert!(!id.starts_with('-'), "{id}");
        }
    }
}
