//! A steady load for the good handler, with events for its bad neighbour in between.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer};

use crate::kafka::Connection;

/// Between two handfuls of events.
const TICK: Duration = Duration::from_millis(10);
/// For the last events to be acknowledged.
const DELIVERY: Duration = Duration::from_secs(60);

/// What an event is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// Its `event_type`.
    pub kind: &'static str,
    /// Its key.
    pub key: String,
    /// Steps for the probe.
    pub steps: &'static str,
}

/// What the bad neighbour of the good handler is told, one after the other.
const HARM: [&str; 6] = ["loop", "trap", "alloc:100MiB", "recurse", "log-flood:100000", "result:10MiB"];

/// Events of the type `Good`, of which every fifth is tried twice, and one of fifty `Hostile` ones.
#[must_use]
pub fn mixed(number: usize) -> Made {
    let key = format!("key-{}", number * 7 % 61);
    if number % 50 == 49 {
        return Made { kind: "Hostile", key, steps: HARM[number / 50 % HARM.len()] };
    }
    let steps = if number.is_multiple_of(5) { "until:2:retry:1ms" } else { "ack" };
    Made { kind: "Good", key, steps }
}

/// A thread that writes.
#[derive(Debug)]
pub struct Steady {
    thread: JoinHandle<()>,
    stop: Arc<AtomicBool>,
    written: Arc<AtomicUsize>,
}

impl Steady {
    /// Writes `rate` of these in a second to a topic; `make` is given their numbers, from 0.
    ///
    /// # Panics
    /// When there can be no client, or no thread.
    #[must_use]
    pub fn start(connection: &Connection, topic: &str, rate: u32, make: fn(usize) -> Made) -> Steady {
        let producer: ThreadedProducer<DefaultProducerContext> = connection
            .client()
            .set("enable.idempotence", "true")
            .set("partitioner", "murmur2_random")
            .set("linger.ms", "2")
            .create()
            .expect("a valid client");
        let (stop, written) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let (topic, stops, counts) = (topic.to_owned(), stop.clone(), written.clone());
        let run = move || {
            let start = Instant::now();
            let mut number = 0;
            while !stops.load(Ordering::Acquire) {
                let due = (start.elapsed().as_secs_f64() * f64::from(rate)) as usize;
                while number < due {
                    let Made { kind, key, steps } = make(number);
                    let header = |key, value| Header { key, value: Some(value) };
                    let headers = OwnedHeaders::new().insert(header("event_type", kind)).insert(header("probe", steps));
                    let value = number.to_string();
                    let record = BaseRecord::to(&topic).key(&key).payload(&value).headers(headers);
                    producer.send(record).unwrap_or_else(|(error, _)| panic!("event {number}: {error}"));
                    number += 1;
                    counts.store(number, Ordering::Release);
                }
                std::thread::sleep(TICK);
            }
            producer.flush(DELIVERY).expect("the broker takes all events");
        };
        let thread = std::thread::Builder::new().name("steady".into()).spawn(run).expect("a thread can be started");
        Steady { thread, stop, written }
    }

    /// How many it has written so far.
    #[must_use]
    pub fn written(&self) -> usize {
        self.written.load(Ordering::Acquire)
    }

    /// Stops it; says how many it has written, all of which the broker has acknowledged.
    ///
    /// # Panics
    /// When one could not be written.
    #[must_use]
    pub fn end(self) -> usize {
        self.stop.store(true, Ordering::Release);
        self.thread.join().expect("all events were written");
        self.written.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_in_fifty_means_harm() {
        let made: Vec<_> = (0..600).map(mixed).collect();
        let of = |kind: &str| made.iter().filter(|made| made.kind == kind).count();
        assert_eq!((of("Good"), of("Hostile")), (588, 12));
        for steps in HARM {
            assert_eq!(made.iter().filter(|made| made.steps == steps).count(), 2, "{steps}");
        }
    }
}
