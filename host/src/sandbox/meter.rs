//! How much CPU a try takes: the time of the threads that ran it, while they ran it.
//!
//! A guest's call is a future; [`Metered`] reads the thread's CPU clock around each poll, and the epoch
//! callback reads it in between, so that a guest that never returns is measured too.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds of CPU of the current thread.
fn thread_cpu() -> u64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    (now.tv_sec as u64).saturating_mul(1_000_000_000).saturating_add(now.tv_nsec as u64)
}

/// The CPU time of one call. Written by one thread at a time: the one that polls the call.
#[derive(Debug, Default)]
pub struct Meter {
    used: AtomicU64,
    polled_at: AtomicU64,
}

impl Meter {
    /// What the call has taken so far. Between polls, that is all.
    pub fn used(&self) -> Duration {
        Duration::from_nanos(self.used.load(Ordering::Relaxed))
    }

    /// The same, asked from within the call.
    pub fn used_within(&self) -> Duration {
        let poll = thread_cpu().saturating_sub(self.polled_at.load(Ordering::Relaxed));
        self.used() + Duration::from_nanos(poll)
    }

    /// Starts from zero.
    pub fn reset(&self) {
        self.used.store(0, Ordering::Relaxed);
    }
}

/// A future whose polls a [`Meter`] counts.
pub struct Metered<F> {
    meter: Arc<Meter>,
    call: Pin<Box<F>>,
}

impl<F: Future> Metered<F> {
    /// Counts the polls of `call`.
    pub fn new(meter: Arc<Meter>, call: F) -> Self {
        Self { meter, call: Box::pin(call) }
    }
}

impl<F: Future> Future for Metered<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let before = thread_cpu();
        self.meter.polled_at.store(before, Ordering::Relaxed);
        let poll = self.call.as_mut().poll(context);
        self.meter.used.fetch_add(thread_cpu().saturating_sub(before), Ordering::Relaxed);
        poll
    }
}
