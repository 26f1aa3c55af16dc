//! Debian's own Rust, for machines that cannot download a standard library for WebAssembly: the packages bring its
//! source, and cargo builds it along (`-Z build-std`). Says what belongs to it, installs it, and sets up its cargo.
//!
//! Installing never removes a package: Debian's `rustup` and `rustc` conflict with these, and giving those up is for
//! the owner of the machine to decide.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Stdio};

use super::super::command::show;

const PACKAGES: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "lld-19"];
/// Something of each package.
const FILES: [&str; 4] = ["usr/bin/rustc", "usr/bin/cargo", "usr/lib/rustlib/src/rust/library", "usr/bin/wasm-ld-19"];
const INSTALL: &str = "install --yes --no-install-recommends";

/// Whether all packages are there.
pub(super) fn is_installed(root: &Path) -> bool {
    FILES.iter().all(|file| root.join(file).exists())
}

/// Has apt-get install the packages, as root or by a sudo that asks nothing.
///
/// # Errors
/// A reason in words, with the command to run where that helps.
pub(super) fn install() -> Result<(), String> {
    let runs = |command: &mut Command| {
        let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        quiet.status().is_ok_and(|status| status.success())
    };
    if !runs(Command::new("apt-get").arg("--version")) {
        return Err("this machine has no apt-get, so these packages are not for it".into());
    }
    let as_root: &[&str] = if rustix::process::geteuid().is_root() {
        &[]
    } else if runs(Command::new("sudo").args(["-n", "true"])) {
        &["sudo"]
    } else {
        return Err(format!("installing takes root; run this, and start again:\n    {}", by_hand()));
    };
    let run = |arguments: &str| {
        show(&mut apt_get(as_root, arguments)).map_err(|error| format!("apt-get cannot be started: {error}"))
    };
    // The lists of a fresh machine are empty or old. Without network they may still do.
    run("update")?;
    if run(&format!("{INSTALL} --no-remove {}", PACKAGES.join(" ")))? {
        Ok(())
    } else {
        Err(format!("apt-get failed; its message is above. Run this, and start again:\n    {}", by_hand()))
    }
}

/// The same for people to type. Without `--no-remove`: apt-get asks them, and they may agree.
fn by_hand() -> String {
    let install = INSTALL.replace(" --yes", "");
    format!("sudo apt-get update && sudo apt-get {install} {}", PACKAGES.join(" "))
}

fn apt_get(as_root: &[&str], arguments: &str) -> Command {
    // `env`, because sudo passes no variables on.
    let words = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300"];
    let mut words = as_root.iter().copied().chain(words).chain(arguments.split(' '));
    let mut command = Command::new(words.next().unwrap_or("apt-get"));
    command.args(words);
    command
}

/// Debian's cargo with Debian's rustc and linker, whatever else is in PATH or set by a cargo that started this process.
pub(super) fn cargo() -> Command {
    let mut path = OsString::from("/usr/bin:/bin");
    if let Some(rest) = std::env::var_os("PATH") {
        path.push(":");
        path.push(rest);
    }
    let mut command = Command::new("/usr/bin/cargo");
    command
        .env("PATH", path)
        .env("RUSTC", "/usr/bin/rustc")
        // `-Z` and the standard library's own source are not for stable compilers otherwise.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", "/usr/bin/wasm-ld-19");
    for variable in ["CARGO", "LD_LIBRARY_PATH", "RUSTUP_TOOLCHAIN"] {
        command.env_remove(variable);
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_installed_once_every_package_is() {
        let root = tempfile::tempdir().unwrap();
        for file in FILES {
            assert!(!is_installed(root.path()));
            std::fs::create_dir_all(root.path().join(file)).unwrap();
        }
        assert!(is_installed(root.path()));
    }

    #[test]
    fn apt_get_runs_as_root_or_by_sudo() {
        let line = |as_root: &[&str]| {
            let command = apt_get(as_root, "update");
            let words = std::iter::once(command.get_program()).chain(command.get_args());
            words.map(|word| word.to_str().unwrap().to_owned()).collect::<Vec<_>>().join(" ")
        };
        let rest = "env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 update";
        assert_eq!(line(&[]), rest);
        assert_eq!(line(&["sudo"]), format!("sudo {rest}"));
    }

    #[test]
    fn the_command_to_type_asks_before_it_removes_anything() {
        let command = by_hand();
        assert!(command.ends_with("install --no-install-recommends rustc-web cargo-web rust-web-src lld-19"));
        assert!(!command.contains("--yes"));
    }
}
