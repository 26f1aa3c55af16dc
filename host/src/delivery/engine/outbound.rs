//! What leaves for the broker: what handlers published, and dead letters. Each record is kept until it is
//! answered, and sent again for as long as the broker could not take it; a delivery is settled when all of
//! its records are.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::{Engine, Held};
use crate::config::DeadLetters;
use crate::delivery::dead_letter::{DeadLetter, source_of, truncated};
use crate::delivery::partition::{DeliveryId, HandlerIndex};
use crate::delivery::ports::{Epoch, SendError, Tried};
use crate::delivery::verdict::{Reason, error_type};
use crate::event::{Outgoing, TopicPartition};

/// How long a record waits that the broker could not take.
const RESEND: Duration = Duration::from_secs(1);

/// What was handed to the producer and is not answered.
pub(super) struct Sending {
    pub(super) partition: TopicPartition,
    epoch: Epoch,
    id: DeliveryId,
    record: Outgoing,
    purpose: Purpose,
}

enum Purpose {
    /// One record of an acknowledged try's outbox.
    Publish,
    DeadLetter {
        reason: Reason,
        error_type: Box<str>,
    },
}

/// An acknowledged try whose outbox is on its way.
pub(super) struct Publishing {
    event_type: Box<str>,
    handler: HandlerIndex,
    attempt: u32,
    started: Instant,
    left: usize,
    refused: Option<String>,
    by_topic: HashMap<Arc<str>, Vec<String>>,
}

impl Engine {
    pub(super) fn publish(&mut self, topic_partition: &TopicPartition, handler: HandlerIndex, tried: Tried) {
        let (epoch, id) = (tried.run.epoch, tried.run.id);
        let mut by_topic: HashMap<Arc<str>, Vec<String>> = HashMap::new();
        for record in &tried.outbox {
            let event_type = record.text_header("event_type").unwrap_or(&record.topic).to_owned();
            by_topic.entry(record.topic.clone()).or_default().push(event_type);
        }
        let publishing = Publishing {
            event_type: tried.run.event.identity.event_type.clone(),
            handler,
            attempt: tried.run.attempt,
            started: Instant::now(),
            left: tried.outbox.len(),
            refused: None,
            by_topic,
        };
        self.publishing.insert((epoch, id), publishing);
        for record in tried.outbox {
            let partition = topic_partition.clone();
            self.send(Sending { partition, epoch, id, record, purpose: Purpose::Publish });
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of a command, each used once")]
    pub(super) fn dead_letter(
        &mut self,
        topic_partition: &TopicPartition,
        epoch: Epoch,
        id: DeliveryId,
        held: &Held,
        reason: Reason,
        error_type: Box<str>,
        message: &str,
        attempt: u32,
    ) {
        let record = held.record();
        let DeadLetters::Topic { suffix } = &self.settings.dead_letters else { return };
        let topic = format!("{}{suffix}", source_of(&topic_partition.topic, &self.settings.group));
        let handler = id.handler.and_then(|handler| self.handlers.get(usize::from(handler)));
        let letter = DeadLetter {
            reason: reason.name(),
            error_type: &error_type,
            message,
            attempt,
            at: SystemTime::now(),
            group: &self.settings.group,
            handler: handler.map(|handler| (&*handler.name, &*handler.digest)),
            redrives: held.redrives(),
        };
        let outgoing = letter.to_record(record, &topic);
        let handler = self.handler_name(id);
        tracing::warn!(handler, partition = %record.topic_partition(), offset = record.offset(), event_type = held.event_type(), reason = reason.name(), error_type = &*error_type, "to the dead letters");
        let partition = topic_partition.clone();
        let purpose = Purpose::DeadLetter { reason, error_type };
        self.send(Sending { partition, epoch, id, record: outgoing, purpose });
    }

    fn send(&mut self, sending: Sending) {
        self.next_token += 1;
        let record = sending.record.clone();
        self.sending.insert(self.next_token, sending);
        self.doors.producer.send(self.next_token, record);
    }

    pub(super) fn sent(&mut self, token: u64, answer: Result<(), SendError>) {
        // Gone: its partition was given up.
        let Some(mut sending) = self.sending.remove(&token) else { return };
        let dead_letter = matches!(sending.purpose, Purpose::DeadLetter { .. });
        match answer {
            Ok(()) => self.acknowledged(sending, None),
            Err(SendError::TooLarge(message)) if dead_letter && sending.record.value.is_some() => {
                tracing::warn!(topic = %sending.record.topic, error_message = message, "the dead letter is too large; sending it without its value");
                sending.record = truncated(sending.record);
                self.send(sending);
            }
            Err(SendError::Refused(message) | SendError::TooLarge(message)) if !dead_letter => {
                self.acknowledged(sending, Some(message));
            }
            // A dead letter is never given up: the partition stands still, visibly, until it can go.
            Err(SendError::Refused(message) | SendError::TooLarge(message) | SendError::Unavailable(message)) => {
                tracing::warn!(topic = %sending.record.topic, error_message = message, "the broker did not take a record; trying again");
                self.sending.insert(token, sending);
                self.resend.push(Reverse((Instant::now() + RESEND, token)));
            }
        }
    }

    /// The broker has spoken: `refused` is why it never will take the record.
    fn acknowledged(&mut self, sending: Sending, refused: Option<String>) {
        let Sending { partition, epoch, id, purpose, .. } = sending;
        match purpose {
            Purpose::DeadLetter { reason, error_type } => {
                self.doors.observer.dead_lettered(id.handler, reason.name(), &error_type);
                self.settle(&partition, epoch, id, None);
            }
            Purpose::Publish => {
                let Some(publishing) = self.publishing.get_mut(&(epoch, id)) else { return };
                publishing.left -= 1;
                if publishing.refused.is_none() {
                    publishing.refused = refused;
                }
                if publishing.left > 0 {
                    return;
                }
                let Some(publishing) = self.publishing.remove(&(epoch, id)) else { return };
                let took = publishing.started.elapsed();
                let refused = publishing.refused.is_some();
                for (topic, event_types) in &publishing.by_topic {
                    self.doors.observer.published(topic, event_types, took, refused);
                }
                let error_type = refused.then_some(error_type::PUBLISH_REJECTED);
                self.doors.observer.tried(publishing.handler, &publishing.event_type, error_type);
                self.settle(&partition, epoch, id, publishing.refused.map(|message| (publishing.attempt, message)));
            }
        }
    }

    fn settle(
        &mut self,
        topic_partition: &TopicPartition,
        epoch: Epoch,
        id: DeliveryId,
        refused: Option<(u32, String)>,
    ) {
        let Some(assigned) = self.partitions.get_mut(topic_partition) else { return };
        if assigned.epoch != epoch {
            return;
        }
        let mut out = Vec::new();
        match refused {
            None => assigned.partition.settled(id),
            Some((attempt, message)) => assigned.partition.refused(id, attempt, &message, &mut out),
        }
        self.obey(topic_partition, out);
        self.backpressure(topic_partition);
    }

    /// Sends what the broker could not take, and has waited.
    pub(super) fn send_again(&mut self, now: Instant) {
        while let Some(&Reverse((at, token))) = self.resend.peek() {
            if at > now {
                break;
            }
            self.resend.pop();
            if let Some(sending) = self.sending.get(&token) {
                self.doors.producer.send(token, sending.record.clone());
            }
        }
    }
}
