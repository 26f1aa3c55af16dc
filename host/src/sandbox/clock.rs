//! The guests' monotonic clock, by which they wait as long as they ask, to a fraction of a millisecond.
//!
//! tokio's timers count whole milliseconds, and its driver sleeps whole ones: a wait of 20 ms took 21, which for
//! a handler that does little else is a twentieth of its throughput.

use std::time::{Duration, Instant};

use futures_timer::Delay;
use wasmtime::component::{HasData, Linker, Resource};
use wasmtime_wasi::clocks::{WasiClocksCtxView, WasiClocksView as _};
use wasmtime_wasi::p2::bindings::clocks::monotonic_clock;
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};

use super::state::GuestState;

/// Puts this clock in the place of WASI's own.
///
/// # Errors
/// Where that may not be replaced.
pub fn add_to_linker(linker: &mut Linker<GuestState>) -> wasmtime::Result<()> {
    monotonic_clock::add_to_linker::<_, Clocks>(linker, |state| Clock(state.clocks()))
}

struct Clocks;

impl HasData for Clocks {
    type Data<'a> = Clock<'a>;
}

struct Clock<'a>(WasiClocksCtxView<'a>);

impl monotonic_clock::Host for Clock<'_> {
    fn now(&mut self) -> wasmtime::Result<monotonic_clock::Instant> {
        self.0.now()
    }

    fn resolution(&mut self) -> wasmtime::Result<monotonic_clock::Instant> {
        self.0.resolution()
    }

    fn subscribe_instant(&mut self, when: monotonic_clock::Instant) -> wasmtime::Result<Resource<DynPollable>> {
        let now = self.0.now()?;
        self.subscribe_duration(when.saturating_sub(now))
    }

    fn subscribe_duration(&mut self, wait: monotonic_clock::Duration) -> wasmtime::Result<Resource<DynPollable>> {
        match Instant::now().checked_add(Duration::from_nanos(wait)) {
            Some(at) if wait > 0 => {
                let until = self.0.table.push(Until { at, delay: None })?;
                subscribe(self.0.table, until)
            }
            // No wait, which others have their turn at, or one that no clock can count.
            _ => self.0.subscribe_duration(wait),
        }
    }
}

/// A time that comes.
struct Until {
    at: Instant,
    delay: Option<Delay>,
}

#[async_trait::async_trait]
impl Pollable for Until {
    async fn ready(&mut self) {
        let left = self.at.saturating_duration_since(Instant::now());
        if !left.is_zero() {
            self.delay.get_or_insert_with(|| Delay::new(left)).await;
        }
    }
}
