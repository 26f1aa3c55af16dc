//! What a child prints, line by line, kept in memory.

use std::io::{BufRead as _, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Grows while the child prints. Clones show the same lines.
#[derive(Debug, Clone)]
pub struct Lines(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    lines: Vec<String>,
    closed: bool,
}

impl Lines {
    /// Reads `stream` on a thread of its own until it is closed.
    #[must_use]
    pub(super) fn read(stream: impl Read + Send + 'static) -> Lines {
        let shared = Arc::new(Shared::default());
        let reader = Arc::clone(&shared);
        std::thread::spawn(move || reader.fill(BufReader::new(stream)));
        Lines(shared)
    }

    /// The lines so far, without their ends; bytes that are not UTF-8 are replaced.
    #[must_use]
    pub fn all(&self) -> Vec<String> {
        self.0.state().lines.clone()
    }

    /// At most `count` of the newest lines.
    #[must_use]
    pub fn last(&self, count: usize) -> Vec<String> {
        let state = self.0.state();
        let start = state.lines.len().saturating_sub(count);
        state.lines[start..].to_vec()
    }

    /// All lines so far as one text.
    #[must_use]
    pub fn text(&self) -> String {
        text(&self.all())
    }

    /// All lines as one text, after the stream was closed. The child must have ended; a process that it left behind
    /// with the stream open is not waited for longer than a few seconds.
    #[must_use]
    pub fn text_to_end(&self) -> String {
        let deadline = Instant::now() + Duration::from_secs(5);
        let mut state = self.0.state();
        while !state.closed && Instant::now() < deadline {
            state = self.0.wait(state, deadline);
        }
        text(&state.lines)
    }

    /// The first line from number `from` on (0 is the oldest) for which `wanted` holds, and its number.
    ///
    /// # Errors
    /// A message with the newest lines when none has come by the deadline, or none can come any more.
    pub fn wait_for(
        &self,
        what: &str,
        from: usize,
        deadline: Duration,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<(usize, String), String> {
        let start = Instant::now();
        let mut checked = from;
        let mut state = self.0.state();
        loop {
            while let Some(line) = state.lines.get(checked) {
                if wanted(line) {
                    return Ok((checked, line.clone()));
                }
                checked += 1;
            }
            let waited = start.elapsed();
            if state.closed || waited >= deadline {
                let how = if state.closed { "the stream was closed" } else { "it is still open" };
                let newest = &state.lines[state.lines.len().saturating_sub(20)..];
                return Err(format!(
                    "waited {:.1} s for a line with {what}; {how} after {} lines; the newest:\n{}",
                    waited.as_secs_f64(),
                    state.lines.len(),
                    text(newest)
                ));
            }
            state = self.0.wait(state, start + deadline);
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>, until: Instant) -> MutexGuard<'a, State> {
        let left = until.saturating_duration_since(Instant::now());
        self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
    }

    fn fill(&self, mut stream: BufReader<impl Read>) {
        let mut bytes = Vec::new();
        // A read error ends the stream like its end does: what the child printed before stays readable.
        while stream.read_until(b'\n', &mut bytes).is_ok_and(|read| read > 0) {
            let line = String::from_utf8_lossy(&bytes);
            let line = line.trim_end_matches(['\n', '\r']).to_owned();
            self.state().lines.push(line);
            self.changed.notify_all();
            bytes.clear();
        }
        self.state().closed = true;
        self.changed.notify_all();
    }
}

fn text(lines: &[String]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}
