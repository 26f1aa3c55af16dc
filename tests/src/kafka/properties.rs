//! `server.properties` of one node.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::security::Security;

/// The ports of a node that is alone, all on 127.0.0.1.
#[derive(Debug, Clone)]
pub(super) struct Ports {
    pub(super) plaintext: u16,
    pub(super) sasl_ssl: u16,
    pub(super) controller: u16,
}

/// The ports of one node of a cluster, all on 127.0.0.1.
#[derive(Debug, Clone)]
pub(super) struct MemberPorts {
    pub(super) direct: u16,
    /// Where the node itself listens to those who come through its proxy.
    pub(super) behind_proxy: u16,
    /// Where its proxy listens: what the node tells those clients.
    pub(super) proxy: u16,
    pub(super) controller: u16,
}

/// Lines of every node.
const COMMON: &[(&str, &str)] = &[
    ("process.roles", "broker,controller"),
    ("controller.listener.names", "CONTROLLER"),
    ("inter.broker.listener.name", "PLAINTEXT"),
    // A topic that nobody created stays missing: the host has to say so.
    ("auto.create.topics.enable", "false"),
    // Tests write records with timestamps of their own, old ones too; those must not be cleaned away.
    ("log.retention.ms", "-1"),
    ("offsets.topic.num.partitions", "4"),
    ("transaction.state.log.num.partitions", "4"),
    // A test of compacted topics must not wait long for it.
    ("log.cleaner.backoff.ms", "200"),
    // Groups form at once, and tests of lost members may use short sessions.
    ("group.initial.rebalance.delay.ms", "0"),
    ("group.min.session.timeout.ms", "1000"),
    // With the newer protocol the broker says how often members ask what they are to do.
    ("group.consumer.min.heartbeat.interval.ms", "200"),
    ("group.consumer.heartbeat.interval.ms", "300"),
];

/// Lines of a node that is alone: it holds every replica.
const ALONE: &[(&str, &str)] = &[
    ("node.id", "1"),
    ("listener.security.protocol.map", "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL"),
    ("offsets.topic.replication.factor", "1"),
    ("transaction.state.log.replication.factor", "1"),
    ("transaction.state.log.min.isr", "1"),
    ("share.coordinator.state.topic.replication.factor", "1"),
    ("share.coordinator.state.topic.min.isr", "1"),
];

/// Lines of a node of three: whatever is acknowledged outlives one of them.
const MEMBER: &[(&str, &str)] = &[
    ("listener.security.protocol.map", "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT"),
    ("default.replication.factor", "3"),
    ("min.insync.replicas", "2"),
    ("offsets.topic.replication.factor", "3"),
    ("transaction.state.log.replication.factor", "3"),
    ("transaction.state.log.min.isr", "2"),
    ("share.coordinator.state.topic.replication.factor", "3"),
    ("share.coordinator.state.topic.min.isr", "2"),
    // A node that is away is missed within seconds, so that a test sees the others take over.
    ("broker.session.timeout.ms", "4000"),
    ("broker.heartbeat.interval.ms", "1000"),
    ("replica.lag.time.max.ms", "4000"),
    ("replica.socket.timeout.ms", "4000"),
    // As tests set it for the classic group protocol.
    ("group.consumer.min.session.timeout.ms", "6000"),
    ("group.consumer.session.timeout.ms", "6000"),
    ("group.consumer.min.heartbeat.interval.ms", "1000"),
    ("group.consumer.heartbeat.interval.ms", "1000"),
    // Three nodes, and what they serve, share a small machine.
    ("num.network.threads", "2"),
    ("num.io.threads", "4"),
    ("log.cleaner.dedupe.buffer.size", "16777216"),
];

/// The whole file of a node that is alone. `extra` wins over the harness's own lines.
pub(super) fn alone(ports: &Ports, directory: &Path, security: &Security, extra: &[(String, String)]) -> String {
    let Ports { plaintext, sasl_ssl, controller } = ports;
    let own = [
        ("controller.quorum.bootstrap.servers", format!("127.0.0.1:{controller}")),
        (
            "listeners",
            format!(
                "PLAINTEXT://127.0.0.1:{plaintext},SASL_SSL://127.0.0.1:{sasl_ssl},CONTROLLER://127.0.0.1:{controller}"
            ),
        ),
        ("advertised.listeners", format!("PLAINTEXT://127.0.0.1:{plaintext},SASL_SSL://localhost:{sasl_ssl}")),
    ];
    let mut lines = lines(ALONE, directory, own);
    lines.extend(security.properties());
    lines.extend(extra.iter().cloned());
    file(&lines)
}

/// The whole file of the node at `index` (from 0) of a cluster.
pub(super) fn member(index: usize, cluster: &[MemberPorts], directory: &Path) -> String {
    let MemberPorts { direct, behind_proxy, proxy, controller } = &cluster[index];
    let voters = cluster.iter().enumerate();
    let voters = voters.map(|(index, ports)| format!("{}@127.0.0.1:{}", index + 1, ports.controller));
    let own = [
        ("node.id", (index + 1).to_string()),
        ("controller.quorum.voters", voters.collect::<Vec<_>>().join(",")),
        (
            "listeners",
            format!(
                "PLAINTEXT://127.0.0.1:{direct},PROXIED://127.0.0.1:{behind_proxy},CONTROLLER://127.0.0.1:{controller}"
            ),
        ),
        ("advertised.listeners", format!("PLAINTEXT://127.0.0.1:{direct},PROXIED://127.0.0.1:{proxy}")),
    ];
    file(&lines(MEMBER, directory, own))
}

type Lines = BTreeMap<String, String>;

fn lines<const N: usize>(fixed: &[(&str, &str)], directory: &Path, own: [(&str, String); N]) -> Lines {
    let mut lines = Lines::new();
    for (name, value) in COMMON.iter().chain(fixed) {
        lines.insert((*name).into(), (*value).into());
    }
    lines.insert("log.dirs".into(), directory.join("data").display().to_string());
    lines.extend(own.map(|(name, value)| (name.to_owned(), value)));
    lines
}

fn file(lines: &Lines) -> String {
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
