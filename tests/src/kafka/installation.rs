//! Where Kafka's files and Java are, and how a class of them is run.

use std::env;
use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use anyhow::{Context as _, Result, bail};

use crate::cache::cache;
use crate::process::Process;

/// The one place that says which Kafka: Maven, the setup script and this harness all read it.
const POM: &str = include_str!("../../kafka/pom.xml");
const LOGGING: &str = include_str!("../../kafka/log4j2.xml");

/// The version of Kafka that is run.
pub static VERSION: LazyLock<&str> = LazyLock::new(|| {
    POM.split_once("<kafka.version>")
        .and_then(|(_, rest)| rest.split_once('<'))
        .map(|(version, _)| version)
        .expect("pom.xml names kafka.version")
});

/// Kafka's JARs and a Java to run them.
#[derive(Debug, Clone)]
pub(super) struct Installation {
    jars: PathBuf,
    java: PathBuf,
}

impl Installation {
    /// Looks where `scripts/setup-kafka.sh` puts things.
    pub(super) fn find() -> Result<Installation> {
        let jars = cache()?.join(format!("kafka-{}", *VERSION));
        if !jars.join(".complete").exists() {
            bail!("Kafka {} is not in {}; run scripts/setup-kafka.sh", *VERSION, jars.display());
        }
        let java = match env::var_os("JAVA_HOME") {
            Some(home) if !home.is_empty() => PathBuf::from(home).join("bin/java"),
            _ => PathBuf::from("java"),
        };
        Ok(Installation { jars, java })
    }

    /// Starts Java in `directory`, with all that it prints appended to `log`. `arguments` are options of Java's, the
    /// class, and what the class is given.
    pub(super) fn run(&self, name: &str, directory: &Path, log: &Path, arguments: &[&str]) -> Result<Process> {
        let logging = directory.join("log4j2.xml");
        std::fs::write(&logging, LOGGING).context("write log4j2.xml")?;
        let output =
            File::options().create(true).append(true).open(log).with_context(|| format!("open {}", log.display()))?;
        let mut command = Command::new(&self.java);
        command
            .args(["-XX:+ExitOnOutOfMemoryError", "-cp"])
            .arg(self.jars.join("*"))
            .arg(format!("-Dlog4j2.configurationFile={}", logging.display()))
            .args(arguments)
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(output.try_clone().context("share the log")?)
            .stderr(output)
            // Out of the terminal's group: Ctrl-C is for the tests; the broker stops when they have ended.
            .process_group(0);
        Process::spawn(name, command).context("scripts/setup-kafka.sh says what is wrong with Java")
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_version_is_read_from_the_pom() {
        assert!(super::VERSION.starts_with(|c: char| c.is_ascii_digit()), "{}", *super::VERSION);
    }
}
