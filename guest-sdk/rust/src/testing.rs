//! Unit tests of handlers, natively and without WebAssembly.
//!
//! [`event`] builds an event, [`Host`] gives it to an instance of the handler, [`Outcome`] tells
//! what came of it: verdict, log lines, messages, metrics.
//!
//! ```
//! # use sandbus_sdk::{Event, Handler, Message, Result, Verdict, config, log};
//! # #[derive(Default)]
//! # struct Confirm;
//! # impl Handler for Confirm {
//! #     const EVENTS: &'static [&'static str] = &["Order*"];
//! #     fn handle(&mut self, event: &Event) -> Result {
//! #         let topic: String = config::require("topic")?;
//! #         if event.attempt() == 1 { log::warn!("not yet"); return Ok(Verdict::retry()); }
//! #         Message::to(topic).key(event.key_text()?).send()?;
//! #         Ok(Verdict::Ack)
//! #     }
//! # }
//! use sandbus_sdk::testing::{Host, event};
//!
//! let mut host = Host::<Confirm>::new()
//!     .config("topic", "events.notifications")
//!     .grant("events.notifications");
//! let order = event("OrderCreated").key("o-1").text(r#"{"total":1999}"#);
//!
//! let outcome = host.deliver(order.clone());
//! outcome.assert_verdict(Verdict::retry());
//! assert_eq!(outcome.logs()[0].to_string(), "warn: not yet");
//!
//! let outcome = host.deliver(order.attempt(2));
//! outcome.assert_ack();
//! assert_eq!(outcome.published()[0].key.as_deref(), Some(&b"o-1"[..]));
//! assert!(host.wants("OrderCancelled"));
//! ```
//!
//! The test host refuses what the real one would by its form and by the grants. It has no limits,
//! neither on time nor on volume: for these there is `sandbus test`, which runs the component
//! itself. A panic in the handler is a panic of the test: use `#[should_panic]`.

mod event_builder;
mod outcome;
mod pattern;
mod recorder;

pub use event_builder::{EventBuilder, event};
pub use outcome::{LogLine, Outcome, Published};
pub(crate) use recorder::{Measurement, Number, Recorder};

use crate::export::Instance;
use crate::http::Response;
use crate::{Handler, host};

/// A host for one instance of the handler `H`.
pub struct Host<H> {
    recorder: Recorder,
    instance: Instance<H>,
    next_offset: u64,
}

impl<H: Handler> Host<H> {
    /// A host without configuration and grants. The instance is made with its first event.
    pub fn new() -> Self {
        Self { recorder: Recorder::default(), instance: Instance::new(), next_offset: 0 }
    }

    /// Sets a key of `[handler.config]`.
    pub fn config(mut self, key: impl Into<String>, value: impl ToString) -> Self {
        self.recorder.config.insert(key.into(), value.to_string());
        self
    }

    /// Grants publishing to the topics that this matches; `*` is any run of characters.
    pub fn grant(mut self, topics: impl Into<String>) -> Self {
        self.recorder.grants.push(topics.into());
        self
    }

    /// What the server at this address answers to a request of this method. Any other request is denied.
    pub fn answer(mut self, method: impl Into<String>, url: impl Into<String>, answer: Response) -> Self {
        self.recorder.answers.push((method.into(), url.into(), answer));
        self
    }

    /// Whether the handler asks for events of this type.
    pub fn wants(&self, event_type: &str) -> bool {
        H::EVENTS.iter().any(|pattern| pattern::matches(pattern, event_type))
    }

    /// Gives the event to the handler, for one try.
    ///
    /// An event that was built without an offset gets the next one, from 0.
    pub fn deliver(&mut self, event: EventBuilder) -> Outcome {
        let event = event.build_at(self.next_offset);
        self.next_offset = event.offset().saturating_add(1);
        let recorder = self.recorder.for_next_try();
        let (recorder, result) = host::record(recorder, || self.instance.run(&event));
        Outcome::new(result, recorder)
    }

    /// The handler's state, once its instance has had an event.
    pub fn handler(&mut self) -> Option<&mut H> {
        self.instance.get_mut()
    }

    /// Throws the instance away, as the host does after a fault or for a new version: the next
    /// event makes a new one.
    pub fn restart(&mut self) {
        self.instance = Instance::new();
    }
}

impl<H: Handler> Default for Host<H> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Event, Result, Verdict, log};

    #[derive(Default)]
    struct Counting {
        events: u32,
    }

    impl Handler for Counting {
        const EVENTS: &'static [&'static str] = &["A", "B*"];

        fn handle(&mut self, event: &Event) -> Result {
            self.events += 1;
            log::info!("{} of {}", self.events, event.id());
            assert_ne!(event.event_type(), "Bug", "a bug");
            Ok(Verdict::Ack)
        }
    }

    #[test]
    fn state_lives_until_a_restart() {
        let mut host = Host::<Counting>::default();
        assert!(host.handler().is_none());
        host.deliver(event("A"));
        host.deliver(event("A"));
        assert_eq!(host.handler().unwrap().events, 2);
        host.restart();
        assert!(host.handler().is_none());
        host.deliver(event("A"));
        assert_eq!(host.handler().unwrap().events, 1);
    }

    #[test]
    fn offsets_follow_each_other() {
        let mut host = Host::<Counting>::new();
        let line = |outcome: Outcome| outcome.logs()[0].message.clone();
        assert_eq!(line(host.deliver(event("A"))), "1 of events.stream/0/0");
        assert_eq!(line(host.deliver(event("A").offset(7))), "2 of events.stream/0/7");
        assert_eq!(line(host.deliver(event("A"))), "3 of events.stream/0/8");
    }

    #[test]
    fn one_try_does_not_see_the_logs_of_another() {
        let mut host = Host::<Counting>::new();
        host.deliver(event("A"));
        assert_eq!(host.deliver(event("A")).logs().len(), 1);
    }

    #[test]
    fn a_panic_leaves_the_thread_usable() {
        let panicked = std::panic::catch_unwind(|| Host::<Counting>::new().config("k", "v").deliver(event("Bug")));
        assert!(panicked.is_err());
        assert_eq!(crate::config::get("k"), None);
        Host::<Counting>::new().deliver(event("A")).assert_ack();
    }

    #[test]
    fn wants_follows_the_patterns() {
        let host = Host::<Counting>::new();
        assert!(host.wants("A") && host.wants("B") && host.wants("Bug"));
        assert!(!host.wants("a") && !host.wants("AB"));
    }
}
