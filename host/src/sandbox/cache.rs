//! Compiled code on disk, so that no host compiles what one of the same user has compiled before.
//!
//! An entry is native code, which the host will run: whoever can write into the folder is the host. What protects it is
//! the folder's owner and mode, which are looked at when it is opened; one that anybody else may write to is not used.
//! The digest in each entry finds what is damaged or cut. It is no protection from somebody who can write there, who
//! would write a digest that fits.
//!
//! An entry is found by a key: a hash of the component's bytes and of all that decides what they are compiled to. It is
//! written under another name and then renamed, so that several hosts may share the folder. It is read as a whole and
//! checked before any of it is used, and never mapped: what happens to the file afterwards is of no matter. What is
//! wrong with it is logged, and it is thrown away. The oldest in use go when the folder grows beyond its bound.
//!
//! Nothing here fails for the caller: without an entry, the component is compiled.

use std::ffi::{CStr, OsStr};
use std::fmt::Display;
use std::fs::File;
use std::hash::{Hash as _, Hasher};
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use sha2::{Digest as _, Sha256};
use wasmtime::Engine;

/// SHA-256 of a component's file, or of other bytes.
pub type Digest = [u8; 32];

/// What an entry begins with. Another number: entries of before are not found.
const MAGIC: &[u8; 8] = b"sandbus\x01";

/// [`MAGIC`], key, and digest of the code.
const HEADER: usize = MAGIC.len() + 2 * size_of::<Digest>();

/// What makes components of core modules. Of another version, it makes others.
const WRAPPER: &str = "wit-component 0.263.0";

/// What the names of entries end in, and of what is being written to become one.
const ENTRY: &str = ".compiled";
const UNFINISHED: &str = ".unfinished";

/// Nobody writes that long: the writer has died.
const DEAD: Duration = Duration::from_secs(3600);

/// Who but the owner may write.
const OTHERS_WRITE: u32 = 0o022;

/// Why a folder is not used. The text completes "compiled components are not kept: …", and says what to do.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// It is not there, and cannot be made.
    #[error("{path} cannot be made: {error}", path = .0.display(), error = .1)]
    Make(PathBuf, io::Error),
    /// It cannot be opened.
    #[error("{path} cannot be opened: {error}", path = .0.display(), error = .1)]
    Open(PathBuf, io::Error),
    /// It is something else.
    #[error("{path} is a symbolic link or no folder; name the folder itself", path = .0.display())]
    NoFolder(PathBuf),
    /// Somebody else could put code there for the host to run.
    #[error(
        "{path} belongs to the user {owner}, and the host runs as {user}; name a folder that is not there, \
         and the host makes it",
        path = .path.display()
    )]
    Owner {
        /// The folder.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Who asks.
        user: u32,
    },
    /// So could they here.
    #[error("others than its owner may write to {path} (mode {mode:o}); chmod go-w it", path = .path.display())]
    Mode {
        /// The folder.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
}

/// A folder with compiled code for one engine, which others may use at the same time.
#[derive(Debug)]
pub struct Cache {
    path: PathBuf,
    /// What was looked at, wherever the path leads later.
    folder: OwnedFd,
    user: u32,
    /// Of all but the component that decides what it is compiled to.
    settings: Digest,
    bound: u64,
    complained: AtomicBool,
}

impl Cache {
    /// Opens a folder, and makes it if it is not there. `bound` is how many bytes all its entries may take together: a
    /// component of Rust takes less than 1 MiB, CPython 34 MiB.
    ///
    /// # Errors
    /// Where it cannot be used, or somebody else could write there.
    pub fn open(path: &Path, engine: &Engine, bound: u64) -> Result<Cache, Refused> {
        make(path)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let folder = rustix::fs::open(path, flags, Mode::empty()).map_err(|error| match error {
            Errno::LOOP | Errno::NOTDIR => Refused::NoFolder(path.to_owned()),
            error => Refused::Open(path.to_owned(), error.into()),
        })?;
        let found = rustix::fs::fstat(&folder).map_err(|error| Refused::Open(path.to_owned(), error.into()))?;
        let user = rustix::process::geteuid().as_raw();
        if found.st_uid != user {
            return Err(Refused::Owner { path: path.to_owned(), owner: found.st_uid, user });
        }
        if found.st_mode & OTHERS_WRITE != 0 {
            return Err(Refused::Mode { path: path.to_owned(), mode: found.st_mode & 0o7777 });
        }
        let settings = settings(engine);
        Ok(Cache { path: path.to_owned(), folder, user, settings, bound, complained: AtomicBool::new(false) })
    }

    /// The code of a component with this content, whole and as it was put there.
    pub fn get(&self, content: &Digest) -> Option<Vec<u8>> {
        let key = self.key(content);
        let name = name_of(&key);
        // Not to wait, should it be a pipe.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match rustix::fs::openat(&self.folder, &name, flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(Errno::NOENT) => return None,
            Err(error) => {
                self.throw_away(&name, &error);
                return None;
            }
        };
        match self.read(&file, &key) {
            Ok(code) => {
                // The oldest go first; that it is used is what makes it young. A folder that is read-only keeps none.
                let _ = file.set_modified(SystemTime::now());
                Some(code)
            }
            Err(wrong) => {
                self.throw_away(&name, &wrong);
                None
            }
        }
    }

    fn read(&self, mut file: &File, key: &Digest) -> Result<Vec<u8>, Wrong> {
        let found = file.metadata()?;
        if found.uid() != self.user || found.mode() & OTHERS_WRITE != 0 {
            return Err(Wrong::Foreign);
        }
        let length = found.len().checked_sub(HEADER as u64).filter(|_| found.len() <= self.bound);
        let length = length.and_then(|length| usize::try_from(length).ok()).ok_or(Wrong::Length)?;
        let (mut magic, mut of, mut digest) = ([0; MAGIC.len()], Digest::default(), Digest::default());
        for part in [&mut magic[..], &mut of, &mut digest] {
            file.read_exact(part)?;
        }
        if magic != *MAGIC || of != *key {
            return Err(Wrong::Other);
        }
        let mut code = Vec::with_capacity(length);
        // Not beyond the bound, should somebody append to it meanwhile.
        file.take(length as u64).read_to_end(&mut code)?;
        if digest_of(&code) == digest { Ok(code) } else { Err(Wrong::Damaged) }
    }

    /// Keeps code for a component with this content.
    pub fn put(&self, content: &Digest, code: &[u8]) {
        if let Err(error) = self.write(&self.key(content), code)
            && !self.complained.swap(true, Ordering::Relaxed)
        {
            let folder = self.path.display();
            tracing::warn!(%folder, "a compiled component is not kept, and will be compiled again: {error}");
        }
    }

    fn write(&self, key: &Digest, code: &[u8]) -> io::Result<()> {
        let length = (HEADER as u64).saturating_add(code.len() as u64);
        let Some(rest) = self.bound.checked_sub(length) else {
            return Err(io::Error::other(format!("it has {length} bytes, and all may have {}", self.bound)));
        };
        self.shrink(rest)?;
        let name = name_of(key);
        let unfinished = format!("{name}.{:016x}{UNFINISHED}", fastrand::u64(..));
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.folder, &unfinished, flags, Mode::RUSR | Mode::WUSR)?;
        let mut file = File::from(file);
        let written = [MAGIC, &key[..], &digest_of(code), code].into_iter().try_for_each(|part| file.write_all(part));
        // Not synced to the disk: what a power failure leaves is found by its digest.
        let renamed = written.and_then(|()| Ok(rustix::fs::renameat(&self.folder, &unfinished, &self.folder, &name)?));
        if renamed.is_err() {
            let _ = self.remove(unfinished.as_bytes());
        }
        renamed
    }

    /// Throws away an entry that is whole, and still cannot be used.
    pub fn discard(&self, content: &Digest, reason: &dyn Display) {
        self.throw_away(&name_of(&self.key(content)), reason);
    }

    fn throw_away(&self, name: &str, reason: &dyn Display) {
        let folder = self.path.display();
        tracing::warn!(%folder, entry = name, "a compiled component is thrown away: {reason}");
        if let Err(error) = self.remove(name.as_bytes()) {
            tracing::warn!(%folder, entry = name, "it cannot be removed: {error}");
        }
    }

    /// Removes the oldest until the others have this many bytes at most.
    fn shrink(&self, most: u64) -> io::Result<()> {
        let mut entries = self.entries()?;
        let mut sum = entries.iter().fold(0_u64, |sum, entry| sum.saturating_add(entry.length));
        let now = SystemTime::now();
        entries.retain(|entry| entry.finished || now.duration_since(entry.used).is_ok_and(|age| age > DEAD));
        // What was never finished is of use to nobody.
        entries.sort_by_key(|entry| (entry.finished, entry.used));
        let mut removed = 0;
        for entry in entries {
            if sum <= most && entry.finished {
                break;
            }
            self.remove(&entry.name)?;
            sum = sum.saturating_sub(entry.length);
            removed += 1;
        }
        if removed > 0 {
            tracing::info!(folder = %self.path.display(), removed, "removed the compiled components used least recently");
        }
        Ok(())
    }

    /// What of the folder is ours.
    fn entries(&self) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for found in rustix::fs::Dir::read_from(&self.folder)? {
            let found = found?;
            let name = found.file_name();
            let Some(finished) = kind_of(name) else { continue };
            match rustix::fs::statat(&self.folder, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) if FileType::from_raw_mode(stat.st_mode) != FileType::Directory => entries.push(Entry {
                    name: name.to_bytes().to_owned(),
                    length: u64::try_from(stat.st_size).unwrap_or_default(),
                    used: modified(&stat),
                    finished,
                }),
                Ok(_) => {}
                // Another host was faster.
                Err(Errno::NOENT) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(entries)
    }

    fn remove(&self, name: &[u8]) -> io::Result<()> {
        match rustix::fs::unlinkat(&self.folder, OsStr::from_bytes(name), AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn key(&self, content: &Digest) -> Digest {
        Sha256::new().chain_update(self.settings).chain_update(content).finalize().into()
    }
}

/// Makes the folder for a cache, unless something is there.
///
/// # Errors
/// Where it cannot be made.
pub fn make(path: &Path) -> Result<(), Refused> {
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    // Something that is there and no folder is named when it is opened.
    made.or_else(|error| if path.symlink_metadata().is_ok() { Ok(()) } else { Err(error) })
        .map_err(|error| Refused::Make(path.to_owned(), error))
}

/// SHA-256.
pub fn digest_of(bytes: &[u8]) -> Digest {
    Sha256::digest(bytes).into()
}

/// A digest as it is shown.
pub fn hexadecimal(digest: &Digest) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A file of ours.
struct Entry {
    name: Vec<u8>,
    length: u64,
    used: SystemTime,
    finished: bool,
}

/// What is wrong with an entry.
#[derive(Debug, thiserror::Error)]
enum Wrong {
    #[error("it cannot be read: {0}")]
    Read(#[from] io::Error),
    #[error("others than this user may have written it")]
    Foreign,
    #[error("it is too short or too long")]
    Length,
    #[error("it is of another component, or for another engine")]
    Other,
    #[error("it is damaged or cut")]
    Damaged,
}

fn name_of(key: &Digest) -> String {
    hexadecimal(key) + ENTRY
}

/// Whether a file that is called that is finished; `None`: it is not ours.
fn kind_of(name: &CStr) -> Option<bool> {
    let name = name.to_str().ok()?;
    let (key, rest) = name.split_at_checked(2 * size_of::<Digest>())?;
    let ours = key.bytes().all(|byte| byte.is_ascii_hexdigit()) && rest.starts_with(ENTRY);
    match rest {
        ENTRY if ours => Some(true),
        rest if ours && rest.ends_with(UNFINISHED) => Some(false),
        _ => None,
    }
}

fn modified(stat: &Stat) -> SystemTime {
    let seconds = u64::try_from(stat.st_mtime).unwrap_or_default();
    let nanoseconds = u32::try_from(stat.st_mtime_nsec).unwrap_or_default();
    SystemTime::UNIX_EPOCH.checked_add(Duration::new(seconds, nanoseconds)).unwrap_or(SystemTime::UNIX_EPOCH)
}

/// Of the host, of what wraps core modules, and of the engine: wasmtime's exact version, the processor's features and
/// each setting that code depends on.
fn settings(engine: &Engine) -> Digest {
    let mut hasher = Fingerprint(Sha256::new());
    (MAGIC, env!("CARGO_PKG_VERSION"), WRAPPER).hash(&mut hasher);
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hasher.0.finalize().into()
}

/// SHA-256 for what can only be hashed. 64 bits would do against accidents, but code is at stake.
struct Fingerprint(Sha256);

impl Hasher for Fingerprint {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Nobody asks.
    fn finish(&self) -> u64 {
        0
    }
}

#[cfg(test)]
mod tests;
