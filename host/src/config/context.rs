//! What is shared while one configuration is read: the faults found so far, those of components' files apart, the folder that
//! paths are relative to, and the files that it names.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::{Fault, Found, Origin};

/// Shared while one configuration is read.
pub(super) struct Context {
    base_dir: PathBuf,
    faults: RefCell<Vec<Fault>>,
    of_components: RefCell<Vec<Fault>>,
    named: RefCell<BTreeSet<PathBuf>>,
}

impl Context {
    pub fn new(base_dir: &Path) -> Self {
        Self {
            base_dir: base_dir.to_owned(),
            faults: RefCell::default(),
            of_components: RefCell::default(),
            named: RefCell::default(),
        }
    }

    /// A path as the configuration means it, of something that is read.
    pub fn resolve(&self, path: &Path) -> PathBuf {
        let path = self.place(path);
        self.named.borrow_mut().insert(path.clone());
        path
    }

    /// The same, of something that is not read, or not only.
    pub fn place(&self, path: &Path) -> PathBuf {
        self.base_dir.join(path)
    }

    /// All that was named so far and is read, now or later.
    pub fn named(&self) -> Vec<PathBuf> {
        self.named.borrow().iter().cloned().collect()
    }

    /// Notes a fault. The same fault is noted once, whoever finds it again.
    pub fn add(&self, fault: Fault) {
        let mut faults = self.faults.borrow_mut();
        if !faults.contains(&fault) {
            faults.push(fault);
        }
    }

    /// Notes a fault without a hint.
    pub fn fault(&self, path: &str, origin: &Origin, found: Found, expected: impl Into<String>) {
        self.add(Fault { path: path.to_owned(), origin: origin.clone(), found, expected: expected.into(), hint: None });
    }

    /// Notes that a component's file cannot be used, which is no fault of what is written.
    pub fn add_of_component(&self, fault: Fault) {
        self.of_components.borrow_mut().push(fault);
    }

    /// All faults, and then those of components' files.
    pub fn into_faults(self) -> (Vec<Fault>, Vec<Fault>) {
        (self.faults.into_inner(), self.of_components.into_inner())
    }
}
