//! Reports each event to the configured topic, so that each `ack` is seen there.

use sandbus_sdk::{Event, Message, Refusal, config, random};

/// The build's mark: the variable `PROBE_BUILD` of the build's environment.
const BUILD: &str = match option_env!("PROBE_BUILD") {
    Some(build) => build,
    None => "dev",
};

/// Where results go, and what this instance says of itself.
pub struct Results {
    topic: String,
    handler: Option<String>,
    instance: String,
    sequence: u64,
}

impl Results {
    /// The reporter, if `results` is configured. Made with the instance's first event.
    pub fn configured() -> Option<Self> {
        Some(Self {
            topic: config::get("results")?,
            handler: config::get("name"),
            instance: format!("{:016x}", random::u64()),
            sequence: 0,
        })
    }

    /// Publishes the event's key and value, with headers that say who had it, and when.
    pub fn report(&mut self, event: &Event) -> Result<(), Refusal> {
        self.sequence += 1;
        let mut message = Message::to(&self.topic);
        if let Some(key) = event.key() {
            message = message.key(key);
        }
        if let Some(value) = event.value() {
            message = message.value(value);
        }
        if let Some(handler) = &self.handler {
            message = message.header("probe_handler", handler.as_str());
        }
        message
            .header("probe_topic", event.topic())
            .header("probe_partition", event.partition().to_string())
            .header("probe_offset", event.offset().to_string())
            .header("probe_attempt", event.attempt().to_string())
            .header("probe_instance", self.instance.as_str())
            .header("probe_sequence", self.sequence.to_string())
            .header("probe_language", "rust")
            .header("probe_build", BUILD)
            .send()
    }
}
