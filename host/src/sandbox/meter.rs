//! How much CPU a guest takes in a try: the time of the threads that ran it, while they ran it, without what the host
//! took for what it was asked.
//!
//! A guest's call is a future; [`Metered`] measures each poll of it, and the epoch callback looks in between, so
//! that a guest that never returns is measured too. To read a thread's CPU clock is a call to the kernel, which
//! costs as much as a small handler: what takes less than a millisecond counts as its wall clock, and the CPU clock is
//! read where that was longer.

use std::cell::Cell;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use tokio::task::coop::{Unconstrained, unconstrained};
use tokio::time::Sleep;

/// Nanoseconds of CPU of the current thread.
fn thread_cpu() -> u64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    (now.tv_sec as u64).saturating_mul(1_000_000_000).saturating_add(now.tv_nsec as u64)
}

/// Below this, CPU time and wall clock are taken for the same. A thread that loses its core does so for longer.
const SHORT: Duration = Duration::from_millis(1);

thread_local! {
    /// When this thread's CPU clock was last read, and what it said.
    static LAST: Cell<Option<(Instant, u64)>> = const { Cell::new(None) };
}

/// Reads the thread's CPU clock, and remembers it.
fn read(now: Instant) -> u64 {
    let cpu = thread_cpu();
    LAST.set(Some((now, cpu)));
    cpu
}

/// What the thread's CPU clock says now, where it was read a short while ago without being read.
fn about(now: Instant) -> u64 {
    match LAST.get() {
        Some((then, cpu)) if now.saturating_duration_since(then) < SHORT => cpu.saturating_add(nanoseconds(now - then)),
        _ => read(now),
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// The CPU time of one call. Written by one thread at a time: the one that polls the call.
#[derive(Debug, Default)]
pub struct Meter {
    used: AtomicU64,
    polled_at: AtomicU64,
    /// Of the poll that runs: what was the host's own.
    spared: AtomicU64,
}

impl Meter {
    /// What the call has taken so far. Between polls, that is all.
    pub fn used(&self) -> Duration {
        Duration::from_nanos(self.used.load(Ordering::Relaxed))
    }

    /// The same, asked from within the call.
    pub fn used_within(&self) -> Duration {
        let poll = thread_cpu().saturating_sub(self.polled_at.load(Ordering::Relaxed));
        self.used() + Duration::from_nanos(poll.saturating_sub(self.spared.load(Ordering::Relaxed)))
    }

    /// The host has done something for the guest, within the poll that runs, and it took so long. By the wall clock: a
    /// thread that lost its core meanwhile spares the guest more, never more than the poll has taken, and the wall clock
    /// of the try goes on.
    pub fn spare(&self, took: Duration) {
        let spared = self.spared.load(Ordering::Relaxed).saturating_add(nanoseconds(took));
        self.spared.store(spared, Ordering::Relaxed);
    }

    /// A poll is over that took so much.
    fn polled(&self, used: u64) {
        let spared = self.spared.load(Ordering::Relaxed);
        if spared > 0 {
            self.spared.store(0, Ordering::Relaxed);
        }
        self.add(used.saturating_sub(spared));
    }

    /// One thread at a time writes.
    fn add(&self, used: u64) {
        self.used.store(self.used.load(Ordering::Relaxed).saturating_add(used), Ordering::Relaxed);
    }

    /// Starts from zero.
    pub fn reset(&self) {
        self.used.store(0, Ordering::Relaxed);
        self.spared.store(0, Ordering::Relaxed);
    }
}

/// A call whose polls a [`Meter`] counts, and which is given up when its time is over.
///
/// By far the most calls are over at the first poll: only one that is not has a timer.
pub struct Metered<'a, F> {
    meter: &'a Meter,
    call: Pin<&'a mut F>,
    started: Instant,
    /// When the coming poll begins, where that is known.
    begins: Option<Instant>,
    timeout: Duration,
    timer: Option<Pin<Box<Unconstrained<Sleep>>>>,
}

impl<'a, F: Future> Metered<'a, F> {
    /// Counts the polls of `call`, which has just been `started`, until `timeout` after that.
    pub fn new(meter: &'a Meter, call: Pin<&'a mut F>, started: Instant, timeout: Duration) -> Self {
        Self { meter, call, started, begins: Some(started), timeout, timer: None }
    }
}

impl<F: Future> Future for Metered<'_, F> {
    /// What the call came to, if it came to its end, and when that was known.
    type Output = (Option<F::Output>, Instant);

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let begins = self.begins.take().unwrap_or_else(Instant::now);
        let before = about(begins);
        self.meter.polled_at.store(before, Ordering::Relaxed);
        let poll = self.call.as_mut().poll(context);
        let now = Instant::now();
        let took = now.saturating_duration_since(begins);
        let used = if took < SHORT { nanoseconds(took) } else { read(now).saturating_sub(before) };
        self.meter.polled(used);
        if let Poll::Ready(answer) = poll {
            return Poll::Ready((Some(answer), now));
        }
        // A time that no clock reaches is never over.
        let Some(deadline) = self.started.checked_add(self.timeout) else { return Poll::Pending };
        let timer = self.timer.get_or_insert_with(|| {
            // Looked at even where the guest has used up what tokio lets one poll do.
            Box::pin(unconstrained(tokio::time::sleep_until(deadline.into())))
        });
        timer.as_mut().poll(context).map(|()| (None, now))
    }
}

#[cfg(test)]
mod tests;
