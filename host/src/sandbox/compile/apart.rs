//! The parent's side: starts a child, gives it the bytes, takes the code, and ends it when it takes too long.
//!
//! The child is this program itself, as it was when this process started, whatever has become of its file since. Its
//! bounds are its own first act. What is seen to from here is the wall clock, how much is read of what it says, and that
//! none is left: it is killed when the caller is done with it, and by the kernel when this thread ends.

use std::ffi::OsString;
use std::io::{self, ErrorKind, Read, Write as _};
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use bytesize::ByteSize;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::worker::status;
use crate::sandbox::component::LoadError;

/// The hidden command of `sandbus` that compiles.
pub const COMMAND: &str = "compile-worker";

/// By how much the wall clock may pass the CPU time. The child stands back behind whoever handles events.
const PATIENCE: u32 = 5;

/// The most native code that is taken. CPython's 18 MiB become 34.
const MAX_CODE_BYTES: usize = 192 << 20;

/// The most that is read of what a child complains of.
const MAX_MESSAGE_BYTES: usize = 16 << 10;

/// The most threads that compile one component.
const MAX_THREADS: usize = 8;

/// What a child may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// CPU time of all its threads; whole seconds, rounded up.
    pub time: Duration,
    /// Address space, in bytes.
    pub memory: u64,
}

/// A program that compiles.
#[derive(Clone, Debug)]
pub struct Apart {
    program: PathBuf,
    bounds: Bounds,
}

impl Apart {
    /// This program, which is `sandbus`, whatever has become of its file since it was started.
    pub fn this_program(bounds: Bounds) -> Apart {
        Apart::program("/proc/self/exe".into(), bounds)
    }

    /// Another one, which has the command [`COMMAND`].
    pub fn program(program: PathBuf, bounds: Bounds) -> Apart {
        Apart { program, bounds }
    }

    /// From a file to native code.
    pub(super) fn compile(&self, bytes: &[u8]) -> Result<Vec<u8>, LoadError> {
        let started = self.start().map_err(|error| {
            LoadError::Compiler(format!("cannot be started as {}: {error}", self.program.display()))
        })?;
        let mut worker = Worker(started);
        let patience = self.bounds.time.saturating_mul(PATIENCE);
        let heard = exchange(&mut worker.0, bytes, Instant::now() + patience)
            .map_err(|error| LoadError::Compiler(format!("cannot be spoken to: {error}")))?;
        match heard.end {
            End::TooLong => Err(LoadError::CompileWait(patience)),
            End::TooMuch => {
                let most = ByteSize(MAX_CODE_BYTES as u64);
                Err(LoadError::TooMuch(format!("more than {most} of native code, which is the most for a handler")))
            }
            End::Ended(status) => self.judge(status, heard),
        }
    }

    fn start(&self) -> io::Result<Child> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS);
        let seconds = self.bounds.time.as_secs() + u64::from(self.bounds.time.subsec_nanos() > 0);
        let numbers = [
            ("--parent", u64::from(std::process::id())),
            ("--cpu-seconds", seconds.max(1)),
            ("--memory", self.bounds.memory),
        ];
        let mut command = Command::new(&self.program);
        command
            .arg0("sandbus")
            .arg(COMMAND)
            .args(numbers.iter().flat_map(|(name, number)| [OsString::from(name), number.to_string().into()]))
            .env_clear()
            .env("RAYON_NUM_THREADS", threads.to_string())
            // Reserved at once unless told otherwise: 1 GiB, which counts as address space.
            .env("MIMALLOC_ARENA_RESERVE", "32MiB")
            .current_dir("/")
            // What the terminal's Ctrl-C ends is the host, in its own time.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.spawn()
    }

    /// What a child that has ended left behind.
    fn judge(&self, ended: ExitStatus, heard: Heard) -> Result<Vec<u8>, LoadError> {
        let text = String::from_utf8_lossy(&heard.message);
        let text = text.trim();
        // What Rust says before it aborts.
        let no_memory = text.contains("memory allocation of");
        let signal = ended.signal().and_then(rustix::process::Signal::from_named_raw);
        Err(match (ended.code(), signal) {
            (Some(status::DONE), _) => return Ok(heard.code),
            (Some(status::COMPILE), _) => LoadError::Compile(text.to_owned()),
            (Some(status::WRAP), _) => LoadError::Wrap(text.to_owned()),
            (Some(status::TOO_MUCH), _) => LoadError::TooMuch(text.to_owned()),
            (_, Some(rustix::process::Signal::XCPU)) => LoadError::CompileTime(self.bounds.time),
            _ if no_memory => LoadError::CompileMemory(ByteSize(self.bounds.memory)),
            (_, Some(rustix::process::Signal::KILL)) => {
                LoadError::Compiler("was killed (SIGKILL), as the system does when it runs out of memory".into())
            }
            (Some(code), _) => LoadError::Compiler(format!("ended with status {code}: {}", said(text))),
            (None, _) => {
                let number = ended.signal().unwrap_or_default();
                LoadError::Compiler(format!("crashed (signal {number}): {}", said(text)))
            }
        })
    }
}

fn said(text: &str) -> &str {
    if text.is_empty() { "it did not say why" } else { text }
}

/// A child that does not outlive its use.
struct Worker(Child);

impl Drop for Worker {
    fn drop(&mut self) {
        // Both do nothing to one that was waited for.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What became of a child.
enum End {
    Ended(ExitStatus),
    /// It runs beyond the deadline.
    TooLong,
    /// It has written more than is taken.
    TooMuch,
}

struct Heard {
    code: Vec<u8>,
    message: Vec<u8>,
    end: End,
}

/// Writes to a child and reads what it says, whichever it is ready for, until it has ended.
fn exchange(child: &mut Child, bytes: &[u8], deadline: Instant) -> io::Result<Heard> {
    let (mut stdin, mut stdout, mut stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    for pipe in [stdin.as_ref().map(AsFd::as_fd), stdout.as_ref().map(AsFd::as_fd), stderr.as_ref().map(AsFd::as_fd)] {
        fcntl_setfl(pipe.ok_or(ErrorKind::BrokenPipe)?, OFlags::NONBLOCK)?;
    }
    let mut heard = Heard { code: Vec::new(), message: Vec::new(), end: End::TooLong };
    let mut rest = bytes;
    let mut buffer = vec![0; 64 << 10];
    while stdout.is_some() || stderr.is_some() {
        let mut fds = Vec::with_capacity(3);
        fds.extend(stdin.as_ref().map(|pipe| PollFd::new(pipe, PollFlags::OUT)));
        fds.extend(stdout.as_ref().map(|pipe| PollFd::new(pipe, PollFlags::IN)));
        fds.extend(stderr.as_ref().map(|pipe| PollFd::new(pipe, PollFlags::IN)));
        if !wait(&mut fds, deadline)? {
            return Ok(heard);
        }
        if let Some(pipe) = &mut stdin {
            match pipe.write(rest) {
                Ok(written) => rest = rest.get(written..).unwrap_or_default(),
                Err(error) if later(&error) => {}
                // It reads no more: how it ends tells why.
                Err(error) if error.kind() == ErrorKind::BrokenPipe => rest = &[],
                Err(error) => return Err(error),
            }
            if rest.is_empty() {
                stdin = None;
            }
        }
        if let Some(pipe) = &mut stdout
            && take(pipe, &mut buffer, &mut heard.code, MAX_CODE_BYTES)?
        {
            stdout = None;
        }
        if heard.code.len() == MAX_CODE_BYTES {
            heard.end = End::TooMuch;
            return Ok(heard);
        }
        if let Some(pipe) = &mut stderr
            && take(pipe, &mut buffer, &mut heard.message, MAX_MESSAGE_BYTES)?
        {
            stderr = None;
        }
    }
    if let Some(status) = ended(child, deadline)? {
        heard.end = End::Ended(status);
    }
    Ok(heard)
}

/// Reads what is there, and keeps as much of it as there is room for. Answers whether that was all there will be.
fn take(pipe: &mut impl Read, buffer: &mut [u8], kept: &mut Vec<u8>, most: usize) -> io::Result<bool> {
    match pipe.read(buffer) {
        Ok(0) => Ok(true),
        Ok(count) => {
            let room = most.saturating_sub(kept.len());
            kept.extend(buffer.iter().take(count.min(room)));
            Ok(false)
        }
        Err(error) if later(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

fn later(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

/// Waits until one of these is ready; `false`: not before the deadline.
fn wait(fds: &mut [PollFd<'_>], deadline: Instant) -> io::Result<bool> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(false);
        }
        match poll(fds, Timespec::try_from(left).ok().as_ref()) {
            Ok(0) | Err(Errno::INTR) => {}
            Ok(_) => return Ok(true),
            Err(error) => return Err(error.into()),
        }
    }
}

/// How a child that has closed its pipes ended; `None`: not before the deadline.
fn ended(child: &mut Child, deadline: Instant) -> io::Result<Option<ExitStatus>> {
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw)
        && let Ok(process) = pidfd_open(pid, PidfdFlags::empty())
        && !wait(&mut [PollFd::new(&process, PollFlags::IN)], deadline)?
    {
        return Ok(None);
    }
    child.wait().map(Some)
}

#[cfg(test)]
mod tests;
