//! A component that comes through the API: checked as the handler's file would be, and only then put in its place.
//!
//! It is written beside that file under another name, checked there under the handler's limits and grants, and renamed
//! over it. So whoever looks finds the old file or the new one, whole; a refused component leaves file and generation
//! as they are. Where the file is a symbolic link, the link is replaced: nothing is written outside of its folder.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::{ControlError, Fleet, HandlerStatus};

/// A file that is not yet what it is to become. Dropped before, it is removed.
struct Unfinished {
    path: PathBuf,
    finished: bool,
}

impl Unfinished {
    /// Written and on disk, with the permissions of the file that it is to replace.
    fn write(beside: &Path, bytes: &[u8]) -> io::Result<Unfinished> {
        let name = beside.file_name().unwrap_or_default().to_string_lossy();
        // Nobody takes a file of this name for a component. One that is there is a dead process's of the same id.
        let path = beside.with_file_name(format!(".{name}.{}.upload", std::process::id()));
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).open(&path)?;
        let unfinished = Unfinished { path, finished: false };
        file.write_all(bytes)?;
        if let Ok(before) = std::fs::metadata(beside) {
            file.set_permissions(before.permissions())?;
        }
        file.sync_all()?;
        Ok(unfinished)
    }

    /// In the place of that file, for good.
    fn replace(mut self, file: &Path) -> io::Result<()> {
        std::fs::rename(&self.path, file)?;
        self.finished = true;
        let folder = file.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
        // It is there, whatever comes of this.
        if let Err(error) = File::open(folder).and_then(|folder| folder.sync_all()) {
            tracing::warn!(folder = %folder.display(), %error, "a power failure may bring the file of before back");
        }
        Ok(())
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.finished
            && let Err(error) = std::fs::remove_file(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %error, "what was uploaded in vain cannot be removed");
        }
    }
}

impl Fleet {
    /// Puts a component in the place of a handler's file, and to work.
    ///
    /// # Errors
    /// Where the handler is unknown, or the component is refused: then nothing has changed.
    pub(super) fn take_upload(&self, name: &str, component: &[u8]) -> Result<HandlerStatus, ControlError> {
        let one = self.loading();
        let (handler, native) = {
            let state = self.state();
            let managed = state.managed(name)?;
            if state.stopping {
                return Err(ControlError::Refused("the host is stopping".into()));
            }
            let file = &managed.current.loaded.config.component;
            let others = state.handlers.iter().filter(|other| other.name() != managed.name());
            let sharing = |other: &&super::Managed| other.current.loaded.config.component == *file;
            if let Some(other) = others.into_iter().find(sharing) {
                let (file, other) = (file.display(), other.name());
                return Err(ControlError::Refused(format!(
                    "{file} is the component of the handler {other:?}, too: replace the file itself, and both take it"
                )));
            }
            (state.wanted(managed).clone(), managed.current.loaded.native.is_some())
        };
        if native {
            return Err(ControlError::Refused(format!("the handler {name:?} is native code of this program")));
        }
        let file = handler.component.clone();
        let unwritable = |error: io::Error| {
            let folder = file.parent().unwrap_or(Path::new("")).display();
            self.not_taken(name, format!("the upload was refused: it cannot be kept in {folder}: {error}"))
        };
        let unfinished = Unfinished::write(&file, component).map_err(unwritable)?;
        let candidate = crate::config::Handler { component: unfinished.path.clone(), ..handler };
        // Kept until the reload is done, so that its code need not be made again.
        let _checked = self.means.loader.load([candidate.into()]).map_err(|wrong| {
            let reasons: Vec<_> = wrong.into_iter().map(|wrong| wrong.reason).collect();
            self.not_taken(name, format!("the upload was refused: {}", reasons.join("; ")))
        })?;
        unfinished.replace(&file).map_err(unwritable)?;
        tracing::info!(handler = name, file = %file.display(), bytes = component.len(), "a component was uploaded");
        self.take_now(&one, name, true)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn the_file_is_replaced_whole_with_its_permissions_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("h.wasm");
        std::fs::write(&file, "old").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();

        let unfinished = Unfinished::write(&file, b"refused").unwrap();
        assert!(unfinished.path.extension().is_some_and(|extension| extension != "wasm"), "{:?}", unfinished.path);
        drop(unfinished);
        assert_eq!((std::fs::read(&file).unwrap().as_slice(), names(folder.path()).len()), (&b"old"[..], 1));

        // One that a process has left behind.
        std::mem::forget(Unfinished::write(&file, b"left").unwrap());
        Unfinished::write(&file, b"new").unwrap().replace(&file).unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), b"new");
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(names(folder.path()), ["h.wasm"]);
    }

    #[test]
    fn a_link_is_replaced_and_not_what_it_leads_to() {
        let folder = tempfile::tempdir().unwrap();
        let (elsewhere, file) = (folder.path().join("elsewhere"), folder.path().join("h.wasm"));
        std::fs::write(&elsewhere, "old").unwrap();
        std::os::unix::fs::symlink(&elsewhere, &file).unwrap();
        Unfinished::write(&file, b"new").unwrap().replace(&file).unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), b"new");
        assert_eq!(std::fs::read(&elsewhere).unwrap(), b"old");
    }
}
