//! The trait that a handler implements.

use crate::{Create, Event, Result};

/// A handler of events: one type, one value of it for each sandbox instance.
///
/// An instance handles one event at a time, so `handle` may change `self` freely. The state lives
/// as long as the instance, and that is not in the handler's hands: a handler with `concurrency`
/// above 1 has several instances, an error in the sandbox ends one, a new version replaces all.
/// Treat the state as a cache. How an instance is made is told by [`Create`]; deriving `Default`
/// is enough.
///
/// The same event may come again: after a retry, a restart or a rebalance. `handle` should leave
/// the same behind when it does.
pub trait Handler: Create {
    /// The event types that the handler wants, unless the configuration says otherwise.
    ///
    /// A pattern is compared with the whole type, case-sensitively; `*` stands for any run of
    /// characters, and nothing else is special. At most 1000 patterns of 1 to 256 bytes.
    const EVENTS: &'static [&'static str];

    /// Handles one event, and says what becomes of it.
    ///
    /// # Errors
    ///
    /// A failed try: the host tries the event again as configured, then sends it to the dead
    /// letters. `?` turns any [`std::error::Error`] into one, see [`Error`](crate::Error).
    fn handle(&mut self, event: &Event) -> Result;
}
