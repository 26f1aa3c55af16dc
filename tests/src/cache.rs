//! The folder outside the repository that survives builds, where the setup scripts put what the tests run.

use std::env;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

/// The setup scripts have the same rule.
pub(crate) fn cache() -> Result<PathBuf> {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("SANDBUS_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|folder| folder.join("sandbus")))
        .or_else(|| set("HOME").map(|folder| folder.join(".cache/sandbus")))
        .context("none of SANDBUS_CACHE, XDG_CACHE_HOME and HOME is set")
}
