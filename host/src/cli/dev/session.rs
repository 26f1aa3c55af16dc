//! The host of a project: starts it on a broker inside the process, gives it what is built and configured anew, and runs the
//! sample events.
//!
//! It has a thread of its own: whoever waits for a component to be compiled, or a broker to answer, is not the view.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};

use super::super::{check, counted};
use super::builder::Built;
use super::feed::Feed;
use super::screen::Tone;
use super::{Happening, Work};
use crate::admin::control::{HandlerStatus, Refused, Reloaded};
use crate::app::{Additions, Host};
use crate::config::{Config, Pattern, Source, redrive_topic};
use crate::delivery::ports::{Producer as _, Signal};
use crate::event::json_lines::ParsedLine;
use crate::event::{Event, Outgoing, RecordBuilder};
use crate::kafka::Cluster;
use crate::kafka::embedded::EmbeddedBroker;
use crate::kafka::producer::{ProducerHandle, SharedProducer};

/// How often the handlers are asked how they are.
const LOOK: Duration = Duration::from_millis(200);

/// How long the broker may take, which is in this process.
const ANSWER: Duration = Duration::from_secs(10);

/// Sample events that are named because no handler is given them.
const MAX_ODD: usize = 20;

/// What is to be done.
#[derive(Debug)]
pub enum Order {
    /// Put this to work.
    Built(Built),
    /// Read the configuration.
    Configure,
    /// Run the sample events.
    Run,
}

/// A project's files.
#[derive(Clone, Debug)]
pub struct Place {
    /// Its folder.
    pub folder: PathBuf,
    /// Its configuration, which may be missing.
    pub config: PathBuf,
    /// Its sample events, which may be missing.
    pub events: PathBuf,
}

/// See the module's documentation.
pub struct Session {
    place: Place,
    broker: EmbeddedBroker,
    feed: Arc<Feed>,
    tell: Sender<Happening>,
    /// What was built last.
    built: Option<Built>,
    host: Option<Running>,
    topics: BTreeSet<String>,
    /// How often the sample events have been run.
    runs: u32,
}

struct Running {
    host: Host,
    config: Config,
    /// Keeps the broker's client.
    door: ProducerHandle,
    answers: Receiver<Signal>,
    /// Of each handler, what was said of it last.
    known: BTreeMap<String, (u32, Option<Refused>)>,
}

impl Session {
    /// For this project, on this broker.
    pub fn new(place: Place, broker: EmbeddedBroker, feed: Arc<Feed>, tell: Sender<Happening>) -> Session {
        Session { place, broker, feed, tell, built: None, host: None, topics: BTreeSet::new(), runs: 0 }
    }

    /// Carries out orders, until nobody gives any.
    pub fn run(mut self, orders: &Receiver<Order>) {
        loop {
            match orders.recv_timeout(LOOK) {
                Ok(Order::Built(built)) => self.loading(|session| session.take(built)),
                Ok(Order::Configure) => self.loading(Self::configure),
                Ok(Order::Run) => self.run_events(),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.look();
        }
    }

    fn say(&self, tone: Tone, text: impl Into<String>) {
        // At the end nobody listens.
        let _ = self.tell.send(Happening::Say(tone, text.into()));
    }

    /// Does what may have to compile a component for this machine.
    fn loading(&mut self, load: impl FnOnce(&mut Self)) {
        let _ = self.tell.send(Happening::Loading(Some(Instant::now())));
        load(self);
        let _ = self.tell.send(Happening::Loading(None));
    }

    // --- The host ---

    fn take(&mut self, built: Built) {
        self.built = Some(built.clone());
        let Some(running) = &self.host else { return self.start(&built) };
        let control = running.host.control();
        let own = control.handlers().into_iter().filter(|handler| is_of(handler, &built));
        let own: Vec<_> = own.map(|handler| (handler.generation.number, handler.name)).collect();
        if own.is_empty() {
            return self.warn_of_nobody(&built);
        }
        let mut changed = false;
        for (before, name) in own {
            // Why it is refused is told with the state of the handlers.
            changed |= control.reload_handler(&name).is_ok_and(|after| after.generation.number != before);
        }
        self.look();
        if changed {
            self.run_events();
        }
    }

    fn start(&mut self, built: &Built) {
        match self.started(built) {
            Ok(running) => {
                self.host = Some(running);
                self.warn_of_nobody(built);
                self.look();
                self.run_events();
            }
            Err(error) => {
                self.say(Tone::Bad, format!("{error:#}"));
                self.say(Tone::Plain, "nothing is at work; waiting for a file to be saved");
            }
        }
    }

    fn started(&mut self, built: &Built) -> anyhow::Result<Running> {
        let source = if self.place.config.exists() {
            Source::read(&self.place.config)?
        } else {
            Source::made(&self.place.config, &check::configuration(&built.component))
        };
        let source = source.for_development(self.broker.bootstrap_servers());
        let config = source.config()?;
        self.make_topics(&config)?;
        let (watch, hear) = (self.feed.clone(), self.feed.clone());
        let additions = Additions {
            sinks: Some(Arc::new(move |handler| hear.hear(handler))),
            source: Some(source),
            ..Additions::watched(Arc::new(move |names| Some(watch.watch(names))))
        };
        let producer = SharedProducer::new(&Cluster::new(config.kafka.clone()))?;
        let (answers_in, answers) = unbounded();
        let door = producer.door(answers_in);
        let host = Host::start_with(config.clone(), &additions)?;
        Ok(Running { host, config, door, answers, known: BTreeMap::new() })
    }

    /// Says so if no handler has what the project builds.
    fn warn_of_nobody(&self, built: &Built) {
        let Some(running) = &self.host else { return };
        if !running.host.control().handlers().iter().any(|handler| is_of(handler, built)) {
            let (config, component) = (self.name(&self.place.config), self.name(&built.component));
            self.say(
                Tone::Odd,
                format!("no handler of {config} has the component {component}, which this project builds"),
            );
        }
    }

    /// Topics with one partition: what is shown has the order of the sample events.
    fn make_topics(&mut self, config: &Config) -> anyhow::Result<()> {
        let mut wanted = Vec::new();
        for handler in &config.handlers {
            let group = config.kafka.group_of(handler)?;
            for topic in &handler.topics {
                wanted.push(topic.to_string());
                if let Some(dead_letters) = config.delivery.dead_letters.topic_for(topic) {
                    wanted.push(dead_letters?.to_string());
                    wanted.push(redrive_topic(topic.as_str(), group.as_str()));
                }
            }
        }
        for topic in wanted {
            if !self.topics.contains(&topic) {
                self.broker.create_topic(&topic, 1)?;
                self.topics.insert(topic);
            }
        }
        Ok(())
    }

    fn configure(&mut self) {
        let Some(running) = &self.host else {
            // Before that, there is nothing to be configured.
            if let Some(built) = self.built.clone() {
                self.start(&built);
            }
            return;
        };
        let control = running.host.control();
        let read =
            Source::read(&self.place.config).map(|source| source.for_development(self.broker.bootstrap_servers()));
        let done = match read.and_then(|source| source.config()) {
            Ok(config) => self.make_topics(&config).map_err(|error| format!("{error:#}")).and_then(|()| {
                let done = control.reload().map_err(|error| error.to_string())?;
                Ok((config, done))
            }),
            Err(error) => Err(error.to_string()),
        };
        match done {
            Ok((config, done)) => {
                if let Some(running) = &mut self.host {
                    running.config = config;
                }
                self.say(Tone::Good, said(&self.name(&self.place.config), &done));
                self.look();
                if done != Reloaded::default() {
                    self.run_events();
                }
            }
            Err(error) => self.say(Tone::Bad, format!("{error}\nnothing has changed")),
        }
    }

    /// Tells what has become of the handlers.
    fn look(&mut self) {
        let Some(running) = &mut self.host else { return };
        if let Some(failure) = running.host.failure() {
            let _ = self.tell.send(Happening::Failed(format!("the host cannot go on: {failure:#}")));
        }
        let handlers = running.host.control().handlers();
        let mut lines = Vec::new();
        for handler in &handlers {
            let HandlerStatus { name, generation, refused, .. } = handler;
            let (number, events) = (generation.number, handler.events.join(" "));
            let before = running.known.insert(name.clone(), (number, refused.clone()));
            let (known, known_refused) = before.unwrap_or_default();
            if known != number {
                lines.push((Tone::Good, format!("{name}: generation {number} is at work, for {events}")));
            }
            if let Some(refused) = refused.as_ref().filter(|now| known_refused.as_ref() != Some(now)) {
                lines.push((Tone::Bad, format!("{name}: refused: {}\ngeneration {number} goes on", refused.reason)));
            }
        }
        running.known.retain(|name, _| handlers.iter().any(|handler| handler.name == *name));
        self.feed.has_several(handlers.len() > 1);
        let work = match &*handlers {
            [] => "no handler".to_owned(),
            [one] => format!("generation {}", one.generation.number),
            several => format!("{} handlers", several.len()),
        };
        let work = Work { what: work, joined: running.host.ready().is_ok(), several: handlers.len() > 1 };
        let _ = self.tell.send(Happening::Work(work));
        lines.into_iter().for_each(|(tone, line)| self.say(tone, line));
    }

    // --- Sample events ---

    fn run_events(&mut self) {
        if self.host.is_none() {
            return self.say(Tone::Plain, "nothing is at work yet");
        }
        let name = self.name(&self.place.events);
        let text = match fs::read_to_string(&self.place.events) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let brokers = self.broker.bootstrap_servers();
                let how = format!("write one, or use `sandbus publish -b {brokers}`");
                return self.say(Tone::Odd, format!("there is no {name} with sample events: {how}"));
            }
            Err(error) => return self.say(Tone::Bad, format!("cannot read {name}: {error}")),
        };
        self.runs += 1;
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let lines: Vec<_> = lines.map(|(index, line)| (index + 1, line)).collect();
        self.say(Tone::Plain, format!("run {}: {} of {name}", self.runs, counted(lines.len(), "event")));
        if let Err(error) = self.publish(&name, &lines) {
            self.say(Tone::Bad, format!("{name}: {error:#}"));
        }
    }

    /// Writes events to their topics. Those that are none are named, and the others go on.
    fn publish(&self, name: &str, lines: &[(usize, &str)]) -> anyhow::Result<()> {
        let running = self.host.as_ref().context("nothing is at work")?;
        // Answers that came too late for the run before.
        while running.answers.try_recv().is_ok() {}
        let default = running.config.handlers.first().and_then(|handler| handler.topics.first());
        let (mut sent, mut odd) = (0, 0);
        let mut say = |tone, text: String| {
            odd += 1;
            if odd <= MAX_ODD {
                self.say(tone, text);
            }
        };
        for (number, line) in lines {
            match ParsedLine::parse(line, None, default.map(|topic| topic.as_str())) {
                Err(error) => say(Tone::Bad, format!("{name}, line {number}: {error}")),
                Ok(parsed) if parsed.outgoing.headers.iter().any(|(name, _)| name.contains(&0)) => {
                    say(Tone::Bad, format!("{name}, line {number}: the name of a header contains NUL"));
                }
                Ok(parsed) => {
                    if let Some(unwanted) = running.unwanted(&parsed.outgoing) {
                        say(Tone::Odd, format!("line {number}  {unwanted}"));
                    }
                    running.door.send(*number as u64, Arc::new(parsed.outgoing));
                    sent += 1;
                }
            }
        }
        let deadline = Instant::now() + ANSWER;
        for _ in 0..sent {
            let answer = running.answers.recv_deadline(deadline).context("the embedded broker does not answer")?;
            if let Signal::Sent(line, Err(error)) = answer {
                say(Tone::Bad, format!("{name}, line {line}: the embedded broker did not take it: {error}"));
            }
        }
        if odd > MAX_ODD {
            self.say(Tone::Odd, format!("... {} more like these", counted(odd - MAX_ODD, "line")));
        }
        Ok(())
    }

    /// A path as it is typed.
    fn name(&self, path: &Path) -> String {
        path.strip_prefix(&self.place.folder).unwrap_or(path).display().to_string()
    }
}

impl Running {
    /// What to say of an event that no handler is given.
    fn unwanted(&self, outgoing: &Outgoing) -> Option<String> {
        let mut record = RecordBuilder::new(outgoing.topic.clone(), 0, 0, 0);
        for (name, value) in &outgoing.headers {
            record.header(name, value.as_deref());
        }
        // What cannot be decoded becomes a dead letter, which is shown.
        let event = Event::decode(record.build()).ok()?;
        let (event_type, topic) = (event.event_type(), &outgoing.topic);
        let reads = |handler: &HandlerStatus| {
            let configured = self.config.handlers.iter().find(|configured| configured.name.as_str() == handler.name);
            configured.is_some_and(|configured| configured.topics.iter().any(|read| read.as_str() == &**topic))
        };
        let handlers = self.host.control().handlers();
        let readers: Vec<_> = handlers.iter().filter(|handler| reads(handler)).collect();
        if readers.is_empty() {
            return Some(format!("{event_type}  not read: no handler reads the topic {topic}"));
        }
        let wants = |pattern: &String| Pattern::new(pattern).is_ok_and(|pattern| pattern.matches(event_type));
        let wanted = readers.iter().any(|handler| handler.events.iter().any(wants));
        (!wanted).then(|| format!("{event_type}  not wanted: no handler of {topic} wants it"))
    }
}

/// Whether the handler's component is the one that was built, by whatever path.
fn is_of(handler: &HandlerStatus, built: &Built) -> bool {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    real(Path::new(&handler.component)) == real(&built.component)
}

/// What a reload has done.
fn said(config: &str, done: &Reloaded) -> String {
    let each = [("added", &done.added), ("changed", &done.changed), ("removed", &done.removed)];
    let each: Vec<_> = each.iter().filter(|(_, names)| !names.is_empty()).collect();
    let each: Vec<_> = each.iter().map(|(what, names)| format!("{what} {}", names.join(", "))).collect();
    let done = if each.is_empty() { "no handler has changed".to_owned() } else { each.join("; ") };
    format!("{config} was read again: {done}")
}
