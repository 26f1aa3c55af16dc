//! `sandbus test`: events through a handler, without a broker, within the limits it has in production.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use clap::{Args, ValueEnum};
use serde_json::json;

use super::tries::{Said, Shown, last_words, place};
use super::{Done, Failure, check, counted, print_line};
use crate::app::handlers::{self, LoadedHandler};
use crate::config::{Config, HttpGrant, Pattern};
use crate::delivery::ports::{Tried, Try};
use crate::delivery::scheduler::DeliveryId;
use crate::delivery::verdict::Ending;
use crate::event::Event;
use crate::event::json_lines::ParsedLine;
use crate::sandbox::Sandbox;
use crate::sandbox::pool::Worker;
use crate::sandbox::ports::{GuestMetric, GuestSink, GuestValue, LogLevel, Refusal};
use crate::sandbox::state::HandlerSettings;
use crate::sandbox::text::{plain_json, plain_lines};
use crate::telemetry::guest::check as check_metric;

/// Run events through a handler without Kafka, and show what it does with each
///
/// Limits, decoding and verdicts are those of `sandbus run`. Ends with status 1 if a try ends in a
/// fault, or an event cannot be decoded.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  sandbus test target/components/order-projection-rust.wasm --events orders.jsonl")]
pub struct Test {
    /// The component
    component: PathBuf,
    /// Events as JSON Lines
    #[arg(short, long, value_name = "FILE")]
    events: PathBuf,
    /// Take limits, configuration and grants of a handler from this file
    #[arg(short, long, value_name = "FILE", requires = "handler")]
    config: Option<PathBuf>,
    /// Which handler of the configuration file
    #[arg(long, value_name = "NAME", requires = "config")]
    handler: Option<String>,
    /// A key of [handler.config]; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
    /// Allow publishing to topics of this pattern; may be repeated
    #[arg(long, value_name = "TOPICS")]
    grant_publish: Vec<String>,
    /// Allow HTTP requests to this server and path; may be repeated
    #[arg(long, value_name = "URL")]
    grant_http: Vec<String>,
    /// Try a failed event up to that often, without waiting in between
    #[arg(long, value_name = "N", default_value_t = 1)]
    attempts: u32,
    /// Call the handler this way, although it has both
    #[arg(long, value_enum, default_value_t = Way::Packed)]
    way: Way,
    /// Print one JSON object for each try
    #[arg(long)]
    json: bool,
}

/// The ways into a component; one that has a single way is called by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Way {
    /// As the host does: many events in one call
    Packed,
    /// One call for each event
    Typed,
}

impl Test {
    pub(super) fn run(self) -> Done {
        crate::telemetry::log::start(Default::default(), "warn");
        let config = self.configuration()?;
        let lines = std::fs::read_to_string(&self.events)
            .map_err(|error| Failure::Wrong(format!("cannot read {}: {error}", self.events.display())))?;
        let Some(handler) = config.handlers.first() else {
            return Err(Failure::Usage("the configuration has no such handler".into()));
        };
        let records = Arc::new(Recorded::default());
        let mut settings = HandlerSettings::new(handler, records.clone());
        settings.typed = self.way == Way::Typed;
        let settings = Arc::new(settings);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(anyhow::Error::from)?;
        let sandbox: Sandbox = handlers::sandbox(&config)?;
        let loaded = runtime.block_on(handlers::load_one(&sandbox, handler, settings.clone())).map_err(|error| {
            let said = records.0.lock().unwrap_or_else(PoisonError::into_inner);
            Failure::Wrong(format!("{}: {error}{}", self.component.display(), last_words(&said.logs)))
        })?;
        let topic = handler.topics.first().map(ToString::to_string).unwrap_or_default();
        let worker = Worker::new(loaded.component.clone(), settings);
        let mut session = Session { loaded, worker, records, json: self.json, faults: 0, undecodable: 0, tried: 0 };
        for (index, line) in lines.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let parsed = ParsedLine::parse(line, None, Some(&topic))
                .map_err(|error| Failure::Wrong(format!("{}, line {}: {error}", self.events.display(), index + 1)))?;
            runtime.block_on(session.event(parsed, index as i64, self.attempts.max(1)))?;
        }
        session.end()
    }

    fn configuration(&self) -> Result<Config, Failure> {
        let mut config = match (&self.config, &self.handler) {
            (Some(file), Some(name)) => {
                let mut config = Config::load(file)?;
                let known: Vec<_> = config.handlers.iter().map(|handler| handler.name.to_string()).collect();
                config.handlers.retain(|handler| handler.name.as_str() == name);
                if config.handlers.is_empty() {
                    let known = known.join(", ");
                    return Err(Failure::Usage(format!("{} has no handler {name:?}, but: {known}", file.display())));
                }
                config
            }
            _ => check::alone(&self.component)?,
        };
        for handler in &mut config.handlers {
            handler.component.clone_from(&self.component);
            for setting in &self.settings {
                let (key, value) = setting
                    .split_once('=')
                    .ok_or_else(|| Failure::Usage(format!("--set {setting:?}: write KEY=VALUE")))?;
                handler.config.insert(key.to_owned(), value.to_owned());
            }
            for grant in &self.grant_publish {
                let pattern = Pattern::new(grant)
                    .map_err(|error| Failure::Usage(format!("--grant-publish {grant:?}: {error}")))?;
                handler.grants.publish.push(pattern);
            }
            for grant in &self.grant_http {
                let grant = HttpGrant::parse(grant)
                    .map_err(|error| Failure::Usage(format!("--grant-http {grant:?}: {error}")))?;
                handler.grants.http.push(grant);
            }
        }
        Ok(config)
    }
}

/// What the handler logged and counted in the current try.
#[derive(Default)]
struct Recorded(Mutex<Said>);

impl Recorded {
    fn take(&self) -> Said {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl GuestSink for Recorded {
    fn log(&self, _: Option<&Try>, level: LogLevel, line: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).logs.push((level, line.to_owned()));
    }

    fn metric(&self, metric: &GuestMetric<'_>) -> Result<(), Refusal> {
        check_metric(metric)?;
        let value = match metric.value {
            GuestValue::Counter(value) => format!("+{value}"),
            GuestValue::Histogram(value) => value.to_string(),
            GuestValue::UpDown(value) => format!("{value:+}"),
        };
        let attributes: Vec<_> = metric.attributes.iter().map(|(k, v)| format!(" {k}={v}")).collect();
        let line = format!("{} {value}{}", metric.name, attributes.concat());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).metrics.push(line);
        Ok(())
    }
}

struct Session {
    loaded: LoadedHandler,
    worker: Worker,
    records: Arc<Recorded>,
    json: bool,
    faults: usize,
    undecodable: usize,
    tried: usize,
}

impl Session {
    async fn event(&mut self, parsed: ParsedLine, offset: i64, attempts: u32) -> Done {
        let record = parsed.into_record(offset);
        let at = place(&record);
        let event = match Event::decode(record) {
            Ok(event) => event,
            Err(undecodable) => {
                self.undecodable += 1;
                return self.note(&at, "undecodable", &undecodable.1.to_string());
            }
        };
        let event_type = event.event_type();
        if !self.loaded.events.iter().any(|pattern| pattern.matches(event_type)) {
            return self.note(&at, "not wanted", &format!("the handler does not want {event_type:?}"));
        }
        for attempt in 1..=attempts {
            let run = Try { id: DeliveryId::none(), attempt, lane: None, event: event.clone() };
            let ran = self.worker.run(vec![run]).await;
            // A batch of one has one ending, its own.
            for tried in &ran.tried {
                let Some(ending) = &tried.ending else { continue };
                self.tried += 1;
                self.faults += usize::from(matches!(ending, Ending::Fault { .. }));
                self.show(tried, ending)?;
                if matches!(ending, Ending::Ack | Ending::Skip | Ending::DeadLetter(_)) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn note(&self, at: &str, verdict: &str, message: &str) -> Done {
        if self.json {
            let note = json!({ "event": at, "verdict": verdict, "message": message });
            return print_line(&plain_json(&note.to_string()));
        }
        print_line(&plain_lines(&format!("{at}  {verdict}: {message}")))
    }

    fn show(&self, tried: &Tried, ending: &Ending) -> Done {
        let shown = Shown::of(tried, ending, self.records.take());
        if self.json {
            return print_line(&plain_json(&shown.as_json().to_string()));
        }
        print_line(&plain_lines(&shown.head().to_string()))?;
        shown
            .details(" (--json prints all)")
            .iter()
            .try_for_each(|line| print_line(&format!("    {}", plain_lines(line))))
    }

    fn end(self) -> Done {
        if !self.json {
            eprintln!("{} tries, {} faults, {} undecodable", self.tried, self.faults, self.undecodable);
        }
        match (self.faults, self.undecodable) {
            (0, 0) => Ok(()),
            (0, undecodable) => Err(Failure::Wrong(format!("{} cannot be decoded", counted(undecodable, "event")))),
            (1, _) => Err(Failure::Wrong("1 try ended in a fault".into())),
            (faults, _) => Err(Failure::Wrong(format!("{faults} tries ended in a fault"))),
        }
    }
}
