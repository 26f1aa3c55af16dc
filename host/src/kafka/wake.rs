//! Wakes a thread that waits for any of several things: librdkafka's queues, controls, room in a buffer.

use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd, RawFd};
use std::time::Duration;

use anyhow::Context as _;
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::io::{read, write};

/// What is written to wake it: an eventfd takes eight bytes that are not all zero.
pub const SIGNAL: [u8; 8] = 1u64.to_ne_bytes();

/// One thread's alarm. It keeps what was rung while nobody waited.
#[derive(Debug)]
pub struct Alarm(OwnedFd);

impl Alarm {
    /// Not rung yet.
    ///
    /// # Errors
    /// Where the process has no file descriptors left.
    pub fn new() -> anyhow::Result<Alarm> {
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        Ok(Alarm(eventfd(0, flags).context("cannot make an event descriptor")?))
    }

    /// Wakes who waits, or the next who does.
    pub fn ring(&self) {
        // It fails only where the alarm has been rung more often than can be counted.
        let _ = write(&self.0, &SIGNAL);
    }

    /// Waits until it is rung, or for that long.
    pub fn wait(&self, timeout: Duration) {
        let mut fds = [PollFd::from_borrowed_fd(self.0.as_fd(), PollFlags::IN)];
        let timeout = Timespec::try_from(timeout).ok();
        // Interrupted or not: who waited looks at everything, and waits again.
        let _ = poll(&mut fds, timeout.as_ref());
    }

    /// Forgets that it was rung. To be done before looking at what it may have been rung for.
    pub fn reset(&self) {
        let _ = read(&self.0, &mut [0; 8]);
    }

    /// For librdkafka, which rings by itself. Valid as long as this value.
    pub fn raw(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn it_keeps_what_was_rung_until_it_is_reset() {
        let alarm = Alarm::new().unwrap();
        alarm.ring();
        alarm.ring();
        let start = Instant::now();
        alarm.wait(Duration::from_secs(60));
        alarm.wait(Duration::from_secs(60));
        assert!(start.elapsed() < Duration::from_secs(30));
        alarm.reset();
        alarm.wait(Duration::from_millis(20));
        assert!(start.elapsed() >= Duration::from_millis(20));
    }
}
