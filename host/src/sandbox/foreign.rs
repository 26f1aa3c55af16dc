//! What a file is that is no handler, and what whoever made it can do. Read off its first bytes and its name: nothing of
//! it is run, and what cannot be told is not guessed.

use std::path::Path;

use wasmparser::Parser;
use wasmtime::{Engine, Precompiled};

use super::component::LoadError;

/// What to do about anything that can be built.
const BUILD: &str = "`sandbus build` in the folder of its project makes one";
const AGAIN: &str = "the build or the copy of it was cut short: build or copy it again";
const UNPACK: &str = "unpack it, and name the component in it";
const NATIVE: &str =
    "a handler is built for WebAssembly, not for a machine: `sandbus build` in the folder of its project";

/// A file that is no WebAssembly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Foreign {
    /// In words, with an article.
    pub what: &'static str,
    /// What to do.
    pub advice: &'static str,
}

/// Whether bytes are WebAssembly, from beginning to end. Their file's name helps to say what else they are.
///
/// # Errors
/// Where they are not, or are cut.
pub(super) fn check(bytes: &[u8], file: &Path) -> Result<(), LoadError> {
    if Parser::is_component(bytes) || Parser::is_core_wasm(bytes) {
        return whole(bytes);
    }
    Err(LoadError::NotWasm(kind(bytes, file)))
}

fn kind(bytes: &[u8], file: &Path) -> Foreign {
    let is = |what, advice| Foreign { what, advice };
    if let Some(compiled) = compiled(bytes) {
        return compiled;
    }
    match bytes {
        [] => is("an empty file", AGAIN),
        [0] | [0, b'a'] | [0, b'a', b's'] => is("the beginning of a WebAssembly file", AGAIN),
        [0, b'a', b's', b'm', ..] if bytes.len() < 8 => is("the beginning of a WebAssembly file", AGAIN),
        [0, b'a', b's', b'm', ..] => is("WebAssembly of an unknown version", BUILD),
        [b'P', b'K', 3, 4, ..] => is("a zip archive", UNPACK),
        [0x1f, 0x8b, ..] => is("a gzip archive", UNPACK),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => is("a zstd archive", UNPACK),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => is("an xz archive", UNPACK),
        [b'B', b'Z', b'h', ..] => is("a bzip2 archive", UNPACK),
        _ if bytes.get(257..262) == Some(b"ustar") => is("a tar archive", UNPACK),
        _ => match std::str::from_utf8(bytes) {
            Ok(text) => text_kind(text, file),
            Err(_) => is("a binary of an unknown kind", BUILD),
        },
    }
}

/// Code for a machine, if it is that.
fn compiled(bytes: &[u8]) -> Option<Foreign> {
    let aot = "the host compiles by itself and takes no machine code of others: name the .wasm that it was made of";
    match Engine::detect_precompiled(bytes) {
        Some(Precompiled::Component) => {
            return Some(Foreign { what: "a component compiled ahead of time (.cwasm)", advice: aot });
        }
        Some(Precompiled::Module) => {
            return Some(Foreign { what: "a core module compiled ahead of time (.cwasm)", advice: aot });
        }
        None => {}
    }
    let what = match bytes {
        // The type's lower byte, as either order of bytes has it.
        [0x7f, b'E', b'L', b'F', _, 1, ..] => elf(bytes.get(16).copied()),
        [0x7f, b'E', b'L', b'F', ..] => elf(bytes.get(17).copied()),
        [0xfe, 0xed, 0xfa, 0xce | 0xcf, ..] | [0xce | 0xcf, 0xfa, 0xed, 0xfe, ..] => {
            "a native library or program of macOS"
        }
        // Both begin with these four; what follows is a small number of architectures, or a version from 45 on.
        [0xca, 0xfe, 0xba, 0xbe, _, _, _, version, ..] if *version >= 45 => "a Java class",
        [0xca, 0xfe, 0xba, 0xbe, ..] => "a native library or program of macOS",
        [b'M', b'Z', ..] => "a native library or program of Windows",
        [b'!', b'<', b'a', b'r', b'c', b'h', b'>', b'\n', ..] => "a static library, an archive of object files",
        [b'B', b'C', 0xc0, 0xde, ..] => "LLVM bitcode",
        _ => return None,
    };
    Some(Foreign { what, advice: NATIVE })
}

fn elf(kind: Option<u8>) -> &'static str {
    match kind {
        Some(1) => "a native object file",
        Some(2) => "a native program",
        // A program that may be loaded anywhere is marked as a library, too.
        Some(3) => "a native library (or program)",
        _ => "a native library or program",
    }
}

fn text_kind(text: &str, file: &Path) -> Foreign {
    let is = |what, advice| Foreign { what, advice };
    let manifest = "`sandbus build` in its folder makes a component of the project";
    match file.file_name().and_then(|name| name.to_str()).unwrap_or_default() {
        "Cargo.toml" | "package.json" | "tsconfig.json" | "pyproject.toml" | "go.mod" => {
            return is("the manifest of a project", manifest);
        }
        _ => {}
    }
    let source = match file.extension().and_then(|extension| extension.to_str()).unwrap_or_default() {
        "rs" => "Rust source",
        "js" | "mjs" | "cjs" => "JavaScript source",
        "ts" | "mts" | "cts" => "TypeScript source",
        "py" => "Python source",
        "go" => "Go source",
        "c" | "h" => "C source",
        _ => "",
    };
    if !source.is_empty() {
        return is(source, BUILD);
    }
    let text = text.trim_ascii_start();
    let begins = |word: &str| text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    if begins("<!doctype html") || begins("<html") {
        is("an HTML page", "if it was downloaded, look at the address: a server has answered with a page")
    } else if begins("version https://git-lfs.github.com/") {
        is("a pointer of Git LFS", "`git lfs pull` fetches the file that it stands for")
    } else if begins("(") || begins(";;") {
        is("WebAssembly text", "`wasm-tools parse FILE -o FILE.wasm` makes a binary of it")
    } else if begins("package ") && (text.contains("world ") || text.contains("interface ")) && text.contains(':') {
        is("WIT, the description of an interface", "name the component that was built against it")
    } else {
        is("a text file", BUILD)
    }
}

/// Whether all is there that the outermost sections announce.
fn whole(bytes: &[u8]) -> Result<(), LoadError> {
    let length = bytes.len() as u64;
    // Behind magic and version: sections, each with an id of one byte, its size, and so many bytes.
    let mut at = 8_u64;
    while at < length {
        let head = usize::try_from(at).ok().and_then(|at| bytes.get(at..)).unwrap_or_default();
        let Some((size, digits)) = leb(head.get(1..).unwrap_or_default()) else {
            // Cut within the number; or no number at all, which the compiler will complain of.
            return if head.len() < 6 { Err(LoadError::Cut { length, announced: length + 1 }) } else { Ok(()) };
        };
        at += 1 + digits + size;
    }
    if at > length { Err(LoadError::Cut { length, announced: at }) } else { Ok(()) }
}

/// A number below 2^32 in LEB128, and how many bytes it takes.
fn leb(bytes: &[u8]) -> Option<(u64, u64)> {
    let (mut value, mut digits) = (0_u64, 0_u32);
    for byte in bytes.iter().take(5) {
        value |= u64::from(byte & 0x7f) << (7 * digits);
        digits += 1;
        if byte & 0x80 == 0 {
            return Some((value, digits.into()));
        }
    }
    None
}

#[cfg(test)]
mod tests;
