//! Child processes that never outlive their parent.
//!
//! A [`Process`] is killed and reaped when it is dropped, and by the kernel when the process that started it dies in
//! any way. Waits have deadlines. [`run_to_end`] is for commands that end by themselves.

mod lines;
mod spawner;

use std::io::{self, Write as _};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::time::Duration;

pub use lines::Lines;

use crate::eventually;

/// A running child, or one that has ended and been reaped.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    ended: Option<ExitStatus>,
}

impl Process {
    /// Starts `command`. `name` stands for it in messages. The kernel sends it `SIGKILL` when this process dies.
    ///
    /// # Errors
    /// What the system says; the message names the program.
    pub fn spawn(name: &str, command: Command) -> io::Result<Process> {
        Process::spawn_with_death_signal(name, command, libc::SIGKILL)
    }

    /// As [`Process::spawn`], with another signal for the death of this process.
    ///
    /// # Errors
    /// As [`Process::spawn`].
    pub fn spawn_with_death_signal(name: &str, command: Command, signal: libc::c_int) -> io::Result<Process> {
        let program = command.get_program().to_string_lossy().into_owned();
        let child = spawner::spawn(command, signal)
            .map_err(|error| io::Error::new(error.kind(), format!("start {program}: {error}")))?;
        Ok(Process { name: name.to_owned(), child, ended: None })
    }

    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its standard input, which must have been piped. Answers `None` the second time.
    pub fn stdin(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// Reads its standard error, which must have been piped, from now on. Answers `None` the second time.
    pub fn stderr_lines(&mut self) -> Option<Lines> {
        self.child.stderr.take().map(Lines::read)
    }

    /// As [`Process::stderr_lines`], for standard output.
    pub fn stdout_lines(&mut self) -> Option<Lines> {
        self.child.stdout.take().map(Lines::read)
    }

    /// How it ended, if it has.
    ///
    /// # Panics
    /// When the system cannot say, which it always can of a child that nobody else reaps.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().unwrap_or_else(|error| panic!("{}: wait: {error}", self.name));
        }
        self.ended
    }

    /// Sends a signal. One that has ended gets none.
    ///
    /// # Panics
    /// When the signal is refused.
    pub fn signal(&mut self, signal: libc::c_int) {
        if self.ended().is_some() {
            return;
        }
        let pid = self.child.id().cast_signed();
        // SAFETY: `kill` touches no memory of ours; the child is not reaped yet, so that its id is still its own.
        let sent = unsafe { libc::kill(pid, signal) };
        let error = io::Error::last_os_error();
        assert!(sent == 0, "{}: signal {signal}: {error}", self.name);
    }

    /// Waits until it has ended by itself.
    ///
    /// # Errors
    /// A message when it still runs at the deadline.
    pub fn wait(&mut self, deadline: Duration) -> Result<ExitStatus, String> {
        let what = format!("the end of {} (pid {})", self.name, self.id());
        eventually::poll(&what, deadline, || self.ended().ok_or("it runs"))
    }

    /// Asks it to end (`SIGTERM`) and waits.
    ///
    /// # Errors
    /// As [`Process::wait`].
    pub fn terminate(&mut self, deadline: Duration) -> Result<ExitStatus, String> {
        self.signal(libc::SIGTERM);
        self.wait(deadline)
    }

    /// Ends it at once (`SIGKILL`) and reaps it.
    ///
    /// # Panics
    /// When the system refuses.
    pub fn kill(&mut self) -> ExitStatus {
        self.signal(libc::SIGKILL);
        let status = self.child.wait().unwrap_or_else(|error| panic!("{}: wait: {error}", self.name));
        *self.ended.insert(status)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Not `kill`: a panic during another panic would hide the first.
        if self.ended.is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// What a command that has ended left behind.
#[derive(Debug, Clone)]
pub struct Finished {
    /// How it ended.
    pub status: ExitStatus,
    /// All of its standard output, with what is not UTF-8 replaced.
    pub stdout: String,
    /// All of its standard error, likewise.
    pub stderr: String,
}

/// Runs `command` with `input` on its standard input until it ends.
///
/// # Panics
/// When it cannot be started, or still runs at the deadline; the message holds what it has printed.
#[track_caller]
pub fn run_to_end(mut command: Command, input: &[u8], deadline: Duration) -> Finished {
    let name = format!("{command:?}");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = Process::spawn(&name, command).unwrap_or_else(|error| panic!("{error}"));
    let stdout = process.stdout_lines().expect("stdout is piped");
    let stderr = process.stderr_lines().expect("stderr is piped");
    let stdin = process.child.stdin.take().expect("stdin is piped");
    let input = input.to_vec();
    // A thread, because a child that prints before it reads would block us. A child that does not want its input
    // closes the pipe; that is its right, and its status tells.
    let writer = std::thread::spawn(move || {
        let mut stdin = stdin;
        let _ = stdin.write_all(&input);
    });
    let status = process
        .wait(deadline)
        .unwrap_or_else(|message| panic!("{message}\nstdout:\n{}stderr:\n{}", stdout.text(), stderr.text()));
    writer.join().expect("the writer does not panic");
    Finished { status, stdout: stdout.text_to_end(), stderr: stderr.text_to_end() }
}

#[cfg(test)]
mod tests;
