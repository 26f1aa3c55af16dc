//! Notices that components' files have changed, and that others have come.
//!
//! It looks rather than waits to be told: through symbolic links that are swapped, as Kubernetes does it, and on file
//! systems that tell nobody. What it has seen twice in a row is taken: a file that is being copied still changes.

use std::collections::{BTreeSet, HashMap};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use crossbeam_channel::{RecvTimeoutError, Sender, bounded};

use super::fleet::Fleet;
use crate::config::is_component;

/// How often.
const LOOK: Duration = Duration::from_millis(250);

/// Dropped, it looks no more.
pub struct Files {
    _stop: Sender<()>,
}

/// What tells one content of a path from another without reading it. `None`: there is nothing.
pub type Print = Option<[i64; 7]>;

/// Looks at a path.
pub fn print(path: &Path) -> Print {
    let found = std::fs::metadata(path).ok()?;
    let number = |value: u64| value.cast_signed();
    Some([
        number(found.dev()),
        number(found.ino()),
        number(found.size()),
        found.mtime(),
        found.mtime_nsec(),
        found.ctime(),
        found.ctime_nsec(),
    ])
}

/// What was seen, and what was made of it.
#[derive(Default)]
pub struct Seen<T> {
    last: Option<T>,
    taken: Option<T>,
}

impl<T: PartialEq + Clone> Seen<T> {
    /// Whether this is new, and was the same when it was last looked at.
    pub fn is_settled(&mut self, now: T) -> bool {
        let same = self.last.as_ref() == Some(&now);
        let settled = same && self.taken.as_ref() != Some(&now);
        if settled {
            self.taken = Some(now.clone());
        }
        self.last = Some(now);
        settled
    }
}

impl Files {
    /// Tells the fleet.
    ///
    /// # Errors
    /// Where its thread cannot be started.
    pub fn watch(fleet: &Arc<Fleet>) -> anyhow::Result<Files> {
        let (stop, stopped) = bounded::<()>(0);
        let fleet = fleet.clone();
        let look = move || {
            let (mut files, mut others) = (HashMap::new(), HashMap::new());
            while stopped.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                look(&fleet, &mut files, &mut others);
            }
        };
        std::thread::Builder::new()
            .name("files".into())
            .spawn(look)
            .context("cannot start the thread that looks at files")?;
        Ok(Files { _stop: stop })
    }
}

fn look(
    fleet: &Fleet,
    files: &mut HashMap<Arc<str>, Seen<(PathBuf, Print)>>,
    others: &mut HashMap<PathBuf, Seen<Print>>,
) {
    let watched = fleet.files();
    files.retain(|name, _| watched.iter().any(|(watched, _)| watched == name));
    for (name, path) in &watched {
        let found = print(path);
        // The first time, too: it may have changed since it was loaded.
        if files.entry(name.clone()).or_default().is_settled((path.clone(), found)) {
            match found {
                Some(_) => fleet.file_changed(name),
                None => fleet.file_gone(name, path),
            }
        }
    }
    let known: BTreeSet<&PathBuf> = watched.iter().map(|(_, path)| path).collect();
    let mut found = components(&fleet.folder());
    found.retain(|path| !known.contains(path));
    others.retain(|path, _| found.contains(path));
    found.retain(|path| others.entry(path.clone()).or_default().is_settled(print(path)));
    if !found.is_empty() {
        fleet.folder_changed(&found);
    }
}

/// Files that may be components.
fn components(folder: &Path) -> BTreeSet<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return BTreeSet::new() };
    entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).filter(|path| is_component(path)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_seen_twice_is_taken_once() {
        let mut seen = Seen::default();
        assert!(!seen.is_settled(1));
        assert!(seen.is_settled(1));
        assert!(!seen.is_settled(1), "it was taken");
        assert!(!seen.is_settled(2) && !seen.is_settled(3), "it still changes");
        assert!(seen.is_settled(3));
        assert!(!seen.is_settled(4));
        assert!(!seen.is_settled(3), "it went back to what was taken");
        assert!(!seen.is_settled(3));
    }

    #[test]
    fn a_swapped_link_is_another_file() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for version in ["1", "2"] {
            std::fs::create_dir(at(version)).unwrap();
            std::fs::write(at(version).join("h.wasm"), "same").unwrap();
        }
        let swap = |to: &str| {
            std::os::unix::fs::symlink(to, at("..tmp")).unwrap();
            std::fs::rename(at("..tmp"), at("..data")).unwrap();
        };
        swap("1");
        std::os::unix::fs::symlink("..data/h.wasm", at("h.wasm")).unwrap();
        let before = print(&at("h.wasm"));
        assert!(before.is_some() && before == print(&at("h.wasm")));
        swap("2");
        assert_ne!(print(&at("h.wasm")), before);
        std::fs::remove_file(at("..data")).unwrap();
        assert_eq!(print(&at("h.wasm")), None);
    }
}
