//! What was read, in the order in which it was: the evidence, if there is something to be proved.
//!
//! One line for each result, dead letter and sample, its parts between tabs. Some hundred bytes for each.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;

use super::checker::{Ack, Letter, Stamp};
use super::plan::{Group, HANDLERS};
use crate::topic::StoredRecord;

/// The name of the file.
const FILE: &str = "journal.tsv";

const HEADINGS: &str = "what\tat\tstands\thandler\tby or why\tevent\tnumber\tkey\ttry\tstamp";

/// Written as long as it lives; a disk that is full ends the run.
#[derive(Debug)]
pub(super) struct Journal(BufWriter<File>);

impl Journal {
    pub(super) fn create(folder: &Path) -> io::Result<Journal> {
        let mut journal = Journal(BufWriter::new(File::create(folder.join(FILE))?));
        journal.line(&[&HEADINGS]);
        Ok(journal)
    }

    pub(super) fn ack(&mut self, record: &StoredRecord, ack: &Ack) {
        let Ack { handler, place, number, key, attempt, by, stamp } = ack;
        let name = HANDLERS[*handler].name;
        self.line(&[&"result", &at(record), &stands(record), &name, by, &show(*place), number, key, attempt, stamp]);
    }

    pub(super) fn letter(&mut self, record: &StoredRecord, letter: &Letter) {
        let Letter { group, handler, place, number, key, cause, stamp } = letter;
        let name = handler.map_or_else(|| format!("{group:?}"), |handler| HANDLERS[handler].name.to_owned());
        let (at, stands) = (at(record), stands(record));
        self.line(&[&"dead letter", &at, &stands, &name, cause, &show(*place), number, key, &"", stamp]);
    }

    pub(super) fn sample(&mut self, number: Stamp, group: Group, committed: &BTreeMap<i32, i64>) {
        self.line(&[&"sample", &number, &format!("{group:?}"), &format!("{committed:?}")]);
    }

    fn line(&mut self, parts: &[&dyn Display]) {
        let mut line = || {
            for part in parts {
                write!(self.0, "{part}\t")?;
            }
            writeln!(self.0)
        };
        line().unwrap_or_else(|error: io::Error| panic!("the journal: {error}"));
    }
}

/// Milliseconds since 1970.
fn at(record: &StoredRecord) -> i64 {
    record.timestamp.unwrap_or_default()
}

fn stands(record: &StoredRecord) -> String {
    show((record.partition, record.offset))
}

fn show((partition, offset): (i32, i64)) -> String {
    format!("{partition}:{offset}")
}
