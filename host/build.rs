//! Has the host built again when files of an SDK or a template come or go: `include_dir!` sees only what changes in those it found.

fn main() {
    for folder in ["../guest-sdk/rust/src", "../guest-sdk/go", "../guest-sdk/wit", "../wit", "templates", "../guest-sdk/python/sandbus"] {
        println!("cargo::rerun-if-changed={folder}");
    }
}
