//! The process that compiles: it reads a stranger's bytes from a pipe, and writes to two others. It needs nothing else.

use rustix::process::{Pid, Resource, Rlimit, Signal, getppid, getrlimit, setrlimit};

use super::files::Allowed;
use super::{calls, drop_privileges, files, leave_no_dumps};

/// Open files: the three pipes, and what a library may open for a moment.
const OPEN_FILES: u64 = 16;

/// By how much it stands back behind whoever handles events: the kernel gives it a tenth of their share.
const NICE: i32 = 10;

/// What it may take, and whose it is.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// CPU time of all its threads, in seconds.
    pub cpu: u64,
    /// Address space, in bytes.
    pub memory: u64,
    /// The process with which it ends.
    pub parent: u32,
}

/// Confines this process. It has one thread, and has not yet read anything.
///
/// # Errors
/// Where a bound cannot be set. Files and system calls are given up as far as the system can.
pub fn confine(bounds: Bounds) -> Result<(), String> {
    let set = |what: &str, result: Result<(), rustix::io::Errno>| result.map_err(|error| format!("{what}: {error}"));
    close_inherited();
    set("parent", rustix::process::set_parent_process_death_signal(Some(Signal::KILL)))?;
    // One that ended before that.
    if getppid().map(Pid::as_raw_nonzero).map(|pid| pid.get().unsigned_abs()) != Some(bounds.parent) {
        return Err("whoever asked for this has ended".into());
    }
    // Else it is called after the link by which it was started.
    let _ = std::fs::write("/proc/self/comm", "sandbus-compile");
    // The kernel takes this one first when it runs out of memory. Not everywhere may that be said.
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
    let _ = rustix::process::nice(NICE);
    // At the lower one it is told by a signal of its own, at the higher one killed.
    set("CPU time", limit(Resource::Cpu, bounds.cpu, bounds.cpu.saturating_add(2)))?;
    set("memory", limit(Resource::As, bounds.memory, bounds.memory))?;
    set("open files", limit(Resource::Nofile, OPEN_FILES, OPEN_FILES))?;
    set("file size", limit(Resource::Fsize, 0, 0))?;
    leave_no_dumps();
    drop_privileges();
    files::restrict(&Allowed::default());
    calls::forbid_to_worker();
    Ok(())
}

/// A bound, or a lower one that is there already.
fn limit(resource: Resource, most: u64, last: u64) -> Result<(), rustix::io::Errno> {
    let there = getrlimit(resource).maximum.unwrap_or(u64::MAX);
    setrlimit(resource, Rlimit { current: Some(most.min(there)), maximum: Some(last.min(there)) })
}

/// Whatever the parent's libraries have left open for children. Linux before 5.9 cannot; there it stays open.
fn close_inherited() {
    let (first, last): (libc::c_uint, libc::c_uint) = (3, libc::c_uint::MAX);
    // SAFETY: nothing of this process has opened a file yet, so that nobody's is closed.
    unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
}
