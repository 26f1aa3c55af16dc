//! A try as people and programs read it: how it ended, what it took, what it logged and published. `sandbus test` and
//! `sandbus dev` show it alike.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::delivery::ports::Tried;
use crate::delivery::verdict::Ending;
use crate::event::outgoing::Outgoing;
use crate::event::{Record, RecordBuilder, json_lines};
use crate::sandbox::ports::LogLevel;

/// Log lines of one try that are shown to people.
pub const MAX_LOG_LINES: usize = 20;

/// What a try did besides its verdict.
#[derive(Debug, Default)]
pub struct Said {
    /// Lines that it logged.
    pub logs: Vec<(LogLevel, String)>,
    /// What it counted.
    pub metrics: Vec<String>,
}

/// A try that ended.
#[derive(Debug)]
pub struct Shown {
    at: String,
    id: String,
    event_type: String,
    attempt: u32,
    ending: Ending,
    said: Said,
    published: Vec<Value>,
    wall: Duration,
    cpu: Duration,
    memory: u64,
}

/// The first line of a try, in parts.
#[derive(Debug, PartialEq, Eq)]
pub struct Head {
    /// Which event it was, and which try of it.
    pub of: String,
    /// How it ended.
    pub verdict: &'static str,
    /// Why.
    pub why: String,
    /// What it took.
    pub took: String,
}

impl std::fmt::Display for Head {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}  {}{}  ({})", self.of, self.verdict, self.why, self.took)
    }
}

/// Where a record stands.
pub fn place(record: &Record) -> String {
    format!("{}/{}/{}", record.topic(), record.partition(), record.offset())
}

impl Shown {
    /// Of a try that ended so.
    pub fn of(tried: &Tried, ending: &Ending, said: Said) -> Shown {
        let event = &tried.run.event;
        Shown {
            at: place(&event.record),
            id: event.id().into_owned(),
            event_type: event.event_type().to_owned(),
            attempt: tried.run.attempt,
            ending: ending.clone(),
            said,
            published: tried.outbox.iter().map(published).collect(),
            wall: tried.wall,
            cpu: tried.cpu,
            memory: tried.memory,
        }
    }

    /// How it ended.
    pub fn ending(&self) -> &Ending {
        &self.ending
    }

    fn milliseconds(&self) -> (f64, f64) {
        (self.wall.as_secs_f64() * 1000.0, self.cpu.as_secs_f64() * 1000.0)
    }

    /// For programs.
    pub fn as_json(&self) -> Value {
        let logs = self.said.logs.iter();
        let logs: Vec<_> = logs.map(|(level, line)| json!({ "level": level_name(*level), "message": line })).collect();
        let (wall, cpu) = self.milliseconds();
        json!({
            "event": self.at, "id": self.id, "type": self.event_type,
            "attempt": self.attempt, "verdict": self.ending.name(), "error_type": self.ending.error_type(),
            "message": self.ending.message(), "retry_after_ms": retry_after(&self.ending), "logs": logs,
            "metrics": self.said.metrics, "published": self.published,
            "wall_ms": wall, "cpu_ms": cpu, "memory_bytes": self.memory,
        })
    }

    /// For people: what it was, and how it ended.
    pub fn head(&self) -> Head {
        let why = match (&self.ending, self.ending.error_type()) {
            (Ending::Error { .. } | Ending::Fault { .. }, Some(kind)) => {
                format!(" {kind}: {}", self.ending.message())
            }
            (Ending::DeadLetter(reason), _) => format!(": {reason}"),
            (Ending::Retry(Some(after)), _) => format!(" after {}", humantime::format_duration(*after)),
            _ => String::new(),
        };
        let (wall, cpu) = self.milliseconds();
        Head {
            of: format!("{}  {}  attempt {}", self.at, self.event_type, self.attempt),
            verdict: self.ending.name(),
            why,
            took: format!("{wall:.3} ms, {cpu:.3} ms CPU, {}", bytesize::ByteSize(self.memory)),
        }
    }

    /// For people: what else it did, a line each. `more` says where the lines of log are that are left out.
    pub fn details(&self, more: &str) -> Vec<String> {
        let logs = &self.said.logs;
        let shown = logs.iter().take(MAX_LOG_LINES);
        let mut lines: Vec<_> = shown.map(|(level, line)| log_line(*level, line)).collect();
        if logs.len() > MAX_LOG_LINES {
            lines.push(format!("... {} more lines of log{more}", logs.len() - MAX_LOG_LINES));
        }
        lines.extend(self.said.metrics.iter().map(|metric| format!("metric {metric}")));
        lines.extend(self.published.iter().map(|record| format!("publish {record}")));
        lines
    }
}

/// Lines of log that a component which could not be made most likely says the reason in.
const LAST_WORDS: usize = 10;

/// What a component logged last, a line each, to be put below what went wrong with it.
pub fn last_words(logs: &[(LogLevel, String)]) -> String {
    let last = logs.get(logs.len().saturating_sub(LAST_WORDS)..).unwrap_or_default();
    last.iter().map(|(level, line)| format!("\n    {}", log_line(*level, line))).collect()
}

/// A line of log, for people.
fn log_line(level: LogLevel, line: &str) -> String {
    format!("log {}: {line}", level_name(level))
}

/// A record that a try published, as JSON Lines have it. It has no place in Kafka yet.
fn published(record: &Outgoing) -> Value {
    let mut builder =
        RecordBuilder::new(record.topic.clone(), 0, 0, 0).key(record.key.as_deref()).value(record.value.as_deref());
    for (name, value) in &record.headers {
        builder.header(name, value.as_deref());
    }
    let mut line: Map<_, _> = serde_json::from_str(&json_lines::write(&builder.build())).unwrap_or_default();
    line.shift_remove("partition");
    line.shift_remove("offset");
    Value::Object(line)
}

/// What the handler asked for; `null` is the configured delay, and that of all other endings.
fn retry_after(ending: &Ending) -> Option<u64> {
    match ending {
        Ending::Retry(Some(after)) => Some(u64::try_from(after.as_millis()).unwrap_or(u64::MAX)),
        _ => None,
    }
}

/// How a level is written.
pub fn level_name(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Trace => "trace",
        LogLevel::Debug => "debug",
        LogLevel::Info => "info",
        LogLevel::Warn => "warn",
        LogLevel::Error => "error",
    }
}
