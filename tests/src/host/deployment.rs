//! A directory with a configuration, from which the host is started.

use std::env;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use super::{Host, built};
use crate::ports;
use crate::process::{Finished, run_to_end};

/// Written to `sandbus.toml`; the directory and its contents live as long as it, or a host that was started on it.
#[derive(Debug)]
pub struct Deployment {
    directory: Arc<TempDir>,
    admin: SocketAddr,
    environment: Vec<(String, String)>,
}

impl Deployment {
    /// Writes `config`. Unless it has an `[admin]` section of its own, one is added with a free port.
    ///
    /// # Panics
    /// When the directory cannot be made, or `config` is TOML with an `[admin]` section whose `listen` is no address:
    /// then the harness could not find the host.
    #[must_use]
    #[track_caller]
    pub fn new(config: &str) -> Deployment {
        let directory = tempfile::Builder::new().prefix("sandbus-host-").tempdir().expect("a directory for the host");
        let (config, admin) = with_admin(config);
        let deployment = Deployment { directory: Arc::new(directory), admin, environment: Vec::new() };
        deployment.write("sandbus.toml", config)
    }

    /// Writes a file at a path relative to the directory, and the directories on its way.
    ///
    /// # Panics
    /// When it cannot be written.
    #[must_use]
    #[track_caller]
    pub fn write(self, path: &str, contents: impl AsRef<[u8]>) -> Deployment {
        let path = self.directory().join(path);
        let parent = path.parent().expect("a path inside the directory");
        fs::create_dir_all(parent)
            .and_then(|()| fs::write(&path, contents))
            .unwrap_or_else(|error| panic!("write {}: {error}", path.display()));
        self
    }

    /// Copies a built component to `handlers/<name>.wasm`.
    ///
    /// # Panics
    /// When it is not built, or cannot be copied.
    #[must_use]
    #[track_caller]
    pub fn handler(self, name: &str, component: &str) -> Deployment {
        let file = built::component(component);
        let bytes = fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        self.write(&format!("handlers/{name}.wasm"), bytes)
    }

    /// Sets an environment variable for the host.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Deployment {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The directory that `sandbus.toml` is in.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Where the host will listen.
    #[must_use]
    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// Starts the host. One at a time, unless the configuration allows for more.
    ///
    /// # Panics
    /// When it is not built or cannot be started.
    #[must_use]
    #[track_caller]
    pub fn start(&self) -> Host {
        Host::start(self)
    }

    /// Runs another command of the binary here until it ends, such as `check`.
    ///
    /// # Panics
    /// When it is not built, cannot be started, or still runs at the deadline.
    #[track_caller]
    pub fn run(&self, arguments: &[&str], input: &[u8], deadline: Duration) -> Finished {
        let mut command = self.binary();
        command.args(arguments);
        run_to_end(command, input, deadline)
    }

    /// What [`Deployment::start`] runs, for those who want its output elsewhere.
    ///
    /// # Panics
    /// When the host is not built.
    #[must_use]
    #[track_caller]
    pub fn command(&self) -> Command {
        let mut command = self.binary();
        command.args(["run", "-c", "sandbus.toml", "--log-format", "json"]);
        command
    }

    pub(super) fn shared_directory(&self) -> Arc<TempDir> {
        Arc::clone(&self.directory)
    }

    fn binary(&self) -> Command {
        let mut command = Command::new(built::sandbus());
        // What configures the host or its telemetry comes from the test, never from the developer's shell.
        for (name, _) in env::vars_os() {
            let text = name.to_string_lossy();
            if ["SANDBUS_", "OTEL_", "RUST_LOG"].iter().any(|prefix| text.starts_with(prefix)) {
                command.env_remove(&name);
            }
        }
        command.current_dir(self.directory()).envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// The configuration with an admin address, and that address.
fn with_admin(config: &str) -> (String, SocketAddr) {
    let table = config.parse::<toml::Table>().ok();
    let Some(admin) = table.as_ref().and_then(|table| table.get("admin")) else {
        let admin = SocketAddr::from((Ipv4Addr::LOCALHOST, ports::free()));
        return (format!("{config}\n\n[admin]\nlisten = \"{admin}\"\n"), admin);
    };
    let listen = admin.get("listen").and_then(toml::Value::as_str);
    let admin = listen
        .and_then(|listen| listen.parse().ok())
        .unwrap_or_else(|| panic!("a configuration with [admin] needs `listen = \"IP:PORT\"` in it, not {listen:?}"));
    (config.to_owned(), admin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_admin_section_is_added_behind_whatever_stands_last() {
        let (config, admin) = with_admin("[[handler]]\nname = \"a\"");
        let table: toml::Table = config.parse().unwrap();
        assert_eq!(table["admin"]["listen"].as_str(), Some(&*admin.to_string()));
        assert_eq!(table["handler"].as_array().unwrap().len(), 1);
    }

    #[test]
    fn an_admin_section_that_is_there_is_kept() {
        let given = "[admin]\nlisten = \"127.0.0.1:4000\"\n";
        let (config, admin) = with_admin(given);
        assert_eq!((config.as_str(), admin.to_string().as_str()), (given, "127.0.0.1:4000"));
    }

    #[test]
    fn files_are_written_with_their_directories() {
        let deployment = Deployment::new("").write("a/b/c.txt", "text");
        let read = fs::read_to_string(deployment.directory().join("a/b/c.txt")).unwrap();
        assert_eq!(read, "text");
    }
}
