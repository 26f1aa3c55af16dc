//! Which dead letters cannot be redriven, and why: known before anything is copied.

use std::collections::{BTreeMap, BTreeSet};

use super::letter::Letter;
use crate::config::{BadName, Config, TopicName, redrive_topic};
use crate::delivery::verdict::error_type;
use crate::event::redrive::{Why, handler_of};
use crate::event::{Record, dlq};

/// Why a dead letter cannot be redriven.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    /// No handler could be shown the record; none can now.
    Undecodable,
    /// It names no handler that failed: another program may have written it.
    NoHandler,
    /// The value was too large for the dead-letter topic, and is gone.
    Truncated,
    /// Its group has no such handler any more.
    UnknownHandler(String),
    /// Its group does not read the topic any more.
    NotRead,
    /// No topic can have the redrive topic's name.
    NoRedriveTopic,
    /// It does not say, or not in a way that can be read, what a redrive needs to know.
    Malformed(String),
}

impl Refusal {
    /// In a word, for programs.
    pub const fn name(&self) -> &'static str {
        match self {
            Refusal::Undecodable => "undecodable",
            Refusal::NoHandler => "no_handler",
            Refusal::Truncated => "truncated",
            Refusal::UnknownHandler(_) => "unknown_handler",
            Refusal::NotRead => "not_read",
            Refusal::NoRedriveTopic => "no_redrive_topic",
            Refusal::Malformed(_) => "malformed",
        }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Refusal::Undecodable => f.write_str("undecodable: no handler can be shown it"),
            Refusal::NoHandler => f.write_str("names no handler that failed"),
            Refusal::Truncated => f.write_str("truncated: its value was too large for the dead-letter topic"),
            Refusal::UnknownHandler(name) => write!(f, "the configuration has no handler {name:?} in its group"),
            Refusal::NotRead => f.write_str("no handler of its group reads the topic in the configuration"),
            Refusal::NoRedriveTopic => f.write_str("its redrive topic would have a name that is too long"),
            Refusal::Malformed(why) => write!(f, "malformed: {why}"),
        }
    }
}

/// The handlers and the topics of each group, as they are configured.
#[derive(Clone, Debug, Default)]
pub struct Roster(BTreeMap<String, Members>);

#[derive(Clone, Debug, Default)]
struct Members {
    handlers: BTreeSet<String>,
    topics: BTreeSet<String>,
}

impl Roster {
    /// Those of a configuration.
    ///
    /// # Errors
    /// If the name of a handler's own group is too long, which no configuration leads to.
    pub fn of(config: &Config) -> Result<Roster, BadName> {
        let mut roster = Roster::default();
        for handler in &config.handlers {
            let members = roster.0.entry(config.kafka.group_of(handler)?.to_string()).or_default();
            members.handlers.insert(handler.name.to_string());
            members.topics.extend(handler.topics.iter().map(ToString::to_string));
        }
        Ok(roster)
    }

    /// The groups that have handlers.
    pub fn groups(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Every topic that some handler reads.
    pub fn topics(&self) -> BTreeSet<&str> {
        self.0.values().flat_map(|members| &members.topics).map(String::as_str).collect()
    }
}

/// Why a dead letter of the source topic `source` and of `group` cannot be redriven; `None` if it can.
/// A group that the roster does not have is not judged by it.
pub fn refusal(
    record: &Record,
    letter: &Letter,
    source: &str,
    group: &str,
    roster: Option<&Roster>,
) -> Option<Refusal> {
    if letter.reason.as_deref() == Some(error_type::DESERIALIZATION) {
        return Some(Refusal::Undecodable);
    }
    let handler = match handler_of(record, source) {
        Ok(handler) => handler,
        Err(Why::Truncated) => return Some(Refusal::Truncated),
        Err(Why::Missing(dlq::HANDLER)) => return Some(Refusal::NoHandler),
        Err(why) => return Some(Refusal::Malformed(why.to_string())),
    };
    if TopicName::new(&redrive_topic(source, group)).is_err() {
        return Some(Refusal::NoRedriveTopic);
    }
    let members = roster.and_then(|roster| roster.0.get(group))?;
    if !members.handlers.contains(handler) {
        return Some(Refusal::UnknownHandler(handler.to_owned()));
    }
    (!members.topics.contains(source)).then_some(Refusal::NotRead)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::RecordBuilder;

    fn record(change: impl FnOnce(&mut BTreeMap<&'static str, &'static str>)) -> Record {
        let mut headers = BTreeMap::from([
            (dlq::REASON, "rejected"),
            (dlq::ORIGINAL_TOPIC, "orders"),
            (dlq::ORIGINAL_PARTITION, "0"),
            (dlq::ORIGINAL_OFFSET, "1"),
            (dlq::HANDLER, "h"),
        ]);
        change(&mut headers);
        let mut record = RecordBuilder::new("orders.dlq".into(), 0, 0, 0);
        for (name, value) in headers {
            record.header(name.as_bytes(), Some(value.as_bytes()));
        }
        record.build()
    }

    fn roster(handler: &str, topic: &str) -> Roster {
        let members = Members { handlers: [handler.into()].into(), topics: [topic.into()].into() };
        Roster([("g".to_owned(), members)].into())
    }

    fn of(record: &Record, group: &str, roster: Option<&Roster>) -> Option<Refusal> {
        refusal(record, &Letter::of(record), "orders", group, roster)
    }

    #[test]
    fn what_is_whole_and_known_can_be_redriven() {
        let good = record(|_| ());
        assert_eq!(of(&good, "g", None), None);
        assert_eq!(of(&good, "g", Some(&roster("h", "orders"))), None);
        assert_eq!(
            of(&good, "another", Some(&roster("x", "x"))),
            None,
            "whom the roster does not know it cannot judge"
        );
    }

    #[test]
    fn everything_else_says_why_not() {
        let of_record = |record: Record| of(&record, "g", Some(&roster("h", "orders")));
        let without = |name| record(|headers| headers.retain(|other, _| *other != name));
        let with = |name, text| record(|headers| headers.extend([(name, text)]));
        let undecodable = with(dlq::REASON, "deserialization_error");
        assert_eq!(of_record(undecodable), Some(Refusal::Undecodable));
        assert_eq!(of_record(without(dlq::HANDLER)), Some(Refusal::NoHandler));
        assert_eq!(of_record(with(dlq::TRUNCATED, "true")), Some(Refusal::Truncated));
        assert!(matches!(of_record(without(dlq::ORIGINAL_OFFSET)), Some(Refusal::Malformed(_))));
        let good = record(|_| ());
        assert_eq!(of(&good, "g", Some(&roster("x", "orders"))), Some(Refusal::UnknownHandler("h".into())));
        assert_eq!(of(&good, "g", Some(&roster("h", "x"))), Some(Refusal::NotRead));
        assert_eq!(of(&good, &"g".repeat(240), None), Some(Refusal::NoRedriveTopic));
    }
}
