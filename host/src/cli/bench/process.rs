//! What this process takes of the machine, and what machine that is.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

/// CPU time of all threads of this process so far.
pub fn cpu() -> Duration {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(u64::try_from(now.tv_sec).unwrap_or_default(), u32::try_from(now.tv_nsec).unwrap_or_default())
}

/// Bytes of memory that this process has now. 0 where the kernel does not say.
pub fn resident() -> u64 {
    field("/proc/self/status", "VmRSS")
        .and_then(|value| value.split_whitespace().next()?.parse::<u64>().ok())
        .map_or(0, |kib| kib * 1024)
}

/// A thread of this process, and the CPU time that it has taken so far.
#[derive(Clone, Debug)]
pub struct Thread {
    id: u32,
    /// What its kind is called: `engine` for the engine's thread of any group.
    pub kind: String,
    /// CPU time.
    pub cpu: Duration,
}

impl Thread {
    /// Since that earlier look at the threads.
    pub fn since(&self, before: &[Thread]) -> Duration {
        let earlier = before.iter().find(|thread| thread.id == self.id);
        self.cpu.saturating_sub(earlier.map_or(Duration::ZERO, |thread| thread.cpu))
    }
}

/// Every thread that lives now. Empty where the kernel does not say.
pub fn threads() -> Vec<Thread> {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else { return Vec::new() };
    let thread = |task: std::io::Result<std::fs::DirEntry>| {
        let folder = task.ok()?.path();
        let id = folder.file_name()?.to_str()?.parse().ok()?;
        // Nanoseconds on a CPU come first; the clock of `stat` is coarse.
        let times = std::fs::read_to_string(folder.join("schedstat")).ok()?;
        let cpu = Duration::from_nanos(times.split_whitespace().next()?.parse().ok()?);
        Some(Thread { id, kind: kind(&std::fs::read_to_string(folder.join("comm")).ok()?), cpu })
    };
    tasks.filter_map(thread).collect()
}

/// Without what follows a name to tell a thread from others of its kind: the group, the broker's number.
fn kind(name: &str) -> String {
    let name = name.split('-').next().unwrap_or_default();
    name.trim().trim_end_matches(|last: char| last.is_ascii_digit()).to_owned()
}

/// CPU time of another process on this machine so far, in steps of 10 ms. `None` where there is none.
pub fn cpu_of(process: u32) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // Behind the name, which stands in brackets and may hold anything, user and kernel time are the 12th and 13th.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    Some(Duration::from_millis((ticks()? + ticks()?) * 10))
}

fn field(file: &str, name: &str) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.split(':').next().is_some_and(|found| found.trim() == name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// The machine and the versions, for whoever compares figures.
pub fn machine() -> Value {
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").map(|text| text.trim().to_owned());
    json!({
        "cpu": field("/proc/cpuinfo", "model name"),
        "cores": std::thread::available_parallelism().map_or(0, usize::from),
        "memory": field("/proc/meminfo", "MemTotal"),
        "kernel": kernel.ok(),
        "architecture": std::env::consts::ARCH,
        "sandbus": env!("CARGO_PKG_VERSION"),
        "librdkafka": crate::kafka::load::version(),
        "wasmtime": wasmtime(),
    })
}

/// The version that is pinned exactly in the host's manifest.
fn wasmtime() -> Option<&'static str> {
    let manifest = include_str!("../../../Cargo.toml");
    let line = manifest.lines().find(|line| line.starts_with("wasmtime = "))?;
    line.split('"').nth(1)?.strip_prefix('=')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_are_told_apart_by_what_they_do() {
        assert_eq!(
            ["engine-orders", "rdk:broker1", "guest", "rdk:main"].map(kind),
            ["engine", "rdk:broker", "guest", "rdk:main"]
        );
        let before = threads();
        std::thread::scope(|scope| {
            let busy = std::thread::Builder::new().name("busy-7".into());
            let busy = busy.spawn_scoped(scope, || {
                let started = cpu();
                while cpu() - started < Duration::from_millis(20) {}
                threads().into_iter().find(|thread| thread.kind == "busy").unwrap().since(&before)
            });
            assert!(busy.unwrap().join().unwrap() > Duration::ZERO);
        });
    }

    #[test]
    fn another_process_is_measured() {
        let own = cpu_of(std::process::id()).unwrap();
        assert!(own.abs_diff(cpu()) < Duration::from_secs(1), "{own:?} {:?}", cpu());
        assert_eq!(cpu_of(0), None);
    }

    #[test]
    fn the_machine_is_known() {
        let machine = machine();
        assert!(machine["wasmtime"].is_string() && machine["librdkafka"].is_string(), "{machine}");
        assert!(resident() > 0);
        assert!(cpu() > Duration::ZERO);
    }
}
