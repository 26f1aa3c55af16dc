//! Requests to end: Ctrl-C, a supervisor's `SIGTERM`, a terminal that goes away.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use anyhow::Context as _;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::SignalsInfo;
use signal_hook::iterator::exfiltrator::WithOrigin;

/// One request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Signal {
    pub(crate) number: i32,
    /// From the terminal, which has sent it to the whole group, the command included.
    pub(crate) from_terminal: bool,
}

impl Signal {
    /// The exit status of a process that ends because of it, as shells have it.
    pub(crate) fn status(self) -> u8 {
        128 + u8::try_from(self.number).unwrap_or(0)
    }
}

/// Receives requests from now on, in place of being ended by them.
#[derive(Debug)]
pub(crate) struct Signals {
    received: Receiver<Signal>,
    seen: Arc<AtomicBool>,
}

impl Signals {
    pub(crate) fn listen() -> anyhow::Result<Signals> {
        let mut signals = SignalsInfo::<WithOrigin>::new([SIGINT, SIGTERM, SIGHUP]).context("listen to signals")?;
        let (sender, received) = channel();
        let seen = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&seen);
        std::thread::spawn(move || {
            for origin in &mut signals {
                let signal = Signal { number: origin.signal, from_terminal: origin.process.is_none() };
                if sender.send(signal).is_err() {
                    return;
                }
                // Afterwards, so that whoever sees the flag finds the request.
                flag.store(true, Ordering::Release);
            }
        });
        Ok(Signals { received, seen })
    }

    /// Set from the first request on.
    pub(crate) fn seen(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.seen)
    }

    /// The oldest request that has not been taken yet.
    pub(crate) fn first(&self) -> Option<Signal> {
        self.received.try_recv().ok()
    }

    /// The next request, if one comes in time.
    pub(crate) fn next(&self, time: Duration) -> Option<Signal> {
        match self.received.recv_timeout(time) {
            Ok(signal) => Some(signal),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => unreachable!("the listener never ends first"),
        }
    }
}
