//! What leaves for the broker: what handlers published, and dead letters. Each record is kept until it is
//! answered, and sent again for as long as the broker could not take it; a delivery is settled when all of
//! its records are.
//!
//! While the broker takes nothing, what is kept here is bounded: beyond [`ENOUGH`] no try is started whose
//! end could add to it, and dead letters are not made yet.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::Held;
use super::lineup::Lineup;
use crate::delivery::dead_letter::{DeadLetter, source_of, truncated};
use crate::delivery::partition::{GivenUp, HandlerIndex};
use crate::delivery::ports::{Mark, Observer, Producer, SendError, Tracer, Try};
use crate::delivery::scheduler::{Assignment, DeliveryId};
use crate::delivery::verdict::{Reason, error_type};
use crate::event::Outgoing;

/// How long a record waits that the broker could not take.
const RESEND: Duration = Duration::from_secs(1);

/// Bytes on their way to the broker that are enough: no try is started until there are fewer.
const ENOUGH: usize = 16 << 20;

/// What was handed to the producer and is not answered.
struct Sending {
    id: DeliveryId,
    record: Arc<Outgoing>,
    purpose: Purpose,
    since: Instant,
    /// Where it stands in its trace, if it is followed.
    mark: Option<Mark>,
}

enum Purpose {
    /// One record of an acknowledged try's outbox.
    Publish,
    DeadLetter {
        handler: Option<HandlerIndex>,
        reason: Reason,
        error_type: Box<str>,
    },
}

/// An acknowledged try whose outbox is on its way.
struct Publishing {
    event_type: Box<str>,
    handler: HandlerIndex,
    started: Instant,
    left: usize,
    refused: Option<String>,
    by_topic: HashMap<Arc<str>, Answered>,
}

/// Event types of what was answered for one topic: a refused record says nothing of the others.
#[derive(Default)]
struct Answered {
    taken: Vec<String>,
    refused: Vec<String>,
}

/// A delivery whose records the broker has answered.
pub(super) struct Settlement {
    pub(super) id: DeliveryId,
    /// Why the broker never will take what was published.
    pub(super) refused: Option<String>,
}

pub(super) struct Outbound {
    group: Arc<str>,
    suffix: String,
    producer: Box<dyn Producer>,
    observer: Arc<dyn Observer>,
    tracer: Option<Arc<dyn Tracer>>,
    sending: HashMap<u64, Sending>,
    /// Tokens of what the broker could not take, by the time at which it is sent again.
    resend: BinaryHeap<Reverse<(Instant, u64)>>,
    publishing: HashMap<DeliveryId, Publishing>,
    /// Dead letters that are not made yet.
    letters: VecDeque<(DeliveryId, GivenUp<Held>, SystemTime)>,
    bytes: usize,
    next_token: u64,
}

impl Outbound {
    /// `suffix` makes the name of a source topic that of its dead letters.
    pub(super) fn new(
        group: Arc<str>,
        suffix: String,
        producer: Box<dyn Producer>,
        observer: Arc<dyn Observer>,
        tracer: Option<Arc<dyn Tracer>>,
    ) -> Outbound {
        Outbound {
            group,
            suffix,
            producer,
            observer,
            tracer,
            sending: HashMap::new(),
            resend: BinaryHeap::new(),
            publishing: HashMap::new(),
            letters: VecDeque::new(),
            bytes: 0,
            next_token: 0,
        }
    }

    /// Whether so much is on its way that no more should be added.
    pub(super) fn is_full(&self) -> bool {
        self.bytes >= ENOUGH
    }

    /// Sends what an acknowledged try has published.
    pub(super) fn publish(&mut self, handler: HandlerIndex, run: &Try, outbox: Vec<Outgoing>) {
        let (id, since) = (run.id, Instant::now());
        let publishing = Publishing {
            event_type: run.event.event_type().into(),
            handler,
            started: since,
            left: outbox.len(),
            refused: None,
            by_topic: HashMap::new(),
        };
        self.publishing.insert(id, publishing);
        for mut record in outbox {
            let mark = self.tracer.as_ref().and_then(|tracer| tracer.leaves(handler, run, &mut record));
            self.send(Sending { id, record: Arc::new(record), purpose: Purpose::Publish, since, mark });
        }
    }

    /// Sends the dead letter of an event that was given up, as soon as there is room for it.
    pub(super) fn dead_letter(&mut self, id: DeliveryId, given_up: GivenUp<Held>, at: SystemTime, lineup: &Lineup) {
        self.letters.push_back((id, given_up, at));
        self.make_letters(lineup);
    }

    /// Makes the dead letters for which there is room.
    pub(super) fn make_letters(&mut self, lineup: &Lineup) {
        while !self.is_full() {
            let Some((id, given_up, at)) = self.letters.pop_front() else { return };
            let GivenUp { handler, event, reason, error_type, message, attempt, deployment, .. } = given_up;
            let record = event.record();
            let topic = format!("{}{}", source_of(record.topic(), &self.group), self.suffix);
            let named = handler.and_then(|index| Some((lineup.name(index), &**lineup.digest(index, deployment)?)));
            let letter = DeadLetter {
                reason: reason.name(),
                error_type: &error_type,
                message: &message,
                attempt,
                at,
                group: &self.group,
                handler: named,
                redrives: event.redrives(),
            };
            let record = Arc::new(letter.to_record(record, &topic));
            let mark = match (&self.tracer, handler, event) {
                (Some(tracer), Some(handler), Held::Event(event)) => {
                    tracer.gives_up(handler, &Try { id, attempt, lane: None, event })
                }
                _ => None,
            };
            let purpose = Purpose::DeadLetter { handler, reason, error_type };
            self.send(Sending { id, record, purpose, since: Instant::now(), mark });
        }
    }

    fn send(&mut self, sending: Sending) {
        self.next_token += 1;
        let record = sending.record.clone();
        self.bytes += record.payload_bytes();
        self.sending.insert(self.next_token, sending);
        self.producer.send(self.next_token, record);
    }

    fn take(&mut self, token: u64) -> Option<Sending> {
        let sending = self.sending.remove(&token)?;
        self.bytes = self.bytes.saturating_sub(sending.record.payload_bytes());
        Some(sending)
    }

    /// The broker took a record, or did not. Answers with the delivery if that was the last of its records.
    pub(super) fn answered(&mut self, token: u64, answer: Result<(), SendError>) -> Option<Settlement> {
        // Gone: its partition was given up.
        let sending = self.sending.get(&token)?;
        let dead_letter = matches!(sending.purpose, Purpose::DeadLetter { .. });
        match answer {
            Ok(()) => {
                let sending = self.take(token)?;
                self.settle(sending, None)
            }
            Err(SendError::TooLarge(message)) if dead_letter && sending.record.value.is_some() => {
                tracing::warn!(topic = %sending.record.topic, error_message = message, "the dead letter is too large; sending it without its value");
                let sending = self.take(token)?;
                let record = Arc::new(truncated(Arc::unwrap_or_clone(sending.record)));
                self.send(Sending { record, ..sending });
                None
            }
            Err(SendError::Refused(message) | SendError::TooLarge(message)) if !dead_letter => {
                let sending = self.take(token)?;
                self.settle(sending, Some(message))
            }
            // A dead letter is never given up: the partition stands still, visibly, until it can go.
            Err(SendError::Refused(message) | SendError::TooLarge(message) | SendError::Unavailable(message)) => {
                tracing::warn!(topic = %sending.record.topic, error_message = message, "the broker did not take a record; trying again");
                self.resend.push(Reverse((Instant::now() + RESEND, token)));
                None
            }
        }
    }

    /// The broker has spoken: `refused` is why it never will take the record.
    fn settle(&mut self, sending: Sending, refused: Option<String>) -> Option<Settlement> {
        let Sending { id, record, purpose, since, mark } = sending;
        let handler = match &purpose {
            Purpose::DeadLetter { handler, .. } => *handler,
            Purpose::Publish => self.publishing.get(&id).map(|publishing| publishing.handler),
        };
        if let (Some(tracer), Some(handler), Some(mark)) = (&self.tracer, handler, mark) {
            tracer.sent(handler, mark, &record.topic, since, refused.as_deref());
        }
        match purpose {
            Purpose::DeadLetter { handler, reason, error_type } => {
                self.observer.dead_lettered(handler, reason.name(), &error_type);
                self.observer.dead_letter(&record);
                Some(Settlement { id, refused: None })
            }
            Purpose::Publish => {
                let publishing = self.publishing.get_mut(&id)?;
                publishing.left -= 1;
                let event_type = record.text_header("event_type").unwrap_or(&record.topic).to_owned();
                let answered = publishing.by_topic.entry(record.topic.clone()).or_default();
                let into = if refused.is_none() { &mut answered.taken } else { &mut answered.refused };
                into.push(event_type);
                if publishing.refused.is_none() {
                    publishing.refused = refused;
                }
                if publishing.left > 0 {
                    return None;
                }
                let publishing = self.publishing.remove(&id)?;
                let took = publishing.started.elapsed();
                for (topic, answered) in &publishing.by_topic {
                    for (event_types, refused) in [(&answered.taken, false), (&answered.refused, true)] {
                        if !event_types.is_empty() {
                            self.observer.published(topic, event_types, took, refused);
                        }
                    }
                }
                let error_type = publishing.refused.as_ref().map(|_| error_type::PUBLISH_REJECTED);
                self.observer.tried(publishing.handler, &publishing.event_type, error_type, 1);
                Some(Settlement { id, refused: publishing.refused })
            }
        }
    }

    /// Forgets what belongs to partitions that were given up.
    pub(super) fn forget(&mut self, assignments: &[Assignment]) {
        let gone = |id: &DeliveryId| assignments.contains(&id.assignment);
        self.letters.retain(|(id, ..)| !gone(id));
        self.publishing.retain(|id, _| !gone(id));
        self.sending.retain(|_, sending| !gone(&sending.id));
        self.bytes = self.sending.values().map(|sending| sending.record.payload_bytes()).sum();
    }

    /// When [`Self::send_again`] has something to do.
    pub(super) fn next_resend(&self) -> Option<Instant> {
        self.resend.peek().map(|Reverse((at, _))| *at)
    }

    /// Sends what the broker could not take, and has waited.
    pub(super) fn send_again(&mut self, now: Instant) {
        while let Some(&Reverse((at, token))) = self.resend.peek() {
            if at > now {
                break;
            }
            self.resend.pop();
            if let Some(sending) = self.sending.get(&token) {
                self.producer.send(token, sending.record.clone());
            }
        }
    }
}
