//! A drain ends before the group gives up on this member, and `group.protocol` agrees with the
//! properties beside it.

use std::time::Duration;

use crate::config::context::Context;
use crate::config::delivery::DeliveryKeys;
use crate::config::{Fault, Found, Properties};

/// What the new group protocol leaves to the broker.
const CLASSIC_ONLY: [&str; 4] =
    ["session.timeout.ms", "heartbeat.interval.ms", "group.protocol.type", "partition.assignment.strategy"];

/// Compares `drain_timeout` with librdkafka's timeouts.
pub(in crate::config) fn check(context: &Context, delivery: &DeliveryKeys, properties: &Properties) {
    let classic = properties.get("group.protocol") != Some("consumer");
    let mut limits = vec![("max.poll.interval.ms", 300_000)];
    if classic {
        limits.push(("session.timeout.ms", 45_000));
    } else {
        for name in CLASSIC_ONLY {
            refuse_classic(context, properties, name);
        }
    }
    for (name, default) in limits {
        let Some(limit) = millis(context, properties, name, default) else {
            continue;
        };
        if let Some(drain) = delivery.drain_timeout.reading()
            && drain.value >= limit
        {
            let shown = |duration| humantime::format_duration(duration).to_string();
            context.add(Fault {
                path: drain.path.clone(),
                origin: drain.origin.clone(),
                found: Found::Value(format!("\"{}\"", shown(drain.value))),
                expected: format!("less than {name}, which is {}", shown(limit)),
                hint: Some("after that time the partitions are given to others, drained or not".to_owned()),
            });
        }
    }
}

fn millis(context: &Context, properties: &Properties, name: &str, default: u64) -> Option<Duration> {
    let millis = match properties.get(name) {
        None => Ok(default),
        Some(text) => text.parse().map_err(|_| text),
    };
    match millis {
        Ok(millis) => Some(Duration::from_millis(millis)),
        Err(text) => {
            let found = Found::Value(format!("{text:?}"));
            let origin = properties.origin(name);
            let path = Properties::path(name);
            context.fault(&path, &origin, found, "a whole number of milliseconds");
            None
        }
    }
}

fn refuse_classic(context: &Context, properties: &Properties, name: &str) {
    if let Some(value) = properties.get(name) {
        context.add(Fault {
            path: Properties::path(name),
            origin: properties.origin(name),
            found: Found::Value(format!("{value:?}")),
            expected: "it to be left out".to_owned(),
            hint: Some("with group.protocol = \"consumer\" the broker decides this".to_owned()),
        });
    }
}
