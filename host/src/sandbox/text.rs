//! Texts of strangers on their way to people: bounded, and without what a terminal obeys.
//!
//! A component's author chooses the names of its functions, the messages of its errors and what it logs; whoever reads
//! them sits at a terminal, or searches in a log.

use std::borrow::Cow;

use crate::delivery::dead_letter::MAX_MESSAGE_CHARS;

/// The most characters of why a component was refused.
const MAX_REASON_CHARS: usize = 1500;

/// A text of a guest's, as far as it is shown within a message: it may have megabytes.
pub fn excerpt(text: &str) -> &str {
    cut(text, 100)
}

/// What a try ended in, as far as it is kept, logged and shown: as much as a dead letter has of it.
pub fn message(text: impl Into<String>) -> String {
    let mut text = text.into();
    let length = cut(&text, MAX_MESSAGE_CHARS).len();
    text.truncate(length);
    // A guest's answer may have been far longer.
    text.shrink_to_fit();
    text
}

/// Why a component was refused, for logs and terminals: what it is made of may have a say in that.
pub fn reason(text: &str) -> String {
    let kept = cut(text, MAX_REASON_CHARS);
    plain_lines(kept) + if kept.len() < text.len() { "..." } else { "" }
}

fn cut(text: &str, characters: usize) -> &str {
    text.char_indices().nth(characters).and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}

/// Whether a terminal or an editor would do something else with this than show it: control characters, line
/// separators, and what turns the direction of what follows.
pub fn is_obeyed(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A text on one line: what would be obeyed is escaped.
pub fn plain(text: &str) -> String {
    escaped(text, is_obeyed)
}

/// The same, of a text whose tabs may stay.
pub fn plain_with_tabs(text: &str) -> String {
    escaped(text, |character| character != '\t' && is_obeyed(character))
}

/// The same, line by line.
pub fn plain_lines(text: &str) -> String {
    text.lines().map(plain_with_tabs).collect::<Vec<_>>().join("\n")
}

fn escaped(text: &str, is_obeyed: impl Fn(char) -> bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if is_obeyed(character) {
            escaped.extend(character.escape_default());
        } else {
            escaped.push(character);
        }
    }
    escaped
}

/// JSON whose strings hold nothing that would be obeyed. What writes JSON leaves all but the first 32 as they are.
pub fn plain_json(json: &str) -> Cow<'_, str> {
    if !json.chars().any(is_obeyed) {
        return json.into();
    }
    let mut plain = String::with_capacity(json.len());
    for character in json.chars() {
        if is_obeyed(character) {
            // All of them have four digits at most.
            plain.push_str(&format!("\\u{:04x}", u32::from(character)));
        } else {
            plain.push(character);
        }
    }
    plain.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Red, the same by one byte of C1, a line that goes on from the right, and one that ends early.
    const HOSTILE: &str = "a\t\u{1b}[31mred\u{9b}m \u{202e}evil\u{2066} b\u{2028}c\u{2029}d é";

    #[test]
    fn nothing_that_is_obeyed_reaches_a_terminal() {
        let escaped = "\\u{1b}[31mred\\u{9b}m \\u{202e}evil\\u{2066} b\\u{2028}c\\u{2029}d é";
        assert_eq!(plain(HOSTILE), format!("a\\t{escaped}"));
        assert_eq!(plain_with_tabs(HOSTILE), format!("a\t{escaped}"));
        assert_eq!(plain_lines("one\r\ntwo\u{1b}\rthree\n"), "one\ntwo\\u{1b}\\rthree");
        assert!(('\u{0}'..='\u{ffff}').filter(|c| is_obeyed(*c)).all(|c| !plain(&c.to_string()).contains(c)));
    }

    #[test]
    fn json_keeps_its_meaning() {
        let value = serde_json::json!({ HOSTILE: ["\n\"\\", "\u{7f}"] });
        let said = value.to_string();
        let written = plain_json(&said);
        assert!(!written.chars().any(is_obeyed), "{written}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&written).unwrap(), value);
    }

    #[test]
    fn long_texts_are_cut_at_characters() {
        assert_eq!(message("é".repeat(MAX_MESSAGE_CHARS + 1)), "é".repeat(MAX_MESSAGE_CHARS));
        assert_eq!(message("short"), "short");
        assert_eq!(reason(&"é\n".repeat(1000)), "é\n".repeat(750).trim_end().to_owned() + "...");
        assert_eq!(reason("short\u{1b}"), "short\\u{1b}");
        assert_eq!(excerpt(&"é".repeat(101)), "é".repeat(100));
    }
}
