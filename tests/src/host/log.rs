//! The host's log lines as records.

use serde_json::Value;

/// The JSON object that a line is; `None` for a line that is none, such as a panic message.
pub(super) fn record(line: &str) -> Option<Value> {
    serde_json::from_str(line).ok().filter(Value::is_object)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_objects_are_records() {
        assert_eq!(record(r#"{"level":"INFO"}"#).unwrap()["level"], Value::from("INFO"));
        assert_eq!(record("3"), None);
        assert_eq!(record("thread 'main' panicked"), None);
    }
}
