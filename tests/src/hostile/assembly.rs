//! From the text of a case to a component.
//!
//! A text holds what is wrong with a guest, as fields of a core module; what it leaves out is added: a memory, a
//! `cabi_realloc`, a `describe` that wants everything, a `handle` that acknowledges. What it imports comes first. The
//! guest is typed, unless it has the packed way in. A text that begins a component stands for itself.
//!
//! What is added keeps its words from 32 to 96, and puts what it is given from 512 Ki on.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// Two MiB: what is added needs one.
const MEMORY: &str = r#"(memory (export "memory") 32)"#;

/// Gives the next piece, and never takes one back before the event is over.
const REALLOC: &str = r#"
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
      (local $at i32)
      (local.set $at
        (i32.and
          (i32.add (global.get $next) (i32.sub (local.get 2) (i32.const 1)))
          (i32.sub (i32.const 0) (local.get 2))))
      (global.set $next (i32.add (local.get $at) (local.get 3)))
      (local.get $at))"#;

/// A list of one pattern, which is `*`, and no attributes.
const DESCRIBE: &str = r#"
    (func (export "sandbus:handler/descriptor@0.1.0#describe") (result i32) (i32.const 32))"#;

/// An answer of nothing but zeroes is `ok(ack)`.
const HANDLE: &str = r#"
    (func (export "sandbus:handler/typed@0.1.0#handle") (param i32) (result i32) (i32.const 64))"#;

const COMMON: &str = r#"
    (global $next (mut i32) (i32.const 524288))
    (data (i32.const 32) "\30\00\00\00\01\00\00\00\00\00\00\00\00\00\00\00\38\00\00\00\01\00\00\00*")"#;

/// The component of such a text.
///
/// # Errors
/// Where it is none.
pub fn component(text: &str) -> Result<Vec<u8>> {
    let text = repeated(text)?;
    if text.lines().any(|line| line.starts_with("(component")) {
        return Ok(wat::parse_str(text)?);
    }
    let packed = text.contains("handler/packed@0.1.0#handle\"");
    let way = if packed { "packed" } else { "typed" };
    let mut module = format!("(module\n{text}\n{COMMON}\n");
    let parts = [
        ("(memory (export \"memory\")", MEMORY),
        ("(export \"cabi_realloc\")", REALLOC),
        ("descriptor@0.1.0#describe\"", DESCRIBE),
        ("@0.1.0#handle\"", HANDLE),
    ];
    for (mark, part) in parts {
        if !text.contains(mark) {
            module.push_str(part);
        }
    }
    let parameters = "(param i32) (global.set $next (i32.const 524288))";
    write!(module, "\n(func (export \"cabi_post_sandbus:handler/{way}@0.1.0#handle\") {parameters}))")?;
    let mut module = wat::parse_str(module)?;

    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut resolve = Resolve::default();
    resolve.push_dir(folder.join("../wit")).context("the contract")?;
    let own = resolve.push_file(folder.join("hostile/guest.wit")).context("guest.wit")?;
    let world = if text.contains("[export]test:hostile/leak") { "leaking" } else { way };
    let world = resolve.select_world(&[own], Some(world))?;
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false)?;
    // Not by the host: what it makes of modules is another thing.
    ComponentEncoder::default().validate(false).module(&module)?.encode()
}

/// Each line `;; N times: TEXT` becomes so many lines, with `{n}` counted from 1 and `{n-1}` from 0. Then
/// [`stretched`].
fn repeated(text: &str) -> Result<String> {
    let mut out = String::new();
    for line in text.lines() {
        let repeated = line.trim_start().strip_prefix(";; ").and_then(|line| line.split_once(" times: "));
        let Some((times, what)) = repeated else {
            writeln!(out, "{line}")?;
            continue;
        };
        for n in 1..=times.parse::<usize>().with_context(|| line.to_owned())? {
            writeln!(out, "{}", what.replace("{n}", &n.to_string()).replace("{n-1}", &(n - 1).to_string()))?;
        }
    }
    stretched(&out)
}

/// Each `{N x}` becomes so many `x`.
fn stretched(text: &str) -> Result<String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (inside, behind) = after.split_once('}').with_context(|| after.to_owned())?;
        let (times, what) = inside.split_once(' ').with_context(|| inside.to_owned())?;
        out.push_str(before);
        out.push_str(&what.repeat(times.parse().with_context(|| inside.to_owned())?));
        rest = behind;
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hostile::{CASES, Source};

    #[test]
    fn lines_are_repeated_and_counted() {
        assert_eq!(repeated("a\n  ;; 2 times: {n} after {n-1}\nb").unwrap(), "a\n1 after 0\n2 after 1\nb\n");
        assert_eq!(repeated("a {3 xy}{2 z}b").unwrap(), "a xyxyxyzzb\n");
    }

    #[test]
    fn every_text_is_assembled_and_every_file_is_a_case() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("hostile");
        let mut files: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .filter_map(|file| file.strip_suffix(".wat").map(str::to_owned))
            .collect();
        files.sort_unstable();
        let mut cases: Vec<_> = CASES.iter().filter(|case| case.source == Source::Text).collect();
        cases.sort_unstable_by_key(|case| case.name);
        assert_eq!(files, cases.iter().map(|case| case.name).collect::<Vec<_>>());
        for case in cases {
            assert!(!case.component().is_empty());
        }
    }
}
