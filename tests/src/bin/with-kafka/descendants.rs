//! Processes that the command started and did not wait for.
//!
//! `cargo test` that is ended leaves the running test behind, and with it the hosts that the test has started. The
//! kernel hands such orphans to this process, which ends them.

use std::fs;
use std::io;

use anyhow::Context as _;

/// Makes this process the parent of all its descendants' orphans.
pub(crate) fn adopt() -> anyhow::Result<()> {
    // SAFETY: this `prctl` takes a number and touches no memory of ours.
    let done = unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1) };
    if done != 0 {
        return Err(io::Error::last_os_error()).context("become the parent of orphans");
    }
    Ok(())
}

/// Ends every child but `kept`, and then the orphans which that makes, until there are none. Answers with the names of
/// those that still ran.
pub(crate) fn end_all_but(kept: Option<u32>) -> Vec<String> {
    let mut ended = Vec::new();
    loop {
        let children: Vec<i32> = children().into_iter().filter(|child| Some(child.cast_unsigned()) != kept).collect();
        if children.is_empty() {
            return ended;
        }
        ended.extend(children.into_iter().filter_map(end));
    }
}

/// Reaps a child, which is killed first if it still runs; then its name is the answer.
fn end(child: i32) -> Option<String> {
    let name = fs::read_to_string(format!("/proc/{child}/comm")).unwrap_or_default();
    let status = std::ptr::null_mut();
    // SAFETY: neither call touches memory of ours. Nobody else reaps this child, so that the id is still its own, and a
    // killed child does end.
    unsafe {
        if libc::waitpid(child, status, libc::WNOHANG) != 0 {
            return None;
        }
        libc::kill(child, libc::SIGKILL);
        libc::waitpid(child, status, 0);
    }
    Some(name.trim_end().to_owned())
}

fn children() -> Vec<i32> {
    let own = std::process::id().cast_signed();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|&process| parent(process) == Some(own))
        .collect()
}

/// The parent's id: the second field behind the command's name, which stands in brackets and may contain anything.
fn parent(process: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let (_, behind_name) = stat.rsplit_once(')')?;
    behind_name.split_whitespace().nth(1)?.parse().ok()
}
