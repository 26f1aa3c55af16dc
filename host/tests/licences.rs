//! Which licences the host may be built from, and from where its dependencies come. Needs no network.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "what is not there fails the test")]

use std::process::Command;

use serde_json::Value;

/// Permissive ones, which ask for no more than their text.
const ALLOWED: [&str; 13] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Zlib",
];

fn packages() -> Vec<Value> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

#[test]
fn every_dependency_has_a_permissive_licence() {
    let allowed: Vec<spdx::Licensee> = ALLOWED.iter().map(|id| spdx::Licensee::parse(id).unwrap()).collect();
    let mut refused = Vec::new();
    for package in packages() {
        let name = format!("{} {}", package["name"], package["version"]);
        let Some(licence) = package["license"].as_str() else {
            refused.push(format!("{name}: no licence"));
            continue;
        };
        match spdx::Expression::parse_mode(licence, spdx::ParseMode::LAX) {
            Ok(expression) if expression.evaluate(|asked| allowed.iter().any(|one| one.satisfies(asked))) => {}
            Ok(_) => refused.push(format!("{name}: {licence}")),
            Err(error) => refused.push(format!("{name}: {licence}: {error}")),
        }
    }
    assert!(refused.is_empty(), "not allowed:\n{}", refused.join("\n"));
}

#[test]
fn every_dependency_comes_from_the_registry() {
    let elsewhere: Vec<_> = packages()
        .into_iter()
        .filter(|package| package["source"].as_str().is_some_and(|source| !source.starts_with("registry+")))
        .map(|package| package["id"].to_string())
        .collect();
    assert!(elsewhere.is_empty(), "{}", elsewhere.join("\n"));
}
