//! Carries out a script: steps in order, the first verdict ends it, without one it is `ack`.

use std::hint::black_box;
use std::time::Duration;

use sandbus_sdk::metrics::Counter;
use sandbus_sdk::{Error, Event, Message, Result, Verdict, clock, log};

use crate::misbehave;
use crate::step::{self, Step};

/// Runs the script on this event. An empty script has no steps.
pub fn script(script: &str, event: &Event) -> Result {
    if script.is_empty() {
        return Ok(Verdict::Ack);
    }
    for text in script.split(';') {
        if let Some(verdict) = run(step::parse(text)?, event)? {
            return Ok(verdict);
        }
    }
    Ok(Verdict::Ack)
}

/// Runs one step; a verdict ends the script.
fn run(step: Step<'_>, event: &Event) -> Result<Option<Verdict>> {
    match step {
        Step::Ack => return Ok(Some(Verdict::Ack)),
        Step::Skip => return Ok(Some(Verdict::Skip)),
        Step::Retry(after) => return Ok(Some(Verdict::Retry(after))),
        Step::DeadLetter(reason) => return Ok(Some(Verdict::dead_letter(reason))),
        Step::Fail { kind, message } => Err(Error::new(kind, message))?,
        Step::Until { attempt, step } => {
            if event.attempt() < attempt {
                return run(*step, event);
            }
        }
        Step::Spin(time) => spin(time),
        Step::Sleep(time) => clock::sleep(time),
        Step::Trap => misbehave::trap(),
        Step::Throw(text) => misbehave::throw(text),
        Step::Loop => misbehave::endless(),
        Step::Recurse => misbehave::recurse(),
        Step::Alloc(bytes) => misbehave::alloc(bytes),
        Step::Answer(bytes) => return Ok(Some(Verdict::DeadLetter("x".repeat(bytes)))),
        Step::LogFlood(lines) => misbehave::log_flood(lines),
        Step::Log(text) => log::write(log::Level::Info, text),
        Step::Count(name) => Counter::new(name).add(1, &[])?,
        Step::Publish(topic) => Message::forward(event, topic).send()?,
    }
    Ok(None)
}

/// Burns CPU until that much time has passed. The clock is read every few microseconds, so that
/// the time goes to the guest and not to host calls.
fn spin(time: Duration) {
    let start = clock::now();
    let mut state = 1_u64;
    while clock::now().saturating_sub(start) < time {
        for _ in 0..10_000 {
            state = black_box(state).wrapping_mul(6_364_136_223_846_793_005);
        }
    }
}
