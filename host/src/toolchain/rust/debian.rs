//! Debian's own Rust, for machines that cannot download a standard library for WebAssembly: the packages bring its
//! source, and cargo builds it along (`-Z build-std`). Says what belongs to it, installs it, and sets up its cargo.
//!
//! Debian's `rustup` and `rustc` conflict with these packages.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use super::super::apt;

const PACKAGES: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "lld-19"];
/// Something of each package.
const FILES: [&str; 4] = ["usr/bin/rustc", "usr/bin/cargo", "usr/lib/rustlib/src/rust/library", "usr/bin/wasm-ld-19"];

/// Whether all packages are there.
pub(super) fn is_installed(root: &Path) -> bool {
    FILES.iter().all(|file| root.join(file).exists())
}

/// Has apt-get install the packages.
///
/// # Errors
/// A reason in words, with the command to run where that helps.
pub(super) fn install() -> Result<(), String> {
    apt::install(&PACKAGES)
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
}
