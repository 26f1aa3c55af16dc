//! Notices that somebody has saved a file of the project.
//!
//! It looks rather than waits to be told, as the host does with components (`app/files.rs`): that also works in containers
//! and on network file systems, and however an editor saves. What has stayed the same from one look to the next is taken, so
//! that files that are saved together are one change. A file that was written and says what it said before is none: a build
//! may write what it has written before, and starts no other.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::hash::BuildHasher as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use foldhash::fast::FixedState;

use crate::app::files::{Print, Seen, print};

/// How often, where a look takes next to nothing.
const LOOK: Duration = Duration::from_millis(150);

/// A look may take this part of the time.
const SHARE: u32 = 10;

/// Files that are looked at. A project has fewer, unless something is in it that should not be.
pub const MAX_FILES: usize = 20_000;

/// The most bytes of a file that are compared; of a larger one it counts when it was written.
const MAX_BYTES: u64 = 4 << 20;

/// Folders of what is built and fetched, in any language.
const MADE: [&str; 3] = ["target", "node_modules", "__pycache__"];

/// What was saved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Saved {
    /// Something that the component may be built of.
    pub sources: bool,
    /// The configuration.
    pub config: bool,
    /// The sample events.
    pub events: bool,
}

/// A project's files, as they were when they were last taken.
pub struct Watch {
    folder: PathBuf,
    config: PathBuf,
    events: PathBuf,
    seen: Seen<BTreeMap<PathBuf, Print>>,
    prints: BTreeMap<PathBuf, Print>,
    contents: BTreeMap<PathBuf, u64>,
}

impl Watch {
    /// Files as they are now. `config` and `events` may be elsewhere.
    pub fn new(folder: &Path, config: &Path, events: &Path) -> Watch {
        let mut watch = Watch {
            folder: folder.to_owned(),
            config: config.to_owned(),
            events: events.to_owned(),
            seen: Seen::default(),
            prints: BTreeMap::new(),
            contents: BTreeMap::new(),
        };
        watch.prints = watch.files();
        watch.contents = watch.prints.keys().filter_map(|path| Some((path.clone(), content(path)?))).collect();
        watch
    }

    /// Whether there are more files than are looked at.
    pub fn is_full(&self) -> bool {
        self.prints.len() >= MAX_FILES
    }

    /// Tells what is saved, for ever.
    pub fn run(mut self, tell: impl Fn(Saved)) {
        loop {
            let started = Instant::now();
            let saved = self.look();
            if saved != Saved::default() {
                tell(saved);
            }
            std::thread::sleep(LOOK.max(started.elapsed() * SHARE));
        }
    }

    /// What has been saved since the last look, and has settled.
    fn look(&mut self) -> Saved {
        let now = self.files();
        let mut saved = Saved::default();
        if !self.seen.is_settled(now.clone()) {
            return saved;
        }
        let paths: BTreeSet<&PathBuf> = self.prints.keys().chain(now.keys()).collect();
        for path in paths.into_iter().filter(|path| self.prints.get(*path) != now.get(*path)) {
            let content = content(path);
            let before = match content {
                Some(content) => self.contents.insert(path.clone(), content),
                None => self.contents.remove(path),
            };
            if before != content {
                match path {
                    path if *path == self.config => saved.config = true,
                    path if *path == self.events => saved.events = true,
                    _ => saved.sources = true,
                }
            }
        }
        self.prints = now;
        saved
    }

    fn files(&self) -> BTreeMap<PathBuf, Print> {
        let mut files = BTreeMap::new();
        collect(&self.folder, &mut files);
        for named in [&self.config, &self.events] {
            if let found @ Some(_) = print(named) {
                files.insert(named.clone(), found);
            }
        }
        files
    }
}

/// What a file says. `None`: nothing that can be read.
fn content(path: &Path) -> Option<u64> {
    let found = std::fs::metadata(path).ok()?;
    if found.len() > MAX_BYTES {
        return Some(FixedState::default().hash_one(print(path)));
    }
    std::fs::read(path).ok().map(|bytes| FixedState::default().hash_one(bytes))
}

fn collect(folder: &Path, files: &mut BTreeMap<PathBuf, Print>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() {
            if is_folder_of_sources(&name) && !is_marked_as_made(&path) {
                collect(&path, files);
            }
        } else if is_source(&name) && files.len() < MAX_FILES {
            // Through links to files; not into linked folders, which may lead in circles. Gone again is as good as never there.
            if let found @ Some(_) = print(&path).filter(|_| kind.is_file() || path.is_file()) {
                files.insert(path, found);
            }
        }
    }
}

/// Whether a folder of this name may hold sources. That of the SDK is hidden, and it does.
fn is_folder_of_sources(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    name == ".sandbus" || !(name.starts_with('.') || MADE.contains(&&*name))
}

/// Whether the tool that made the folder says so: a cache, or Python's virtual environment.
fn is_marked_as_made(folder: &Path) -> bool {
    folder.join("CACHEDIR.TAG").exists() || folder.join("pyvenv.cfg").exists()
}

/// Whether a file of this name may be a source: no component, which the host looks at, and nothing that editors leave
/// behind.
fn is_source(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    let left_behind = name.starts_with('.')
        || name.ends_with('~')
        || (name.starts_with('#') && name.ends_with('#'))
        || name.ends_with("___jb_tmp___")
        || name.ends_with("___jb_old___");
    !left_behind && !name.ends_with(".wasm") && !name.ends_with(".pyc")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;

    struct Project {
        folder: TempDir,
        watch: Watch,
    }

    impl Project {
        fn new() -> Project {
            let folder = tempfile::tempdir().unwrap();
            for (file, text) in [("src/lib.rs", "fn a() {}"), ("sandbus.toml", ""), ("events.jsonl", "{}")] {
                write(&folder.path().join(file), text);
            }
            let at = |file: &str| folder.path().join(file);
            let watch = Watch::new(folder.path(), &at("sandbus.toml"), &at("events.jsonl"));
            Project { folder, watch }
        }

        fn write(&self, file: &str, text: &str) {
            write(&self.folder.path().join(file), text);
        }

        /// What has been saved, once it has settled.
        fn saved(&mut self) -> Saved {
            let early = self.watch.look();
            assert_eq!(early, Saved::default(), "it may still be written");
            self.watch.look()
        }
    }

    fn write(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    const SOURCES: Saved = Saved { sources: true, config: false, events: false };

    #[test]
    fn each_file_means_what_it_is() {
        let mut project = Project::new();
        assert_eq!(project.saved(), Saved::default());
        project.write("src/lib.rs", "fn b() {}");
        assert_eq!(project.saved(), SOURCES);
        project.write("sandbus.toml", "# one");
        assert_eq!(project.saved(), Saved { config: true, ..Saved::default() });
        project.write("events.jsonl", "");
        project.write("src/other.rs", "");
        assert_eq!(project.saved(), Saved { sources: true, config: false, events: true });
        fs::remove_file(project.folder.path().join("src/other.rs")).unwrap();
        assert_eq!(project.saved(), SOURCES);
        assert_eq!(project.watch.look(), Saved::default(), "it was told");
    }

    #[test]
    fn what_is_built_or_hidden_is_no_source_and_the_sdk_is() {
        let mut project = Project::new();
        for file in [
            "target/release/x.d",
            "node_modules/a/index.js",
            ".git/index",
            ".idea/a.xml",
            "src/.lib.rs.swp",
            "src/lib.rs~",
            "src/#lib.rs#",
            "src/lib.rs___jb_tmp___",
            "src/__pycache__/a.pyc",
            "handlers/other.wasm",
            "venv/pyvenv.cfg",
            "venv/lib/a.py",
            "out/CACHEDIR.TAG",
            "out/debug/a.d",
        ] {
            project.write(file, "new");
        }
        assert_eq!(project.saved(), Saved::default());
        project.write(".sandbus/guest-sdk/rust/src/lib.rs", "// edited");
        assert_eq!(project.saved(), SOURCES);
    }

    #[test]
    fn a_file_that_says_the_same_is_no_change() {
        let mut project = Project::new();
        project.write("src/lib.rs", "fn b() {}");
        project.write("src/lib.rs", "fn a() {}");
        assert_eq!(project.saved(), Saved::default());
    }

    #[test]
    fn a_rename_over_the_file_is_a_save_and_a_gap_within_it_none() {
        let mut project = Project::new();
        let at = |project: &Project, file: &str| project.folder.path().join(file);
        project.write("src/4913", "new");
        fs::rename(at(&project, "src/4913"), at(&project, "src/lib.rs")).unwrap();
        assert_eq!(project.saved(), SOURCES);
        // Renamed away, looked at, and written again: as some editors do it.
        fs::rename(at(&project, "src/lib.rs"), at(&project, "src/lib.rs~")).unwrap();
        assert_eq!(project.watch.look(), Saved::default());
        project.write("src/lib.rs", "new");
        assert_eq!(project.saved(), Saved::default());
    }

    #[test]
    fn links_to_files_are_followed() {
        let mut project = Project::new();
        let shared = tempfile::tempdir().unwrap();
        write(&shared.path().join("a.rs"), "one");
        std::os::unix::fs::symlink(shared.path().join("a.rs"), project.folder.path().join("src/a.rs")).unwrap();
        std::os::unix::fs::symlink(project.folder.path(), project.folder.path().join("circle")).unwrap();
        assert_eq!(project.saved(), SOURCES);
        write(&shared.path().join("a.rs"), "two");
        assert_eq!(project.saved(), SOURCES);
    }
}
