//! How far the work is, on stderr: one line that changes for people, a line now and then for a log.

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

const ON_TERMINAL: Duration = Duration::from_millis(200);
const IN_LOG: Duration = Duration::from_secs(2);

pub(super) struct Progress {
    verb: &'static str,
    total: usize,
    terminal: bool,
    shown: Option<Instant>,
}

impl Progress {
    pub(super) fn new(verb: &'static str, total: usize) -> Progress {
        Progress { verb, total, terminal: std::io::stderr().is_terminal(), shown: None }
    }

    /// Shows it, if that was not done just now.
    pub(super) fn at(&mut self, done: usize) {
        let pause = if self.terminal { ON_TERMINAL } else { IN_LOG };
        let since = *self.shown.get_or_insert_with(Instant::now);
        if since.elapsed() >= pause {
            self.shown = Some(Instant::now());
            let (begin, end) = if self.terminal { ("\r", "") } else { ("", "\n") };
            // Nobody may be reading any more.
            let _ = write!(std::io::stderr(), "{begin}{} of {} {}{end}", done, self.total, self.verb);
        }
    }

    /// Leaves the line that changes.
    pub(super) fn end(&self) {
        if self.terminal && self.shown.is_some() {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
