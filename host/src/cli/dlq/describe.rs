//! A dead letter in words and as JSON: the same facts in `list` and `show`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value, json};

use super::shelf::Found;
use crate::delivery::dead_letter::ledger::State;
use crate::delivery::dead_letter::letter::Letter;
use crate::sandbox::text::plain;

/// The longest key that a table shows, in characters.
const KEY_CHARS: usize = 32;

impl Found<'_> {
    /// The facts as JSON.
    pub(super) fn to_json(&self) -> Map<String, Value> {
        let letter = &self.letter;
        let original = letter.original.as_ref().map(|at| {
            json!({
                "topic": &*at.topic, "partition": at.partition, "offset": at.offset,
                "timestamp": letter.original_timestamp,
            })
        });
        let facts = json!({
            "position": letter.position.to_string(), "state": self.state.name(), "group": letter.group,
            "handler": letter.handler, "handler_digest": letter.digest, "reason": letter.reason,
            "error_type": letter.error_type, "error_message": letter.message, "time": time(letter),
            "retry_count": letter.retries, "redrive_count": letter.redrives, "original": original,
            "event_type": letter.event_type, "truncated": letter.truncated,
            "refusal": self.refusal.as_ref().map(|refusal| refusal.name()),
        });
        let mut facts = match facts {
            Value::Object(facts) => facts,
            _ => Map::new(),
        };
        if let Some(key) = &letter.key {
            match std::str::from_utf8(key) {
                Ok(text) => facts.insert("key".into(), text.into()),
                Err(_) => facts.insert("key_base64".into(), BASE64.encode(key).into()),
            };
        }
        facts
    }

    /// Whether a redrive is possible, in a word.
    pub(super) fn redrive(&self) -> String {
        match (self.state, &self.refusal) {
            (State::Open, None) => "possible".into(),
            (State::Open, Some(refusal)) => refusal.name().into(),
            _ => "-".into(),
        }
    }
}

/// When the event was given up.
pub(super) fn time(letter: &Letter) -> Option<String> {
    letter.at.map(|at| humantime::format_rfc3339_millis(at).to_string())
}

/// What is not there, in a table.
pub(super) fn or_dash(text: Option<impl ToString>) -> String {
    text.map_or_else(|| "-".to_owned(), |text| text.to_string())
}

/// The event's key, so that it fits into a line.
pub(super) fn key(letter: &Letter) -> String {
    let Some(key) = &letter.key else { return "-".into() };
    let text = plain(&String::from_utf8_lossy(key));
    match text.char_indices().nth(KEY_CHARS) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_commands_a_terminal() {
        assert_eq!(plain("\u{1b}[2J a\nb\u{9b} \"é\""), "\\u{1b}[2J a\\nb\\u{9b} \"é\"");
    }
}
