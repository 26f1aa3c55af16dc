//! Waiting for something to become true.
//!
//! Owns the one polling loop of the harness. It promises a deadline, and a failure that names what was awaited, for how
//! long, and what the last look saw.

use std::fmt::Display;
use std::time::{Duration, Instant};

/// Time between two looks: short against any deadline, long against a look at a broker.
const INTERVAL: Duration = Duration::from_millis(25);

/// What one look may answer: the thing, or what was seen in its place.
pub trait Look<T> {
    /// The thing, or a description of what is there so far.
    fn seen(self) -> Result<T, String>;
}

impl<T> Look<T> for Option<T> {
    fn seen(self) -> Result<T, String> {
        self.ok_or_else(|| "nothing".to_owned())
    }
}

impl<T, E: Display> Look<T> for Result<T, E> {
    fn seen(self) -> Result<T, String> {
        self.map_err(|error| error.to_string())
    }
}

/// Looks until `look` answers with `Some` or `Ok`, at least once, and gives back what it found.
///
/// Prefer a `look` that answers `Err` with what it saw: that text is in the panic.
///
/// # Panics
/// When `deadline` passes first.
#[track_caller]
pub fn eventually<T, L: Look<T>>(what: &str, deadline: Duration, look: impl FnMut() -> L) -> T {
    match poll(what, deadline, look) {
        Ok(found) => found,
        Err(message) => panic!("{message}"),
    }
}

/// As [`eventually`], for callers that have more to do than to panic.
///
/// # Errors
/// The message that [`eventually`] would panic with.
pub fn poll<T, L: Look<T>>(what: &str, deadline: Duration, mut look: impl FnMut() -> L) -> Result<T, String> {
    let start = Instant::now();
    loop {
        let seen = match look().seen() {
            Ok(found) => return Ok(found),
            Err(seen) => seen,
        };
        if start.elapsed() >= deadline {
            return Err(format!("waited {:.1} s for {what}; seen last: {seen}", start.elapsed().as_secs_f64()));
        }
        std::thread::sleep(INTERVAL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_what_a_later_look_finds() {
        let mut looks = 0;
        let found = eventually("the third look", Duration::from_secs(5), || {
            looks += 1;
            (looks == 3).then_some(looks)
        });
        assert_eq!(found, 3);
    }

    #[test]
    fn looks_once_even_without_time() {
        assert_eq!(poll("now", Duration::ZERO, || Some(1)), Ok(1));
    }

    #[test]
    fn says_what_was_awaited_and_seen() {
        let error = poll("five events", Duration::from_millis(60), || Err::<(), _>("4 events")).unwrap_err();
        assert!(error.starts_with("waited 0."), "{error}");
        assert!(error.ends_with("s for five events; seen last: 4 events"), "{error}");
    }
}
