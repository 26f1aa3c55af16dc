//! The same source gives the same verdicts both ways into a component: event by event, and by frames of events.
//!
//! Runs every step of each language's probe and every row of the other examples' table through the built components, by
//! the typed way and by the packed way, alone and among others in one batch. Endings, what is published, and logs and
//! metrics with the event that they belong to must be the same. Needs no broker, but what `make build` leaves.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "what is not there fails the test")]

use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex};

use sandbus::app::handlers;
use sandbus::config::Config;
use sandbus::delivery::ports::{Tried, Try};
use sandbus::delivery::scheduler::{Assignment, DeliveryId};
use sandbus::delivery::verdict::Ending;
use sandbus::event::json_lines::ParsedLine;
use sandbus::event::{Event, Outgoing, RecordBuilder};
use sandbus::sandbox::Sandbox;
use sandbus::sandbox::component::Component;
use sandbus::sandbox::pool::Worker;
use sandbus::sandbox::ports::{GuestMetric, GuestSink, LogLevel, Refusal};
use sandbus::sandbox::state::HandlerSettings;
use sandbus::telemetry::guest::check as check_metric;
use tokio::runtime::Runtime;

#[path = "both_ways/examples.rs"]
mod examples;
#[path = "../../tests/src/languages.rs"]
mod languages;
#[path = "both_ways/probe.rs"]
mod probe;

// === the two ways ===

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap());

static SANDBOX: LazyLock<Sandbox> = LazyLock::new(|| Sandbox::new(64, 20_000).unwrap());

/// All that were loaded: one that somebody has is not compiled again, which takes seconds in some languages.
static KEPT: Mutex<Vec<Arc<Component>>> = Mutex::new(Vec::new());

/// A component that both ways lead into.
struct Subject {
    language: &'static str,
    config: Config,
    component: Arc<Component>,
}

impl Subject {
    /// `target/components/NAME-LANGUAGE.wasm`, with these keys of its `[[handler]]`.
    fn new(name: &str, language: &'static str, keys: &str) -> Subject {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/components");
        let file = folder.join(format!("{name}-{language}.wasm"));
        assert!(file.is_file(), "there is no {}: run `make build`, which makes it", file.display());
        let path = toml::Value::String(file.to_str().unwrap().to_owned());
        let text = format!("[handlers]\n[[handler]]\nname = {name:?}\ncomponent = {path}\n{keys}");
        let config = Config::from_text(&text, &folder.join("none"), std::iter::empty::<(String, String)>());
        let config = config.unwrap_or_else(|error| panic!("{error}"));
        let handler = config.handlers.first().unwrap();
        let settings = Arc::new(HandlerSettings::new(handler, Arc::new(Notes::default())));
        let loaded = RUNTIME.block_on(handlers::load_one(&SANDBOX, handler, settings));
        let component = loaded.unwrap_or_else(|error| panic!("{name}-{language}: {error}")).component;
        KEPT.lock().unwrap().push(component.clone());
        Subject { language, config, component }
    }

    /// An instance's place that is entered event by event, and one that is entered by frames.
    fn ways(&self) -> (Way, Way) {
        let [typed, packed] = [true, false].map(|typed| {
            let notes = Arc::new(Notes::default());
            let handler = self.config.handlers.first().unwrap();
            let settings = Arc::new(HandlerSettings { typed, ..HandlerSettings::new(handler, notes.clone()) });
            // Else one way would be compared with itself.
            assert_eq!(self.component.is_packed(&settings), !typed);
            Way { worker: Worker::new(self.component.clone(), settings), notes }
        });
        (typed, packed)
    }
}

struct Way {
    worker: Worker,
    notes: Arc<Notes>,
}

/// What a batch came to.
#[derive(Debug, PartialEq)]
struct Came {
    /// In the batch's order: the ending as it is shown, and what was published.
    ended: Vec<(String, Vec<Outgoing>)>,
    /// In the order in which the guest wrote and counted.
    noted: Vec<String>,
}

/// How a batch ended as a whole, and what its events had noted until then.
#[derive(Debug, PartialEq)]
struct BatchFault {
    kind: &'static str,
    noted: Vec<String>,
}

impl Way {
    fn alone(&mut self, run: &Try) -> Came {
        let (came, fault) = self.run(std::slice::from_ref(run));
        assert_eq!(fault, None, "one event is charged with its fault");
        came
    }

    /// Runs a batch as the engine does: where it ends in a fault, each event runs again, alone and in order.
    fn run(&mut self, batch: &[Try]) -> (Came, Option<BatchFault>) {
        let ran = RUNTIME.block_on(self.worker.run(batch.to_vec()));
        let noted = self.notes.take();
        let Some((kind, _)) = ran.fault else {
            return (Came { ended: ran.tried.iter().map(ended).collect(), noted }, None);
        };
        for tried in &ran.tried {
            assert_eq!(ended(tried), not_run(), "charged with another's fault");
        }
        let mut came = Came { ended: Vec::new(), noted: Vec::new() };
        let mut failed: Vec<&Try> = Vec::new();
        for run in batch {
            if failed.iter().any(|earlier| earlier.shares_lane(run)) {
                came.ended.push(not_run());
                continue;
            }
            let alone = self.alone(run);
            if !matches!(alone.ended[0].0.as_str(), "ack" | "skip") {
                failed.push(run);
            }
            came.ended.extend(alone.ended);
            came.noted.extend(alone.noted);
        }
        (came, Some(BatchFault { kind: kind.name(), noted }))
    }
}

/// Runs a batch both ways and compares. Answers with what it came to, and with what ended the frame.
fn compare(subject: &Subject, batch: &[Try], what: &str) -> (Came, Option<BatchFault>) {
    let (mut typed, mut packed) = subject.ways();
    let ((by_event, no_fault), (by_frame, fault)) = (typed.run(batch), packed.run(batch));
    assert_eq!(by_frame, by_event, "{what}");
    assert_eq!(no_fault, None, "{what}: a batch that is run event by event has no fault of its own");
    if let Some(fault) = &fault {
        // The frame was walked in order, and what was noted on the way was noted for the right event.
        assert!(
            by_event.noted.starts_with(&fault.noted),
            "{what}: {:#?}\nis no beginning of {by_event:#?}",
            fault.noted
        );
    }
    (by_event, fault)
}

fn not_run() -> (String, Vec<Outgoing>) {
    ("not run".to_owned(), Vec::new())
}

fn ended(tried: &Tried) -> (String, Vec<Outgoing>) {
    let ending = match &tried.ending {
        None => not_run().0,
        Some(Ending::Retry(Some(after))) => format!("retry after {after:?}"),
        Some(Ending::DeadLetter(reason)) if reason.len() > 100 => format!("dead-letter of {} bytes", reason.len()),
        Some(Ending::DeadLetter(reason)) => format!("dead-letter {reason:?}"),
        Some(Ending::Error { kind, message }) => format!("error {}: {message}", kind.as_str()),
        // The message names frames and times, which differ from run to run.
        Some(Ending::Fault { kind, .. }) => format!("fault {kind}"),
        Some(ending) => ending.name().to_owned(),
    };
    (ending, tried.outbox.clone())
}

/// What the guest logged, with the event that it was logged for, and what it counted.
#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

impl Notes {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

impl GuestSink for Notes {
    fn log(&self, of: Option<&Try>, level: LogLevel, line: &str) {
        let run = of.unwrap();
        let (offset, attempt) = (run.event.record.offset(), run.attempt);
        self.0.lock().unwrap().push(format!("{offset} attempt {attempt} {level:?}: {line}"));
    }

    fn metric(&self, metric: &GuestMetric<'_>) -> Result<(), Refusal> {
        check_metric(metric)?;
        self.0.lock().unwrap().push(format!("{metric:?}"));
        Ok(())
    }
}

// === tries ===

/// A try of an event. Its offset is told apart in the notes.
fn a_try(event: Event, attempt: u32, lane: Option<u64>) -> Try {
    Try { id: DeliveryId { assignment: Assignment(1), ..DeliveryId::none() }, attempt, lane, event }
}

fn of_line(line: &str, offset: i64) -> Event {
    let parsed = ParsedLine::parse(line, None, Some("events")).unwrap_or_else(|error| panic!("{line}: {error}"));
    Event::decode(parsed.into_record(offset)).unwrap()
}
