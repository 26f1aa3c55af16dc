//! The table of what the probe does: tests/conformance/steps.jsonl, whose README says what each key means.

use serde_json::{Map, Value, json};

const TABLE: &str = include_str!("../../conformance/steps.jsonl");
/// What has to be told of a try, and what it is where a row says nothing.
const DEFAULTS: [(&str, Value); 2] = [("error_type", Value::Null), ("retry_after_ms", Value::Null)];

/// One line of the table.
pub(super) struct Row {
    line: usize,
    row: Map<String, Value>,
}

impl Row {
    pub(super) fn all() -> Vec<Row> {
        let row = |(index, text): (usize, &str)| {
            let line = index + 1;
            let row = serde_json::from_str(text).unwrap_or_else(|error| panic!("steps.jsonl, line {line}: {error}"));
            Row { line, row }
        };
        TABLE.lines().enumerate().map(row).collect()
    }

    /// How often a try may fail.
    pub(super) fn attempts(&self) -> u64 {
        self.row.get("attempts").and_then(Value::as_u64).unwrap_or(1)
    }

    /// The event, as a line of JSON. Around the header that counts there are such that must not change it.
    pub(super) fn event(&self) -> Value {
        let mut headers = vec![json!(["before", null])];
        match (&self.row["probe"], self.row.get("times").and_then(Value::as_u64)) {
            (Value::Null, _) => {}
            (Value::String(step), Some(times)) => {
                let steps = vec![step.as_str(); usize::try_from(times).expect("a small number")].join(";");
                headers.extend([json!(["probe", steps]), json!(["probe", "trap"])]);
            }
            (steps, _) => headers.extend([json!(["probe", steps]), json!(["probe", "trap"])]),
        }
        headers.extend([json!(["empty", ""]), json!(["bytes", { "base64": "//8=" }])]);
        let mut event = json!({ "type": "Tried", "key": "k", "headers": headers });
        match self.row.get("value_bytes").and_then(Value::as_u64) {
            Some(bytes) => event["value_text"] = "v".repeat(usize::try_from(bytes).expect("a small number")).into(),
            None => event["value"] = json!({ "n": 1 }),
        }
        event
    }

    /// The steps, for people.
    pub(super) fn steps(&self) -> String {
        match &self.row["probe"] {
            Value::String(steps) => format!("`{steps}`"),
            steps => format!("`{steps}`"),
        }
    }

    /// What a language does otherwise than all do, and why.
    pub(super) fn difference(&self, language: &str) -> Option<&Value> {
        self.row.get("differs")?.get(language)
    }

    /// Compares the tries of this row's event, and says what is wrong.
    pub(super) fn judge(&self, language: &str, tries: &[Value]) -> Result<(), String> {
        let common = self.compare(&self.row["ends"], tries);
        let differs = self.difference(language);
        let wrong = match (common, differs) {
            (Ok(()), None) => return Ok(()),
            (Err(wrong), None) => wrong,
            (Ok(()), Some(_)) => "it does as all do: take the difference out of the table".to_owned(),
            (Err(_), Some(own)) => {
                assert!(own["because"].is_string(), "steps.jsonl, line {}: a difference has no reason", self.line);
                match self.compare(&own["ends"], tries) {
                    Ok(()) => return Ok(()),
                    Err(wrong) => wrong,
                }
            }
        };
        let probe = self.row["probe"].to_string();
        Err(format!("steps.jsonl, line {}, {probe:.100}: {wrong}", self.line))
    }

    fn compare(&self, ends: &Value, tries: &[Value]) -> Result<(), String> {
        let expected: Vec<&Value> = match ends {
            Value::Array(all) => all.iter().collect(),
            one => vec![one],
        };
        if expected.len() != tries.len() {
            return Err(format!("{} tries instead of {}: {tries:?}", tries.len(), expected.len()));
        }
        for (expected, came) in expected.into_iter().zip(tries) {
            let expected = self.in_full(expected);
            for (field, value) in &expected {
                let found = came.get(field).unwrap_or(&Value::Null);
                // Lines that name places in the source are not for a table.
                let not_compared = field == "logs" && value.is_null();
                if !not_compared && found != value {
                    return Err(format!("{field} is {} instead of {}", short(found), short(value)));
                }
            }
        }
        Ok(())
    }

    /// With the fields that say nothing, and what stands for many lines or records.
    fn in_full(&self, ends: &Value) -> Map<String, Value> {
        let mut full = ends.as_object().unwrap_or_else(|| panic!("line {}: `ends` is no object", self.line)).clone();
        for (name, value) in DEFAULTS {
            full.entry(name).or_insert(value);
        }
        let count = |value: Option<Value>| value.and_then(|value| value.as_u64());
        let flood = count(full.shift_remove("flood")).unwrap_or_default();
        let flood = (1..=flood).map(|line| json!({ "level": "info", "message": format!("log-flood {line}") }));
        let flood: Vec<_> = flood.collect();
        full.entry("logs").or_insert(flood.into());
        full.entry("metrics").or_insert(json!([]));
        let times = count(full.shift_remove("published_times")).unwrap_or(1);
        let topics = full.get("published").and_then(Value::as_array).cloned().unwrap_or_default();
        let records = topics.iter().flat_map(|topic| (0..times).map(|_| self.sent_on(topic)));
        let records: Vec<_> = records.collect();
        full.insert("published".to_owned(), records.into());
        full
    }

    /// The event as the probe sends it on. How it came by its type is a header of its own.
    fn sent_on(&self, topic: &Value) -> Value {
        let mut event = self.event();
        let event = event.as_object_mut().expect("an object");
        event.shift_remove("type");
        if let Some(headers) = event.get_mut("headers").and_then(Value::as_array_mut) {
            headers.insert(0, json!(["event_type", "Tried"]));
        }
        event.insert("topic".to_owned(), topic.clone());
        Value::Object(event.clone())
    }
}

fn short(value: &Value) -> String {
    format!("{:.300}", value.to_string())
}
