//! `sandbus dlq show`.

use clap::Args;
use serde_json::{Map, Value};

use super::super::{Done, Failure, counted, print_line};
use super::describe::{or_dash, time};
use super::filter::Filter;
use super::place::Place;
use super::shelf::Found;
use crate::event::{Position, json_lines};
use crate::sandbox::text::plain;

/// Show everything of one dead letter: why it is there, its headers and its value
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  sandbus dlq show events.stream.dlq/0/42")]
pub struct Show {
    #[command(flatten)]
    place: Place,
    /// Which one, as `list` names it
    #[arg(value_name = "TOPIC/PARTITION/OFFSET")]
    position: Position,
}

impl Show {
    pub(super) fn run(self) -> Done {
        let positions = [self.position.clone()];
        let scope = self.place.scope(&positions)?;
        let selection = Filter::default().selection(&positions);
        for mut shelf in scope.shelves()? {
            let print = |found: Found<'_>| if self.place.json { json(&found) } else { words(&found) };
            if scope.one(&mut shelf, &selection, print)? {
                return Ok(());
            }
        }
        let place = if scope.groups_named { " of that group" } else { "" };
        Err(Failure::Wrong(format!(
            "there is no dead letter{place} at {}; `sandbus dlq list --all` names those there are",
            self.position
        )))
    }
}

/// Key, headers and value as JSON Lines have them.
fn written(found: &Found<'_>) -> Map<String, Value> {
    serde_json::from_str(&json_lines::write(found.record)).unwrap_or_default()
}

fn json(found: &Found<'_>) -> Result<(), Failure> {
    let mut facts = found.to_json();
    facts.insert("record".into(), Value::Object(written(found)));
    print_line(&Value::Object(facts).to_string())
}

fn words(found: &Found<'_>) -> Result<(), Failure> {
    let letter = &found.letter;
    let handler = match (&letter.handler, &letter.digest) {
        (Some(handler), Some(digest)) => format!("{handler} (digest {digest})"),
        (Some(handler), None) => handler.clone(),
        (None, _) => "(none)".into(),
    };
    let redrive = match &found.refusal {
        None => "possible".to_owned(),
        Some(refusal) => format!("not possible: {refusal}"),
    };
    let plural = |count| if count == 1 { "retry" } else { "retries" };
    let retries = letter.retries.map(|count| format!(" after {count} {}", plural(count)));
    let facts = [
        ("position", letter.position.to_string()),
        ("state", found.state.to_string()),
        ("group", or_dash(letter.group.as_ref())),
        ("handler", handler),
        ("reason", or_dash(letter.reason.as_ref())),
        ("error type", or_dash(letter.error_type.as_ref())),
        ("message", or_dash(letter.message.as_ref())),
        ("given up", format!("{}{}", or_dash(time(letter)), retries.unwrap_or_default())),
        ("redriven", format!("{} in vain", counted(letter.redrives as usize, "time"))),
        ("original", or_dash(letter.original.as_ref())),
        ("written", or_dash(letter.original_timestamp.and_then(millis))),
        ("event type", or_dash(letter.event_type.as_ref())),
        ("redrive", redrive),
    ];
    for (name, value) in facts {
        print_line(&format!("{name:10}  {}", plain(&value)))?;
    }
    let record = written(found);
    let key = record.get("key").map(Value::to_string).or_else(|| base64(&record, "key_base64"));
    print_line(&format!("{:10}  {}", "key", key.unwrap_or_else(|| "(none)".into())))?;
    print_line("headers")?;
    for header in record.get("headers").and_then(Value::as_array).into_iter().flatten() {
        let part = |index| header.get(index).map(Value::to_string).unwrap_or_default();
        print_line(&format!("  {}: {}", part(0), part(1)))?;
    }
    let value = ["value", "value_text"].iter().find_map(|name| record.get(*name)).map(Value::to_string);
    let value = value.or_else(|| base64(&record, "value_base64"));
    print_line(&format!("value\n  {}", value.unwrap_or_else(|| "(none)".into())))
}

fn base64(record: &Map<String, Value>, name: &str) -> Option<String> {
    record.get(name).map(|bytes| format!("base64 {bytes}"))
}

fn millis(millis: i64) -> Option<String> {
    let since = std::time::Duration::from_millis(u64::try_from(millis).ok()?);
    Some(humantime::format_rfc3339_millis(std::time::SystemTime::UNIX_EPOCH.checked_add(since)?).to_string())
}
