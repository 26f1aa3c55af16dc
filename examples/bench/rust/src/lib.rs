//! The handler that `sandbus bench` measures: [`work`] in the sandbox.

use std::time::Duration;

use sandbus_sdk::metrics::Counter;
use sandbus_sdk::{Create, Error, Event, Handler, Message, Result, Verdict, clock, config};

mod work;

use work::{Seen, Surroundings, Work};

const EVENTS: Counter = Counter::new("events");

/// One instance.
struct Bench(Work);

impl Create for Bench {
    fn create() -> Result<Self, Error> {
        Work::new(config::get).map(Self).map_err(|message| Error::new("bad_config", message))
    }
}

impl Handler for Bench {
    const EVENTS: &'static [&'static str] = &["*"];

    fn handle(&mut self, event: &Event) -> Result {
        let seen = Seen { id: event.id(), event_type: event.event_type(), value: event.value() };
        self.0.handle(&seen, &mut Sandbox(event)).map_err(|message| Error::new("bench", message))?;
        Ok(Verdict::Ack)
    }
}

/// What the host offers, while it shows this event.
struct Sandbox<'a>(&'a Event);

impl Surroundings for Sandbox<'_> {
    fn count(&mut self, events: u64) -> Result<(), String> {
        EVENTS.add(events, &[]).map_err(|refusal| refusal.to_string())
    }

    fn sleep(&mut self, time: Duration) {
        clock::sleep(time);
    }

    fn forward(&mut self, topic: &str) -> Result<(), String> {
        Message::forward(self.0, topic).send().map_err(|refusal| refusal.to_string())
    }
}

sandbus_sdk::export!(Bench);

#[cfg(test)]
mod tests;
