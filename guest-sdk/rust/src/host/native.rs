//! Imports of native builds: clocks and random of `std`, the rest of the test host.
//!
//! Each thread has a host of its own, so tests do not meet. Outside
//! [`testing::Host::deliver`](crate::testing::Host::deliver) nothing is configured or granted.

use std::cell::RefCell;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::announce;
use crate::http::{Error, Request, Response};
use crate::log::Level;
use crate::metrics::Attributes;
use crate::testing::{LogLine, Measurement, Number, Recorder};
use crate::{Message, Refusal};

thread_local! {
    static RECORDER: RefCell<Recorder> = RefCell::default();
}

/// Runs `work` with this recorder in the place of the thread's own, and gives it back. A panic in
/// `work` loses the recorder and puts the former one back.
pub(crate) fn record<T>(recorder: Recorder, work: impl FnOnce() -> T) -> (Recorder, T) {
    struct Restore(Option<Recorder>);

    impl Drop for Restore {
        fn drop(&mut self) {
            if let Some(former) = self.0.take() {
                RECORDER.replace(former);
            }
        }
    }

    let mut restore = Restore(Some(RECORDER.replace(recorder)));
    let result = work();
    let former = restore.0.take().unwrap_or_default();
    (RECORDER.replace(former), result)
}

pub(crate) fn batch_at(index: u32) {
    RECORDER.with_borrow_mut(|recorder| recorder.announced.push(index));
}

pub(crate) fn log(level: Level, line: &str) {
    announce();
    RECORDER.with_borrow_mut(|recorder| {
        recorder.log(LogLine { level, message: line.to_owned() });
    });
}

pub(crate) fn config_get(key: &str) -> Option<String> {
    announce();
    RECORDER.with_borrow(|recorder| recorder.config.get(key).cloned())
}

pub(crate) fn config_entries() -> Vec<(String, String)> {
    announce();
    RECORDER.with_borrow(|recorder| recorder.config.clone().into_iter().collect())
}

pub(crate) fn publish(message: Message) -> Result<(), Refusal> {
    announce();
    RECORDER.with_borrow_mut(|recorder| recorder.publish(message))
}

pub(crate) fn http(request: Request) -> Result<Response, Error> {
    announce();
    request.parts()?;
    RECORDER.with_borrow_mut(|recorder| recorder.answer(request))
}

pub(crate) fn counter_add(name: &str, value: u64, attributes: Attributes<'_>) -> Result<(), Refusal> {
    announce();
    measure(name, Number::Counter(value), attributes)
}

pub(crate) fn histogram_record(name: &str, value: f64, attributes: Attributes<'_>) -> Result<(), Refusal> {
    announce();
    measure(name, Number::Histogram(value), attributes)
}

pub(crate) fn updown_add(name: &str, value: i64, attributes: Attributes<'_>) -> Result<(), Refusal> {
    announce();
    measure(name, Number::UpDown(value), attributes)
}

fn measure(name: &str, number: Number, attributes: Attributes<'_>) -> Result<(), Refusal> {
    let owned = |&(key, value): &(&str, &str)| (key.to_owned(), value.to_owned());
    let measurement = Measurement { name: name.to_owned(), number, attributes: attributes.iter().map(owned).collect() };
    RECORDER.with_borrow_mut(|recorder| recorder.measure(measurement))
}

pub(crate) fn monotonic() -> Duration {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}

pub(crate) fn unix_time() -> Duration {
    // A clock before 1970 reads as 1970: the sandbox's clock cannot show one either.
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

pub(crate) fn sleep(time: Duration) {
    std::thread::sleep(time);
}

pub(crate) fn random_u64() -> u64 {
    RandomState::new().build_hasher().finish()
}
