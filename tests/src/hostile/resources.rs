//! What a process holds of the machine, as the kernel tells it.

use std::fs;

/// Memory, files and threads of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resources {
    /// Resident bytes.
    pub memory: u64,
    /// Open file descriptors.
    pub files: usize,
    /// Threads.
    pub threads: usize,
}

impl Resources {
    /// Of the process with this id.
    ///
    /// # Errors
    /// A message, where it has ended.
    pub fn of(process: u32) -> Result<Resources, String> {
        let entries = |what: &str| {
            let path = format!("/proc/{process}/{what}");
            Ok::<_, String>(fs::read_dir(&path).map_err(|error| format!("{path}: {error}"))?.count())
        };
        let path = format!("/proc/{process}/status");
        let status = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
        let resident = resident.and_then(|kibibytes| kibibytes.parse::<u64>().ok());
        let memory = resident.ok_or_else(|| format!("no VmRSS in {path}:\n{status}"))? * 1024;
        Ok(Resources { memory, files: entries("fd")?, threads: entries("task")? })
    }

    /// Resident memory in MiB.
    #[must_use]
    pub fn mebibytes(&self) -> f64 {
        self.memory as f64 / f64::from(1 << 20)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_process_has_some_and_another_is_not_there() {
        let before = Resources::of(std::process::id()).unwrap();
        assert!(before.memory > 1 << 20 && before.files > 2 && before.threads >= 1, "{before:?}");
        let file = fs::File::open("/proc/self/status").unwrap();
        assert!(Resources::of(std::process::id()).unwrap().files > 3);
        drop(file);
        assert!(Resources::of(u32::MAX).is_err());
    }
}
