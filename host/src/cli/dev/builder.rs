//! Builds the project, in a process that can be ended with all that it has started.
//!
//! `toolchain::build` waits for compilers and package managers, which are this process's children, and lets them write to
//! stderr. So that Ctrl-C leaves none of them behind and their words have a place in the view, a child runs it: `sandbus
//! build`, in a process group of its own.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use serde::Deserialize;

/// How long killed processes are waited for. They are dead at once; who has started them may be slow to take note.
const GONE: Duration = Duration::from_millis(200);

/// A component that was built.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Built {
    /// The project's name.
    pub name: String,
    /// Its file.
    pub component: PathBuf,
    /// Its size in bytes.
    pub bytes: u64,
    /// Whether it differs from the one that was there.
    pub changed: bool,
}

/// Starts builds, one at a time, until it is ended.
#[derive(Default)]
pub struct Builder(Mutex<State>);

#[derive(Default)]
struct State {
    /// What runs, by the leader of its process group.
    group: Option<Pid>,
    ended: bool,
}

impl Builder {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Builds the project in this folder. `say` hears every line of the tools that do it, in `colours` where they can.
    /// `None`: it could not be built, and they have said why.
    ///
    /// # Errors
    /// Where no build can be started, or it answers nothing that can be understood.
    pub fn build(&self, folder: &Path, colours: bool, say: &(dyn Fn(String) + Sync)) -> anyhow::Result<Option<Built>> {
        let mut child = self.start(folder, colours)?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let mut answer = String::new();
        std::thread::scope(|scope| {
            // Both at once: a full pipe would stop the child.
            let lines = scope.spawn(|| stderr.into_iter().for_each(|stderr| each_line(stderr, say)));
            let read = stdout.map(|mut stdout| stdout.read_to_string(&mut answer));
            // What it says on stderr is all that matters if this cannot be read.
            let _ = (read, lines.join());
        });
        let status = child.wait().context("cannot wait for the build")?;
        self.state().group = None;
        if !status.success() {
            return Ok(None);
        }
        let built = serde_json::from_str(answer.trim());
        built.map(Some).with_context(|| format!("the build answered {answer:?}"))
    }

    fn start(&self, folder: &Path, colours: bool) -> anyhow::Result<Child> {
        // This program, whatever has become of its file since it was started.
        let mut command = Command::new("/proc/self/exe");
        command.arg0("sandbus").arg("build").arg("--json").arg(folder);
        if colours {
            // What compilers ask who write to no terminal: cargo, and those that run on Node.js.
            command.env("CARGO_TERM_COLOR", "always").env("FORCE_COLOR", "1");
        }
        command.process_group(0).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut state = self.state();
        anyhow::ensure!(!state.ended, "this program ends");
        let child = command.spawn().context("cannot start a build")?;
        state.group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        Ok(child)
    }

    /// Ends what runs, with all that it has started, and starts nothing any more.
    pub fn end(&self) {
        let mut state = self.state();
        state.ended = true;
        let Some(group) = state.group.take() else { return };
        // One that has just ended needs no signal.
        let _ = kill_process_group(group, Signal::KILL);
        let deadline = Instant::now() + GONE;
        while test_kill_process_group(group).is_ok() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Lines of what tools print, whatever bytes they are.
fn each_line(stream: impl Read, say: &(dyn Fn(String) + Sync)) {
    let mut stream = BufReader::new(stream);
    let mut line = Vec::new();
    while stream.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
        say(String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']).to_owned());
        line.clear();
    }
}
