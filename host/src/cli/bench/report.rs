//! What was measured: as JSON with every single figure, and as a table.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::contender::{Contender, Measured, Memory, Mode, Setup};
use super::latency::Step;
use super::process;

/// The ratios that are told, each with its parts.
const RATIOS: [(&str, Contender, Contender); 6] = [
    ("packed_bare", Contender::Packed, Contender::Bare),
    ("packed_native", Contender::Packed, Contender::Native),
    ("native_bare", Contender::Native, Contender::Bare),
    ("typed_bare", Contender::Typed, Contender::Bare),
    ("typed_native", Contender::Typed, Contender::Native),
    ("fresh_bare", Contender::Fresh, Contender::Bare),
];

/// All that one contender did.
struct Row {
    contender: Contender,
    records: u64,
    warm_up: Option<Measured>,
    rounds: Vec<Measured>,
}

/// Collects what is measured.
pub struct Report {
    settings: Value,
    mode: Mode,
    handlers: u32,
    /// Events per second that waiting instances can reach.
    ceiling: Option<f64>,
    rows: Vec<Row>,
    steps: Vec<Step>,
    capacity: Option<f64>,
}

/// One contender at one rate, in all rounds.
struct Latencies<'a> {
    contender: Contender,
    rate: u64,
    steps: Vec<&'a Step>,
    /// Its p99 by the loop's.
    bare: Option<Spread>,
}

impl Latencies<'_> {
    fn median(&self, of: impl Fn(&Step) -> f64) -> f64 {
        Spread::of(self.steps.iter().map(|step| of(step))).map_or(f64::NAN, |spread| spread.median)
    }

    fn quantiles(&self) -> [f64; 4] {
        let of = |which: fn(&[f64; 4]) -> f64| self.median(|step| which(&step.quantiles));
        [of(|[p50, ..]| *p50), of(|[_, p99, ..]| *p99), of(|[_, _, p999, _]| *p999), of(|[.., max]| *max)]
    }

    fn json(&self) -> Value {
        let [p50, p99, p999, max] = self.quantiles();
        json!({
            "contender": self.contender.name(), "rate": self.rate,
            "p50_ms": p50, "p99_ms": p99, "p999_ms": p999, "max_ms": max,
            "p99_of_bare": self.bare.map(Spread::json),
        })
    }

    fn line(&self) -> String {
        let [p50, p99, p999, max] = self.quantiles();
        let behind = if self.steps.iter().any(|step| step.behind()) { "  (the writer fell behind)" } else { "" };
        let bare = self
            .bare
            .map_or_else(String::new, |Spread { median, min, max }| format!("{median:.2}, {min:.2}..{max:.2}"));
        format!(
            "{:<9} {:>9} {:>10.0} {p50:>9.2} {p99:>9.2} {p999:>9.2} {max:>9.2}   {bare}{behind}",
            self.contender.name(),
            self.rate,
            self.median(Step::reached),
        )
    }
}

/// Median, smallest and largest.
#[derive(Clone, Copy)]
pub struct Spread {
    /// Between the two in the middle, where there are two.
    pub median: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
}

impl Spread {
    /// Of these; `None` where there are none.
    pub fn of(values: impl Iterator<Item = f64>) -> Option<Spread> {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let (low, high) = (values.get((values.len() - 1) / 2)?, values.get(values.len() / 2)?);
        Some(Spread { median: f64::midpoint(*low, *high), min, max })
    }

    /// All three.
    pub fn json(self) -> Value {
        json!({ "median": self.median, "min": self.min, "max": self.max })
    }
}

impl Report {
    /// Of a bench with these settings.
    pub fn new(setup: &Setup, settings: Value) -> Report {
        let ceiling = (setup.mode == Mode::Wait).then(|| f64::from(setup.instances) / setup.wait.as_secs_f64());
        let (mode, handlers) = (setup.mode, setup.handlers);
        Report { settings, mode, handlers, ceiling, rows: Vec::new(), steps: Vec::new(), capacity: None }
    }

    /// One contender was through.
    pub fn round(&mut self, contender: Contender, records: u64, measured: Measured, warm_up: bool) {
        let row = match self.rows.iter_mut().find(|row| row.contender == contender) {
            Some(row) => row,
            None => self.rows.push_mut(Row { contender, records, warm_up: None, rounds: Vec::new() }),
        };
        if warm_up {
            row.warm_up = Some(measured);
        } else {
            row.rounds.push(measured);
        }
    }

    /// What the machine can write and handle at once, in events per second.
    pub fn capacity(&mut self, capacity: f64) {
        self.capacity = Some(capacity);
    }

    /// One rate was measured.
    pub fn step(&mut self, step: Step) {
        self.steps.push(step);
    }

    /// By rate and contender, as they came.
    fn latencies(&self) -> Vec<Latencies<'_>> {
        let mut all: Vec<Latencies<'_>> = Vec::new();
        for step in &self.steps {
            match all.iter_mut().find(|of| of.contender == step.contender && of.rate == step.rate) {
                Some(of) => of.steps.push(step),
                None => {
                    all.push(Latencies { contender: step.contender, rate: step.rate, steps: vec![step], bare: None })
                }
            }
        }
        // Of each round's own ratio, as with the rates.
        let p99 = |Step { quantiles: [_, p99, ..], .. }: &Step| *p99;
        for of in &mut all {
            let bare = self.steps.iter().filter(|step| step.contender == Contender::Bare && step.rate == of.rate);
            of.bare = Spread::of(of.steps.iter().zip(bare).map(|(step, bare)| p99(step) / p99(bare)));
        }
        all
    }

    fn row(&self, contender: Contender) -> Option<&Row> {
        self.rows.iter().find(|row| row.contender == contender)
    }

    /// Of each round's own ratio: what slows a round down slows down both.
    fn ratio(&self, of: Contender, to: Contender) -> Option<Spread> {
        let (of, to) = (self.row(of)?, self.row(to)?);
        Spread::of(of.rounds.iter().zip(&to.rounds).map(|(of, to)| of.rate() / to.rate()))
    }

    fn cpu_each(&self, of: Contender) -> Option<f64> {
        Some(Spread::of(self.row(of)?.rounds.iter().map(Measured::cpu_each))?.median)
    }

    /// Everything.
    pub fn json(&self) -> Value {
        let mut ratios = Map::new();
        let mut spreads = Map::new();
        let mut cpu_ratios = Map::new();
        for (name, of, to) in RATIOS {
            if let Some(spread) = self.ratio(of, to) {
                ratios.insert(name.into(), json!((spread.median * 1000.0).round() / 1000.0));
                spreads.insert(name.into(), spread.json());
            }
            if let (Some(of), Some(to)) = (self.cpu_each(of), self.cpu_each(to)) {
                // The other way round, so that here too more is better.
                cpu_ratios.insert(name.into(), json!((to / of * 1000.0).round() / 1000.0));
            }
        }
        let contenders = self.rows.iter().map(|row| {
            json!({
                "name": row.contender.name(),
                "records": row.records,
                "events_per_second": Spread::of(row.rounds.iter().map(Measured::rate)).map(Spread::json),
                "deliveries_per_second": Spread::of(row.rounds.iter().map(Measured::deliveries)).map(Spread::json),
                "cpu_us_per_event": Spread::of(row.rounds.iter().map(Measured::cpu_each)).map(Spread::json),
                "rounds": row.rounds.iter().map(Measured::json).collect::<Vec<_>>(),
                "warm_up": row.warm_up.as_ref().map(Measured::json),
            })
        });
        let waiting = self.ceiling.map(|ceiling| {
            let of = self.rows.iter().filter_map(|row| {
                let spread = Spread::of(row.rounds.iter().map(|round| round.rate() / ceiling))?;
                Some((row.contender.name().to_owned(), spread.json()))
            });
            json!({ "instances_over_wait": ceiling, "reached": of.collect::<Map<_, _>>() })
        });
        json!({
            "ratios": ratios,
            "ratio_spreads": spreads,
            "cpu_ratios": cpu_ratios,
            "handler": self.mode.name(),
            "contenders": contenders.collect::<Vec<_>>(),
            "waiting": waiting,
            "latency": {
                "capacity": self.capacity,
                "steps": self.steps.iter().map(Step::json).collect::<Vec<_>>(),
                "medians": self.latencies().iter().map(Latencies::json).collect::<Vec<_>>(),
            },
            "settings": self.settings,
            "machine": process::machine(),
        })
    }

    /// For people.
    pub fn table(&self) -> String {
        let mut text = String::new();
        // Writing to a `String` does not fail.
        if !self.rows.is_empty() {
            let _ = writeln!(text, "handler {}", self.mode.name());
            let _ =
                writeln!(text, "contender   records   events/s       min..max            CPU us   of bare  of native");
        }
        for row in &self.rows {
            let Some(rate) = Spread::of(row.rounds.iter().map(Measured::rate)) else { continue };
            let cpu = Spread::of(row.rounds.iter().map(Measured::cpu_each)).map_or(0.0, |spread| spread.median);
            let to = |other| match self.ratio(row.contender, other) {
                Some(spread) => format!("{:.3}", spread.median),
                None => "-".into(),
            };
            let span = format!("{:.0}..{:.0}", rate.min, rate.max);
            let _ = writeln!(
                text,
                "{:<9} {:>9} {:>10.0}   {span:<19} {cpu:>8.2} {:>9} {:>10}",
                row.contender.name(),
                row.records,
                rate.median,
                to(Contender::Bare),
                to(Contender::Native),
            );
            if let (true, Some(deliveries)) =
                (self.handlers > 1, Spread::of(row.rounds.iter().map(Measured::deliveries)))
            {
                let (handlers, deliveries) = (self.handlers, deliveries.median);
                let _ = writeln!(text, "          {deliveries:.0} deliveries/s to {handlers} handlers");
            }
            if let (Some(ceiling), Some(last)) = (self.ceiling, row.rounds.last()) {
                let Memory { before, peak, after, .. } = last.memory;
                let [before, peak, after] = [before, peak, after].map(|bytes| bytes >> 20);
                let _ = writeln!(
                    text,
                    "          {:.1} % of instances over wait ({ceiling:.0}/s); memory {before} MiB before, {peak} at most, {after} after",
                    rate.median / ceiling * 100.0
                );
            }
        }
        if self.rows.iter().any(|row| row.contender == Contender::Fresh) {
            let _ = writeln!(text, "fresh reads fewer records, for it is slow: see the column");
        }
        if !self.steps.is_empty() {
            let _ = writeln!(text, "\nfrom when a record was to be sent to its verdict, in milliseconds");
            if let Some(capacity) = self.capacity {
                let _ = writeln!(text, "(this machine writes and handles {capacity:.0} events/s at once)");
            }
            let _ = writeln!(
                text,
                "contender      rate     sent/s       p50       p99     p99.9       max   p99 of bare, min..max"
            );
            for latencies in self.latencies() {
                let _ = writeln!(text, "{}", latencies.line());
            }
        }
        text.trim_end().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_lies_between_two() {
        let spread = Spread::of([4.0, 1.0, 3.0, 2.0].into_iter()).unwrap();
        assert_eq!((spread.median, spread.min, spread.max), (2.5, 1.0, 4.0));
        assert!(Spread::of(std::iter::empty()).is_none());
    }
}
