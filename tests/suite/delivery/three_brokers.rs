//! Lag, connections and rebalances of hosts against what Kafka's own admins are told, while brokers stop and start,
//! partitions move, and hosts come and go.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::groups::GroupMemberInfo;
use rdkafka::{Offset, TopicPartitionList};
use sandbus_tests::kafka::Cluster;
use sandbus_tests::proxy::Mode;
use sandbus_tests::{Host, eventually};

use super::stage::{Probe, Stage, event};

const PARTITIONS: i32 = 6;
/// For a phase: a broker that was killed is missed after some seconds, and a group forms anew.
const PHASE: Duration = Duration::from_secs(60);
/// One question to the brokers. A broker that is away must not hold up the next.
const QUESTION: Duration = Duration::from_secs(3);
/// What is gone is missed soon, and looked for again soon.
const PROPERTIES: [(&str, &str); 6] = [
    ("session.timeout.ms", "6000"),
    ("heartbeat.interval.ms", "500"),
    ("socket.timeout.ms", "6000"),
    ("reconnect.backoff.ms", "50"),
    ("reconnect.backoff.max.ms", "500"),
    ("topic.metadata.refresh.interval.ms", "2000"),
];

/// Within the session.
const TIMES: &str = "drain_timeout = \"1s\"\nshutdown_timeout = \"2s\"";

type Lags = BTreeMap<i32, i64>;

/// Asks the brokers, past the proxies that hosts go through.
struct Admin {
    client: BaseConsumer,
    topic: String,
    group: String,
}

impl Admin {
    fn new(cluster: &Cluster, stage: &Stage) -> Admin {
        let client = cluster
            .connection()
            .client()
            .set("group.id", stage.group.name())
            .set("enable.auto.commit", "false")
            // One that hangs is asked only so long.
            .set("socket.timeout.ms", "3000")
            .create()
            .expect("a valid client");
        Admin { client, topic: stage.topic.name().to_owned(), group: stage.group.name().to_owned() }
    }

    /// How far each partition's end is from what the group has committed.
    fn lags(&self) -> Result<Lags, String> {
        // Who leads is remembered, and would be for minutes.
        self.client.fetch_metadata(Some(&self.topic), QUESTION).map_err(|error| error.to_string())?;
        let mut asked = TopicPartitionList::new();
        asked.add_partition_range(&self.topic, 0, PARTITIONS - 1);
        let committed = self.client.committed_offsets(asked, QUESTION).map_err(|error| error.to_string())?;
        let lag = |partition| {
            let range = self.client.fetch_watermarks(&self.topic, partition, QUESTION);
            let (first, end) = range.map_err(|error| format!("partition {partition}: {error}"))?;
            let committed = committed.find_partition(&self.topic, partition).ok_or("not answered")?;
            committed.error().map_err(|error| error.to_string())?;
            let done = if let Offset::Offset(offset) = committed.offset() { offset } else { first };
            Ok((partition, end - done))
        };
        (0..PARTITIONS).map(lag).collect()
    }

    /// The partitions of each member, as the coordinator has them.
    fn members(&self) -> Result<Vec<BTreeSet<i32>>, String> {
        let groups = self.client.fetch_group_list(Some(&self.group), QUESTION).map_err(|error| error.to_string())?;
        let group = groups.groups().first().ok_or("the group is not known")?;
        if group.state() != "Stable" {
            return Err(format!("the group is {}", group.state()));
        }
        group.members().iter().map(|member| self.partitions(member)).collect()
    }

    /// Who coordinates the group, by its number among the brokers: the leader of the partition of `__consumer_offsets` that
    /// the group's name falls into, by Java's hash of it.
    fn coordinator(&self) -> Result<usize, String> {
        const OFFSETS: &str = "__consumer_offsets";
        let metadata = self.client.fetch_metadata(Some(OFFSETS), QUESTION).map_err(|error| error.to_string())?;
        let topic = metadata.topics().first().ok_or("the offsets' topic is not known")?;
        let hash =
            self.group.encode_utf16().fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
        let partition =
            hash.checked_abs().unwrap_or_default() % i32::try_from(topic.partitions().len()).expect("a small number");
        let partition = topic.partitions().iter().find(|known| known.id() == partition).ok_or("no such partition")?;
        // Brokers count from 1.
        usize::try_from(partition.leader() - 1).map_err(|_| format!("partition {} has no leader", partition.id()))
    }

    fn partitions(&self, member: &GroupMemberInfo) -> Result<BTreeSet<i32>, String> {
        let bytes = member.assignment().ok_or("a member without an assignment")?;
        let topics = assignment(bytes).ok_or_else(|| format!("an assignment that cannot be read: {bytes:?}"))?;
        Ok(topics
            .into_iter()
            .filter(|(topic, _)| *topic == self.topic)
            .flat_map(|(_, partitions)| partitions)
            .collect())
    }
}

/// What Kafka's consumers write for each other: a version, then for each topic its name and the partitions of it.
fn assignment(mut bytes: &[u8]) -> Option<Vec<(String, Vec<i32>)>> {
    fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
        let (first, rest) = bytes.split_first_chunk()?;
        *bytes = rest;
        Some(*first)
    }
    let bytes = &mut bytes;
    take::<2>(bytes)?;
    let topics = i32::from_be_bytes(take(bytes)?);
    let topic = |_| {
        let length = usize::try_from(i16::from_be_bytes(take(bytes)?)).ok()?;
        let (name, rest) = bytes.split_at_checked(length)?;
        *bytes = rest;
        let partitions = i32::from_be_bytes(take(bytes)?);
        let partitions = (0..partitions).map(|_| Some(i32::from_be_bytes(take(bytes)?))).collect::<Option<_>>()?;
        Some((String::from_utf8_lossy(name).into_owned(), partitions))
    };
    (0..topics).map(topic).collect()
}

/// The hosts of the group, and what each had when everybody agreed last.
struct Scene {
    stage: Stage,
    admin: Admin,
    hosts: BTreeMap<&'static str, (Host, BTreeSet<i32>)>,
    written: i64,
}

impl Scene {
    fn host(&self, name: &str) -> &Host {
        &self.hosts[name].0
    }

    fn total(&self, name: &str, metric: &str) -> f64 {
        self.host(name).metrics().sum(&format!("kafka_eventbus_{metric}"), &[]).unwrap_or_default()
    }

    /// Writes to each partition, wherever its leader is, or will be when a phase is over: a follower that hangs is waited
    /// for until the controller misses it.
    fn write(&mut self, each: i64) {
        let records = (0..PARTITIONS).flat_map(|partition| {
            (0..each).map(move |number| event(&format!("key-{partition}-{number}"), "ack").partition(partition))
        });
        self.stage.topic.write_within(PHASE, records);
        self.written += each;
    }

    fn lags(host: &Host, stage: &Stage) -> Lags {
        let metrics = host.metrics();
        let of_topic = metrics.named("kafka_eventbus_consumer_lag").into_iter();
        let of_topic = of_topic.filter(|sample| sample.has(&[("messaging_destination", stage.topic.name())]));
        of_topic
            .map(|sample| (sample.labels["messaging_kafka_partition"].parse().expect("a number"), sample.value as i64))
            .collect()
    }

    /// Waits until hosts and Kafka say the same: who has which partition, and the lag of each, which is `behind`; and that all
    /// are connected. Answers with the hosts that have lost a partition since they agreed last.
    #[track_caller]
    fn agree(&mut self, phase: &str, behind: i64) -> BTreeSet<&'static str> {
        let agreed = eventually(&format!("{phase}: hosts and Kafka to agree"), PHASE, || {
            let lags = self.admin.lags()?;
            if lags.values().any(|lag| *lag != behind) {
                return Err(format!("Kafka says {lags:?}, and {behind} are behind"));
            }
            let of_hosts: BTreeMap<&'static str, Lags> =
                self.hosts.iter().map(|(name, (host, _))| (*name, Scene::lags(host, &self.stage))).collect();
            let mut assigned: Vec<BTreeSet<i32>> = of_hosts.values().map(|own| own.keys().copied().collect()).collect();
            let mut members = self.admin.members()?;
            assigned.sort();
            members.sort();
            let together: Lags = of_hosts.values().flatten().map(|(partition, lag)| (*partition, *lag)).collect();
            if assigned != members || together != lags {
                return Err(format!("Kafka says {members:?} and {lags:?}, the hosts {of_hosts:?}"));
            }
            for (name, (host, _)) in &self.hosts {
                let group = [("messaging_kafka_consumer_group", self.stage.group.name())];
                let active = host.metrics().sum("kafka_eventbus_connections_active", &group);
                if active != Some(1.0) {
                    return Err(format!("connections.active of {name} is {active:?}"));
                }
            }
            Ok(of_hosts)
        });
        let mut losers = BTreeSet::new();
        for (name, (_, before)) in &mut self.hosts {
            let now: BTreeSet<i32> = agreed[name].keys().copied().collect();
            if !before.is_subset(&now) {
                losers.insert(*name);
            }
            *before = now;
        }
        losers
    }

    /// Starts a host, or ends one, after which the rebalances of those that stay are those that took something from them.
    #[track_caller]
    fn rebalance(&mut self, phase: &str, behind: i64, change: impl FnOnce(&mut Scene)) {
        let before: BTreeMap<_, _> =
            self.hosts.keys().map(|name| (*name, self.total(name, "rebalances_total"))).collect();
        change(self);
        let losers = self.agree(phase, behind);
        for name in self.hosts.keys() {
            let before = before.get(name).copied().unwrap_or_default();
            let expected = before + f64::from(u8::from(losers.contains(name)));
            assert_eq!(
                self.total(name, "rebalances_total"),
                expected,
                "{phase}: {name}, of {losers:?} who lost something"
            );
        }
    }

    fn start(&mut self, name: &'static str) {
        let host = self.stage.start();
        self.hosts.insert(name, (host, BTreeSet::new()));
    }

    #[track_caller]
    fn stop(&mut self, name: &str) {
        let (mut host, _) = self.hosts.remove(name).expect("it runs");
        // What is behind an event that waits is given up, and comes again.
        assert!(host.terminate(PHASE).code().is_some(), "{name} was killed");
    }
}

#[test]
fn what_hosts_say_is_what_kafka_says_whoever_comes_and_goes() {
    let mut cluster = Cluster::start(true).unwrap_or_else(|error| panic!("{error:#}"));
    // Of each partition one event waits for ten minutes, and none is final: what is behind stands still while everything else moves.
    let mut stage = Stage::on(&cluster.connection(), PARTITIONS).delivery(TIMES);
    for (name, value) in PROPERTIES {
        stage = stage.property(name, value);
    }
    let quick = Stage::with(&stage.connection, stage.topic.clone(), stage.results.clone());
    let mut stage = stage.probe(Probe::named("probe").line("max_retries = 3"));
    let admin = Admin::new(&cluster, &stage);
    stage.topic.write((0..PARTITIONS).map(|n| event(&format!("held-{n}"), "until:2:retry:600s").partition(n)));
    stage.connection = cluster.proxied();
    let mut scene = Scene { stage, admin, hosts: BTreeMap::new(), written: 1 };
    scene.write(19);

    scene.start("one");
    assert_eq!(scene.agree("one host", 20), BTreeSet::new());
    scene.rebalance("a second host", 20, |scene| scene.start("two"));
    assert!(scene.hosts.values().all(|(_, own)| own.len() == 3), "each has its share");

    // The leader of some is gone, and another takes over.
    let again = scene.total("one", "reconnections_total");
    cluster.kill(0);
    scene.write(5);
    scene.agree("a broker is gone", 25);
    eventually("new connections to it to be counted", PHASE, || {
        let now = scene.total("one", "reconnections_total");
        if now > again { Ok(()) } else { Err(now) }
    });
    cluster.start_again(0).unwrap_or_else(|error| panic!("{error:#}"));
    cluster.wait_in_sync(PHASE).unwrap_or_else(|message| panic!("{message}"));
    scene.agree("the broker is back", 25);

    // One hangs: it takes what it is sent, and never answers.
    cluster.pause(1);
    scene.write(5);
    scene.agree("a broker hangs", 30);
    cluster.resume(1);
    cluster.wait_in_sync(PHASE).unwrap_or_else(|message| panic!("{message}"));
    scene.agree("it goes on", 30);

    // Every partition goes to two brokers, and each broker leads two.
    let replicas: Vec<Vec<usize>> = (0..PARTITIONS as usize).map(|n| vec![n % 3, (n + 1) % 3]).collect();
    cluster.reassign(scene.stage.topic.name(), &replicas, PHASE).unwrap_or_else(|error| panic!("{error:#}"));
    scene.write(5);
    scene.agree("partitions have moved", 35);
    let replicas: Vec<Vec<usize>> = (0..PARTITIONS as usize).map(|n| vec![(n + 2) % 3, (n + 1) % 3]).collect();
    cluster.reassign(scene.stage.topic.name(), &replicas, PHASE).unwrap_or_else(|error| panic!("{error:#}"));
    scene.write(5);
    scene.agree("partitions have moved on", 40);

    // No broker can be reached, though all of them run.
    let all = |mode| (0..Cluster::SIZE).for_each(|broker| cluster.proxy(broker).set(mode));
    let errors = scene.total("one", "connection_errors_total");
    all(Mode::Cut);
    for name in ["one", "two"] {
        scene.host(name).wait_metric("kafka_eventbus_connections_active", &[], 0.0, PHASE);
    }
    assert!(scene.total("one", "connection_errors_total") > errors, "connections were refused");
    all(Mode::Pass);
    scene.agree("brokers can be reached again", 40);

    // The coordinator alone cannot be reached, and goes on as such: the others do not take its place.
    let coordinator = scene.admin.coordinator().unwrap_or_else(|message| panic!("{message}"));
    cluster.proxy(coordinator).set(Mode::Cut);
    for name in ["one", "two"] {
        scene.host(name).wait_metric("kafka_eventbus_connections_active", &[], 0.0, PHASE);
    }
    assert_eq!(scene.admin.coordinator(), Ok(coordinator));
    cluster.proxy(coordinator).set(Mode::Pass);
    scene.agree("the coordinator can be reached again", 40);

    scene.rebalance("a third host", 40, |scene| scene.start("three"));
    scene.rebalance("the first is gone", 40, |scene| scene.stop("one"));

    // Those that come wait for nothing any more, and so the events get through.
    let group = scene.stage.group.clone();
    let mut quick =
        quick.delivery(TIMES).probe(Probe::named("probe").line("max_retries = 3\nretry_max_delay = \"10ms\""));
    (quick.group, quick.connection) = (group, cluster.proxied());
    for (name, value) in PROPERTIES {
        quick = quick.property(name, value);
    }
    scene.stage = quick;
    scene.stop("two");
    scene.stop("three");
    scene.start("four");
    scene.start("five");
    scene.agree("all is done", 0);
    assert_eq!(scene.hosts.values().map(|(_, own)| own.len()).sum::<usize>(), 6);
    assert_eq!(scene.stage.group.committed_sum(&scene.stage.topic), scene.written * i64::from(PARTITIONS));
}
