//! What is refused before it is compiled: more than any handler has, which would only cost time.
//!
//! These bounds stop nobody who knows them: 400 KiB of nested branches take a compiler 15 seconds. What stops that is the
//! time and memory of whoever compiles. These are here for their message, which comes at once and says what there is too
//! much of.

use wasmparser::{Parser, Payload};

use crate::sandbox::component::LoadError;

/// Functions of all core modules together. CPython has 13,500.
const FUNCTIONS: u64 = 200_000;

/// Bytes of one function's code. The largest of CPython, its interpreter's loop, has 417 KiB.
const BODY: u64 = 2 << 20;

/// Core modules. CPython has 38 with what the toolchain puts beside it.
const MODULES: u64 = 500;

/// Looks at the sizes of a component's or core module's parts. What is damaged is left to whoever compiles it.
///
/// # Errors
/// Where there is too much of something.
pub fn check(bytes: &[u8]) -> Result<(), LoadError> {
    let (mut functions, mut modules) = (0_u64, 0_u64);
    for payload in Parser::new(0).parse_all(bytes) {
        match payload {
            Ok(Payload::CodeSectionStart { count, .. }) => functions = functions.saturating_add(count.into()),
            Ok(Payload::CodeSectionEntry(body)) => {
                let range = body.range();
                within("a function of", range.end.saturating_sub(range.start), "bytes", BODY)?;
            }
            Ok(Payload::ModuleSection { .. }) => modules += 1,
            Ok(_) => {}
            Err(_) => break,
        }
        within("", functions, "functions", FUNCTIONS)?;
        within("", modules, "core modules", MODULES)?;
    }
    Ok(())
}

fn within(what: &str, found: u64, unit: &str, most: u64) -> Result<(), LoadError> {
    if found <= most {
        return Ok(());
    }
    let what = if what.is_empty() { String::new() } else { format!("{what} ") };
    Err(LoadError::TooMuch(format!("{what}{found} {unit}; a handler may have {most}")))
}
