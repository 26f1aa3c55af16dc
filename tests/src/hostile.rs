//! Components that mean harm, and what stops each: the catalogue, [`CASES`].
//!
//! The test (`tests/suite/hostile.rs`) and the soak (`make soak`) run the same cases in one host, beside a good handler
//! that may not notice. A component's source stands in `tests/hostile/`, as text that [`component`] completes; what the
//! probe can do, the probe does.

mod assembly;
mod catalogue;
mod resources;
mod steady;
mod trend;

use std::fmt::Write as _;
use std::path::Path;

pub use assembly::component;
pub use catalogue::{CASES, ELSEWHERE};
pub use resources::Resources;
pub use steady::{Made, Steady, mixed};
pub use trend::hourly_growth;

/// One way to do harm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Case {
    /// Its name; its handler's too.
    pub name: &'static str,
    /// What it does, for people.
    pub does: &'static str,
    /// What stops it, for people.
    pub stopped_by: &'static str,
    /// What it is made of.
    pub source: Source,
    /// How it ends.
    pub ends: Ends,
    /// Lines of its `[[handler]]`, beside those that all have.
    pub keys: &'static str,
    /// How many events it gets.
    pub events: usize,
}

/// What a component is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// `tests/hostile/NAME.wat`, where `NAME` is the case's.
    Text,
    /// The probe, told to take these steps.
    Probe(&'static str),
}

/// How a case ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    /// It is never loaded; the reason contains this.
    Refused(&'static str),
    /// Each try of each event ends in a failure of this `error.type`, and each event becomes a dead letter.
    Failed(&'static str),
    /// Each event becomes a dead letter at once, as it asked for.
    Rejected,
    /// It does no harm, and each event is acknowledged.
    Acknowledged,
    /// The tries of each event with an odd offset end in this fault; the others are acknowledged.
    EverySecond(&'static str),
    /// Each event fails by an `error.type` of its own, of which the first 200 keep their names.
    ManyKinds,
    /// It is quarantined, for failures of this `error.type`, and nothing of it is given up.
    Quarantined(&'static str),
}

impl Ends {
    /// Whether it comes as far as to handle events.
    #[must_use]
    pub fn is_loaded(self) -> bool {
        !matches!(self, Ends::Refused(_))
    }
}

/// Makes a named pipe, which nobody writes to.
///
/// # Errors
/// When it cannot be made.
pub fn pipe(path: &Path) -> std::io::Result<()> {
    let made = std::process::Command::new("mkfifo").arg(path).status()?;
    if made.success() { Ok(()) } else { Err(std::io::Error::other(format!("mkfifo ended with {made}"))) }
}

/// What the handlers of all cases are configured with.
#[derive(Debug, Clone, Copy)]
pub struct Stage<'a> {
    /// The topic that they read.
    pub topic: &'a str,
    /// The only topic that they may publish to.
    pub granted: &'a str,
    /// A topic that they may not publish to.
    pub forbidden: &'a str,
}

/// Tries of an event.
pub const TRIES: usize = 2;

impl Case {
    /// Puts its file into the place of another at once, as `mv` does.
    ///
    /// # Panics
    /// When that cannot be written.
    #[track_caller]
    pub fn put(&self, file: &Path) {
        let beside = file.with_extension("new");
        let put = std::fs::write(&beside, self.component()).and_then(|()| std::fs::rename(&beside, file));
        put.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    }

    /// Its component.
    ///
    /// # Panics
    /// When its source is not there, or is none.
    #[must_use]
    #[track_caller]
    pub fn component(&self) -> Vec<u8> {
        match self.source {
            Source::Probe(_) => std::fs::read(crate::host::built::component("probe-rust")).expect("a built probe"),
            Source::Text => {
                let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("hostile").join(format!("{}.wat", self.name));
                let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
                component(&text).unwrap_or_else(|error| panic!("{}: {error:#}", file.display()))
            }
        }
    }

    /// Its `[[handler]]`: in a group of its own, for events of the type that is its name.
    #[must_use]
    pub fn handler(&self, stage: Stage<'_>) -> String {
        let Case { name, keys, .. } = self;
        let Stage { topic, granted, forbidden } = stage;
        let mut text = format!(
            "\n[[handler]]\nname = {name:?}\ncomponent = \"hostile/{name}.wasm\"\ngroup = \"own\"\ntopics = [{topic:?}]\n\
             events = [{name:?}]\n"
        );
        // Each may be told otherwise.
        let defaults = [
            ("concurrency", "1"),
            ("timeout", "\"60s\""),
            ("cpu_time", "\"200ms\""),
            ("max_retries", "1"),
            ("retry_base_delay", "\"10ms\""),
            ("retry_max_delay", "\"50ms\""),
            ("quarantine_tries", "0"),
        ];
        for (key, value) in defaults.iter().filter(|(key, _)| !keys.contains(key)) {
            writeln!(text, "{key} = {value}").expect("a string takes all");
        }
        writeln!(
            text,
            "{keys}\n[handler.config]\ntopic = {granted:?}\nhome = {forbidden:?}\ndead-letters = \"{topic}.dlq\"\n\
             [handler.grants]\npublish = [{granted:?}]"
        )
        .expect("a string takes all");
        text
    }

    /// An event for it.
    #[must_use]
    pub fn event(&self, number: usize) -> crate::Record {
        let event = crate::Record::event(self.name, "{}").key(format!("key-{number}"));
        match self.source {
            Source::Probe(steps) => event.header("probe", steps),
            Source::Text => event,
        }
    }
}
