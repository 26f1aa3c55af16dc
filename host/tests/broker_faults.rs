//! The real consumer, producer and engine against librdkafka's mock brokers, which answer with any error
//! on demand: commits, produced records, fetches and group membership fail in every way that Kafka knows.
//! A handler in native code acknowledges each event and publishes it. What may never happen: an event that
//! is lost, or one that becomes a dead letter because of the broker's trouble.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "what is not there fails the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::mocking::{MockCluster, MockCoordinator};
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use sandbus::config::{Config, DeadLetters, Ordering, Pattern, RetryPolicy, TopicName};
use sandbus::delivery::buffer::Buffer;
use sandbus::delivery::engine::{Doors, Engine, EngineHandler, EngineSettings, Subscription, Summary};
use sandbus::delivery::handler::Deployment;
use sandbus::delivery::partition::{HandlerIndex, Policy};
use sandbus::delivery::ports::{Instances, Observer, Published, Ran, Signal, Tried, Try};
use sandbus::delivery::report::PartitionReport;
use sandbus::delivery::scheduler::Timing;
use sandbus::delivery::verdict::Ending;
use sandbus::event::{Outgoing, TopicPartition};
use sandbus::kafka::Cluster;
use sandbus::kafka::consumer::{self, Membership};
use sandbus::kafka::producer::SharedProducer;

const DEADLINE: Duration = Duration::from_secs(60);
const PARTITIONS: i32 = 2;
const GROUP: &str = "g";

/// What came of the events, as the engine tells it.
#[derive(Default)]
struct Seen {
    handled: Mutex<BTreeSet<String>>,
    counts: Mutex<BTreeMap<String, u64>>,
}

impl Seen {
    fn count(&self, what: &str) -> u64 {
        self.counts.lock().unwrap().get(what).copied().unwrap_or_default()
    }

    fn add(&self, what: &str) {
        *self.counts.lock().unwrap().entry(what.to_owned()).or_default() += 1;
    }
}

impl Observer for Seen {
    fn consumed(&self, _: &TopicPartition, _: &str, _: u64) {}
    fn tried(&self, _: HandlerIndex, _: &str, error_type: Option<&str>, _: u64) {
        self.add(&format!("tried {}", error_type.unwrap_or("ok")));
    }
    fn measured(&self, _: HandlerIndex, _: &[Tried]) {}
    fn batch_fault(&self, _: HandlerIndex, _: &Ran) {}
    fn retried(&self, _: HandlerIndex) {
        self.add("retried");
    }
    fn dead_lettered(&self, _: Option<HandlerIndex>, reason: &str, _: &str) {
        self.add(&format!("dead {reason}"));
    }
    fn dropped(&self, _: Option<HandlerIndex>) {
        self.add("dropped");
    }
    fn abandoned(&self, _: Option<HandlerIndex>, _: u64) {}
    fn partitions(&self, _: Vec<PartitionReport>) {}
    fn published(&self, _: &Published) {}
}

impl Membership for Seen {
    fn assigned(&self) {
        self.add("assigned");
    }
    fn revoked(&self) {
        self.add("revoked");
    }
}

/// A handler in native code: each event is acknowledged at once, and published to `out`.
struct Native {
    seen: Arc<Seen>,
    signals: Sender<Signal>,
}

impl Instances for Native {
    fn run(&self, batch: Vec<Try>) {
        let tried = batch.into_iter().map(|run| {
            let key = run.event.record.key().unwrap().to_vec();
            self.seen.handled.lock().unwrap().insert(String::from_utf8(key.clone()).unwrap());
            let (topic, value) = ("out".into(), run.event.record.value().map(<[u8]>::to_vec));
            let outbox = vec![Outgoing { topic, key: Some(key), value, headers: vec![], timestamp: None }];
            let (wall, cpu) = (Duration::ZERO, Duration::ZERO);
            Tried { run, ending: Some(Ending::Ack), outbox, wall, cpu, memory: 0 }
        });
        let ran = Ran { tried: tried.collect(), ..Ran::default() };
        self.signals.send(Signal::Ran(0, Deployment::default(), ran)).unwrap();
    }

    fn run_here(&self, batch: Vec<Try>) -> Option<Ran> {
        self.run(batch);
        None
    }
}

/// Three brokers, and one host without a sandbox on them.
struct World {
    brokers: MockCluster<'static, DefaultProducerContext>,
    seen: Arc<Seen>,
    signals: Sender<Signal>,
    ended: Receiver<Summary>,
    written: usize,
}

impl World {
    fn start() -> World {
        let brokers = MockCluster::new(3).unwrap();
        for topic in ["in", "in.dlq", "out"] {
            brokers.create_topic(topic, PARTITIONS, 3).unwrap();
        }
        let servers = brokers.bootstrap_servers();
        let config = format!(
            "[kafka]\nbootstrap_servers = \"{servers}\"\ntopics = [\"in\"]\nconsumer_group = \"{GROUP}\"\n\
             [kafka.properties]\n\"fetch.wait.max.ms\" = \"10\"\n\"reconnect.backoff.max.ms\" = \"200\"\n\
             \"retry.backoff.ms\" = \"20\"\n\"heartbeat.interval.ms\" = \"200\"\n\"session.timeout.ms\" = \"6000\"\n\
             [delivery]\ndrain_timeout = \"2s\"\n"
        );
        let config = Config::from_text(&config, Path::new("."), Vec::<(String, String)>::new()).unwrap();
        let cluster = Cluster::new(config.kafka);
        let seen = Arc::new(Seen::default());
        let (readings_in, readings) = unbounded();
        let (signals_in, signals) = unbounded();
        let settings = consumer::Settings {
            group: GROUP.into(),
            sources: vec!["in".into()],
            redrives: Default::default(),
            window: 1000,
            buffer: Buffer::new(64 << 20),
        };
        let (consumer, _) = consumer::start(&cluster, settings, readings_in, seen.clone()).unwrap();
        consumer.subscribe(vec!["in".into()]);
        let producer = SharedProducer::new(&cluster).unwrap();
        let doors = Doors {
            readings,
            signals,
            consumer: Box::new(consumer),
            producer: Box::new(producer.door(signals_in.clone())),
            observer: seen.clone(),
            tracer: None,
            proofs: Box::new(|_, _| ()),
        };
        let native = Native { seen: seen.clone(), signals: signals_in.clone() };
        let engine = Engine::new(settings_of_engine(), vec![handler(native)], doors);
        let (ended_in, ended) = bounded(1);
        std::thread::spawn(move || ended_in.send(engine.run()));
        World { brokers, seen, signals: signals_in, ended, written: 0 }
    }

    /// Writes more events, and waits until the brokers have them.
    fn write(&mut self, count: usize) {
        let producer: BaseProducer =
            ClientConfig::new().set("bootstrap.servers", self.brokers.bootstrap_servers()).create().unwrap();
        for number in self.written..self.written + count {
            let (key, partition) = (number.to_string(), i32::try_from(number).unwrap() % PARTITIONS);
            producer.send(BaseRecord::to("in").key(&key).payload("event").partition(partition)).unwrap();
        }
        producer.flush(DEADLINE).unwrap();
        self.written += count;
    }

    /// Waits until all events are handled, published, and passed by the committed offsets.
    #[track_caller]
    fn wait_committed(&self, what: &str) {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let committed = committed(&self.brokers.bootstrap_servers());
            if committed == i64::try_from(self.written).unwrap() {
                break;
            }
            let counts = self.seen.counts.lock().unwrap().clone();
            assert!(Instant::now() < deadline, "{what}: {committed} of {} are committed; {counts:?}", self.written);
            std::thread::yield_now();
        }
        assert_eq!(self.seen.handled.lock().unwrap().len(), self.written, "{what}: handled");
        assert_eq!((self.seen.count("retried"), self.seen.count("dropped")), (0, 0), "{what}: a handler was blamed");
    }

    fn dead_letters(&self) -> u64 {
        let counts = self.seen.counts.lock().unwrap();
        counts.iter().filter(|(what, _)| what.starts_with("dead")).map(|(_, count)| count).sum()
    }

    #[track_caller]
    fn stop(self) {
        self.signals.send(Signal::Shutdown).unwrap();
        let summary = self.ended.recv_timeout(DEADLINE).expect("the engine ends");
        assert_eq!(summary, Summary::default());
    }
}

fn settings_of_engine() -> EngineSettings {
    EngineSettings {
        group: GROUP.into(),
        dead_letters: DeadLetters::Topic { suffix: ".dlq".into() },
        timing: Timing {
            commit_interval: Duration::from_millis(20),
            drain_timeout: Duration::from_secs(2),
            shutdown_timeout: Duration::from_secs(20),
        },
    }
}

fn handler(native: Native) -> EngineHandler {
    let retry = RetryPolicy {
        max_retries: 0,
        base_delay: Duration::from_millis(1),
        max_delay: Duration::from_millis(1),
        jitter: 0.0,
    };
    EngineHandler {
        name: "h".into(),
        digest: "d".into(),
        subscription: Subscription {
            topics: vec![TopicName::new("in").unwrap()],
            events: vec![Pattern::new("*").unwrap()],
        },
        ordering: Ordering::Key,
        policy: Policy { retry, dead_letters: true },
        quarantine: None,
        concurrency: 8,
        max_batch: 1,
        deployment: Deployment::default(),
        instances: Arc::new(native),
    }
}

/// What the group has committed, over all partitions.
fn committed(servers: &str) -> i64 {
    let client: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", servers)
        .set("group.id", GROUP)
        .set("enable.auto.commit", "false")
        .create()
        .unwrap();
    let mut partitions = TopicPartitionList::new();
    partitions.add_partition_range("in", 0, PARTITIONS - 1);
    // While the coordinator is away there is nothing to know.
    let Ok(offsets) = client.committed_offsets(partitions, Duration::from_secs(5)) else { return -1 };
    let offset = |offset| if let Offset::Offset(offset) = offset { offset } else { 0 };
    offsets.elements().iter().map(|element| offset(element.offset())).sum()
}

use RDKafkaRespErr as E;

#[test]
fn commits_that_fail_in_any_way_are_made_in_the_end() {
    let mut world = World::start();
    world.write(10);
    world.wait_committed("before");
    for error in [
        E::RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
        E::RD_KAFKA_RESP_ERR_NOT_COORDINATOR,
        E::RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE,
        E::RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS,
        E::RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS,
        E::RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION,
        E::RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID,
        E::RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED,
        E::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
        E::RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE,
        E::RD_KAFKA_RESP_ERR_INVALID_COMMIT_OFFSET_SIZE,
        E::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART,
        E::RD_KAFKA_RESP_ERR_UNKNOWN,
        E::RD_KAFKA_RESP_ERR__TRANSPORT,
    ] {
        world.brokers.request_errors(RDKafkaApiKey::OffsetCommit, &[error; 2]);
        world.write(10);
        world.wait_committed(&format!("{error:?}"));
    }
    assert_eq!(world.dead_letters(), 0);
    world.stop();
}

#[test]
fn a_record_that_the_broker_could_not_take_is_sent_again_and_blames_nobody() {
    let mut world = World::start();
    for error in [
        E::RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
        E::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
        E::RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE,
        E::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
        E::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND,
        E::RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR,
        E::RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID,
        E::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER,
        E::RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH,
        E::RD_KAFKA_RESP_ERR_UNKNOWN,
        E::RD_KAFKA_RESP_ERR__TRANSPORT,
    ] {
        world.write(10);
        // Those that write the events take none of these: they are through.
        world.brokers.request_errors(RDKafkaApiKey::Produce, &[error; 2]);
        world.wait_committed(&format!("{error:?}"));
        world.brokers.clear_request_errors(RDKafkaApiKey::Produce);
        assert_eq!(world.dead_letters(), 0, "{error:?} was blamed on an event");
    }
    world.stop();
}

#[test]
fn a_record_that_the_broker_refuses_for_good_becomes_a_dead_letter_and_the_partition_goes_on() {
    let mut world = World::start();
    let mut dead = 0;
    for error in [E::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, E::RD_KAFKA_RESP_ERR_INVALID_RECORD] {
        world.write(1);
        world.brokers.request_errors(RDKafkaApiKey::Produce, &[error]);
        world.write(0);
        world.wait_committed(&format!("{error:?}"));
        world.brokers.clear_request_errors(RDKafkaApiKey::Produce);
        let now = world.seen.count("dead publish_rejected");
        assert!(now <= dead + 1, "{error:?}");
        dead = now;
    }
    assert_eq!(world.dead_letters(), dead);
    world.stop();
}

#[test]
fn the_group_goes_on_when_its_coordinator_moves_or_membership_fails() {
    let mut world = World::start();
    for round in 0..3 {
        for broker in 1..=3 {
            world.brokers.coordinator(MockCoordinator::Group(GROUP.into()), broker).unwrap();
            world.write(20);
            world.wait_committed(&format!("coordinator {broker} in round {round}"));
        }
    }
    for (request, error) in [
        (RDKafkaApiKey::Heartbeat, E::RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION),
        (RDKafkaApiKey::Heartbeat, E::RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID),
        (RDKafkaApiKey::Heartbeat, E::RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS),
        (RDKafkaApiKey::Heartbeat, E::RD_KAFKA_RESP_ERR_NOT_COORDINATOR),
        (RDKafkaApiKey::JoinGroup, E::RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS),
        (RDKafkaApiKey::SyncGroup, E::RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS),
        (RDKafkaApiKey::Fetch, E::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION),
        (RDKafkaApiKey::Fetch, E::RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH),
        (RDKafkaApiKey::Fetch, E::RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR),
        (RDKafkaApiKey::Fetch, E::RD_KAFKA_RESP_ERR__TRANSPORT),
    ] {
        world.brokers.request_errors(request, &[error; 2]);
        world.write(20);
        world.wait_committed(&format!("{request:?} {error:?}"));
    }
    assert_eq!(world.dead_letters(), 0);
    world.stop();
}

#[test]
fn a_broker_that_is_down_for_a_while_costs_nothing() {
    let mut world = World::start();
    world.write(20);
    world.wait_committed("before");
    for broker in 1..=3 {
        world.write(50);
        world.brokers.broker_down(broker).unwrap();
        let seen = world.seen.handled.lock().unwrap().len();
        assert!(seen >= 20);
        world.brokers.broker_up(broker).unwrap();
        world.wait_committed(&format!("broker {broker}"));
    }
    assert_eq!(world.dead_letters(), 0);
    world.stop();
}
