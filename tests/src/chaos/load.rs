//! The producer: unique events at a steady rate, and what the broker has acknowledged of them.
//!
//! It talks to the brokers themselves. What an acknowledgement never came for is nobody's debt.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Message as _};
use rdkafka::producer::{BaseRecord, Producer as _, ProducerContext, ThreadedProducer};

use super::checker::{Checker, Written};
use super::plan::Plan;
use super::stop::Stop;
use crate::kafka::Connection;

/// Different keys.
const KEYS: u16 = 150;
/// Between two handfuls of events.
const TICK: Duration = Duration::from_millis(50);
/// Longer than any fault: an event that was sent arrives.
const DELIVERY: Duration = Duration::from_secs(600);

struct Acknowledgements(Arc<Mutex<Checker>>);

impl ClientContext for Acknowledgements {}

impl ProducerContext for Acknowledgements {
    type DeliveryOpaque = Box<Written>;

    fn delivery(&self, result: &DeliveryResult<'_>, written: Box<Written>) {
        if let Ok(message) = result {
            let mut checker = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            checker.written((message.partition(), message.offset()), *written);
        }
    }
}

/// A thread that writes until it is told to stop, and then waits for what is under way.
pub(super) struct Load(JoinHandle<Result<u32, String>>);

impl Load {
    /// Writes `rate` events per second to `topic`.
    pub(super) fn start(
        connection: &Connection,
        topic: &str,
        rate: u32,
        seed: u64,
        checker: &Arc<Mutex<Checker>>,
        stop: &Arc<Stop>,
    ) -> Load {
        let producer = connection
            .client()
            .set("enable.idempotence", "true")
            .set("partitioner", "murmur2_random")
            .set("linger.ms", "5")
            .set("message.timeout.ms", DELIVERY.as_millis().to_string())
            .set("topic.metadata.refresh.interval.ms", "2000")
            .create_with_context(Acknowledgements(Arc::clone(checker)))
            .expect("a valid client");
        let (topic, stop) = (topic.to_owned(), Arc::clone(stop));
        let thread = std::thread::Builder::new().name("load".into());
        Load(thread.spawn(move || run(&producer, &topic, rate, seed, &stop)).expect("a thread can be started"))
    }

    /// Waits until everything that was sent is answered for; says how many events that were.
    pub(super) fn end(self) -> Result<u32, String> {
        self.0.join().map_err(|_| "the producer has panicked".to_owned())?
    }
}

fn run(
    producer: &ThreadedProducer<Acknowledgements>,
    topic: &str,
    rate: u32,
    seed: u64,
    stop: &Stop,
) -> Result<u32, String> {
    let mut random = fastrand::Rng::with_seed(seed);
    let start = Instant::now();
    let mut sent = 0;
    while !stop.wait(TICK) {
        let due = (start.elapsed().as_secs_f64() * f64::from(rate)) as u32;
        // After an outage the queue is full, and what is due meanwhile is written at once.
        while sent < due && !stop.is_set() {
            if send(producer, topic, sent, &mut random)? {
                sent += 1;
            } else if stop.wait(TICK) {
                break;
            }
        }
    }
    producer.flush(DELIVERY).map_err(|error| format!("the producer's last events: {error}"))?;
    Ok(sent)
}

/// Whether there was room for it.
fn send(
    producer: &ThreadedProducer<Acknowledgements>,
    topic: &str,
    number: u32,
    random: &mut fastrand::Rng,
) -> Result<bool, String> {
    let written = Written { number, key: random.u16(..KEYS), plan: Plan::draw(random) };
    let (key, value) = (key(written.key), number.to_string());
    let record =
        BaseRecord::with_opaque_to(topic, Box::new(written)).key(&key).payload(&value).headers(written.plan.headers());
    match producer.send(record) {
        Ok(()) => Ok(true),
        Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => Ok(false),
        Err((error, _)) => Err(format!("event {number}: {error}")),
    }
}

fn key(number: u16) -> String {
    format!("key-{number}")
}

/// The number of a key.
pub(super) fn key_number(key: Option<&[u8]>) -> Option<u16> {
    std::str::from_utf8(key?).ok()?.strip_prefix("key-")?.parse().ok()
}
