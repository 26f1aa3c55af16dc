//! The guide's own tables of its 15 instruments, literally: what its queries, alerts and panels ask for stays as it is.
//!
//! Taken from the "Kafka Event Bus Metrics Guide" of eventsource-py: name, unit and attributes of each, by kind. A definition that
//! is changed is no reason to change this.

use std::collections::BTreeSet;

use super::definitions::{ALL, Definition, Kind};

const COUNTERS: &str = "
| `kafka.eventbus.messages.published` | messages | `messaging.system`, `messaging.destination`, `event.type` |
| `kafka.eventbus.messages.consumed` | messages | `messaging.system`, `messaging.destination`, `messaging.kafka.partition`, `event.type` |
| `kafka.eventbus.handler.invocations` | invocations | `handler.name`, `event.type` |
| `kafka.eventbus.handler.errors` | errors | `handler.name`, `event.type`, `error.type` |
| `kafka.eventbus.messages.dlq` | messages | `dlq.reason`, `error.type` |
| `kafka.eventbus.connection.errors` | errors | `error.type` |
| `kafka.eventbus.reconnections` | reconnections | - |
| `kafka.eventbus.rebalances` | rebalances | `messaging.kafka.consumer_group` |
| `kafka.eventbus.publish.errors` | errors | `messaging.system`, `messaging.destination`, `event.type`, `error.type` |
";

const HISTOGRAMS: &str = "
| `kafka.eventbus.publish.duration` | ms | `messaging.destination` |
| `kafka.eventbus.consume.duration` | ms | `messaging.destination` |
| `kafka.eventbus.handler.duration` | ms | `handler.name`, `event.type` |
| `kafka.eventbus.batch.size` | messages | - |
";

const GAUGES: &str = "
| `kafka.eventbus.connections.active` | connections | `messaging.kafka.consumer_group` |
| `kafka.eventbus.consumer.lag` | messages | `messaging.kafka.partition`, `messaging.kafka.consumer_group`, `messaging.destination` |
";

/// Name, unit and attributes of each line.
fn rows(table: &str) -> impl Iterator<Item = (&str, &str, BTreeSet<&str>)> {
    table.trim().lines().map(|line| {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [name, unit, attributes] = cells[..] else { panic!("{line}") };
        let attributes = attributes.split(", ").filter(|attribute| *attribute != "-");
        (name.trim_matches('`'), unit, attributes.map(|attribute| attribute.trim_matches('`')).collect())
    })
}

#[test]
fn each_of_the_guides_instruments_is_defined_as_the_guide_has_it() {
    let ours = |kind| {
        let of_kind =
            move |definition: &&Definition| definition.kind == kind && definition.name.starts_with("kafka.eventbus.");
        let shown = |definition: &Definition| {
            let attributes: BTreeSet<_> = definition.attributes.iter().copied().collect();
            assert_eq!(attributes.len(), definition.attributes.len(), "{}", definition.name);
            (definition.name, definition.unit, attributes)
        };
        ALL.iter().filter(of_kind).map(shown).collect::<BTreeSet<_>>()
    };
    let mut instruments = 0;
    for (kind, table) in [(Kind::Counter, COUNTERS), (Kind::Histogram, HISTOGRAMS), (Kind::Gauge, GAUGES)] {
        let rows: BTreeSet<_> = rows(table).collect();
        assert_eq!(ours(kind), rows, "{kind:?}");
        instruments += rows.len();
    }
    assert_eq!(instruments, 15);
    assert_eq!(ours(Kind::UpDownCounter), BTreeSet::new());
}
