//! What a record that a group has read comes to: plain rules, without I/O.
//!
//! A record of a source topic is an event for every handler that wants it. A record of the group's own
//! redrive topic is an event for one handler alone, or a mark that is no event at all.

use super::partition::HandlerIndex;
use crate::config::redrive_source;
use crate::event::redrive::Redrive;
use crate::event::{Event, Record};

/// What is to be done with a record.
#[derive(Clone, Debug)]
pub enum Incoming {
    /// It is for every handler that wants it.
    Event(Event),
    /// It is for this handler alone, whatever that wants, with attempt 1.
    Again(Event, HandlerIndex),
    /// It becomes one dead letter of the group, that names no handler, with this error message.
    Undecodable(Record, String),
    /// It is final at once, and no event.
    Mark(Record),
}

impl Incoming {
    /// Decides for a record that `group` has read. `handlers` finds the group's handlers by name.
    pub fn of(record: Record, group: &str, handlers: impl Fn(&str) -> Option<HandlerIndex>) -> Incoming {
        let Some(source) = redrive_source(record.topic(), group) else {
            return decode(record, 0).map_or_else(|undecodable| *undecodable, Incoming::Event);
        };
        let source = source.to_owned();
        match Redrive::of(record, &source) {
            Redrive::Purged(record) => Incoming::Mark(record),
            Redrive::Malformed(malformed) => {
                Incoming::Undecodable(malformed.record, format!("cannot be redriven: {}", malformed.why))
            }
            Redrive::Again(again) => match handlers(&again.handler) {
                Some(handler) => {
                    let event = decode(again.record, again.redrives.saturating_add(1));
                    event.map_or_else(|undecodable| *undecodable, |event| Incoming::Again(event, handler))
                }
                None => {
                    let why = format!("cannot be redriven: the group has no handler {:?}", again.handler);
                    Incoming::Undecodable(again.record, why)
                }
            },
        }
    }
}

fn decode(record: Record, redrives: u32) -> Result<Event, Box<Incoming>> {
    match Event::decode(record) {
        Ok(mut event) => {
            event.redrives = redrives;
            Ok(event)
        }
        Err(undecodable) => {
            let (record, reason) = *undecodable;
            Err(Box::new(Incoming::Undecodable(record, reason.to_string())))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use proptest::prelude::*;

    use super::*;
    use crate::config::redrive_topic;
    use crate::delivery::dead_letter::{DeadLetter, source_of};
    use crate::event::{Outgoing, Position, RecordBuilder, dlq, redrive};

    const GROUP: &str = "g";

    fn handlers(name: &str) -> Option<HandlerIndex> {
        ["first", "second"].iter().position(|known| *known == name).map(|index| index as HandlerIndex)
    }

    fn of(record: Record) -> Incoming {
        Incoming::of(record, GROUP, handlers)
    }

    fn event() -> Record {
        let mut record = RecordBuilder::new("orders".into(), 3, 42, 0).timestamp(Some(5)).key(Some(b"k"));
        record.header(b"event_type", Some(b"OrderCreated"));
        record.build()
    }

    fn letter(record: &Record, handler: &str, redrives: u32) -> Outgoing {
        let letter = DeadLetter {
            reason: "rejected",
            error_type: "rejected",
            message: "",
            attempt: 2,
            at: SystemTime::UNIX_EPOCH,
            group: GROUP,
            handler: Some((handler, "abc")),
            redrives,
        };
        letter.to_record(record, &format!("{}.dlq", source_of(record.topic(), GROUP)))
    }

    /// As it is read from a topic.
    fn stored(outgoing: &Outgoing, partition: i32, offset: i64) -> Record {
        let mut record = RecordBuilder::new(outgoing.topic.clone(), partition, offset, 0)
            .timestamp(Some(99))
            .key(outgoing.key.as_deref())
            .value(outgoing.value.as_deref());
        for (name, value) in &outgoing.headers {
            record.header(name, value.as_deref());
        }
        record.build()
    }

    /// The dead letter's copy, as the group reads it.
    fn copied(letter: &Outgoing) -> Record {
        let topic = redrive_topic("orders", GROUP).into();
        stored(&redrive::copy(&stored(letter, 1, 7), &topic), 0, 100)
    }

    #[test]
    fn what_is_read_from_a_source_is_for_all() {
        let Incoming::Event(read) = of(event()) else { panic!() };
        assert_eq!((read.event_type(), read.redrives), ("OrderCreated", 0));
        // Another group's redrive topic is a topic like any other.
        let other = RecordBuilder::new("orders.other.redrive".into(), 0, 0, 0).build();
        assert!(matches!(of(other), Incoming::Event(_)));
    }

    #[test]
    fn what_is_redriven_is_for_the_handler_that_failed() {
        let Incoming::Again(again, handler) = of(copied(&letter(&event(), "second", 0))) else { panic!() };
        assert_eq!((handler, again.redrives), (1, 1));
        assert_eq!(Position::of(&again.record).to_string(), "orders/3/42");
        assert_eq!(&*again.id(), "orders/3/42");
    }

    #[test]
    fn what_fails_again_keeps_its_first_place_and_counts() {
        let mut record = event();
        for count in 1..4 {
            let before = stored(&letter(&record, "first", count - 1), 1, 7);
            let Incoming::Again(again, _) = of(copied(&letter(&record, "first", count - 1))) else { panic!() };
            let after = letter(&again.record, "first", again.redrives);
            assert_eq!(after.text_header(dlq::REDRIVE_COUNT), Some(count.to_string().as_str()));
            assert_eq!(&*after.topic, "orders.dlq");
            for name in [dlq::ORIGINAL_TOPIC, dlq::ORIGINAL_PARTITION, dlq::ORIGINAL_OFFSET, dlq::ORIGINAL_TIMESTAMP] {
                let first = before.header(name).flatten().map(|value| String::from_utf8_lossy(value).into_owned());
                assert_eq!(after.text_header(name).map(str::to_owned), first, "{name}");
            }
            record = again.record;
        }
    }

    #[test]
    fn whom_the_group_does_not_have_it_says() {
        let Incoming::Undecodable(record, why) = of(copied(&letter(&event(), "third", 0))) else { panic!() };
        assert_eq!(why, "cannot be redriven: the group has no handler \"third\"");
        assert_eq!(Position::of(&record).to_string(), "orders/3/42");
    }

    #[test]
    fn what_is_no_dead_letter_is_said_to_be_none() {
        let stray = RecordBuilder::new("orders.g.redrive".into(), 0, 8, 0).value(Some(b"{}")).build();
        let Incoming::Undecodable(record, why) = of(stray) else { panic!() };
        assert_eq!(why, "cannot be redriven: header \"dlq_handler\" is missing");
        assert_eq!(Position::of(&record).to_string(), "orders.g.redrive/0/8");
        assert_eq!(source_of("orders.g.redrive", GROUP), "orders");
    }

    #[test]
    fn a_mark_is_no_event() {
        let topic = redrive_topic("orders", GROUP).into();
        let mark = redrive::mark(&"orders.dlq/1/7".parse().unwrap(), &topic);
        let Incoming::Mark(record) = of(stored(&mark, 0, 3)) else { panic!() };
        assert_eq!(record.offset(), 3);
    }

    #[test]
    fn a_redriven_event_that_cannot_be_decoded_says_so() {
        let mut record = RecordBuilder::new("orders".into(), 0, 1, 0);
        record.header(b"event_type", Some(&[0xff]));
        let Incoming::Undecodable(_, why) = of(copied(&letter(&record.build(), "first", 0))) else { panic!() };
        assert_eq!(why, "header \"event_type\" is not UTF-8");
    }

    type Header = (String, Option<Vec<u8>>);

    proptest! {
        /// Whatever an event is made of, the handler sees it again as it was, but for the headers that are ours.
        #[test]
        fn failing_and_redriving_changes_nothing(
            partition in 0..=i32::MAX, offset in 0..=i64::MAX, timestamp in prop::option::of(any::<i64>()),
            key in prop::option::of(prop::collection::vec(any::<u8>(), 0..8)),
            value in prop::option::of(prop::collection::vec(any::<u8>(), 0..64)),
            headers in prop::collection::vec(
                ("[a-z]{1,4}|dlq_[a-z_]{0,12}|sandbus_(redrive|purged|x)", prop::option::of(prop::collection::vec(any::<u8>(), 0..8))),
                0..8,
            ),
            times in 1..4_usize,
        ) {
            let mut first = RecordBuilder::new("orders".into(), partition, offset, 0)
                .timestamp(timestamp)
                .key(key.as_deref())
                .value(value.as_deref());
            for (name, value) in &headers {
                first.header(name.as_bytes(), value.as_deref());
            }
            let mut record = first.build();
            let mut redrives = 0;
            for _ in 0..times {
                let Incoming::Again(again, 0) = of(copied(&letter(&record, "first", redrives))) else {
                    return Err(TestCaseError::fail("it is not given again"));
                };
                (record, redrives) = (again.record, again.redrives);
            }
            prop_assert_eq!(redrives as usize, times);
            prop_assert_eq!(Position::of(&record), Position { topic: "orders".into(), partition, offset });
            prop_assert_eq!(record.timestamp(), timestamp);
            prop_assert_eq!((record.key(), record.value()), (key.as_deref(), value.as_deref()));
            let left: Vec<Header> = record
                .headers()
                .map(|(name, value)| (String::from_utf8_lossy(name).into_owned(), value.map(<[u8]>::to_vec)))
                .collect();
            let ours = |name: &str| name.starts_with("dlq_") || name.starts_with("sandbus_");
            let expected: Vec<Header> = headers.into_iter().filter(|(name, _)| !ours(name)).collect();
            prop_assert_eq!(left, expected);
        }
    }
}
