//! What is written from the definitions of the instruments: `docs/metrics.md`, and the rules that give Prometheus the names of
//! `/metrics` where metrics arrive by OTLP.

use super::definitions::{self, Definition, Kind};
use super::instruments::{BATCH_BOUNDS, DURATION_BOUNDS};

/// The reference as Markdown: `docs/metrics.md`.
#[must_use]
pub fn reference() -> String {
    let mut page = include_str!("reference/opening.md").to_owned();
    page.push_str("\n## All of them\n\n| OpenTelemetry | `/metrics` | kind | unit |\n|---|---|---|---|\n");
    for definition in definitions::ALL {
        let Definition { name, kind, unit, .. } = definition;
        let scraped = definition.prometheus_name();
        page.push_str(&format!("| [`{name}`](#{}) | `{scraped}` | {} | {unit} |\n", anchor(name), kind.name()));
    }
    page.push_str(&format!(
        "\nA histogram's series append `_bucket`, `_sum` and `_count`. Bounds of durations, in milliseconds: {}. Bounds of \
         `kafka.eventbus.batch.size`, in records: {}.\n",
        listed(&DURATION_BOUNDS),
        listed(&BATCH_BOUNDS)
    ));
    page.push_str("\n## One by one\n");
    definitions::ALL.iter().for_each(|definition| page.push_str(&section(definition)));
    page.push('\n');
    page.push_str(include_str!("reference/closing.md"));
    page
}

/// Recording rules for a Prometheus that receives OTLP and names series after their units: `deploy/prometheus/otlp.yml`.
#[must_use]
pub fn otlp_rules() -> String {
    let mut rules = include_str!("reference/otlp.yml").to_owned();
    for definition in definitions::ALL {
        let (received, scraped) = (received_name(definition), definition.prometheus_name());
        if received == scraped {
            continue;
        }
        let suffixes: &[&str] = if definition.kind == Kind::Histogram { &["_bucket", "_sum", "_count"] } else { &[""] };
        for suffix in suffixes {
            rules.push_str(&format!("      - record: {scraped}{suffix}\n        expr: {received}{suffix}\n"));
        }
    }
    rules
}

/// Its name in a Prometheus that receives it by OTLP and translates it as is the default there
/// (`UnderscoreEscapingWithSuffixes`): the unit is appended, unless it is an annotation in braces or a word of the name.
fn received_name(definition: &Definition) -> String {
    let Definition { name, kind, unit, .. } = definition;
    let mut name = name.replace('.', "_");
    let suffix = match *unit {
        "ms" => "milliseconds",
        "s" => "seconds",
        "By" => "bytes",
        "1" if *kind == Kind::Gauge => "ratio",
        "1" => "",
        annotation if annotation.starts_with('{') => "",
        word => word,
    };
    if !suffix.is_empty() && !name.split('_').any(|word| word == suffix) {
        name = format!("{name}_{suffix}");
    }
    if *kind == Kind::Counter { name + "_total" } else { name }
}

fn section(definition: &Definition) -> String {
    let Definition { name, kind, unit, attributes, description, advice } = definition;
    let by = match attributes {
        [] => "no attributes".to_owned(),
        attributes => attributes.iter().map(|attribute| format!("`{attribute}`")).collect::<Vec<_>>().join(", "),
    };
    let unit = match *unit {
        "1" => "no unit".to_owned(),
        unit => format!("unit {unit}"),
    };
    format!(
        "\n### `{name}`\n\n{description}.\n\nWhen it moves: {advice}.\n\n`{}`, {}, {unit}; {by}. By OTLP in Prometheus: `{}`.\n",
        definition.prometheus_name(),
        kind.name(),
        received_name(definition),
    )
}

/// What a renderer of Markdown makes of a heading that is a name in backticks.
fn anchor(name: &str) -> String {
    name.replace('.', "")
}

fn listed(bounds: &[f64]) -> String {
    bounds.iter().map(f64::to_string).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[track_caller]
    fn assert_current(path: &str, text: &str) {
        let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(&file, text).unwrap();
        }
        let committed = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(committed == text, "{path} is not what the definitions say: set UPDATE_DOCS=1 and run this test again");
    }

    #[test]
    fn the_committed_reference_is_current() {
        assert_current("docs/metrics.md", &reference());
    }

    #[test]
    fn the_committed_rules_for_otlp_are_current() {
        assert_current("deploy/prometheus/otlp.yml", &otlp_rules());
    }

    #[test]
    fn units_are_appended_once() {
        assert_eq!(received_name(&definitions::HANDLER_DURATION), "kafka_eventbus_handler_duration_milliseconds");
        assert_eq!(received_name(&definitions::MESSAGES_PUBLISHED), "kafka_eventbus_messages_published_total");
        assert_eq!(received_name(&definitions::CONSUMER_LAG), "kafka_eventbus_consumer_lag_messages");
        assert_eq!(received_name(&definitions::PARTITION_HELD_BYTES), "sandbus_partition_held_bytes");
        assert_eq!(received_name(&definitions::HANDLER_CPU_TIME), "sandbus_handler_cpu_time_seconds_total");
        assert_eq!(received_name(&definitions::PARTITION_FULL), "sandbus_partition_full_ratio");
        assert_eq!(received_name(&definitions::HANDLER_RETRIES), "sandbus_handler_retries_total");
    }
}
