//! Log lines, written by the host with handler, topic, partition, offset and attempt.
//!
//! ```
//! use sandbus_sdk::log;
//!
//! # let (order, provider) = ("o-1", "alpha");
//! log::info!("order {order} is paid");
//! log::warn!("{provider} is slow today");
//! ```
//!
//! Lines count in failed tries too. Lines and bytes of one event are bounded by the handler's
//! `limits.logs` and `limits.log_bytes`; more is the fault `log_quota`.

use std::fmt::{Arguments, Display};

use crate::host;

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Every step.
    Trace,
    /// What a developer looks for.
    Debug,
    /// What happened.
    Info,
    /// What may become a problem.
    Warn,
    /// What went wrong.
    Error,
}

/// Writes one line.
pub fn write(level: Level, line: &str) {
    host::log(level, line);
}

/// Writes one line that is still to be formatted.
#[doc(hidden)]
pub fn write_args(level: Level, line: Arguments<'_>) {
    match line.as_str() {
        Some(line) => host::log(level, line),
        None => host::log(level, &line.to_string()),
    }
}

/// The line that a panic leaves, before the sandbox sees no more of it than a trap.
#[cfg(target_arch = "wasm32")]
pub(crate) fn write_panic(panic: &std::panic::PanicHookInfo<'_>) {
    let what = panic.payload_as_str().unwrap_or("no message");
    write(Level::Error, &panic_line(what, panic.location()));
}

#[cfg_attr(not(target_arch = "wasm32"), expect(dead_code, reason = "natively a panic goes to the test's own output"))]
fn panic_line(what: &str, location: Option<&impl Display>) -> String {
    match location {
        Some(location) => format!("panicked at {location}: {what}"),
        None => format!("panicked: {what}"),
    }
}

/// Writes a line at trace level; arguments as for [`format!`].
#[macro_export]
#[doc(hidden)]
macro_rules! __trace {
    ($($line:tt)+) => { $crate::log::write_args($crate::log::Level::Trace, ::core::format_args!($($line)+)) };
}

/// Writes a line at debug level; arguments as for [`format!`].
#[macro_export]
#[doc(hidden)]
macro_rules! __debug {
    ($($line:tt)+) => { $crate::log::write_args($crate::log::Level::Debug, ::core::format_args!($($line)+)) };
}

/// Writes a line at info level; arguments as for [`format!`].
#[macro_export]
#[doc(hidden)]
macro_rules! __info {
    ($($line:tt)+) => { $crate::log::write_args($crate::log::Level::Info, ::core::format_args!($($line)+)) };
}

/// Writes a line at warn level; arguments as for [`format!`].
#[macro_export]
#[doc(hidden)]
macro_rules! __warn {
    ($($line:tt)+) => { $crate::log::write_args($crate::log::Level::Warn, ::core::format_args!($($line)+)) };
}

/// Writes a line at error level; arguments as for [`format!`].
#[macro_export]
#[doc(hidden)]
macro_rules! __error {
    ($($line:tt)+) => { $crate::log::write_args($crate::log::Level::Error, ::core::format_args!($($line)+)) };
}

#[doc(inline)]
pub use crate::{__debug as debug, __error as error, __info as info, __trace as trace, __warn as warn};

#[cfg(test)]
mod tests {
    use crate::testing::{Host, LogLine, event};
    use crate::{Event, Handler, Result, Verdict};

    #[derive(Default)]
    struct Chatty;

    impl Handler for Chatty {
        const EVENTS: &'static [&'static str] = &["*"];

        fn handle(&mut self, event: &Event) -> Result {
            super::trace!("plain");
            super::debug!("{{}}");
            super::info!("{} at {}", event.event_type(), event.attempt());
            super::warn!("{:?}", event.key());
            super::error!("last",);
            Ok(Verdict::Skip)
        }
    }

    #[test]
    fn lines_keep_level_and_order() {
        let outcome = Host::<Chatty>::new().deliver(event("A"));
        let lines: Vec<String> = outcome.logs().iter().map(LogLine::to_string).collect();
        assert_eq!(lines, ["trace: plain", "debug: {}", "info: A at 1", "warn: None", "error: last"]);
    }
}
