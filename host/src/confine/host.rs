//! The host: it reads what its configuration names, writes compiled code, listens on one port, and starts nothing but
//! itself.
//!
//! What may be read are folders rather than files: a reload finds files that were not there when the host started, as
//! Kubernetes puts them when it changes a mounted volume.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::files::Allowed;
use super::{Measure, calls, drop_privileges, files, leave_no_dumps};
use crate::config::Config;

/// What the C library, TLS and the host's libraries read. Of `/etc` all, because resolvers look by name for
/// `resolv.conf`, `hosts` and `nsswitch.conf`, which are replaced rather than changed.
const SYSTEM: [&str; 18] = [
    "/etc",
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    "/usr/local/ssl",
    "/usr/local/etc/ssl",
    "/usr/local/share/certs",
    "/usr/local/share/ca-certificates",
    "/usr/share/ca-certificates",
    "/usr/share/pki",
    "/usr/share/zoneinfo",
    "/var/lib/ca-certificates",
    "/proc/self",
    "/proc/sys",
    "/sys/fs/cgroup",
    "/sys/devices/system",
];

/// Devices that libraries open.
const DEVICES: [&str; 2] = ["/dev/random", "/dev/urandom"];

/// What a host with this configuration, of this file, may still do.
pub fn needs(config: &Config, file: &Path) -> Allowed {
    let mut read: BTreeSet<PathBuf> = SYSTEM.iter().chain(&DEVICES).map(PathBuf::from).collect();
    // Whose target is in a folder of the resolver's own.
    let named = [file, Path::new("/etc/resolv.conf"), &config.handlers_dir];
    let components = config.handlers.iter().map(|handler| handler.component.as_path());
    for path in named.into_iter().chain(components).chain(config.files.iter().map(PathBuf::as_path)) {
        read.extend(folders(path));
    }
    let mut run: BTreeSet<PathBuf> = mapped().collect();
    run.insert("/proc/self/exe".into());
    // An uploaded component is made beside the file that it replaces.
    let components = config.handlers.iter().map(|handler| handler.component.as_path());
    let uploads = components.filter_map(Path::parent).chain([config.handlers_dir.as_path()]);
    let uploads: BTreeSet<_> = uploads.filter(|_| config.admin.upload).map(Path::to_owned).collect();
    Allowed {
        read: read.into_iter().collect(),
        run: run.into_iter().collect(),
        write: config.sandbox.cache.iter().cloned().chain(["/dev/null".into()]).chain(uploads).collect(),
        listen: vec![config.admin.listen.port()],
        connect: true,
    }
}

/// Gives up all else.
pub fn confine(allowed: &Allowed) -> Vec<Measure> {
    vec![drop_privileges(), leave_no_dumps(), files::restrict(allowed), calls::forbid_to_host()]
}

/// The folders in which a file is found, by its name and by where that leads. Of a folder, that folder.
///
/// What is at the top is named itself: its folder would be everything.
fn folders(path: &Path) -> impl Iterator<Item = PathBuf> {
    let named = std::path::absolute(path).ok();
    let real = path.canonicalize().ok();
    named.into_iter().chain(real).map(|path| match path.parent() {
        Some(parent) if !path.is_dir() && parent != Path::new("/") => parent.to_owned(),
        _ => path,
    })
}

/// Files of this program: what is mapped to be run. The same is mapped by the child that compiles.
fn mapped() -> impl Iterator<Item = PathBuf> {
    let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let files: Vec<_> = maps.lines().filter_map(executable).map(PathBuf::from).collect();
    files.into_iter()
}

/// The file of a line of `/proc/self/maps`, if it is mapped to be run.
fn executable(line: &str) -> Option<&str> {
    let mut fields = line.splitn(6, ' ');
    let rights = fields.nth(1)?;
    let file = fields.nth(3)?.trim_start();
    (rights.contains('x') && file.starts_with('/')).then_some(file)
}
