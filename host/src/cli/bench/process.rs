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
    fn the_machine_is_known() {
        let machine = machine();
        assert!(machine["wasmtime"].is_string() && machine["librdkafka"].is_string(), "{machine}");
        assert!(resident() > 0);
        assert!(cpu() > Duration::ZERO);
    }
}
