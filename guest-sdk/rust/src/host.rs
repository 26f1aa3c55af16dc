//! The one door to the host: the WIT imports in WebAssembly, a recording test host natively.

use std::cell::Cell;

#[cfg(not(target_arch = "wasm32"))]
mod native;
#[cfg(target_arch = "wasm32")]
mod wasm;

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use native::*;
#[cfg(target_arch = "wasm32")]
pub(crate) use wasm::*;

/// No event waits to be announced.
const NONE: u32 = u32::MAX;

thread_local! {
    /// Index in the frame of the event that is worked on, until the host knows it.
    static UNANNOUNCED: Cell<u32> = const { Cell::new(NONE) };
}

/// Says which event of a frame of several is worked on from here on. The host is told with the
/// first import that the event calls: most call none, and then it costs nothing.
pub(crate) fn work_on(index: usize) {
    // An index of a frame is below 65,536.
    UNANNOUNCED.set(u32::try_from(index).unwrap_or(NONE));
}

/// Ends what [`work_on`] began: what is called from here on belongs to no frame of several.
pub(crate) fn work_on_none() {
    UNANNOUNCED.set(NONE);
}

/// Tells the host which event calls, if it does not know. Goes before every import that counts for
/// an event: all but clocks and random.
fn announce() {
    let index = UNANNOUNCED.replace(NONE);
    if index != NONE {
        batch_at(index);
    }
}
