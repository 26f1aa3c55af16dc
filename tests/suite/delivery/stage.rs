//! What most tests of delivery need: topics and a group of their own, a configuration with probes in it, and what these
//! probes acknowledged.

use std::fmt::Write as _;

use sandbus_tests::{Connection, Deployment, Group, Host, Record, StoredRecord, Topic, names};

use super::SOON;

/// Short enough for a test, long enough to be told from none.
const DELIVERY: &str = "commit_interval = \"50ms\"";
/// Waits between tries, unless a probe says otherwise; and that tests which fail many of them are not about quarantine.
const RETRIES: &[(&str, &str)] = &[
    ("retry_base_delay", "\"10ms\""),
    ("retry_max_delay", "\"600s\""),
    ("retry_jitter", "0.0"),
    ("quarantine_tries", "0"),
];

/// One source topic, one topic of results, and a host that is to be.
pub(crate) struct Stage {
    pub(crate) connection: Connection,
    pub(crate) topic: Topic,
    pub(crate) results: Topic,
    pub(crate) group: Group,
    properties: String,
    delivery: String,
    handlers: String,
}

/// A probe that reports to the stage's results.
#[derive(Default)]
pub(crate) struct Probe {
    name: String,
    lines: String,
    limits: String,
    grants: Vec<String>,
}

/// One `ack` of a probe.
#[derive(Debug, Clone)]
pub(crate) struct Ack {
    pub(crate) handler: String,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) attempt: u32,
    pub(crate) instance: String,
    pub(crate) sequence: u32,
    pub(crate) record: StoredRecord,
}

impl Stage {
    /// On the shared broker.
    #[track_caller]
    pub(crate) fn new(partitions: i32) -> Stage {
        Stage::on(&Connection::shared(), partitions)
    }

    /// On a broker that runs, with a source topic.
    #[track_caller]
    pub(crate) fn on(connection: &Connection, partitions: i32) -> Stage {
        let topic = Topic::create(connection, partitions);
        let results = Topic::create_named(connection, &names::unique("results"), 1);
        Stage::with(connection, topic, results)
    }

    /// With topics that may not exist yet.
    pub(crate) fn with(connection: &Connection, topic: Topic, results: Topic) -> Stage {
        Stage {
            connection: connection.clone(),
            topic,
            results,
            group: Group::unique(connection),
            properties: String::new(),
            delivery: DELIVERY.to_owned(),
            handlers: String::new(),
        }
    }

    /// Adds a line to `[kafka.properties]`.
    pub(crate) fn property(mut self, name: &str, value: &str) -> Stage {
        writeln!(self.properties, "{name:?} = {value:?}").expect("a string takes all");
        self
    }

    /// Adds a line to `[delivery]`.
    pub(crate) fn delivery(mut self, line: &str) -> Stage {
        write!(self.delivery, "\n{line}").expect("a string takes all");
        self
    }

    /// Adds a probe.
    pub(crate) fn probe(mut self, probe: Probe) -> Stage {
        self.handlers.push_str(&probe.to_toml(&self.results));
        self
    }

    /// Adds a `[[handler]]` as it stands.
    pub(crate) fn handler(mut self, toml: &str) -> Stage {
        self.handlers.push_str(toml);
        self
    }

    /// The configuration in a directory, with every example built there.
    #[track_caller]
    pub(crate) fn deploy(&self) -> Deployment {
        let mut config = format!(
            "[kafka]\nbootstrap_servers = {:?}\ntopics = [{:?}]\nconsumer_group = {:?}\n\n[kafka.properties]\n",
            self.connection.bootstrap(),
            self.topic.name(),
            self.group.name(),
        );
        config.push_str(&self.properties);
        for (name, value) in self.connection.properties() {
            writeln!(config, "{name:?} = {value:?}").expect("a string takes all");
        }
        write!(config, "\n[delivery]\n{}\n{}", self.delivery, self.handlers).expect("a string takes all");
        let mut deployment = Deployment::new(&config);
        for name in ["audit", "fetch", "notify", "order-projection", "payment-check", "probe"] {
            if config.contains(&format!("handlers/{name}.wasm")) {
                deployment = deployment.handler(name, &format!("{name}-rust"));
            }
        }
        deployment
    }

    /// A host that is ready.
    #[track_caller]
    pub(crate) fn start(&self) -> Host {
        let mut host = self.deploy().start();
        host.wait_ready(SOON);
        host
    }

    /// Waits until every record written so far is final and committed.
    #[track_caller]
    pub(crate) fn wait_final(&self, records: i64) {
        self.group.wait_committed_sum(&self.topic, records, SOON);
    }

    /// All acks so far, in the order in which they left the host.
    #[track_caller]
    pub(crate) fn acks(&self) -> Vec<Ack> {
        self.results.read().into_iter().map(Ack::of).collect()
    }

    /// Acks in their order as soon as there are `count` of them.
    #[track_caller]
    pub(crate) fn wait_acks(&self, count: usize) -> Vec<Ack> {
        self.results.read_count(count, SOON).into_iter().map(Ack::of).collect()
    }
}

impl Probe {
    /// One of that name.
    pub(crate) fn named(name: &str) -> Probe {
        Probe { name: name.to_owned(), ..Probe::default() }
    }

    /// Adds a line to its `[[handler]]`.
    pub(crate) fn line(mut self, line: &str) -> Probe {
        writeln!(self.lines, "{line}").expect("a string takes all");
        self
    }

    /// Adds a line to its `[handler.limits]`.
    pub(crate) fn limit(mut self, line: &str) -> Probe {
        writeln!(self.limits, "{line}").expect("a string takes all");
        self
    }

    /// Grants publishing to another topic.
    pub(crate) fn publishes(mut self, topic: &str) -> Probe {
        self.grants.push(topic.to_owned());
        self
    }

    fn to_toml(&self, results: &Topic) -> String {
        let Probe { name, lines, limits, grants } = self;
        let mut retries = String::new();
        for (key, value) in RETRIES.iter().filter(|(key, _)| !lines.contains(key)) {
            writeln!(retries, "{key} = {value}").expect("a string takes all");
        }
        let grants = [&[results.name().to_owned()], grants.as_slice()].concat();
        format!(
            "
[[handler]]
name = {name:?}
component = \"handlers/probe.wasm\"
{retries}{lines}
[handler.limits]
{limits}
[handler.config]
results = {:?}
name = {name:?}
[handler.grants]
publish = {grants:?}
",
            results.name(),
        )
    }
}

impl Ack {
    #[track_caller]
    fn of(record: StoredRecord) -> Ack {
        let text = |name: &str| {
            let value = record.header(name);
            value.unwrap_or_else(|| panic!("{name} is missing in {record:?}")).to_owned()
        };
        let number = |name: &str| text(name).parse::<i64>().unwrap_or_else(|error| panic!("{name}: {error}"));
        Ack {
            handler: text("probe_handler"),
            partition: i32::try_from(number("probe_partition")).expect("a small number"),
            offset: number("probe_offset"),
            attempt: u32::try_from(number("probe_attempt")).expect("a small number"),
            instance: text("probe_instance"),
            sequence: u32::try_from(number("probe_sequence")).expect("a small number"),
            record,
        }
    }

    /// Its event's key as text; empty if there is none.
    pub(crate) fn key(&self) -> String {
        String::from_utf8_lossy(self.record.key.as_deref().unwrap_or_default()).into_owned()
    }

    /// Where its event stands.
    pub(crate) fn place(&self) -> (i32, i64) {
        (self.partition, self.offset)
    }
}

/// An event for the probe: its steps, and its key.
pub(crate) fn event(key: &str, steps: &str) -> Record {
    Record::event("Tried", "{}").key(key).header("probe", steps)
}
