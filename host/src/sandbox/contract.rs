//! Whether a component is made for this host's version of `sandbus:handler`, read off what it exports and imports.
//!
//! Versions that differ in the last number alone fit, in both directions, as far as both know what is used; wasmtime
//! finds the one by the name of the other. Any other difference is another contract.

use semver::Version;
use wasmtime::component::Component;
use wasmtime::component::types::ComponentItem;

use super::component::LoadError;
use super::text::excerpt;

/// The version of `wit/`.
pub(super) const VERSION: Version = Version::new(0, 1, 0);

const PACKAGE: &str = "sandbus:handler/";
/// Names of a component that are shown.
const MOST_NAMES: usize = 8;
const NEWER: &str = "use a newer sandbus, or build it with the SDK of this one, which `sandbus new` lays down";
const OLDER: &str = "build it again, with the SDK that `sandbus new` lays down";

/// Interfaces that a component may import. Those of WASI are there for the toolchains that import them
/// without using them; but for clocks, random and granted HTTP they are empty.
const OFFERED: [&str; 14] = [
    "sandbus:handler/types",
    "sandbus:handler/logging",
    "sandbus:handler/config",
    "sandbus:handler/publish",
    "sandbus:handler/metrics",
    "sandbus:handler/batch",
    "wasi:cli/",
    "wasi:clocks/",
    "wasi:filesystem/",
    "wasi:http/outgoing-handler",
    "wasi:http/types",
    "wasi:io/",
    "wasi:random/",
    "wasi:sockets/",
];

/// Whether a component exports a way in and imports nothing but what is offered.
///
/// # Errors
/// Where it does not.
pub(super) fn check(component: &Component) -> Result<(), LoadError> {
    check_exports(component)?;
    check_imports(component)
}

fn check_exports(component: &Component) -> Result<(), LoadError> {
    let (exports, imports) = (exports(component), imports(component));
    let ways = ["sandbus:handler/typed@", "sandbus:handler/packed@"];
    let mut found = exports.iter().filter(|name| ways.iter().any(|way| name.starts_with(way))).peekable();
    if let Some(first) = found.peek().copied() {
        let fits = found.any(|name| version(name).is_some_and(|version| compatible(&version)));
        return if fits { Ok(()) } else { Err(other_version(first, "exports")) };
    }
    let exports_any = |starts: &str| exports.iter().any(|name| name.starts_with(starts));
    let hint = if exports_any("wasi:cli/run@") {
        " but a program of its own"
    } else if exports_any("wasi:http/incoming-handler@") || exports_any("wasi:http/handler@") {
        " but a web server"
    } else {
        ""
    };
    Err(LoadError::NoHandler { hint, exports: listed(&exports), imports: listed(&imports) })
}

fn check_imports(component: &Component) -> Result<(), LoadError> {
    let ty = component.component_type();
    for (name, item) in ty.imports(component.engine()) {
        let own = name.starts_with(PACKAGE);
        if own && version(name).is_some_and(|version| !compatible(&version)) {
            return Err(other_version(name, "imports"));
        }
        let offered = OFFERED
            .iter()
            .any(|offer| name.strip_prefix(offer).is_some_and(|rest| offer.ends_with('/') || rest.starts_with('@')));
        if offered && matches!(item.ty, ComponentItem::ComponentInstance(_)) {
            continue;
        }
        if own && version(name).is_some_and(|version| version > VERSION) {
            return Err(other_version(name, "imports"));
        }
        let hint = match name.split('/').next() {
            Some("wasi:http") => "; a handler sends requests by `wasi:http/outgoing-handler`, and receives events",
            Some("sandbus:handler") => "; no version of the contract has it",
            _ => "; docs/sandbox.md says what a handler may import",
        };
        return Err(LoadError::Import(format!("`{}`", excerpt(name)), hint));
    }
    Ok(())
}

/// Why an import that is offered by its name is not by what it holds.
pub(super) fn unlinked(component: &Component, error: &wasmtime::Error) -> LoadError {
    let reason = format!("{error:#}");
    let imports = imports(component);
    let newer = imports.iter().filter(|name| name.starts_with(PACKAGE)).find_map(|name| {
        let version = version(name).filter(|version| *version > VERSION)?;
        reason.contains(name.as_str()).then_some(version)
    });
    if let Some(version) = newer {
        return LoadError::OtherVersion {
            version,
            what: format!("it uses what this host lacks: {reason}"),
            advice: NEWER,
        };
    }
    let later = imports.iter().any(|name| {
        name.starts_with("wasi:") && version(name).is_some_and(|version| (version.major, version.minor) != (0, 2))
    });
    let hint = if later { "; of WASI this host has 0.2" } else { "" };
    LoadError::Contract(format!("{reason}{hint}"))
}

fn other_version(name: &str, does: &str) -> LoadError {
    let version = version(name).unwrap_or(Version::new(0, 0, 0));
    let advice = if version > VERSION { NEWER } else { OLDER };
    LoadError::OtherVersion { version, what: format!("it {does} `{}`", excerpt(name)), advice }
}

/// By the rule of semantic versions: below 1.0 the second number is the one that breaks.
fn compatible(version: &Version) -> bool {
    version.pre.is_empty() && (version.major, version.minor) == (VERSION.major, VERSION.minor)
}

fn version(name: &str) -> Option<Version> {
    name.split_once('@').and_then(|(_, version)| version.parse().ok())
}

fn exports(component: &Component) -> Vec<String> {
    component.component_type().exports(component.engine()).map(|(name, _)| name.to_owned()).collect()
}

fn imports(component: &Component) -> Vec<String> {
    component.component_type().imports(component.engine()).map(|(name, _)| name.to_owned()).collect()
}

/// Names for people: not too many, and none too long.
fn listed(names: &[String]) -> String {
    let mut shown: Vec<_> = names.iter().take(MOST_NAMES).map(|name| format!("`{}`", excerpt(name))).collect();
    match names.len().saturating_sub(MOST_NAMES) {
        0 if shown.is_empty() => return "nothing".to_owned(),
        0 => {}
        more => shown.push(format!("{more} more")),
    }
    shown.join(", ")
}
