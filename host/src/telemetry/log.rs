//! The process's log, on stderr, and on demand by OTLP too: the same lines, with the same filter.

use std::borrow::Cow;
use std::io::{self, IsTerminal as _, Write};
use std::sync::{Arc, PoisonError, RwLock};

use clap::ValueEnum;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState};
use opentelemetry::{Context, ContextGuard};
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_sdk::logs::{SdkLogger, SdkLoggerProvider};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::filter::{FilterExt as _, filter_fn};
use tracing_subscriber::layer::{self, Filter, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt};

use super::otlp::rejected::{self, Rejections};
use super::trace_context::TraceParent;
use crate::sandbox::text::plain_json;

/// How lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// What speaks of itself while lines are sent: sent as well, its lines would never end.
const SENDERS: [&str; 7] = ["h2", "hyper", "hyper_util", "reqwest", "rustls", "tonic", "tower"];

/// OpenTelemetry's own packages begin so.
const OPENTELEMETRY: &str = "opentelemetry";

type Bridge = OpenTelemetryTracingBridge<SdkLoggerProvider, SdkLogger>;

/// Where lines go besides. The log starts before the configuration is read that says so.
static EXPORT: RwLock<Option<Arc<Bridge>>> = RwLock::new(None);

/// Starts the log. `RUST_LOG` filters it, by level or by module; guests' lines have the target `guest`.
pub fn start(format: LogFormat, default_level: &str) {
    let asked = std::env::var(EnvFilter::DEFAULT_ENV).is_ok_and(|filter| filter.contains(OPENTELEMETRY));
    let lines = fmt::layer();
    let lines: Box<dyn Layer<Registry> + Send + Sync> = match format {
        LogFormat::Text => Box::new(lines.with_writer(io::stderr).with_ansi(io::stderr().is_terminal())),
        LogFormat::Json => Box::new(lines.with_writer(|| PlainJson(io::stderr())).json().flatten_event(true)),
    };
    // A second start, in one process, changes nothing.
    let _ = tracing_subscriber::registry()
        .with(lines.with_filter(filter(default_level, asked)))
        .with(Export.with_filter(filter(default_level, asked)))
        .with(Rejections.with_filter(filter_fn(rejected::is_told)))
        .try_init();
}

/// JSON lines in which nothing stands that a terminal would obey: somebody looks at them there, too, and guests have a say
/// in what errors are called. Each line comes in one piece.
struct PlainJson<W>(W);

impl<W: Write> Write for PlainJson<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.write_all(line).map(|()| line.len())
    }

    fn write_all(&mut self, line: &[u8]) -> io::Result<()> {
        let text = String::from_utf8_lossy(line);
        match plain_json(text.trim_end_matches('\n')) {
            Cow::Borrowed(_) => self.0.write_all(line),
            Cow::Owned(plain) => self.0.write_all((plain + "\n").as_bytes()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// What `RUST_LOG` says. OpenTelemetry's packages say nothing besides what no counter or line of ours tells, unless they are
/// `asked`.
fn filter<S>(default_level: &str, asked: bool) -> impl Filter<S> + use<S> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default_level));
    let heard = move |metadata: &Metadata<'_>| {
        asked || !metadata.target().starts_with(OPENTELEMETRY) || rejected::is_told(metadata)
    };
    filter.and(filter_fn(heard))
}

/// Lines go there, too, from now on; or no longer.
pub(super) fn export_to(provider: Option<&SdkLoggerProvider>) {
    let bridge = provider.map(|provider| Arc::new(OpenTelemetryTracingBridge::new(provider)));
    *EXPORT.write().unwrap_or_else(PoisonError::into_inner) = bridge;
}

fn bridge() -> Option<Arc<Bridge>> {
    EXPORT.read().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Until it is dropped, lines of this thread that are exported belong to that span.
pub(super) fn belongs_to(span: TraceParent) -> Option<ContextGuard> {
    bridge()?;
    let (trace, own) = (TraceId::from(span.trace), SpanId::from(span.span));
    let flags = TraceFlags::default().with_sampled(span.sampled);
    let span = SpanContext::new(trace, own, flags, true, TraceState::default());
    Some(Context::new().with_remote_span_context(span).attach())
}

/// Hands lines to where they are exported.
struct Export;

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Export {
    fn on_event(&self, event: &Event<'_>, context: layer::Context<'_, S>) {
        let library = event.metadata().target().split("::").next().unwrap_or_default();
        if !SENDERS.contains(&library)
            && !library.starts_with(OPENTELEMETRY)
            && let Some(bridge) = bridge()
        {
            bridge.on_event(event, context);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_json_keeps_what_it_says_and_nothing_that_is_obeyed() {
        let said = "\u{9b}31m\u{202e}evil\n é";
        let line = serde_json::json!({ "reason": said }).to_string() + "\n";
        let mut written = Vec::new();
        PlainJson(&mut written).write_all(line.as_bytes()).unwrap();
        let written = String::from_utf8(written).unwrap();
        assert_eq!(written, "{\"reason\":\"\\u009b31m\\u202eevil\\n é\"}\n");
        let read: serde_json::Value = serde_json::from_str(&written).unwrap();
        assert_eq!(read["reason"], said);
    }
}
