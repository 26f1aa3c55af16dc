//! What the host keeps for one instance: its handler's settings, its bounds, and what the try that runs
//! in it has done so far.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use super::fault::Stop;
use super::limiter::Limiter;
use super::meter::Meter;
use super::output::LogOutput;
use super::ports::{GuestSink, LogLevel};
use crate::config;
use crate::delivery::verdict::FaultKind;
use crate::event::{Event, Outgoing};

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
    /// Bounds of one event.
    pub limits: config::Limits,
    /// What the config import shows.
    pub config: BTreeMap<String, String>,
    /// What it may reach.
    pub grants: config::Grants,
    /// Where its log lines and metrics go.
    pub sink: Arc<dyn GuestSink>,
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
            limits: handler.limits,
            config: handler.config.clone(),
            grants: handler.grants.clone(),
            sink,
        }
    }
}

/// The log lines of one instance, with the event they belong to. Shared with its standard output.
pub struct LogBook {
    settings: Arc<HandlerSettings>,
    current: Mutex<Current>,
}

#[derive(Default)]
struct Current {
    at: Option<(Arc<Event>, u32)>,
    lines: u32,
    bytes: u64,
}

impl LogBook {
    fn new(settings: Arc<HandlerSettings>) -> Arc<Self> {
        Arc::new(Self { settings, current: Mutex::default() })
    }

    fn begin(&self, at: Option<(Arc<Event>, u32)>) {
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Current { at, ..Current::default() };
    }

    /// Writes a line, with control characters escaped.
    ///
    /// # Errors
    /// Where it is one line, or one byte, too many for this event.
    pub fn line(&self, level: LogLevel, line: &str) -> Result<(), Stop> {
        let limits = &self.settings.limits;
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        current.lines = current.lines.saturating_add(1);
        current.bytes = current.bytes.saturating_add(line.len() as u64);
        if current.lines > limits.logs || current.bytes > limits.log_bytes {
            let message = format!("more than {} lines or {} bytes of log", limits.logs, limits.log_bytes);
            return Err(Stop { kind: FaultKind::LogQuota, message });
        }
        let at = current.at.as_ref().map(|(event, attempt)| (event.as_ref(), *attempt));
        self.settings.sink.log(at, level, &escaped(line));
        Ok(())
    }

    /// Whether the quota was passed: standard output cannot stop a guest by itself.
    fn exceeded(&self) -> Option<Stop> {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let limits = &self.settings.limits;
        (current.lines > limits.logs || current.bytes > limits.log_bytes).then(|| Stop {
            kind: FaultKind::LogQuota,
            message: format!("more than {} lines or {} bytes of log", limits.logs, limits.log_bytes),
        })
    }
}

/// Terminals obey control characters, and a line feed would forge a line.
fn escaped(line: &str) -> String {
    let mut escaped = String::with_capacity(line.len());
    for character in line.chars() {
        if character.is_control() && character != '\t' {
            escaped.extend(character.escape_default());
        } else {
            escaped.push(character);
        }
    }
    escaped
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
    /// What the running try has published.
    pub outbox: Outbox,
    wasi: WasiCtx,
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
            .build();
        let mut table = ResourceTable::new();
        table.set_max_capacity(settings.limits.handles as usize);
        GuestState {
            limiter: Limiter::new(settings.memory, settings.limits.table_elements),
            meter: Arc::default(),
            log,
            outbox: Outbox::default(),
            wasi,
            table,
            settings,
        }
    }

    /// A try begins: its quotas are whole.
    pub fn begin(&mut self, at: Option<(Arc<Event>, u32)>) {
        self.log.begin(at);
        self.outbox = Outbox::default();
        self.meter.reset();
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

/// What the running try has published: it leaves when the try ends in `ack`.
#[derive(Debug, Default)]
pub struct Outbox {
    records: Vec<Outgoing>,
    bytes: u64,
}

impl Outbox {
    /// Keeps a record for later.
    ///
    /// # Errors
    /// Where it is one record, or one byte, too many for this event.
    pub fn push(&mut self, record: Outgoing, limits: &config::Limits) -> Result<(), Stop> {
        self.bytes = self.bytes.saturating_add(record.payload_bytes() as u64);
        if self.records.len() >= limits.publishes as usize || self.bytes > limits.publish_bytes {
            let message = format!("more than {} records or {} bytes published", limits.publishes, limits.publish_bytes);
            return Err(Stop { kind: FaultKind::PublishQuota, message });
        }
        self.records.push(record);
        Ok(())
    }

    /// All of it.
    pub fn take(&mut self) -> Vec<Outgoing> {
        std::mem::take(&mut self.records)
    }
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn control_characters_do_not_reach_a_terminal() {
        assert_eq!(escaped("a\n\u{1b}[31mred\u{9b}\tend é"), "a\\n\\u{1b}[31mred\\u{9b}\tend é");
    }
}
