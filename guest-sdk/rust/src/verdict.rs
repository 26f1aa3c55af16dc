//! What a try ends in, and how it travels by `?`.

use std::time::Duration;

use crate::Error;

/// What becomes of the event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Done. What this try published leaves for the broker, and then the event is final.
    Ack,
    /// Done, and nothing was to be done. What this try published is dropped.
    Skip,
    /// Try again: after that time (in milliseconds, rounded up; at most the configured
    /// `retry_max_delay`), or after the configured delay. Counts as a try.
    Retry(Option<Duration>),
    /// Give up now, with a reason for the person who reads the dead letters. The host keeps the
    /// first 1000 characters.
    DeadLetter(String),
}

impl Verdict {
    /// Try again after the configured delay.
    pub const fn retry() -> Self {
        Self::Retry(None)
    }

    /// Try again after `delay`.
    pub const fn retry_after(delay: Duration) -> Self {
        Self::Retry(Some(delay))
    }

    /// Give up now, for this reason.
    pub fn dead_letter(reason: impl Into<String>) -> Self {
        Self::DeadLetter(reason.into())
    }
}

/// What `?` carries out of a handler: an early verdict, or an error.
///
/// Made by `?` from a [`Verdict`], an [`Error`], or any [`std::error::Error`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The try ends in this verdict, as if it had been returned.
    Verdict(Verdict),
    /// The try failed.
    Error(Error),
}

impl From<Verdict> for Stop {
    fn from(verdict: Verdict) -> Self {
        Self::Verdict(verdict)
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl<E: std::error::Error + 'static> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Error(Error::from(error))
    }
}

/// What handlers return, and the functions they are made of.
///
/// `Result` is a handler's verdict; `Result<T>` is a step's value, or the end of the try:
///
/// ```
/// use std::time::Duration;
/// use sandbus_sdk::{Error, Event, Result, Verdict};
///
/// fn amount(event: &Event) -> Result<u64> {
///     // An error, its kind made from the error's type: `ParseIntError`.
///     let cents: u64 = event.header("amount_cents")?.parse()?;
///     if cents == 0 {
///         // An early verdict.
///         Err(Verdict::Skip)?;
///     }
///     if cents > 100_000_000 {
///         // An error with a kind of its own.
///         Err(Error::new("amount_too_large", format!("{cents} cents")))?;
///     }
///     Ok(cents)
/// }
/// # use sandbus_sdk::testing::event;
/// # use sandbus_sdk::Stop;
/// # let of = |cents: &str| amount(&event("A").header("amount_cents", cents).build());
/// # assert_eq!(of("7"), Ok(7));
/// # assert_eq!(of("0"), Err(Stop::Verdict(Verdict::Skip)));
/// # assert!(matches!(of("x"), Err(Stop::Error(e)) if e.kind() == "ParseIntError"));
/// # assert!(matches!(of("100000001"), Err(Stop::Error(e)) if e.kind() == "amount_too_large"));
/// ```
pub type Result<T = Verdict, E = Stop> = std::result::Result<T, E>;

/// The end of a try, without the way it came about.
pub(crate) fn settle(result: Result) -> Result<Verdict, Error> {
    match result {
        Ok(verdict) | Err(Stop::Verdict(verdict)) => Ok(verdict),
        Err(Stop::Error(error)) => Err(error),
    }
}

/// A delay as the contract counts it: in milliseconds, rounded up so that it is never shortened.
pub(crate) fn retry_millis(delay: Duration) -> u64 {
    u64::try_from(delay.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_are_never_shortened() {
        let cases = [
            (Duration::ZERO, 0),
            (Duration::from_nanos(1), 1),
            (Duration::from_millis(250), 250),
            (Duration::from_micros(250_001), 251),
            (Duration::MAX, u64::MAX),
        ];
        for (delay, millis) in cases {
            assert_eq!(retry_millis(delay), millis, "{delay:?}");
        }
    }

    #[test]
    fn an_early_verdict_is_as_good_as_a_returned_one() {
        let early = || -> Result {
            Err(Verdict::Skip)?;
            Ok(Verdict::Ack)
        };
        assert_eq!(settle(early()), Ok(Verdict::Skip));
        assert_eq!(settle(Ok(Verdict::Ack)), Ok(Verdict::Ack));
        let error = Error::new("kind", "message");
        assert_eq!(settle(Err(error.clone().into())), Err(error));
    }
}
