//! The SDK and the contract, embedded. Only sources: on a developer's machine the SDK's folder may hold build output.

use include_dir::{Dir, DirEntry, include_dir};

static SOURCE: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../guest-sdk/rust/src");
static SDK_WIT: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../guest-sdk/rust/wit");
static CONTRACT: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../wit");

/// The versions that the SDK was tested with.
pub(super) const LOCK: &str = include_str!("../../../guest-sdk/rust/Cargo.lock");

const SINGLE: [(&str, &[u8]); 3] = [
    ("LICENSE", include_bytes!("../../../LICENSE")),
    ("guest-sdk/rust/Cargo.toml", include_bytes!("../../../guest-sdk/rust/Cargo.toml")),
    ("guest-sdk/rust/README.md", include_bytes!("../../../guest-sdk/rust/README.md")),
];

/// Every file by its path below the folder of the SDK, in which the contract has the place that the SDK expects.
pub(super) fn files() -> Vec<(String, &'static [u8])> {
    let mut files: Vec<_> = SINGLE.iter().map(|(path, bytes)| ((*path).to_owned(), *bytes)).collect();
    for (dir, place, kind) in
        [(&SOURCE, "guest-sdk/rust/src", "rs"), (&SDK_WIT, "guest-sdk/rust/wit", "wit"), (&CONTRACT, "wit", "wit")]
    {
        collect(dir, place, kind, &mut files);
    }
    files
}

/// Files of that kind alone: an editor's backup is none of the SDK.
fn collect(dir: &Dir<'static>, place: &str, kind: &str, files: &mut Vec<(String, &'static [u8])>) {
    for entry in dir.entries() {
        match entry {
            DirEntry::Dir(dir) => collect(dir, place, kind, files),
            DirEntry::File(file) if file.path().extension().is_some_and(|extension| extension == kind) => {
                files.push((format!("{place}/{}", file.path().display()), file.contents()));
            }
            DirEntry::File(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_sdk_is_there_and_nothing_else() {
        let files = files();
        let has = |path: &str| files.iter().any(|(name, bytes)| name == path && !bytes.is_empty());
        for path in [
            "LICENSE",
            "guest-sdk/rust/Cargo.toml",
            "guest-sdk/rust/src/lib.rs",
            "guest-sdk/rust/src/host/wasm.rs",
            "guest-sdk/rust/wit/world.wit",
            "guest-sdk/rust/wit/deps/clocks.wit",
            "wit/handler.wit",
        ] {
            assert!(has(path), "{path} is not embedded");
        }
        let total: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
        assert!(total < 1 << 20, "{total} bytes: that is more than sources");
        assert!(files.iter().all(|(path, _)| !path.contains("target/") && !path.contains("..")));
    }
}
