//! The probe: a handler that does what the header `probe` of each event tells it to do.
//!
//! What the steps are is written in the README of the probe; `step` reads them, `run` carries
//! them out, `misbehave` holds those that no handler should do, `results` reports each event.

mod misbehave;
mod results;
mod run;
mod step;

use results::Results;
use sandbus_sdk::{Create, Error, Event, Handler, Result, Verdict};

/// One instance of the probe.
struct Probe {
    results: Option<Results>,
}

impl Create for Probe {
    fn create() -> Result<Self, Error> {
        Ok(Self { results: Results::configured() })
    }
}

impl Handler for Probe {
    const EVENTS: &'static [&'static str] = &["*"];

    fn handle(&mut self, event: &Event) -> Result {
        // Before the steps, in every try: only those of an `ack` may ever be seen.
        if let Some(results) = &mut self.results {
            results.report(event)?;
        }
        let Some(script) = event.first_header("probe").and_then(|header| header.value()) else {
            return Ok(Verdict::Ack);
        };
        match std::str::from_utf8(script) {
            Ok(script) => run::script(script, event),
            Err(_) => Err(step::bad_step(&String::from_utf8_lossy(script)))?,
        }
    }
}

sandbus_sdk::export!(Probe);

#[cfg(test)]
mod tests;
