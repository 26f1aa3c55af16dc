use super::*;

fn what(bytes: &[u8], file: &str) -> String {
    match check(bytes, Path::new(file)) {
        Ok(()) => "WebAssembly".to_owned(),
        Err(LoadError::NotWasm(foreign)) => foreign.what.to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_file_is_known_by_how_it_begins() {
    let mut tar = vec![0; 512];
    tar[257..262].copy_from_slice(b"ustar");
    let cases: &[(&[u8], &str)] = &[
        (b"", "an empty file"),
        (b"\0a", "the beginning of a WebAssembly file"),
        (b"\0asm\x01", "the beginning of a WebAssembly file"),
        (b"\0asm\x02\0\0\0", "WebAssembly of an unknown version"),
        (b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x01\0", "a native object file"),
        (b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0", "a native program"),
        (b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0", "a native library (or program)"),
        (b"\x7fELF\x02\x02\x01\0\0\0\0\0\0\0\0\0\0\x02", "a native program"),
        (b"\x7fELF", "a native library or program"),
        (b"\xcf\xfa\xed\xfe\x07\0\0\x01", "a native library or program of macOS"),
        (b"\xca\xfe\xba\xbe\0\0\0\x02", "a native library or program of macOS"),
        (b"\xca\xfe\xba\xbe\0\0\0\x41", "a Java class"),
        (b"MZ\x90\0", "a native library or program of Windows"),
        (b"!<arch>\n", "a static library, an archive of object files"),
        (b"BC\xc0\xde", "LLVM bitcode"),
        (b"PK\x03\x04", "a zip archive"),
        (b"\x1f\x8b\x08", "a gzip archive"),
        (b"\x28\xb5\x2f\xfd", "a zstd archive"),
        (b"\xfd7zXZ\0", "an xz archive"),
        (b"BZh9", "a bzip2 archive"),
        (&tar, "a tar archive"),
        (b"\xff\xfe\xfd", "a binary of an unknown kind"),
        (b"(module)", "WebAssembly text"),
        (b"\n;; a comment\n(component)", "WebAssembly text"),
        (b"package sandbus:handler@0.1.0;\nworld handler {}\n", "WIT, the description of an interface"),
        (b"<!DOCTYPE html>\n<title>404</title>", "an HTML page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS"),
        (b"hello\n", "a text file"),
        ("ä".as_bytes(), "a text file"),
    ];
    for (bytes, expected) in cases {
        assert_eq!(what(bytes, "handler.wasm"), *expected, "{bytes:?}");
    }
}

#[test]
fn source_is_known_by_the_name_of_its_file() {
    let cases = [
        ("src/lib.rs", "Rust source"),
        ("handler.js", "JavaScript source"),
        ("handler.mjs", "JavaScript source"),
        ("handler.ts", "TypeScript source"),
        ("handler.py", "Python source"),
        ("main.go", "Go source"),
        ("handler.c", "C source"),
        ("package.json", "the manifest of a project"),
        ("go.mod", "the manifest of a project"),
        ("handler.wasm", "a text file"),
        ("handler", "a text file"),
    ];
    for (file, expected) in cases {
        assert_eq!(what(b"text", file), expected, "{file}");
        // Whatever it is called.
        assert_eq!(what(b"\0asm\x01\0\0\0", file), "WebAssembly", "{file}");
    }
}

#[test]
fn code_that_was_compiled_ahead_of_time_is_told_from_a_native_library() {
    let engine = Engine::new(&crate::sandbox::settings()).unwrap();
    let component = engine.precompile_component(&wat::parse_str("(component)").unwrap()).unwrap();
    assert_eq!(what(&component, "handler.cwasm"), "a component compiled ahead of time (.cwasm)");
    let module = engine.precompile_module(&wat::parse_str("(module)").unwrap()).unwrap();
    assert_eq!(what(&module, "handler.wasm"), "a core module compiled ahead of time (.cwasm)");
}

#[test]
fn a_file_that_is_cut_is_found_to_be_wherever_that_is() {
    let module = r#"(module (func (export "a")) (memory 1) (data (i32.const 0) "some bytes"))"#;
    let component = format!("(component (core {} (core module (memory 2)))", &module[1..]);
    for text in [module, &component] {
        let bytes = wat::parse_str(text).unwrap();
        assert!(check(&bytes, Path::new("")).is_ok());
        // Where a section ends, nothing is missing that could be seen.
        let ends: Vec<usize> = Parser::new(0)
            .parse_all(&bytes)
            .filter_map(|payload| payload.unwrap().as_section())
            .map(|(_, range)| usize::try_from(range.end).unwrap())
            .collect();
        let cut =
            (8..bytes.len()).filter(|at| matches!(check(&bytes[..*at], Path::new("")), Err(LoadError::Cut { .. })));
        let cut: Vec<_> = cut.collect();
        assert!(cut.len() + ends.len() + 1 >= bytes.len() - 8, "{} of {}: {cut:?}", cut.len(), bytes.len());
        assert!(cut.contains(&(bytes.len() - 1)) && cut.contains(&9), "{cut:?}");
    }
}

#[test]
fn damaged_sizes_are_left_to_the_compiler() {
    let bytes = b"\0asm\x01\0\0\0\x01\xff\xff\xff\xff\xff\xff\xff";
    assert!(check(bytes, Path::new("")).is_ok());
    let zeroes = [b"\0asm\x01\0\0\0".as_slice(), &[0; 1000]].concat();
    assert!(check(&zeroes, Path::new("")).is_ok());
}
