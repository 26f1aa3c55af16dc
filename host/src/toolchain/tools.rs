//! Tools of pinned versions that a language's own package manager installs: once for this machine and user, in the
//! cache folder, whole or not at all. Nothing here uses a network when they are there.
//!
//! The folder's name ends with a digest of the pins, so another version of them is another folder, and nobody's tools
//! change while they run.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

/// Says that a folder is whole. Written last.
const COMPLETE: &str = ".complete";

/// A set of tools.
#[derive(Debug)]
pub(super) struct Tools {
    /// Name of the set, for the folder.
    pub name: &'static str,
    /// The files that pin versions, by name: what the package manager reads in the folder.
    pub pins: &'static [(&'static str, &'static str)],
    /// What is installed, how, and how much it is, in words: `componentize-py 0.25.1 by pip (30 MB)`.
    pub description: &'static str,
}

impl Tools {
    /// Their folder, if they are there.
    pub fn installed(&self) -> Option<PathBuf> {
        let folder = self.folder().ok()?;
        folder.join(COMPLETE).is_file().then_some(folder)
    }

    /// Their folder, after `install` has filled it if they are not there: it gets the folder with the pins in it, and
    /// answers why it failed.
    ///
    /// # Errors
    /// In words, what could not be done.
    pub fn install(
        &self,
        say: &dyn Fn(&str),
        install: impl FnOnce(&Path) -> Result<(), String>,
    ) -> Result<PathBuf, String> {
        if let Some(folder) = self.installed() {
            return Ok(folder);
        }
        let folder = self.folder()?;
        let cannot = |path: &Path| {
            let path = path.to_owned();
            move |error: io::Error| format!("cannot write {}: {error}", path.display())
        };
        let parent = folder.parent().unwrap_or(&folder);
        fs::create_dir_all(parent).map_err(cannot(parent))?;
        // Two builds at once would otherwise both install. The lock goes with the file.
        let lock_path = folder.with_extension("lock");
        let lock = File::create(&lock_path).map_err(cannot(&lock_path))?;
        lock.lock().map_err(cannot(&lock_path))?;
        if let Some(folder) = self.installed() {
            return Ok(folder);
        }
        say(&format!("installing {} into {}", self.description, folder.display()));
        // What an earlier attempt left behind.
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(cannot(&folder)(error)),
            _ => {}
        }
        fs::create_dir_all(&folder).map_err(cannot(&folder))?;
        for (file, text) in self.pins {
            fs::write(folder.join(file), text).map_err(cannot(&folder))?;
        }
        install(&folder)?;
        fs::write(folder.join(COMPLETE), "").map_err(cannot(&folder))?;
        Ok(folder)
    }

    fn folder(&self) -> Result<PathBuf, String> {
        let cache = cache(|name| std::env::var_os(name))
            .ok_or("there is no place for tools: HOME is not set; set SANDBUS_CACHE to a folder that can be written")?;
        Ok(cache.join("toolchains").join(format!("{}-{}", self.name, self.digest())))
    }

    fn digest(&self) -> String {
        let mut digest = Sha256::new();
        for (file, text) in self.pins {
            digest.update(file);
            digest.update([0]);
            digest.update(text);
            digest.update([0]);
        }
        digest.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
    }
}

/// What to say after a package manager has failed: most often it has not reached its registry. `mirror` is its variable.
pub(super) fn could_not_install(manager: &str, mirror: &str) -> String {
    format!(
        "{manager} could not install the tools; its message is above. A network is needed for this once; {mirror} names a \
         mirror of the registry, where there is one"
    )
}

/// The same folder as that of the scripts of this repository.
fn cache(variable: impl Fn(&str) -> Option<std::ffi::OsString>) -> Option<PathBuf> {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("SANDBUS_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|folder| folder.join("sandbus")))
        .or_else(|| set("HOME").map(|folder| folder.join(".cache/sandbus")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_is_where_the_environment_says() {
        let of = |pairs: &[(&str, &str)]| {
            cache(|name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into()))
        };
        assert_eq!(of(&[("SANDBUS_CACHE", "/c"), ("HOME", "/h")]), Some("/c".into()));
        assert_eq!(of(&[("XDG_CACHE_HOME", "/x"), ("HOME", "/h")]), Some("/x/sandbus".into()));
        assert_eq!(of(&[("SANDBUS_CACHE", ""), ("HOME", "/h")]), Some("/h/.cache/sandbus".into()));
        assert_eq!(of(&[]), None);
    }

    #[test]
    fn other_pins_are_another_folder() {
        let tools = |pins| Tools { name: "t", pins, description: "" };
        assert_eq!(tools(&[("a", "1")]).digest(), tools(&[("a", "1")]).digest());
        for other in [&[("a", "2")], &[("b", "1")], &[("", "a1")]] {
            assert_ne!(tools(&[("a", "1")]).digest(), tools(other).digest());
        }
    }
}
