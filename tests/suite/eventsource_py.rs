//! eventsource-py, the package itself, on the other side of a topic: what it publishes, what it is given, and the dead
//! letters of both. `docs/eventsource-py.md` says of each what works and what does not.

mod consumed;
mod dead_letters;
mod published;
mod retry_copies;

use std::collections::BTreeMap;
use std::time::Duration;

use sandbus_tests::process::Finished;
use sandbus_tests::{Connection, Group, StoredRecord, Topic, names, python};
use serde_json::{Value, json};

use super::delivery::stage::Stage;

/// For a program that takes moments, most of them for Python's own start.
const SOON: Duration = Duration::from_secs(60);

/// Keys, and the partition of 12 that aiokafka's partitioner gives each: murmur2 of the key, without its sign.
const PLACED: [(&str, i32); 3] = [
    ("00000000-0000-0000-0000-000000000002", 5),
    ("f0a832ce-d7e8-4d20-a573-e44efd56f7c3", 4),
    ("4d6793fb-6cf7-4e3d-b752-a17546193061", 2),
];

/// A bus of eventsource-py, with one topic and a group of its own.
struct Bus {
    topic: Topic,
    connection: Connection,
    group: Group,
}

impl Bus {
    /// Its topic is named as the package names topics: `<prefix>.stream`.
    #[track_caller]
    fn create(partitions: i32) -> Bus {
        let connection = Connection::shared();
        let name = format!("{}.stream", names::unique(&names::test_name()));
        let topic = Topic::create_named(&connection, &name, partitions);
        Bus::of(&connection, &topic)
    }

    /// One more bus for that topic.
    fn of(connection: &Connection, topic: &Topic) -> Bus {
        Bus { topic: topic.clone(), connection: connection.clone(), group: Group::unique(connection) }
    }

    /// Runs one of the programs.
    #[track_caller]
    fn run(&self, program: &str, arguments: &[&str], input: &str) -> Finished {
        let prefix = self.topic.name().strip_suffix(".stream").expect("the package's own name for a topic");
        let fixed = [
            "--bootstrap-servers",
            self.connection.bootstrap(),
            "--topic-prefix",
            prefix,
            "--group",
            self.group.name(),
        ];
        python::run(program, &[&fixed, arguments].concat(), input, SOON)
    }

    /// The lines of a program that ends well.
    #[track_caller]
    fn lines(&self, program: &str, arguments: &[&str], input: &str) -> Vec<Value> {
        let finished = self.run(program, arguments, input);
        assert_eq!(finished.status.code(), Some(0), "{finished:#?}");
        let parse = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line:?}"));
        finished.stdout.lines().map(parse).collect()
    }

    /// Publishes events by the package, and answers with each as it has written it.
    #[track_caller]
    fn publish(&self, events: &[Value]) -> Vec<Value> {
        let input: String = events.iter().map(|event| format!("{event}\n")).collect();
        let published = self.lines("publish.py", &[], &input);
        assert_eq!(published.len(), events.len());
        published
    }

    /// What the package's handlers were given, after that many calls.
    #[track_caller]
    fn consume(&self, calls: usize, arguments: &[&str]) -> Vec<Value> {
        let calls = calls.to_string();
        self.lines("consume.py", &[&["--calls", &calls], arguments].concat(), "")
    }
}

/// A stage that reads the bus' topic. Its results go to a topic that another bus can read.
#[track_caller]
fn stage(bus: &Bus, partitions: i32) -> Stage {
    let results = format!("{}.stream", names::unique("results"));
    let results = Topic::create_named(&bus.connection, &results, partitions);
    Stage::with(&bus.connection, bus.topic.clone(), results)
}

/// Fields of an order that the examples' handlers take.
fn order(aggregate: &str, version: usize) -> Value {
    json!({
        "type": "OrderCreated",
        "aggregate_id": aggregate,
        "aggregate_version": version,
        "order_id": format!("{aggregate}/{version}"),
        "currency": "EUR",
        "items": [{"quantity": 2, "price_cents": 150}],
    })
}

/// Fields of a payment whose card the examples' handler refuses.
fn refused_payment(aggregate: &str) -> Value {
    json!({
        "type": "PaymentRequested",
        "aggregate_id": aggregate,
        "payment_id": "p-1",
        "amount_cents": 1000,
        "installments": 1,
        "currency": "EUR",
        "provider": "alpha",
        "card_last4": "0002",
    })
}

/// The partition of each key; all records of a key must be in one.
#[track_caller]
fn places(records: &[StoredRecord]) -> BTreeMap<String, i32> {
    let mut places = BTreeMap::new();
    for record in records {
        let key = String::from_utf8(record.key.clone().expect("a key")).expect("text");
        let before = places.insert(key, record.partition);
        assert!(before.is_none_or(|before| before == record.partition), "{before:?} before {record:?}");
    }
    places
}

/// The header names and values as text, in their order.
fn headers(record: &StoredRecord) -> Vec<(String, String)> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    record.headers.iter().map(|(name, value)| (text(name), text(value.as_deref().expect("a value")))).collect()
}

/// The headers that the package writes for an event, which is as it dumped it.
fn written(event: &Value) -> Vec<(String, String)> {
    let names = [
        "event_id",
        "event_type",
        "aggregate_id",
        "aggregate_type",
        "aggregate_version",
        "occurred_at",
        "correlation_id",
        "tenant_id",
        "causation_id",
        "actor_id",
    ];
    let text = |name: &str| match &event[name] {
        Value::Null => None,
        // JSON says Z, the header says +00:00.
        Value::String(text) if name == "occurred_at" => Some(text.replace('Z', "+00:00")),
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    };
    names.iter().filter_map(|name| Some(((*name).to_owned(), text(name)?))).collect()
}
