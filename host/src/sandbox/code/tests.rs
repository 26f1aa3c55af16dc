//! Where code comes from, and that bad code comes from nowhere.

use std::path::Path;

use super::super::cache::{Cache, digest_of};
use super::super::compile::compile;
use super::*;

/// The smallest component, followed by a custom section of that content.
fn component(note: u8) -> Vec<u8> {
    [&b"\0asm\x0d\0\x01\0"[..], &[0, 3, 1, b'n', note]].concat()
}

fn sandbox(folder: Option<&Path>) -> Sandbox {
    Sandbox::new(1, 20_000).unwrap().cached_in(folder, 2 << 30)
}

/// Where the code of a component comes from.
fn source(sandbox: &Sandbox, bytes: &[u8]) -> Source {
    let (_, source) = sandbox.code(&digest_of(bytes), bytes.to_vec()).unwrap_or_else(|error| panic!("{error}"));
    source
}

#[test]
fn what_one_host_compiles_the_next_one_finds() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("compiled");
    assert_eq!(source(&sandbox(Some(&path)), &component(1)), Source::Compiled);
    let next = sandbox(Some(&path));
    assert_eq!(source(&next, &component(1)), Source::Cached);
    assert_eq!(source(&next, &component(2)), Source::Compiled);
}

#[test]
fn without_a_folder_everything_is_compiled() {
    let sandbox = sandbox(None);
    assert_eq!(source(&sandbox, &component(1)), Source::Compiled);
    assert_eq!(source(&sandbox, &component(1)), Source::Compiled);
}

#[test]
fn a_core_module_is_wrapped_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("compiled");
    let engine = Sandbox::new(1, 20_000).unwrap().engine;
    // Not a component, and still found by what the file says.
    let module = b"\0asm\x01\0\0\0";
    let cache = Cache::open(&path, &engine, 2 << 30).unwrap();
    cache.put(&digest_of(module), &compile(&engine, component(1)).unwrap());
    assert_eq!(source(&sandbox(Some(&path)), module), Source::Cached);
}

#[test]
fn code_that_the_engine_refuses_is_thrown_away_and_compiled_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("compiled");
    let sandbox = sandbox(Some(&path));
    let (bytes, cache) = (component(1), Cache::open(&path, &sandbox.engine, 2 << 30).unwrap());
    let other = Engine::new(wasmtime::Config::new().epoch_interruption(false)).unwrap();
    let foreign = compile(&other, bytes.clone()).unwrap();
    // Each entry is whole, so that only the engine can tell.
    for bad in [&b"no code"[..], b"", &foreign, &foreign[..foreign.len() / 2]] {
        cache.put(&digest_of(&bytes), bad);
        assert_eq!(source(&sandbox, &bytes), Source::Compiled);
        assert_eq!(source(&sandbox, &bytes), Source::Cached);
    }
}

#[test]
fn what_does_not_compile_is_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("compiled");
    let sandbox = sandbox(Some(&path));
    // A component with one section of one byte, which is no core module.
    let damaged = b"\0asm\x0d\0\x01\0\x01\x01\xff";
    assert!(matches!(sandbox.code(&digest_of(damaged), damaged.to_vec()), Err(LoadError::Compile(_))));
    let cut = &component(1)[..11];
    assert!(matches!(sandbox.code(&digest_of(cut), cut.to_vec()), Err(LoadError::Cut { .. })));
    assert_eq!(std::fs::read_dir(&path).unwrap().count(), 0);
}

#[test]
fn a_content_has_one_place_as_long_as_somebody_uses_it() {
    let (known, content) = (Known::default(), digest_of(b"a"));
    let place = known.place(&content);
    assert!(Arc::ptr_eq(&place, &known.place(&content)));
    assert!(!Arc::ptr_eq(&place, &known.place(&digest_of(b"b"))));
    drop(place);
    known.place(&digest_of(b"c"));
    assert_eq!(known.0.lock().unwrap().len(), 1);
}
