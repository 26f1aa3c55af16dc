//! What telemetry costs: the same host, telling nothing and telling something, by turns.
//!
//! A round has each way of each contender once, and every figure is compared with that of the host of the same round that
//! tells nothing. CPU time for an event is the robust one: rates depend on what else the machine does, and the receiver
//! and the broker work on it too.

use std::fmt::Write as _;

use anyhow::ensure;
use serde_json::{Value, json};

use super::contender::{Contender, Measured, Mode};
use super::process;
use super::report::Spread;

/// What all others are compared with.
const OFF: &str = "off";

/// Variables that would send something where nothing is to be sent.
const RECEIVERS: [&str; 4] = [
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
    "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT",
];

/// What a host tells of itself.
#[derive(Clone, Debug)]
pub struct Telling {
    /// Whether it records metrics.
    pub metrics: bool,
    /// Whether it traces, where there is a receiver.
    pub tracing: bool,
    /// Where what it tells goes by OTLP.
    pub receiver: Option<String>,
}

impl Telling {
    /// As by default, but for the metrics.
    pub fn usual(metrics: bool) -> Telling {
        Telling { metrics, tracing: true, receiver: None }
    }
}

/// One way to tell.
#[derive(Clone, Debug)]
pub struct Way {
    /// As it is printed.
    pub name: &'static str,
    /// What the host is set to.
    pub telling: Telling,
}

/// Collects what is measured.
pub struct Cost {
    receiver: Option<String>,
    rows: Vec<Row>,
}

/// One contender that tells in one way.
struct Row {
    contender: Contender,
    way: &'static str,
    rounds: Vec<Measured>,
}

/// A row beside the one that tells nothing.
struct Compared {
    rate: Spread,
    cpu: Spread,
    /// Of that of the host that tells nothing, round by round.
    rate_of_off: Spread,
    cpu_of_off: Spread,
}

impl Cost {
    /// Nothing yet. Metrics and traces go to `receiver`.
    ///
    /// # Errors
    /// Where a variable names another.
    pub fn new(receiver: Option<&str>) -> anyhow::Result<Cost> {
        for name in RECEIVERS {
            ensure!(
                std::env::var_os(name).is_none_or(|value| value.is_empty()),
                "{name} is set, and would send what is measured without a receiver; unset it, and name the receiver with --otlp-endpoint"
            );
        }
        Ok(Cost { receiver: receiver.map(str::to_owned), rows: Vec::new() })
    }

    /// The ways to tell. Each adds one thing to nothing.
    pub fn ways(&self) -> Vec<Way> {
        let way = |name, metrics, tracing, receiver: Option<&String>| Way {
            name,
            telling: Telling { metrics, tracing, receiver: receiver.cloned() },
        };
        let mut ways = vec![
            way(OFF, false, false, None),
            way("metrics", true, false, None),
            // Without a receiver.
            way("tracing", false, true, None),
        ];
        if let Some(receiver) = &self.receiver {
            ways.push(way("otlp-metrics", true, false, Some(receiver)));
            ways.push(way("otlp-traces", false, true, Some(receiver)));
        }
        ways
    }

    /// One host was through. A warm-up is not counted.
    pub fn round(&mut self, contender: Contender, way: &'static str, measured: Measured, warm_up: bool) {
        let row = match self.rows.iter_mut().find(|row| (row.contender, row.way) == (contender, way)) {
            Some(row) => row,
            None => self.rows.push_mut(Row { contender, way, rounds: Vec::new() }),
        };
        if !warm_up {
            row.rounds.push(measured);
        }
    }

    fn compared(&self, row: &Row) -> Option<Compared> {
        let off = self.rows.iter().find(|other| (other.contender, other.way) == (row.contender, OFF))?;
        let of = |each: fn(&Measured) -> f64| Spread::of(row.rounds.iter().map(each));
        let of_off = |each: fn(&Measured) -> f64| {
            Spread::of(row.rounds.iter().zip(&off.rounds).map(|(on, off)| each(on) / each(off).max(f64::MIN_POSITIVE)))
        };
        Some(Compared {
            rate: of(Measured::rate)?,
            cpu: of(Measured::cpu_each)?,
            rate_of_off: of_off(Measured::rate)?,
            cpu_of_off: of_off(Measured::cpu_each)?,
        })
    }

    /// Everything.
    pub fn json(&self, handler: Mode, settings: Value) -> Value {
        let rows = self.rows.iter().filter_map(|row| {
            let Compared { rate, cpu, rate_of_off, cpu_of_off } = self.compared(row)?;
            Some(json!({
                "contender": row.contender.name(),
                "telemetry": row.way,
                "events_per_second": rate.json(),
                "cpu_us_per_event": cpu.json(),
                "events_per_second_of_off": rate_of_off.json(),
                "cpu_of_off": cpu_of_off.json(),
                "rounds": row.rounds.iter().map(Measured::json).collect::<Vec<_>>(),
            }))
        });
        json!({
            "handler": handler.name(),
            "telemetry_cost": rows.collect::<Vec<_>>(),
            "settings": settings,
            "machine": process::machine(),
        })
    }

    /// For people.
    pub fn table(&self, handler: Mode) -> String {
        // Writing to a `String` does not fail.
        let mut text = format!("handler {}\n", handler.name());
        let _ = writeln!(
            text,
            "contender telemetry      events/s   of off       min..max     CPU us   of off       min..max"
        );
        for row in &self.rows {
            let Some(Compared { rate, cpu, rate_of_off, cpu_of_off }) = self.compared(row) else { continue };
            let of_off = |Spread { median, min, max }| format!("{median:>8.3} {:>14}", format!("{min:.3}..{max:.3}"));
            let _ = writeln!(
                text,
                "{:<9} {:<12} {:>10.0} {} {:>10.3} {}",
                row.contender.name(),
                row.way,
                rate.median,
                of_off(rate_of_off),
                cpu.median,
                of_off(cpu_of_off),
            );
        }
        text.trim_end().to_owned()
    }
}
