//! How an instance of a handler comes into being.

use crate::{Error, Result};

/// Makes the handler's value when an instance gets its first event.
///
/// Every type with [`Default`] has this already. Implement it, instead of `Default`, for a handler
/// that reads its configuration once or whose creation may fail:
///
/// ```
/// use sandbus_sdk::{Create, Error, Event, Handler, Result, Verdict, config};
///
/// struct Notify {
///     topic: String,
/// }
///
/// impl Create for Notify {
///     fn create() -> Result<Self, Error> {
///         Ok(Self { topic: config::require("topic")? })
///     }
/// }
/// # impl Handler for Notify {
/// #     const EVENTS: &'static [&'static str] = &["*"];
/// #     fn handle(&mut self, _: &Event) -> Result { Ok(Verdict::Ack) }
/// # }
/// # use sandbus_sdk::testing::{Host, event};
/// # Host::<Notify>::new().deliver(event("A")).assert_error("missing_config");
/// # Host::<Notify>::new().config("topic", "t").deliver(event("A")).assert_ack();
/// ```
#[diagnostic::on_unimplemented(
    message = "nothing says how an instance of the handler `{Self}` is made",
    note = "derive `Default` for it, or implement `sandbus_sdk::Create`"
)]
pub trait Create: Sized + 'static {
    /// Makes the value. All imports may be used.
    ///
    /// # Errors
    ///
    /// The event's try ends in this error; the next try calls `create` again.
    fn create() -> Result<Self, Error>;
}

impl<T: Default + 'static> Create for T {
    fn create() -> Result<Self, Error> {
        Ok(Self::default())
    }
}
