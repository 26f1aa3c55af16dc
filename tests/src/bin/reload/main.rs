//! How much longer an event waits because its handler is reloaded: `make reload-bench`.
//!
//! A writer keeps a steady pace; the probe publishes each event to a topic of results. An event's wait is from when it
//! was written until what it published was made: both clocks are this machine's. That is measured for as long without
//! reloads as with a hundred of them, every fourth beside a file that is no component, every fifth rolled back through the
//! API. Each event has to come out once, and each key in its order; and the longest wait may have become longer by no
//! more than the contract says, or this ends with status 1.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer};
use sandbus_tests::host::built;
use sandbus_tests::{Connection, Deployment, Group, Host, StoredRecord, Topic, names};

/// Measure what a reload adds to an event's wait.
#[derive(Parser)]
struct Arguments {
    /// Reloads.
    #[arg(long, default_value_t = 100)]
    reloads: u32,
    /// Events for each second.
    #[arg(long, default_value_t = 2000)]
    rate: u32,
    /// The probe of which language: what takes long to compile competes longer with the events.
    #[arg(long, default_value = "probe-rust")]
    component: String,
}

/// Milliseconds that a reload may add to an event's wait: section 10 of the contract.
const MOST_ADDED: i64 = 50;

const SOON: Duration = Duration::from_secs(60);
/// From one reload to the next, at least.
const EVERY: Duration = Duration::from_millis(200);
/// Longer than the first seconds of anything.
const WARM_UP: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let connection = Connection::shared();
    let topic = Topic::create_named(&connection, &names::unique("reload"), 4);
    let results = Topic::create_named(&connection, &names::unique("reload-results"), 4);
    let group = Group::named(&connection, &names::unique("reload"));
    let config = format!(
        "[kafka]\nbootstrap_servers = {:?}\ntopics = [{:?}]\nconsumer_group = {:?}\n\
         [kafka.properties]\n\"fetch.wait.max.ms\" = \"5\"\n\"linger.ms\" = \"0\"\n\
         [[handler]]\nname = \"probe\"\ncomponent = \"handlers/probe.wasm\"\n\
         [handler.config]\nresults = {results:?}\n[handler.grants]\npublish = [{results:?}]\n",
        connection.bootstrap(),
        topic.name(),
        group.name(),
        results = results.name(),
    );
    let deployment = Deployment::new(&config).handler("probe", &arguments.component);
    let mut host = deployment.start();
    host.wait_ready(SOON);
    let mut writer = Writer::new(&connection, &topic, arguments.rate);
    writer.write_for(WARM_UP, || ());

    let start = Instant::now();
    let with = {
        let from = writer.written;
        std::thread::scope(|scope| {
            let reloads = scope.spawn(|| reload(&host, &arguments));
            writer.write_while(|| !reloads.is_finished());
            reloads.join().expect("the reloads come to their end");
        });
        from..writer.written
    };
    let took = start.elapsed();
    let without = {
        let from = writer.written;
        writer.write_for(took, || ());
        from..writer.written
    };
    writer.producer.flush(SOON).expect("the broker takes all events");
    group.wait_committed_sum(&topic, i64::try_from(writer.written).expect("a small number"), SOON);
    let waits = Waits::of(&topic.read(), &results.read());
    println!(
        "{} reloads of {} in {:.1} s, {} events/s, {} events",
        arguments.reloads,
        arguments.component,
        took.as_secs_f64(),
        arguments.rate,
        writer.written
    );
    judge(&waits.of_numbers(without), &waits.of_numbers(with))
}

/// Prints what events waited, in order, and says whether that is within bounds.
fn judge(without: &[i64], with: &[i64]) -> ExitCode {
    println!("wait in ms       p50   p99  p99.9   max");
    for (name, waits) in [("without reloads", without), ("with reloads", with)] {
        let at = |share: f64| waits[((waits.len() - 1) as f64 * share) as usize];
        println!("{name:<15} {:>4} {:>5} {:>6} {:>5}", at(0.5), at(0.99), at(0.999), at(1.0));
    }
    println!("every event came out once, and every key in its order");
    let longest = |waits: &[i64]| waits.last().copied().unwrap_or_default();
    let added = longest(with) - longest(without);
    println!("added to the longest wait: {added} ms, of {MOST_ADDED} that it may be");
    if added > MOST_ADDED { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Puts one version after the other in the probe's place, and waits for each.
fn reload(host: &Host, arguments: &Arguments) {
    let file = host.directory().join("handlers/probe.wasm");
    let whole = std::fs::read(built::component(&arguments.component)).expect("a built component");
    let wait = |outcome: &str, count: u32| {
        let labels = [("handler_name", "probe"), ("outcome", outcome)];
        host.wait_metric("sandbus_handler_reloads_total", &labels, f64::from(count), SOON);
    };
    for number in 1..=arguments.reloads {
        let mut version = whole.clone();
        // A custom section with a name of seven bytes: another digest, and the same code.
        version.extend([0, 12, 7]);
        version.extend(b"version");
        version.extend(number.to_le_bytes());
        put(&file, &version);
        wait("applied", number);
        if number % 4 == 0 {
            put(&file, whole.get(..5000).expect("a component has more"));
            wait("refused", number / 4);
        }
        if number % 5 == 0 {
            let answer = host.ask("POST", "/api/v1/handlers/probe/rollback").send();
            let answer = answer.unwrap_or_else(|error| panic!("no answer to a rollback: {error}"));
            assert_eq!(answer.status, 200, "{answer:?}");
            wait("rolled_back", number / 5);
        }
        std::thread::sleep(EVERY);
    }
}

fn put(path: &Path, bytes: &[u8]) {
    let beside = path.with_extension("new");
    std::fs::write(&beside, bytes).and_then(|()| std::fs::rename(&beside, path)).expect("the folder can be written");
}

struct Writer<'a> {
    producer: ThreadedProducer<DefaultProducerContext>,
    topic: &'a Topic,
    rate: u32,
    written: usize,
}

impl<'a> Writer<'a> {
    fn new(connection: &Connection, topic: &'a Topic, rate: u32) -> Writer<'a> {
        let producer = connection.client().set("linger.ms", "0").create().expect("a producer");
        Writer { producer, topic, rate, written: 0 }
    }

    fn write_for(&mut self, time: Duration, mut also: impl FnMut()) {
        let end = Instant::now() + time;
        self.write_while(|| {
            also();
            Instant::now() < end
        });
    }

    /// A few at a time, at its pace.
    fn write_while(&mut self, mut more: impl FnMut() -> bool) {
        let (start, first) = (Instant::now(), self.written);
        while more() {
            let due = first + (start.elapsed().as_secs_f64() * f64::from(self.rate)) as usize;
            while self.written < due {
                let (key, value) = (format!("key-{}", self.written * 7 % 257), self.written.to_string());
                let record = BaseRecord::to(self.topic.name()).key(&key).payload(&value);
                self.producer.send(record).unwrap_or_else(|(error, _)| panic!("an event cannot be written: {error}"));
                self.written += 1;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// Milliseconds that each event waited, by its number.
struct Waits(BTreeMap<usize, i64>);

impl Waits {
    fn of(events: &[StoredRecord], results: &[StoredRecord]) -> Waits {
        let number = |record: &StoredRecord| -> usize {
            let value = record.value.as_deref().map(String::from_utf8_lossy).unwrap_or_default();
            value.parse().unwrap_or_else(|error| panic!("{value:?}: {error}"))
        };
        let written: BTreeMap<usize, i64> =
            events.iter().map(|event| (number(event), event.timestamp.unwrap_or_default())).collect();
        let (mut waits, mut last) = (BTreeMap::new(), BTreeMap::<&[u8], usize>::new());
        for result in results {
            let number = number(result);
            let before = last.insert(result.key.as_deref().unwrap_or_default(), number);
            assert!(before.is_none_or(|before| before < number), "{number} came after {before:?}");
            let wait = result.timestamp.unwrap_or_default() - written[&number];
            assert!(waits.insert(number, wait).is_none(), "{number} came out twice");
        }
        assert_eq!(waits.len(), written.len(), "events are missing");
        Waits(waits)
    }

    fn of_numbers(&self, numbers: std::ops::Range<usize>) -> Vec<i64> {
        let mut waits: Vec<_> = self.0.range(numbers).map(|(_, wait)| *wait).collect();
        waits.sort_unstable();
        waits
    }
}
