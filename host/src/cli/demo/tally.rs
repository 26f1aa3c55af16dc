//! Counts, for each handler, what a run came to.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::{Value, json};

use crate::delivery::partition::HandlerIndex;
use crate::delivery::ports::{Observer, Published, Ran, Tried};
use crate::delivery::report::PartitionReport;
use crate::delivery::verdict::Ending;
use crate::event::TopicPartition;

/// What happened so far.
#[derive(Default)]
pub struct Tally(Mutex<State>);

#[derive(Default)]
struct State {
    handlers: Vec<Handler>,
    consumed: u64,
    undecodable: u64,
    published: u64,
}

struct Handler {
    name: Arc<str>,
    verdicts: BTreeMap<&'static str, u64>,
    retries: u64,
    /// By reason and error type.
    dead_letters: BTreeMap<(String, String), u64>,
    finished: usize,
    tries: u32,
    cpu: Duration,
    /// Microseconds.
    wall: Histogram<u64>,
}

impl Handler {
    fn new(name: Arc<str>) -> Handler {
        // One microsecond to ten minutes in three digits: these bounds are always valid.
        let wall = Histogram::new_with_bounds(1, 600_000_000, 3);
        #[expect(clippy::expect_used, reason = "constant bounds within those that the library documents")]
        let wall = wall.expect("valid bounds");
        Handler {
            name,
            verdicts: BTreeMap::new(),
            retries: 0,
            dead_letters: BTreeMap::new(),
            finished: 0,
            tries: 0,
            cpu: Duration::ZERO,
            wall,
        }
    }

    fn milliseconds(&self, quantile: f64) -> f64 {
        self.wall.value_at_quantile(quantile) as f64 / 1000.0
    }

    fn cpu_microseconds(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / f64::from(self.tries.max(1))
    }
}

/// One group's watch.
struct Watching(Arc<Tally>);

impl Tally {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Watches a group with these handlers.
    pub fn watch(self: &Arc<Self>, names: &[Arc<str>]) -> Arc<dyn Observer> {
        self.state().handlers = names.iter().cloned().map(Handler::new).collect();
        Arc::new(Watching(self.clone()))
    }

    /// Deliveries that are final, and records that no handler could be shown.
    pub fn finished(&self) -> usize {
        let state = self.state();
        let undecodable = usize::try_from(state.undecodable).unwrap_or(usize::MAX);
        state.handlers.iter().map(|handler| handler.finished).sum::<usize>() + undecodable
    }

    /// A table for people.
    pub fn as_text(&self) -> String {
        let state = self.state();
        let mut text = format!(
            "\n{} events consumed, {} undecodable (dead-lettered), {} events published by handlers\n\n",
            state.consumed, state.undecodable, state.published,
        );
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{:<17} {:>6} |{:>6} {:>6} {:>6} {:>6} {:>6} {:>6} |{:>7} {:>5} {:>8} {:>8} {:>7}",
            "handler",
            "events",
            "ack",
            "skip",
            "retry",
            "reject",
            "error",
            "fault",
            "retries",
            "dead",
            "p50 ms",
            "p99 ms",
            "CPU us",
        );
        for handler in &state.handlers {
            let verdict = |name| handler.verdicts.get(name).copied().unwrap_or_default();
            let dead: u64 = handler.dead_letters.values().sum();
            let _ = writeln!(
                text,
                "{:<17} {:>6} |{:>6} {:>6} {:>6} {:>6} {:>6} {:>6} |{:>7} {:>5} {:>8.3} {:>8.3} {:>7.1}",
                handler.name,
                handler.finished,
                verdict("ack"),
                verdict("skip"),
                verdict("retry"),
                verdict("dead-letter"),
                verdict("error"),
                verdict("fault"),
                handler.retries,
                dead,
                handler.milliseconds(0.5),
                handler.milliseconds(0.99),
                handler.cpu_microseconds(),
            );
        }
        text.push_str("\ndead letters (in shop.stream.dlq)\n");
        for handler in &state.handlers {
            for ((reason, error_type), count) in &handler.dead_letters {
                let _ = writeln!(text, "  {:<18} {count:>5}  {reason}, {error_type}", handler.name);
            }
        }
        let _ = writeln!(text, "  {:<18} {:>5}  deserialization_error", "(no handler)", state.undecodable);
        text
    }

    /// The same for programs.
    pub fn as_json(&self, metrics: &Path) -> Value {
        let state = self.state();
        let handlers = state.handlers.iter().map(|handler| {
            let dead_letters = handler.dead_letters.iter().map(
                |((reason, error_type), count)| json!({ "reason": reason, "error_type": error_type, "count": count }),
            );
            json!({
                "name": &*handler.name, "events": handler.finished, "verdicts": handler.verdicts,
                "retries": handler.retries, "dead_letters": dead_letters.collect::<Vec<_>>(),
                "p50_ms": handler.milliseconds(0.5), "p99_ms": handler.milliseconds(0.99),
                "cpu_us_per_try": handler.cpu_microseconds(),
            })
        });
        json!({
            "consumed": state.consumed, "undecodable": state.undecodable, "published": state.published,
            "handlers": handlers.collect::<Vec<_>>(), "metrics": metrics,
        })
    }
}

impl Watching {
    fn handler(&self, handler: HandlerIndex, change: impl FnOnce(&mut Handler)) {
        if let Some(handler) = self.0.state().handlers.get_mut(usize::from(handler)) {
            change(handler);
        }
    }
}

impl Observer for Watching {
    fn consumed(&self, _: &TopicPartition, _: &str, records: u64) {
        self.0.state().consumed += records;
    }

    fn tried(&self, handler: HandlerIndex, _: &str, error_type: Option<&str>, tries: u64) {
        if error_type.is_none() {
            self.handler(handler, |handler| handler.finished += tries as usize);
        }
    }

    fn measured(&self, handler: HandlerIndex, tried: &[Tried]) {
        self.handler(handler, |handler| {
            for tried in tried {
                let verdict = tried.ending.as_ref().map_or("not-run", Ending::name);
                *handler.verdicts.entry(verdict).or_default() += 1;
                handler.tries += 1;
                handler.cpu += tried.cpu;
                handler.wall.saturating_record(u64::try_from(tried.wall.as_micros()).unwrap_or(u64::MAX));
            }
        });
    }

    fn batch_fault(&self, _: HandlerIndex, _: &Ran) {}

    fn retried(&self, handler: HandlerIndex) {
        self.handler(handler, |handler| handler.retries += 1);
    }

    fn dead_lettered(&self, handler: Option<HandlerIndex>, reason: &str, error_type: &str) {
        match handler {
            None => self.0.state().undecodable += 1,
            Some(handler) => self.handler(handler, |handler| {
                handler.finished += 1;
                *handler.dead_letters.entry((reason.to_owned(), error_type.to_owned())).or_default() += 1;
            }),
        }
    }

    fn dropped(&self, handler: Option<HandlerIndex>) {
        if let Some(handler) = handler {
            self.handler(handler, |handler| handler.finished += 1);
        }
    }

    fn abandoned(&self, _: Option<HandlerIndex>, _: u64) {}

    fn partitions(&self, _: Vec<PartitionReport>) {}

    fn published(&self, batch: &Published) {
        self.0.state().published += batch.records.iter().map(|of_type| of_type.taken).sum::<u64>();
    }
}
