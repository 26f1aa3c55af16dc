//! What happens to the handlers' events, on its way from the engines to the view.
//!
//! Nothing here makes an engine wait: what the view cannot take is counted instead. And the view takes no more than a person
//! reads: a first screenful at once, then some lines a second, however fast a handler fails.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Instant;

use crossbeam_channel::Sender;

use super::super::tries::{MAX_LOG_LINES, Said, Shown};
use crate::delivery::partition::HandlerIndex;
use crate::delivery::ports::{Observer, Published, Ran, Tried, Try};
use crate::delivery::report::PartitionReport;
use crate::delivery::scheduler::DeliveryId;
use crate::delivery::verdict::Ending;
use crate::event::{Outgoing, TopicPartition, dlq};
use crate::sandbox::ports::{GuestMetric, GuestSink, LogLevel, Refusal};
use crate::telemetry::guest::check as check_metric;

/// Lines that are shown at once.
const BURST: f64 = 400.0;

/// Lines that are shown each second from then on.
const RATE: f64 = 5.0;

/// Tries whose lines of log are kept until they end.
const MAX_OPEN: usize = 10_000;

/// What happened.
#[derive(Debug)]
pub enum News {
    /// A try of this handler ended.
    Try(Arc<str>, Box<Shown>),
    /// A dead letter stands in its topic.
    DeadLetter(String),
    /// Something else that is worth a line.
    Line(String),
}

/// See the module's documentation.
pub struct Feed {
    to: Sender<News>,
    open: Mutex<HashMap<Open, Said>>,
    shown: Mutex<Shows>,
    /// Whether lines have to say which handler they are about.
    several: AtomicBool,
}

/// A try that runs: of this handler, this delivery, with this number.
type Open = (Arc<str>, DeliveryId, u32);

struct Shows {
    budget: Budget,
    /// What was not shown since it was last told, by how it ended.
    skipped: BTreeMap<&'static str, u64>,
}

/// Lines that may be shown now.
struct Budget {
    lines: f64,
    at: Instant,
}

impl Budget {
    fn new(at: Instant) -> Budget {
        Budget { lines: BURST, at }
    }

    /// Whether there is anything left. What begins may end, whatever it takes.
    fn take(&mut self, lines: usize, now: Instant) -> bool {
        let more = now.saturating_duration_since(self.at).as_secs_f64() * RATE;
        (self.lines, self.at) = ((self.lines + more).min(BURST), now);
        let enough = self.lines > 0.0;
        if enough {
            self.lines -= lines as f64;
        }
        enough
    }
}

impl Feed {
    /// To there. What does not fit in is left out.
    pub fn new(to: Sender<News>) -> Arc<Feed> {
        let shown = Shows { budget: Budget::new(Instant::now()), skipped: BTreeMap::new() };
        Arc::new(Feed { to, open: Mutex::default(), shown: Mutex::new(shown), several: AtomicBool::new(false) })
    }

    /// Watches a group with these handlers.
    pub fn watch(self: &Arc<Self>, names: &[Arc<str>]) -> Arc<dyn Observer> {
        Arc::new(Watching { feed: self.clone(), names: RwLock::new(names.to_vec()) })
    }

    /// Hears a handler.
    pub fn hear(self: &Arc<Self>, handler: &str) -> Arc<dyn GuestSink> {
        Arc::new(Hearing { feed: self.clone(), handler: handler.into() })
    }

    /// Whether there is more than one handler.
    pub fn has_several(&self, several: bool) {
        self.several.store(several, Ordering::Relaxed);
    }

    /// What was not shown since this was asked, in words.
    pub fn skipped(&self) -> Option<String> {
        let skipped = std::mem::take(&mut self.shown().skipped);
        let total: u64 = skipped.values().sum();
        let each: Vec<_> = skipped.iter().map(|(what, count)| format!("{count} {what}")).collect();
        (total > 0).then(|| format!("... {total} more are not shown: {}", each.join(", ")))
    }

    fn shown(&self) -> MutexGuard<'_, Shows> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self) -> MutexGuard<'_, HashMap<Open, Said>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows what takes so many lines, if they may be shown; otherwise it is counted as `what`.
    fn show(&self, what: &'static str, lines: usize, news: impl FnOnce() -> News) {
        let mut shown = self.shown();
        if !(shown.budget.take(lines, Instant::now()) && self.to.try_send(news()).is_ok()) {
            *shown.skipped.entry(what).or_default() += 1;
        }
    }

    fn ended(&self, handler: &Arc<str>, tried: &Tried, ending: &Ending) {
        let said = self.open().remove(&(handler.clone(), tried.run.id, tried.run.attempt)).unwrap_or_default();
        let lines = 1 + said.logs.len().min(MAX_LOG_LINES) + tried.outbox.len();
        self.show(ending.name(), lines, || News::Try(handler.clone(), Box::new(Shown::of(tried, ending, said))));
    }

    /// " of orders", where that has to be said.
    fn of(&self, handler: &str) -> String {
        if self.several.load(Ordering::Relaxed) { format!(" of {handler}") } else { String::new() }
    }
}

/// One group's watch.
struct Watching {
    feed: Arc<Feed>,
    names: RwLock<Vec<Arc<str>>>,
}

impl Watching {
    fn name(&self, handler: HandlerIndex) -> Arc<str> {
        let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
        names.get(usize::from(handler)).cloned().unwrap_or_default()
    }
}

impl Observer for Watching {
    fn added(&self, handler: Arc<str>) {
        self.names.write().unwrap_or_else(PoisonError::into_inner).push(handler);
    }

    fn consumed(&self, _: &TopicPartition, _: &str, _: u64) {}

    fn tried(&self, _: HandlerIndex, _: &str, _: Option<&str>, _: u64) {}

    fn measured(&self, handler: HandlerIndex, tried: &[Tried]) {
        let name = self.name(handler);
        for tried in tried {
            if let Some(ending) = &tried.ending {
                self.feed.ended(&name, tried, ending);
            }
        }
    }

    fn late(&self, handler: HandlerIndex, tried: &Tried) {
        self.feed.open().remove(&(self.name(handler), tried.run.id, tried.run.attempt));
    }

    fn batch_fault(&self, handler: HandlerIndex, ran: &Ran) {
        // They run again, under the same numbers, and say it again.
        let (name, mut open) = (self.name(handler), self.feed.open());
        for tried in &ran.tried {
            open.remove(&(name.clone(), tried.run.id, tried.run.attempt));
        }
    }

    fn retried(&self, _: HandlerIndex) {}

    fn dead_lettered(&self, _: Option<HandlerIndex>, _: &str, _: &str) {}

    fn dead_letter(&self, letter: &Outgoing) {
        self.feed.show("dead letters", 1, || {
            let header = |name| letter.text_header(name).unwrap_or_default();
            let (topic, partition) = (header(dlq::ORIGINAL_TOPIC), header(dlq::ORIGINAL_PARTITION));
            let (offset, reason) = (header(dlq::ORIGINAL_OFFSET), header(dlq::REASON));
            let (kind, handler) = (header(dlq::ERROR_TYPE), header(dlq::HANDLER));
            let kind = if kind == reason { String::new() } else { format!(", {kind}") };
            let of = if handler.is_empty() { String::new() } else { self.feed.of(handler) };
            // What no handler was shown has said nothing before.
            let message = if handler.is_empty() { format!(": {}", header(dlq::ERROR_MESSAGE)) } else { String::new() };
            let to = &letter.topic;
            News::DeadLetter(format!("{topic}/{partition}/{offset}  dead letter{of} in {to}: {reason}{kind}{message}"))
        });
    }

    fn dropped(&self, handler: Option<HandlerIndex>) {
        self.feed.show("dropped", 1, || {
            let of = handler.map(|handler| self.feed.of(&self.name(handler))).unwrap_or_default();
            News::DeadLetter(format!("an event{of} was dropped: dead letters are off"))
        });
    }

    fn abandoned(&self, _: Option<HandlerIndex>, _: u64) {}

    fn partitions(&self, _: Vec<PartitionReport>) {}

    fn published(&self, batch: &Published) {
        let refused: Vec<&str> = batch.records.iter().filter(|of| of.refused > 0).map(|of| &*of.event_type).collect();
        if !refused.is_empty() {
            let (topic, events) = (&batch.topic, refused.join(" "));
            self.feed.show("refused", 1, || {
                News::Line(format!("the topic {topic} did not take what was published: {events}"))
            });
        }
    }
}

/// One handler's ear.
struct Hearing {
    feed: Arc<Feed>,
    handler: Arc<str>,
}

impl GuestSink for Hearing {
    fn log(&self, of: Option<&Try>, level: LogLevel, line: &str) {
        let Some(run) = of else {
            let of = self.feed.of(&self.handler);
            let level = super::super::tries::level_name(level);
            return self
                .feed
                .show("lines of log", 1, || News::Line(format!("log{of}, outside of a try, {level}: {line}")));
        };
        let mut open = self.feed.open();
        let key = (self.handler.clone(), run.id, run.attempt);
        if open.len() < MAX_OPEN || open.contains_key(&key) {
            open.entry(key).or_default().logs.push((level, line.to_owned()));
        }
    }

    fn metric(&self, metric: &GuestMetric<'_>) -> Result<(), Refusal> {
        check_metric(metric)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crossbeam_channel::{bounded, unbounded};

    use super::*;
    use crate::event::{Event, RecordBuilder};

    fn tried(offset: i64, attempt: u32, ending: Option<Ending>) -> Tried {
        let mut record = RecordBuilder::new("orders".into(), 0, offset, 0);
        record.header(b"event_type", Some(b"Placed"));
        let event = Event::decode(record.build()).unwrap();
        let run = Try { id: DeliveryId::none(), attempt, lane: None, event };
        Tried { ending, ..Tried::not_run(run) }
    }

    fn heads(news: &crossbeam_channel::Receiver<News>) -> Vec<String> {
        let text = |news| match news {
            News::Try(handler, shown) => format!("{handler}: {}{:?}", shown.head(), shown.details("")),
            News::DeadLetter(text) | News::Line(text) => text,
        };
        news.try_iter().map(text).collect()
    }

    #[test]
    fn lines_of_log_stand_with_their_try() {
        let (to, news) = unbounded();
        let feed = Feed::new(to);
        let watching = feed.watch(&["a".into()]);
        watching.added("b".into());
        let (a, b) = (feed.hear("a"), feed.hear("b"));
        let (first, second) = (tried(0, 1, Some(Ending::Ack)), tried(0, 2, Some(Ending::Skip)));
        a.log(Some(&first.run), LogLevel::Info, "of a");
        b.log(Some(&second.run), LogLevel::Warn, "of b");
        a.log(None, LogLevel::Info, "of none");
        watching.measured(0, std::slice::from_ref(&first));
        watching.measured(1, std::slice::from_ref(&second));
        let took = "(0.000 ms, 0.000 ms CPU, 0 B)";
        assert_eq!(
            heads(&news),
            [
                "log, outside of a try, info: of none".to_owned(),
                format!("a: orders/0/0  Placed  attempt 1  ack  {took}[\"log info: of a\"]"),
                format!("b: orders/0/0  Placed  attempt 2  skip  {took}[\"log warn: of b\"]"),
            ]
        );
        assert!(feed.open().is_empty());
    }

    #[test]
    fn what_a_broken_batch_has_logged_is_not_shown_twice() {
        let (to, news) = unbounded();
        let feed = Feed::new(to);
        let (watching, a) = (feed.watch(&["a".into()]), feed.hear("a"));
        let run = tried(0, 1, Some(Ending::Ack));
        a.log(Some(&run.run), LogLevel::Info, "line");
        watching.batch_fault(0, &Ran { tried: vec![tried(0, 1, None)], ..Ran::default() });
        a.log(Some(&run.run), LogLevel::Info, "line");
        watching.measured(0, std::slice::from_ref(&run));
        assert_eq!(heads(&news).concat().matches("log info: line").count(), 1);
    }

    #[test]
    fn a_handler_that_fails_over_and_over_is_counted_and_not_shown() {
        let (to, news) = unbounded();
        let feed = Feed::new(to);
        let watching = feed.watch(&["a".into()]);
        let failed = tried(0, 1, Some(Ending::Retry(None)));
        for _ in 0..2000 {
            watching.measured(0, std::slice::from_ref(&failed));
        }
        let shown = heads(&news).len();
        assert!((400..450).contains(&shown), "{shown}");
        assert_eq!(feed.skipped(), Some(format!("... {0} more are not shown: {0} retry", 2000 - shown)));
        assert_eq!(feed.skipped(), None);
    }

    #[test]
    fn a_view_that_is_behind_holds_nobody_up() {
        let (to, news) = bounded(1);
        let feed = Feed::new(to);
        let watching = feed.watch(&["a".into()]);
        for _ in 0..3 {
            watching.measured(0, &[tried(0, 1, Some(Ending::Ack))]);
        }
        assert_eq!((heads(&news).len(), feed.skipped().unwrap()), (1, "... 2 more are not shown: 2 ack".to_owned()));
    }

    #[test]
    fn a_budget_fills_up_with_time_and_never_over() {
        let start = Instant::now();
        let mut budget = Budget::new(start);
        assert!(budget.take(1000, start), "what begins may end");
        assert!(!budget.take(1, start));
        assert!(!budget.take(1, start + Duration::from_secs(100)), "600 were too many");
        assert!(budget.take(1, start + Duration::from_secs(130)));
        let later = start + Duration::from_secs(100_000);
        let taken = (0..1000).take_while(|_| budget.take(1, later)).count();
        assert_eq!(taken as f64, BURST);
    }

    #[test]
    fn a_dead_letter_says_whose_and_why() {
        let (to, news) = unbounded();
        let feed = Feed::new(to);
        let watching = feed.watch(&[]);
        let letter = |headers: &[(&str, &str)]| Outgoing {
            topic: "orders.dlq".into(),
            key: None,
            value: None,
            headers: headers.iter().map(|(n, v)| (n.as_bytes().to_vec(), Some(v.as_bytes().to_vec()))).collect(),
            timestamp: None,
        };
        let place = [(dlq::ORIGINAL_TOPIC, "orders"), (dlq::ORIGINAL_PARTITION, "0"), (dlq::ORIGINAL_OFFSET, "7")];
        let given_up = [(dlq::REASON, "max_retries_exceeded"), (dlq::ERROR_TYPE, "trap"), (dlq::HANDLER, "a")];
        feed.has_several(true);
        watching.dead_letter(&letter(&[&place[..], &given_up].concat()));
        let kind = "deserialization_error";
        let undecodable = [(dlq::REASON, kind), (dlq::ERROR_TYPE, kind), (dlq::ERROR_MESSAGE, "no event_type")];
        watching.dead_letter(&letter(&[&place[..], &undecodable].concat()));
        assert_eq!(
            heads(&news),
            [
                "orders/0/7  dead letter of a in orders.dlq: max_retries_exceeded, trap",
                "orders/0/7  dead letter in orders.dlq: deserialization_error: no event_type",
            ]
        );
    }
}
