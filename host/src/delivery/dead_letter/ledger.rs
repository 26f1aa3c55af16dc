//! What became of the dead letters of one topic and group: read from the group's redrive topic.

use std::collections::HashMap;
use std::fmt;

use super::letter::Letter;
use crate::event::{Record, redrive};

/// What became of a dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing yet.
    Open,
    /// It was given to its handler again. Whether that went well is not its business.
    Redriven,
    /// It will not be.
    Purged,
}

impl State {
    /// In a word.
    pub const fn name(self) -> &'static str {
        match self {
            State::Open => "open",
            State::Redriven => "redriven",
            State::Purged => "purged",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The states of one topic's dead letters; some tens of bytes for each that is not open.
#[derive(Clone, Debug)]
pub struct Ledger {
    topic: String,
    states: HashMap<(i32, i64), State>,
}

impl Ledger {
    /// Where nothing has been done yet with the dead letters of `topic`.
    pub fn new(topic: &str) -> Ledger {
        Ledger { topic: topic.to_owned(), states: HashMap::new() }
    }

    /// Takes in a record of the redrive topic. One that is about no dead letter of this topic changes nothing.
    pub fn note(&mut self, record: &Record) {
        let Some(position) = redrive::redriven(record).filter(|position| *position.topic == *self.topic) else {
            return;
        };
        let state = if record.header(redrive::PURGED).is_some() { State::Purged } else { State::Redriven };
        // The first one is what happened: whoever came later should have seen it.
        self.states.entry((position.partition, position.offset)).or_insert(state);
    }

    /// What became of a dead letter of this topic.
    pub fn state(&self, letter: &Letter) -> State {
        let at = (letter.position.partition, letter.position.offset);
        self.states.get(&at).copied().unwrap_or(State::Open)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Outgoing, RecordBuilder};

    fn stored(outgoing: &Outgoing) -> Record {
        let mut record = RecordBuilder::new(outgoing.topic.clone(), 0, 0, 0);
        for (name, value) in &outgoing.headers {
            record.header(name, value.as_deref());
        }
        record.build()
    }

    fn letter(topic: &str, partition: i32, offset: i64) -> Record {
        RecordBuilder::new(topic.into(), partition, offset, 0).build()
    }

    #[test]
    fn copies_and_marks_are_kept_by_position_and_topic() {
        let redrives = "orders.g.redrive".into();
        let mut ledger = Ledger::new("orders.dlq");
        ledger.note(&stored(&redrive::copy(&letter("orders.dlq", 0, 1), &redrives)));
        ledger.note(&stored(&redrive::mark(&"orders.dlq/1/1".parse().unwrap(), &redrives)));
        ledger.note(&stored(&redrive::mark(&"orders.dlq/0/1".parse().unwrap(), &redrives)));
        ledger.note(&stored(&redrive::copy(&letter("orders.dead", 0, 2), &redrives)));
        ledger.note(&letter("orders.g.redrive", 0, 3));
        let state = |partition, offset| ledger.state(&Letter::of(&letter("orders.dlq", partition, offset)));
        assert_eq!(state(0, 1), State::Redriven);
        assert_eq!(state(1, 1), State::Purged);
        assert_eq!([state(0, 2), state(0, 3), state(1, 0)], [State::Open; 3]);
    }
}
