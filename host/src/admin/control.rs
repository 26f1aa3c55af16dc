//! What the API shows of handlers, and what it may have done to them.

use std::sync::{Arc, OnceLock, Weak};

use schemars::JsonSchema;
use serde::Serialize;

/// One handler, as the API shows it.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize)]
pub struct HandlerStatus {
    /// `handler.name`.
    pub name: String,
    /// The consumer group.
    pub group: String,
    /// `running`, `degraded`, `quarantined` or `paused`.
    #[schemars(extend("enum" = ["running", "degraded", "quarantined", "paused"]))]
    pub state: &'static str,
    /// The component's file.
    pub component: String,
    /// What is at work.
    pub generation: GenerationStatus,
    /// What it can go back to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous: Option<GenerationStatus>,
    /// Whether what is at work may still be taken back, because none of its first events has gone well yet.
    pub on_trial: bool,
    /// Why what the file has now is not at work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<Refused>,
    /// Event types that it is given.
    pub events: Vec<String>,
    /// Events whose tries run.
    pub in_flight: usize,
    /// Events that wait for an instance.
    pub waiting: usize,
}

/// One version of a handler.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize)]
pub struct GenerationStatus {
    /// Counts those that this process has loaded, from 1.
    pub number: u32,
    /// SHA-256 of the component's file, in hexadecimal.
    #[schemars(extend("pattern" = "^[0-9a-f]{64}$"))]
    pub digest: String,
    /// When it was put to work: RFC 3339, UTC.
    #[schemars(extend("format" = "date-time"))]
    pub since: String,
}

/// A version that was not taken.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Refused {
    /// Why.
    pub reason: String,
    /// When: RFC 3339, UTC.
    #[schemars(extend("format" = "date-time"))]
    pub at: String,
}

/// What a reload has done.
#[derive(Clone, Debug, Default, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Reloaded {
    /// Handlers that there were not before.
    pub added: Vec<String>,
    /// Handlers with a new generation.
    pub changed: Vec<String>,
    /// Handlers that are no more.
    pub removed: Vec<String>,
}

/// Why nothing was done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// There is no such handler.
    #[error("there is no handler {0:?}")]
    Unknown(String),
    /// It cannot be done, and nothing has changed.
    #[error("{0}")]
    Refused(String),
}

/// What may be done to handlers. Calls block: a reload as long as it takes to compile.
pub trait Control: Send + Sync {
    /// All handlers, by name.
    fn handlers(&self) -> Vec<HandlerStatus>;

    /// Reads the configuration again, and changes the handlers to what it says: all of them, or none.
    ///
    /// # Errors
    /// With all that is wrong.
    fn reload(&self) -> Result<Reloaded, ControlError>;

    /// Takes what one handler's file has now, also where that was taken back before.
    ///
    /// # Errors
    /// Where it cannot be taken; what is at work goes on.
    fn reload_handler(&self, name: &str) -> Result<HandlerStatus, ControlError>;

    /// Puts the last good generation to work again.
    ///
    /// # Errors
    /// Where there is none.
    fn roll_back(&self, name: &str) -> Result<HandlerStatus, ControlError>;

    /// A handler starts nothing more; its events wait.
    ///
    /// # Errors
    /// Where there is no such handler.
    fn pause(&self, name: &str) -> Result<HandlerStatus, ControlError>;

    /// A handler goes on, out of a pause and out of quarantine.
    ///
    /// # Errors
    /// Where there is no such handler.
    fn resume(&self, name: &str) -> Result<HandlerStatus, ControlError>;

    /// Takes a component in place of a handler's file, checked as that would be: then the file has it, and it works.
    ///
    /// # Errors
    /// Where it cannot be taken; then file and handler are what they were.
    fn upload(&self, name: &str, component: &[u8]) -> Result<HandlerStatus, ControlError>;

    /// The most bytes that a component may have.
    fn largest_component(&self) -> u64;
}

/// Where the API finds the handlers, once they are loaded. It does not keep alive what is ending.
#[derive(Default)]
pub struct Slot(OnceLock<Weak<dyn Control>>);

impl Slot {
    /// They are loaded. The first to say so is the one that counts.
    pub fn fill(&self, control: &Arc<dyn Control>) {
        self.0.get_or_init(|| Arc::downgrade(control));
    }

    /// The handlers, or why there are none.
    ///
    /// # Errors
    /// What the host is doing.
    pub fn get(&self) -> Result<Arc<dyn Control>, &'static str> {
        let control = self.0.get().ok_or("the handlers are still being loaded: try again in a moment")?;
        control.upgrade().ok_or("the host is stopping")
    }
}
