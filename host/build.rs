//! Has the host built again when files of an SDK or a template come or go: `include_dir!` sees only what changes in those
//! it found.

fn main() {
    let sdks = ["go", "js/src", "python/sandbus", "rust/src", "wit"].map(|folder| format!("../guest-sdk/{folder}"));
    for folder in sdks.iter().map(String::as_str).chain(["../wit", "templates"]) {
        println!("cargo::rerun-if-changed={folder}");
    }
}
