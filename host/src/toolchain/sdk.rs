//! The SDKs and the contract, embedded. Only sources: on a developer's machine an SDK's folder may hold build output.

use include_dir::{Dir, DirEntry, include_dir};

use super::language::Language;

/// Sources below a folder: where they stand in a project, and of which kinds they are.
pub(super) struct Sources {
    pub dir: Dir<'static>,
    place: &'static str,
    kinds: &'static [&'static str],
}

/// The contract, and what every SDK takes besides.
pub(super) static CONTRACT: Sources =
    Sources { dir: include_dir!("$CARGO_MANIFEST_DIR/../wit"), place: "wit", kinds: &["wit"] };
pub(super) static SDK_WIT: Sources =
    Sources { dir: include_dir!("$CARGO_MANIFEST_DIR/../guest-sdk/wit"), place: "guest-sdk/wit", kinds: &["wit"] };

static RUST: [Sources; 1] = [Sources {
    dir: include_dir!("$CARGO_MANIFEST_DIR/../guest-sdk/rust/src"),
    place: "guest-sdk/rust/src",
    kinds: &["rs"],
}];

static GO: [Sources; 3] = [
    Sources {
        dir: include_dir!("$CARGO_MANIFEST_DIR/../guest-sdk/go/sandbus"),
        place: "guest-sdk/go/sandbus",
        kinds: &["go"],
    },
    Sources {
        dir: include_dir!("$CARGO_MANIFEST_DIR/../guest-sdk/go/sandbustest"),
        place: "guest-sdk/go/sandbustest",
        kinds: &["go"],
    },
    Sources {
        dir: include_dir!("$CARGO_MANIFEST_DIR/../guest-sdk/go/internal"),
        place: "guest-sdk/go/internal",
        kinds: &["go"],
    },
];
static PYTHON: [Sources; 1] = [Sources {
    dir: include_dir!("$CARGO_MANIFEST_DIR/../guest-sdk/python/sandbus"),
    place: "guest-sdk/python/sandbus",
    kinds: &["py", "typed"],
}];
static JS: [Sources; 1] = [Sources {
    dir: include_dir!("$CARGO_MANIFEST_DIR/../guest-sdk/js/src"),
    place: "guest-sdk/js/src",
    kinds: &["js"],
}];

/// The versions that the Rust SDK was tested with.
pub(super) const RUST_LOCK: &str = include_str!("../../../guest-sdk/rust/Cargo.lock");

/// The whole SDK for C.
pub(super) const C_HEADER: &[u8] = include_bytes!("../../../guest-sdk/c/sandbus.h");

/// A file by its path below the folder of the SDK.
type File = (String, &'static [u8]);

const LICENSE: (&str, &[u8]) = ("LICENSE", include_bytes!("../../../LICENSE"));

/// Every file of a language's SDK by its path below the folder of the SDK, in which the contract has the place that the SDK
/// expects.
pub(super) fn files(language: Language) -> Vec<File> {
    let (sources, single): (&[Sources], &[(&str, &[u8])]) = match language {
        Language::Rust => (
            &RUST,
            &[
                ("guest-sdk/rust/Cargo.toml", include_bytes!("../../../guest-sdk/rust/Cargo.toml")),
                ("guest-sdk/rust/README.md", include_bytes!("../../../guest-sdk/rust/README.md")),
            ],
        ),
        Language::Js | Language::Ts => (
            &JS,
            &[
                ("guest-sdk/js/package.json", include_bytes!("../../../guest-sdk/js/package.json")),
                ("guest-sdk/js/README.md", include_bytes!("../../../guest-sdk/js/README.md")),
                ("guest-sdk/js/globals.d.ts", include_bytes!("../../../guest-sdk/js/globals.d.ts")),
                ("guest-sdk/js/index.d.ts", include_bytes!("../../../guest-sdk/js/index.d.ts")),
                ("guest-sdk/js/testing.d.ts", include_bytes!("../../../guest-sdk/js/testing.d.ts")),
                ("guest-sdk/js/component.d.ts", include_bytes!("../../../guest-sdk/js/component.d.ts")),
            ],
        ),
        Language::Go => (
            &GO,
            &[
                ("guest-sdk/go/go.mod", include_bytes!("../../../guest-sdk/go/go.mod")),
                ("guest-sdk/go/README.md", include_bytes!("../../../guest-sdk/go/README.md")),
            ],
        ),
        Language::C => (
            &[],
            &[
                ("guest-sdk/c/sandbus.h", C_HEADER),
                ("guest-sdk/c/README.md", include_bytes!("../../../guest-sdk/c/README.md")),
            ],
        ),
        Language::Python => (
            &PYTHON,
            &[
                ("guest-sdk/python/pyproject.toml", include_bytes!("../../../guest-sdk/python/pyproject.toml")),
                ("guest-sdk/python/README.md", include_bytes!("../../../guest-sdk/python/README.md")),
            ],
        ),
    };
    let single = std::iter::once(&LICENSE).chain(single);
    let mut files: Vec<_> = single.map(|(path, bytes)| ((*path).to_owned(), *bytes)).collect();
    for sources in [&CONTRACT, &SDK_WIT].into_iter().chain(sources) {
        collect(&sources.dir, sources, &mut files);
    }
    files
}

/// Files of those kinds alone: an editor's backup is none of the SDK.
fn collect(dir: &Dir<'static>, sources: &Sources, files: &mut Vec<File>) {
    for entry in dir.entries() {
        match entry {
            DirEntry::Dir(dir) => collect(dir, sources, files),
            DirEntry::File(file) => {
                let kind = file.path().extension().and_then(|extension| extension.to_str()).unwrap_or_default();
                // Go's tests stand beside what they test, and need files of this repository.
                let is_test = file.path().to_string_lossy().ends_with("_test.go");
                if sources.kinds.contains(&kind) && !is_test {
                    files.push((format!("{}/{}", sources.place, file.path().display()), file.contents()));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_sdk_is_there_and_nothing_else() {
        for language in Language::ALL {
            let files = files(*language);
            let has = |path: &str| files.iter().any(|(name, bytes)| name == path && !bytes.is_empty());
            let own: &[&str] = match language {
                Language::Rust => {
                    &["guest-sdk/rust/Cargo.toml", "guest-sdk/rust/src/lib.rs", "guest-sdk/rust/src/host/wasm.rs"]
                }
                Language::Js | Language::Ts => {
                    &["guest-sdk/js/index.d.ts", "guest-sdk/js/src/index.js", "guest-sdk/js/src/runtime/imports.js"]
                }
                Language::Go => &[
                    "guest-sdk/go/go.mod",
                    "guest-sdk/go/sandbus/handler.go",
                    "guest-sdk/go/sandbus/config/config.go",
                    "guest-sdk/go/sandbustest/host.go",
                    "guest-sdk/go/internal/abi/bindings_wasm.go",
                ],
                Language::C => &["guest-sdk/c/sandbus.h", "guest-sdk/c/README.md"],
                Language::Python => {
                    &["guest-sdk/python/sandbus/__init__.py", "guest-sdk/python/sandbus/testing/_host.py"]
                }
            };
            for path in own.iter().chain(&[
                "LICENSE",
                "wit/handler.wit",
                "guest-sdk/wit/world.wit",
                "guest-sdk/wit/deps/io.wit",
            ]) {
                assert!(has(path), "{path} is not embedded");
            }
            let total: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
            assert!(total < 1 << 20, "{total} bytes: that is more than sources");
            let built = ["target/", "..", "node_modules/", "__pycache__/", "_test.go"];
            assert!(files.iter().all(|(path, _)| !built.iter().any(|folder| path.contains(folder))));
        }
    }
}
