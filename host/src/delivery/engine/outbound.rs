//! What leaves for the broker: what handlers published, and dead letters. Each record is kept until it is
//! answered, and sent again for as long as the broker could not take it; a delivery is settled when all of
//! its records are.
//!
//! While the broker takes nothing, what is kept here is bounded: beyond [`ENOUGH`] no try is started whose
//! end could add to it, and dead letters are not made yet.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::Held;
use super::lineup::Lineup;
use super::publishing::Publishing;
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
    /// Its partition was given up: what is there all the same is counted, and settles nothing.
    gone: bool,
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
        let publishing = Publishing::new(handler, run.event.event_type(), &outbox, since);
        self.publishing.insert(id, publishing);
        for mut record in outbox {
            let mark = self.tracer.as_ref().and_then(|tracer| tracer.leaves(handler, run, &mut record));
            self.send(Sending { id, record: Arc::new(record), purpose: Purpose::Publish, since, mark, gone: false });
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
            self.send(Sending { id, record, purpose, since: Instant::now(), mark, gone: false });
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
        // Gone, with its partition.
        let sending = self.sending.get(&token)?;
        let (dead_letter, gone) = (matches!(sending.purpose, Purpose::DeadLetter { .. }), sending.gone);
        match answer {
            Ok(()) => {
                let sending = self.take(token)?;
                self.settle(sending, None)
            }
            Err(SendError::Refused(message) | SendError::TooLarge(message)) if !dead_letter => {
                let sending = self.take(token)?;
                self.settle(sending, Some(message))
            }
            // Whoever has the partition now does all of it again.
            Err(_) if gone => {
                self.lose(token);
                None
            }
            Err(SendError::TooLarge(message)) if sending.record.value.is_some() => {
                tracing::warn!(topic = %sending.record.topic, error_message = message, "the dead letter is too large; sending it without its value");
                let sending = self.take(token)?;
                let record = Arc::new(truncated(Arc::unwrap_or_clone(sending.record)));
                self.send(Sending { record, ..sending });
                None
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
        let Sending { id, record, purpose, since, mark, gone } = sending;
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
                (!gone).then_some(Settlement { id, refused: None })
            }
            Purpose::Publish => {
                self.publishing.get_mut(&id)?.answered(&record, refused);
                self.complete(id)
            }
        }
    }

    /// Counts what a try has published, if that was the last of its records.
    fn complete(&mut self, id: DeliveryId) -> Option<Settlement> {
        if !self.publishing.get(&id)?.is_complete() {
            return None;
        }
        let publishing = self.publishing.remove(&id)?;
        publishing.published().for_each(|batch| self.observer.published(batch));
        if publishing.gone {
            return None;
        }
        let error_type = publishing.refused.as_ref().map(|_| error_type::PUBLISH_REJECTED);
        self.observer.tried(publishing.handler, &publishing.event_type, error_type, 1);
        Some(Settlement { id, refused: publishing.refused })
    }

    /// Leaves what belongs to partitions that were given up to those who have them now. What the producer has is on its
    /// way all the same: it will be answered for, once, and is counted then, for it stands in its topic.
    pub(super) fn forget(&mut self, assignments: &[Assignment]) {
        let gone = |id: &DeliveryId| assignments.contains(&id.assignment);
        self.letters.retain(|(id, ..)| !gone(id));
        for (_, publishing) in self.publishing.iter_mut().filter(|(id, _)| gone(id)) {
            publishing.gone = true;
        }
        let answered: HashSet<u64> = self.resend.iter().map(|Reverse((_, token))| *token).collect();
        let mut lost = Vec::new();
        for (token, sending) in self.sending.iter_mut().filter(|(_, sending)| gone(&sending.id)) {
            sending.gone = true;
            // It is not sent again.
            lost.extend(Some(*token).filter(|token| answered.contains(token)));
        }
        lost.into_iter().for_each(|token| self.lose(token));
    }

    /// Nothing more will be known of a record that is not sent again.
    fn lose(&mut self, token: u64) {
        let Some(sending) = self.take(token) else { return };
        if let Some(publishing) = self.publishing.get_mut(&sending.id) {
            publishing.lost(&sending.record.topic);
        }
        // It settles nothing: its partition is gone.
        let _ = self.complete(sending.id);
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
