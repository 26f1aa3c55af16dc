//! What a guest may ask of the host. Each function checks its arguments as hostile ones.

use std::time::Instant;

use wasmtime::component::{HasSelf, Linker};

use super::bindings::since_v0_1::packed::sandbus::handler::batch;
use super::bindings::since_v0_1::sandbus::handler as wit;
use super::fault::Stop;
use super::ports::{GuestMetric, GuestValue, LogLevel, Refusal};
use super::state::GuestState;
use super::text::excerpt;
use crate::delivery::verdict::FaultKind;
use crate::event::Outgoing;

/// The largest record that may be published, in bytes of key, value and headers: what a topic takes
/// by default.
const MAX_MESSAGE_BYTES: usize = 1 << 20;

/// The longest name of a topic (Kafka's own bound).
const MAX_TOPIC_BYTES: usize = 249;

/// Links every import of `wit/`.
///
/// # Errors
/// Where a name is defined already.
pub fn add_to_linker(linker: &mut Linker<GuestState>) -> wasmtime::Result<()> {
    wit::logging::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    wit::config::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    wit::publish::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    wit::metrics::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    batch::add_to_linker::<_, HasSelf<_>>(linker, |state| state)
}

impl wit::logging::Host for GuestState {
    fn log(&mut self, level: wit::logging::Level, message: String) -> wasmtime::Result<()> {
        let level = match level {
            wit::logging::Level::Trace => LogLevel::Trace,
            wit::logging::Level::Debug => LogLevel::Debug,
            wit::logging::Level::Info => LogLevel::Info,
            wit::logging::Level::Warn => LogLevel::Warn,
            wit::logging::Level::Error => LogLevel::Error,
        };
        self.timed("logging.log", |state| state.log.line(level, &message).map_err(wasmtime::Error::new))
    }
}

impl wit::config::Host for GuestState {
    fn get(&mut self, key: String) -> wasmtime::Result<Option<String>> {
        self.timed("config.get", |state| Ok(state.settings.config.get(&key).cloned()))
    }

    fn entries(&mut self) -> wasmtime::Result<Vec<(String, String)>> {
        let entry = |(key, value): (&String, &String)| (key.clone(), value.clone());
        self.timed("config.entries", |state| Ok(state.settings.config.iter().map(entry).collect()))
    }
}

impl wit::types::Host for GuestState {}

type PublishResult = wasmtime::Result<Result<(), wit::publish::Refusal>>;

impl wit::publish::Host for GuestState {
    fn send(&mut self, message: wit::publish::Message) -> PublishResult {
        self.timed("publish.send", |state| state.publish(message))
    }
}

impl GuestState {
    /// Does what the guest asks by this import, and counts the call and its time.
    fn timed<T>(&mut self, import: &'static str, call: impl FnOnce(&mut GuestState) -> T) -> T {
        let began = Instant::now();
        let answer = call(self);
        self.called(import, began);
        answer
    }

    fn publish(&mut self, message: wit::publish::Message) -> PublishResult {
        if let Err(refusal) = self.check_message(&message) {
            return Ok(Err(lower(refusal)));
        }
        let headers = message.headers.into_iter().map(|header| (header.name.into_bytes(), header.value));
        let record = Outgoing {
            topic: message.topic.into(),
            key: message.key,
            value: message.value,
            headers: headers.collect(),
            timestamp: None,
        };
        self.publishes(record).map_err(wasmtime::Error::new)?;
        Ok(Ok(()))
    }
}

impl batch::Host for GuestState {
    fn at(&mut self, index: u32) -> wasmtime::Result<()> {
        if GuestState::at(self, index as usize) {
            return Ok(());
        }
        Err(Stop::error(FaultKind::BadResult, format!("the batch has no event {index}")))
    }
}

impl GuestState {
    fn check_message(&self, message: &wit::publish::Message) -> Result<(), Refusal> {
        let topic = message.topic.as_str();
        let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        if topic.is_empty()
            || topic.len() > MAX_TOPIC_BYTES
            || !topic.bytes().all(legal)
            || [".", ".."].contains(&topic)
        {
            return Err(Refusal { code: "bad_topic", message: format!("{:?} is no topic name", excerpt(topic)) });
        }
        if let Err(denied) = self.settings.grants.publishes_to(topic) {
            let message = denied.to_string();
            self.settings.say(|| format!("refused to publish: {message}"));
            return Err(Refusal { code: "denied", message });
        }
        let length = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(0, Vec::len);
        let headers: usize = message.headers.iter().map(|h| h.name.len() + length(&h.value)).sum();
        let bytes = length(&message.key) + length(&message.value) + headers;
        if bytes > MAX_MESSAGE_BYTES {
            let message = format!("{bytes} bytes; at most {MAX_MESSAGE_BYTES} may be sent");
            return Err(Refusal { code: "too_large", message });
        }
        // A header's name is a C string on its way to the broker.
        if message.headers.iter().any(|header| header.name.contains('\0')) {
            return Err(Refusal { code: "bad_name", message: "a header's name contains NUL".into() });
        }
        Ok(())
    }

    fn record(&mut self, name: &str, value: GuestValue, attributes: &[(String, String)]) -> PublishResult {
        let attributes: Vec<_> = attributes.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        let metric = GuestMetric { name, value, attributes: &attributes };
        Ok(self.settings.sink.metric(&metric).map_err(lower))
    }
}

fn lower(refusal: Refusal) -> wit::types::Refusal {
    wit::types::Refusal { code: refusal.code.into(), message: refusal.message }
}

impl wit::metrics::Host for GuestState {
    fn counter_add(&mut self, name: String, value: u64, attributes: Vec<(String, String)>) -> PublishResult {
        self.timed("metrics.counter-add", |state| state.record(&name, GuestValue::Counter(value), &attributes))
    }

    fn histogram_record(&mut self, name: String, value: f64, attributes: Vec<(String, String)>) -> PublishResult {
        self.timed("metrics.histogram-record", |state| state.record(&name, GuestValue::Histogram(value), &attributes))
    }

    fn updown_add(&mut self, name: String, value: i64, attributes: Vec<(String, String)>) -> PublishResult {
        self.timed("metrics.updown-add", |state| state.record(&name, GuestValue::UpDown(value), &attributes))
    }
}
