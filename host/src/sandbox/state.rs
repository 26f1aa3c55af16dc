//! What the host keeps for one instance: its handler's settings, its bounds, and what the try that runs
//! in it has done so far.

use std::collections::{BTreeMap, HashSet};
use std::num::NonZero;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use super::fault::Stop;
use super::http::{self, Web};
use super::limiter::Limiter;
use super::meter::Meter;
use super::output::LogOutput;
use super::ports::{GuestSink, LogLevel};
use super::text::plain_with_tabs;
use crate::config;
use crate::delivery::ports::{HostCalls, Try};
use crate::delivery::verdict::FaultKind;
use crate::event::Outgoing;

/// What is the same for all instances of a handler.
pub struct HandlerSettings {
    /// Its name.
    pub name: Arc<str>,
    /// Wall clock of one try.
    pub timeout: Duration,
    /// CPU of one try.
    pub cpu_time: Duration,
    /// Bytes of all memories of one instance.
    pub memory: u64,
    /// Whether each try gets a new instance.
    pub fresh: bool,
    /// Events after which an instance is replaced, about.
    pub reuse_events: Option<NonZero<u32>>,
    /// Share of its room for memory after which it is.
    pub reuse_memory: f64,
    /// Whether the packed way in is left alone: for whoever compares the two.
    pub typed: bool,
    /// Bounds of one event.
    pub limits: config::Limits,
    /// What the config import shows.
    pub config: BTreeMap<String, String>,
    /// What it may reach.
    pub grants: config::Grants,
    /// Where its log lines and metrics go.
    pub sink: Arc<dyn GuestSink>,
    /// What the host has said of it in the log.
    pub said: Said,
}

impl HandlerSettings {
    /// The settings of a configured handler.
    pub fn new(handler: &config::Handler, sink: Arc<dyn GuestSink>) -> Self {
        Self {
            name: handler.name.shared(),
            timeout: handler.timeout,
            cpu_time: handler.cpu_time,
            memory: handler.memory,
            fresh: handler.isolation == config::Isolation::Fresh,
            reuse_events: handler.reuse_events,
            reuse_memory: handler.reuse_memory,
            typed: false,
            limits: handler.limits,
            config: handler.config.clone(),
            grants: handler.grants.clone(),
            sink,
            said: Said::default(),
        }
    }

    /// Logs what was refused to the handler, the first time.
    pub fn say(&self, text: impl FnOnce() -> String) {
        let text = text();
        if self.said.first(&text) {
            tracing::warn!(handler = &*self.name, "{text}");
        }
    }
}

/// What has been said once, and is not said again. A guest decides what it asks for, so there is an end to it.
#[derive(Debug, Default)]
pub struct Said(Mutex<HashSet<String>>);

impl Said {
    const MAX: usize = 100;

    fn first(&self, text: &str) -> bool {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        said.len() < Self::MAX && said.insert(text.to_owned())
    }
}

/// Which event the guest works on, and the log lines that it has written for each. Shared with the
/// instance's standard output.
pub struct LogBook {
    settings: Arc<HandlerSettings>,
    current: Mutex<Current>,
    /// The event's place in the batch.
    index: AtomicUsize,
    /// Its quota was passed.
    exceeded: AtomicBool,
}

#[derive(Default)]
struct Current {
    batch: Option<Arc<Vec<Try>>>,
    /// Of each event; empty until the first line.
    written: Vec<Written>,
}

#[derive(Clone, Copy, Default)]
struct Written {
    lines: u32,
    bytes: u64,
}

impl LogBook {
    fn new(settings: Arc<HandlerSettings>) -> Arc<Self> {
        let (index, exceeded) = (AtomicUsize::default(), AtomicBool::default());
        Arc::new(Self { settings, current: Mutex::default(), index, exceeded })
    }

    fn begin(&self, batch: Option<Arc<Vec<Try>>>) {
        let mut current = self.current();
        current.batch = batch;
        current.written.clear();
        self.begin_one(0);
    }

    fn begin_one(&self, index: usize) {
        self.index.store(index, Ordering::Relaxed);
        self.exceeded.store(false, Ordering::Relaxed);
    }

    /// The event that the guest works on, and its place in the batch. `None`: it works on none.
    pub fn works_on(&self) -> Option<(usize, Try)> {
        let index = self.index.load(Ordering::Relaxed);
        self.current().batch.as_ref()?.get(index).map(|run| (index, run.clone()))
    }

    fn current(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The guest works on this event of the batch. Answers whether there is one.
    fn at(&self, index: usize) -> bool {
        self.index.store(index, Ordering::Relaxed);
        self.current().batch.as_ref().is_some_and(|batch| index < batch.len())
    }

    /// Writes a line, without what a terminal obeys: a line feed would forge another.
    ///
    /// # Errors
    /// Where it is one line, or one byte, too many for this event.
    pub fn line(&self, level: LogLevel, line: &str) -> Result<(), Stop> {
        let limits = &self.settings.limits;
        let mut current = self.current();
        let index = self.index.load(Ordering::Relaxed);
        let events = current.batch.as_ref().map_or(1, |batch| batch.len().max(1));
        current.written.resize(events, Written::default());
        let Some(written) = current.written.get_mut(index) else { return Ok(()) };
        written.lines = written.lines.saturating_add(1);
        written.bytes = written.bytes.saturating_add(line.len() as u64);
        if written.lines > limits.logs || written.bytes > limits.log_bytes {
            self.exceeded.store(true, Ordering::Relaxed);
            return Err(self.too_much());
        }
        let run = current.batch.as_ref().and_then(|batch| batch.get(index));
        self.settings.sink.log(run, level, &plain_with_tabs(line));
        Ok(())
    }

    fn too_much(&self) -> Stop {
        let limits = &self.settings.limits;
        let message = format!("more than {} lines or {} bytes of log", limits.logs, limits.log_bytes);
        Stop { kind: FaultKind::LogQuota, message }
    }

    /// Whether the quota was passed: standard output cannot stop a guest by itself.
    fn exceeded(&self) -> Option<Stop> {
        self.exceeded.load(Ordering::Relaxed).then(|| self.too_much())
    }
}

/// A store's data.
pub struct GuestState {
    /// Of the handler.
    pub settings: Arc<HandlerSettings>,
    /// Bounds of memories and tables.
    pub limiter: Limiter,
    /// CPU of the running call.
    pub meter: Arc<Meter>,
    /// Log lines of the running try.
    pub log: Arc<LogBook>,
    /// What the events of the running batch have published.
    outboxes: Outboxes,
    /// The event of the batch that the guest works on.
    index: usize,
    /// What the running batch has asked of the host.
    host_calls: HostCalls,
    wasi: WasiCtx,
    /// What it sends by HTTP, once it asks for it.
    web: Option<Box<(Web, WasiHttpCtx)>>,
    table: ResourceTable,
}

impl GuestState {
    /// For a new instance. Its WASI is empty: no arguments, environment, files or sockets; what it
    /// writes to stdout and stderr becomes log lines.
    pub fn new(settings: Arc<HandlerSettings>) -> GuestState {
        let log = LogBook::new(settings.clone());
        let wasi = WasiCtx::builder()
            .stdout(LogOutput::new(log.clone(), LogLevel::Info))
            .stderr(LogOutput::new(log.clone(), LogLevel::Warn))
            .max_random_size(1 << 20)
            // Refused at once: a socket that may connect nowhere would be one of the host's all the same.
            .allow_tcp(false)
            .allow_udp(false)
            .build();
        let mut table = ResourceTable::new();
        table.set_max_capacity(settings.limits.handles as usize);
        GuestState {
            limiter: Limiter::new(settings.memory, settings.limits.table_elements, settings.sink.clone()),
            meter: Arc::default(),
            log,
            outboxes: Outboxes::default(),
            index: 0,
            host_calls: HostCalls::new(),
            wasi,
            web: None,
            table,
            settings,
        }
    }

    /// A batch begins, with its first event: all quotas are whole.
    pub fn begin(&mut self, batch: Arc<Vec<Try>>) {
        self.log.begin(Some(batch));
        self.outboxes = Outboxes::default();
        self.index = 0;
        self.meter.reset();
    }

    /// A call begins, with this event of the batch: its quotas are whole.
    pub fn begin_one(&mut self, index: usize) {
        self.log.begin_one(index);
        self.index = index;
        self.meter.reset();
    }

    /// That call is over. Gives what the event has published.
    pub fn end_one(&mut self) -> Vec<Outgoing> {
        self.end_requests();
        self.outboxes.take(self.index)
    }

    /// The batch is over: nothing of it is held any more. Gives what its events have published.
    pub fn end(&mut self) -> Outboxes {
        self.end_requests();
        self.log.begin(None);
        std::mem::take(&mut self.outboxes)
    }

    /// What is under way belongs to no try any more.
    fn end_requests(&mut self) {
        if let Some(web) = &mut self.web {
            web.0.end();
        }
    }

    /// The guest works on this event of the batch. Answers whether there is one.
    pub fn at(&mut self, index: usize) -> bool {
        self.index = index;
        self.log.at(index)
    }

    /// The event that the guest works on publishes this.
    ///
    /// # Errors
    /// Where it is too much.
    pub fn publishes(&mut self, record: Outgoing) -> Result<(), Stop> {
        self.outboxes.push(self.index, record, &self.settings.limits)
    }

    /// A call of this import, which began then, is about to be answered. Its time is none of the guest's CPU.
    pub fn called(&mut self, import: &'static str, began: Instant) {
        let took = began.elapsed();
        self.meter.spare(took);
        match self.host_calls.iter_mut().find(|(of, ..)| *of == import) {
            Some((_, calls, time)) => {
                *calls += 1;
                *time += took;
            }
            None => self.host_calls.push((import, 1, took)),
        }
    }

    /// What the batch has asked of the host.
    pub fn take_host_calls(&mut self) -> HostCalls {
        let mut calls = std::mem::take(&mut self.host_calls);
        if let Some(web) = &mut self.web {
            calls.extend(web.0.take_calls());
        }
        calls
    }

    /// A quota that was passed without the guest being stopped.
    pub fn exceeded(&self) -> Option<Stop> {
        self.log.exceeded()
    }
}

impl WasiView for GuestState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for GuestState {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        let web = self.web.get_or_insert_with(|| {
            let web = Web::new(self.settings.clone(), self.log.clone());
            Box::new((web, http::context()))
        });
        let (hooks, ctx) = &mut **web;
        WasiHttpCtxView { hooks, ctx, table: &mut self.table }
    }
}

/// The outboxes of those events of a batch that have published, by their places.
#[derive(Debug, Default)]
pub struct Outboxes {
    of: Vec<(usize, Outbox)>,
    /// What all of them take.
    held: u64,
}

/// What the host keeps of what the events of one batch publish, in bytes: each may have that much, and hundreds may be in
/// a batch.
pub fn room(limits: &config::Limits) -> u64 {
    limits.publish_bytes.max(8 << 20)
}

/// What records take in this process beside their bytes: their own, and for each header.
const RECORD: u64 = 128;
const HEADER: u64 = 64;

/// What such records take.
pub fn held(records: &[Outgoing]) -> u64 {
    let one = |record: &Outgoing| {
        let headers = HEADER.saturating_mul(record.headers.len() as u64);
        RECORD.saturating_add(headers).saturating_add(record.payload_bytes() as u64)
    };
    records.iter().map(one).fold(0, u64::saturating_add)
}

impl Outboxes {
    /// Keeps a record of this event for later.
    ///
    /// # Errors
    /// Where it is one record, or one byte, too many for this event, or for all of them together.
    #[expect(clippy::indexing_slicing, reason = "a place that was just found or made")]
    pub fn push(&mut self, index: usize, record: Outgoing, limits: &config::Limits) -> Result<(), Stop> {
        // Mostly the last one.
        let at = match self.of.iter().rposition(|(of, _)| *of == index) {
            Some(at) => at,
            None => {
                self.of.push((index, Outbox::default()));
                self.of.len() - 1
            }
        };
        let outbox = &mut self.of[at].1;
        self.held = self.held.saturating_add(held(std::slice::from_ref(&record)));
        outbox.push(record, limits)?;
        let room = room(limits);
        // One event alone is within its own limits. Several run again, each alone: none is to blame.
        if self.of.len() > 1 && self.held > room {
            let message = format!("more than {room} bytes published by the events of one batch together");
            return Err(Stop { kind: FaultKind::PublishQuota, message });
        }
        Ok(())
    }

    /// What this event has published.
    pub fn take(&mut self, index: usize) -> Vec<Outgoing> {
        let at = self.of.iter().position(|(of, _)| *of == index);
        let records = at.map(|at| self.of.swap_remove(at).1.records).unwrap_or_default();
        self.held = self.held.saturating_sub(held(&records));
        records
    }
}

/// What a try has published: it leaves when the try ends in `ack`.
#[derive(Debug, Default)]
struct Outbox {
    records: Vec<Outgoing>,
    bytes: u64,
    headers: u64,
}

impl Outbox {
    fn push(&mut self, record: Outgoing, limits: &config::Limits) -> Result<(), Stop> {
        self.bytes = self.bytes.saturating_add(record.payload_bytes() as u64);
        self.headers = self.headers.saturating_add(record.headers.len() as u64);
        if self.records.len() >= limits.publishes as usize || self.bytes > limits.publish_bytes {
            let message = format!("more than {} records or {} bytes published", limits.publishes, limits.publish_bytes);
            return Err(Stop { kind: FaultKind::PublishQuota, message });
        }
        // Empty ones have no bytes, and take memory all the same.
        let most = room(limits) / HEADER;
        if self.headers > most {
            let message = format!("more than {most} headers published");
            return Err(Stop { kind: FaultKind::PublishQuota, message });
        }
        self.records.push(record);
        Ok(())
    }
}
