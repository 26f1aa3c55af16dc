//! Has the host built again when files of the SDK come or go: `include_dir!` sees only what changes in those it found.

fn main() {
    for folder in ["../guest-sdk/rust/src", "../guest-sdk/rust/wit", "../wit"] {
        println!("cargo::rerun-if-changed={folder}");
    }
}
