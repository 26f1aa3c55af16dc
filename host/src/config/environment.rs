//! Environment variables: `SANDBUS_<SECTION>__<KEY>` sets a key of a plain section, over the file; others say where
//! the user's programs keep what may be lost.

use std::ffi::OsString;
use std::path::PathBuf;

use super::context::Context;
use super::document::{Entry, Raw, Table};
use super::schema::{self, Form, Info};
use super::{Fault, Found, Origin, librdkafka, suggest};

/// What every variable begins with.
const PREFIX: &str = "SANDBUS_";
/// What parts section and key.
const PART: &str = "__";
const PROPERTIES: &str = "kafka.properties";
const CONFIG: &str = "handlers.config";

/// What a variable's name should be.
const VARIABLE: &str = "SANDBUS_<SECTION>__<KEY> with a known section and key";

/// A key that a variable means.
struct Target {
    section: &'static str,
    key: String,
    /// The other way to give the same secret, which this one replaces.
    instead_of: Option<String>,
}

/// By the XDG base directory specification: the first that is set counts, unless it is not absolute.
const CACHE_HOME: (&str, &str) = ("XDG_CACHE_HOME", "HOME");

/// The part of the process environment that says where things are kept, and sets no key: for a configuration that
/// does not come from a file.
pub fn places() -> impl Iterator<Item = (OsString, OsString)> {
    std::env::vars_os().filter(|(name, _)| name == CACHE_HOME.0 || name == CACHE_HOME.1)
}

/// Where the user's programs keep what may be lost. `None`: nowhere.
pub(super) fn cache_home(variables: &[(OsString, OsString)]) -> Option<PathBuf> {
    let folder = |wanted: &str| {
        let set = variables.iter().find(|(name, _)| name == wanted);
        set.map(|(_, value)| PathBuf::from(value)).filter(|folder| folder.is_absolute())
    };
    folder(CACHE_HOME.0).or_else(|| folder(CACHE_HOME.1).map(|home| home.join(".cache")))
}

/// Files and folders that the environment names to libraries which read them: certificates, and keys.
pub(super) fn files(variables: &[(OsString, OsString)]) -> Vec<PathBuf> {
    let names = |name: &str| {
        name == "SSL_CERT_FILE"
            || name == "SSL_CERT_DIR"
            || (name.starts_with("OTEL_EXPORTER_OTLP_")
                && (name.ends_with("CERTIFICATE") || name.ends_with("CLIENT_KEY")))
    };
    let named = variables.iter().filter(|(name, _)| name.to_str().is_some_and(names));
    named.flat_map(|(_, value)| std::env::split_paths(value)).filter(|path| !path.as_os_str().is_empty()).collect()
}

/// Writes what the environment sets over the document. Variables that mean no key are noted.
pub(super) fn overlay(document: &mut Table, variables: impl Iterator<Item = (OsString, OsString)>, context: &Context) {
    let mut variables: Vec<(String, OsString)> = variables
        .map(|(name, value)| (name.to_string_lossy().into_owned(), value))
        .filter(|(name, _)| name.strip_prefix(PREFIX).is_some_and(|rest| rest.contains(PART)))
        .collect();
    variables.sort();
    for (name, value) in variables {
        match (target(&name, document), value.into_string()) {
            (Ok(target), Ok(text)) => set(document, target, &name, text, context),
            (Ok(_), Err(_)) => note(context, &name, "is not UTF-8", "text", None),
            (Err(hint), _) => note(context, &name, "means no key", VARIABLE, Some(hint)),
        }
    }
}

fn set(document: &mut Table, target: Target, name: &str, text: String, context: &Context) {
    let mut table = document;
    for part in target.section.split('.') {
        // What stands there instead of a table is noted when the section is read.
        let Some(child) = table.child(part) else {
            return;
        };
        table = child;
    }
    let origin = Origin::Variable(name.to_owned());
    if let Some(other) = target.instead_of
        && table.0.get(&other).is_some_and(|entry| matches!(entry.origin, Origin::Line(_)))
    {
        table.0.remove(&other);
    }
    let value = Raw::Word(text);
    let before = table.0.insert(target.key, Entry { origin, value });
    if let Some(Origin::Variable(first)) = before.map(|entry| entry.origin) {
        let found = format!("and {first} set the same key");
        note(context, name, &found, "one of the two", None);
    }
}

fn note(context: &Context, name: &str, found: &str, expected: &str, hint: Option<String>) {
    context.add(Fault {
        path: name.to_owned(),
        origin: Origin::Environment,
        found: Found::Other(found.to_owned()),
        expected: expected.to_owned(),
        hint,
    });
}

/// The key that a variable means, or what to do about it.
fn target(name: &str, document: &mut Table) -> Result<Target, String> {
    for info in plain_sections() {
        let Some(rest) = name.strip_prefix(&variable(info.path, "")) else {
            continue;
        };
        let known = keys(info).find(|(spelled, _)| spelled == rest);
        match known {
            Some((_, target)) => return Ok(target),
            None if info.path == CONFIG && is_upper(rest) => return Ok(config(rest, document)),
            None => {}
        }
    }
    Err(hint(name))
}

/// `SANDBUS_<SECTION>__<KEY>`.
pub(super) fn variable(section: &str, key: &str) -> String {
    let section = section.replace('.', PART);
    format!("{PREFIX}{section}{PART}{}", librdkafka::spelled(key)).to_ascii_uppercase()
}

fn plain_sections() -> impl Iterator<Item = &'static Info> {
    let all = schema::SECTIONS.iter();
    all.filter(|info| info.form != Form::Many)
}

/// The keys of a section as a variable spells them. A secret has two more spellings, for its file.
fn keys(info: &'static Info) -> impl Iterator<Item = (String, Target)> {
    let properties = (info.path == PROPERTIES).then(librdkafka::all_and_secret);
    let keys = info.keys().map(|key| (key.name(), key.secret()));
    keys.chain(properties.into_iter().flatten()).flat_map(move |(name, secret)| {
        let spelled = librdkafka::spelled(name).to_ascii_uppercase();
        let file = format!("{name}_file");
        let target = |key: &str, other: &str| Target {
            section: info.path,
            key: key.to_owned(),
            instead_of: secret.then(|| other.to_owned()),
        };
        let forms = if secret { 3 } else { 1 };
        [
            (spelled.clone(), target(name, &file)),
            (format!("{spelled}__FILE"), target(&file, name)),
            (format!("{spelled}_FILE"), target(&file, name)),
        ]
        .into_iter()
        .take(forms)
    })
}

/// The configuration key that the file already has in another spelling, else in lower case.
fn config(rest: &str, document: &mut Table) -> Target {
    let spelled = librdkafka::spelled(rest);
    let there = document
        .child("handlers")
        .and_then(|handlers| handlers.child("config"))
        .and_then(|config| config.0.keys().find(|key| librdkafka::spelled(key) == spelled));
    Target { section: CONFIG, key: there.cloned().unwrap_or(spelled), instead_of: None }
}

fn is_upper(name: &str) -> bool {
    !name.is_empty() && *name == name.to_ascii_uppercase()
}

/// What somebody who set an unknown variable may have meant.
fn hint(name: &str) -> String {
    if name.starts_with(&variable("handler", "")) {
        return "one [[handler]] cannot be set by a variable: set the key in the file, or a default \
                for all with SANDBUS_HANDLERS__…"
            .to_owned();
    }
    let rest = name.strip_prefix(PREFIX).unwrap_or(name);
    let (section, key) = rest.rsplit_once(PART).unwrap_or((rest, ""));
    let section = section.replace(PART, ".").to_ascii_lowercase();
    let near = suggest::nearest(&section, plain_sections().map(|info| info.path));
    let sections: Vec<&str> = plain_sections().map(|info| info.path).collect();
    match near.and_then(schema::section) {
        None => format!("the sections are {}", sections.join(", ")),
        Some(info) => match near_key(info, key) {
            Some(variable) => format!("did you mean {variable}?"),
            None if info.path == CONFIG => "the key is missing, or not in capitals".to_owned(),
            None if key.ends_with("_FILE") => "only a secret is read from a file".to_owned(),
            None => format!("[{}] has no such key", info.path),
        },
    }
}

fn near_key(info: &'static Info, key: &str) -> Option<String> {
    let here: Vec<String> = keys(info).map(|(spelled, _)| spelled).collect();
    if let Some(near) = suggest::nearest(key, here.iter().map(String::as_str)) {
        return Some(variable(info.path, near));
    }
    let (section, key) = schema::nearest(info.path, &key.to_ascii_lowercase())?;
    Some(variable(section, key))
}
