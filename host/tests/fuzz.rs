//! Feeds the border with bytes that are made of kept ones, and of nothing: it may not panic.
//!
//! `host/fuzz/` is the same for libFuzzer, which goes on for longer. What it finds is kept in `host/fuzz/corpus/`, and
//! comes here too. `FUZZ_CASES=1000000 cargo test --release -p sandbus --test fuzz` goes on for longer as well.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "what is not there fails the test")]

use std::path::Path;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

#[path = "../fuzz/targets.rs"]
mod targets;

use targets::{TARGETS, Target};

fn target(name: &str) -> Target {
    *TARGETS.iter().find(|(of, _)| *of == name).expect("a target of that name")
}

/// What is kept for a target, in the order of the files' names.
fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort_unstable();
    files.iter().map(|file| std::fs::read(file).unwrap()).collect()
}

/// What is done to bytes.
#[derive(Clone, Debug)]
enum Change {
    Set(usize, u8),
    Flip(usize, u8),
    Insert(usize, Vec<u8>),
    Remove(usize, usize),
    /// A piece comes again elsewhere.
    Copy(usize, usize, usize),
    /// A number that somebody may not have thought of.
    Number(usize, u32),
}

fn change() -> impl Strategy<Value = Change> {
    let at = || any::<usize>();
    let number =
        prop_oneof![Just(0), Just(1), Just(u32::MAX), Just(u32::MAX - 1), Just(1 << 31), Just(65_536), any::<u32>()];
    prop_oneof![
        (at(), any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
        (at(), 0..8_u8).prop_map(|(at, bit)| Change::Flip(at, bit)),
        (at(), prop::collection::vec(any::<u8>(), 1..20)).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        (at(), 1..40_usize).prop_map(|(at, length)| Change::Remove(at, length)),
        (at(), at(), 1..80_usize).prop_map(|(from, to, length)| Change::Copy(from, to, length)),
        (at(), number).prop_map(|(at, number)| Change::Number(at, number)),
    ]
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    let place = |at: usize, length: usize| at % (length + 1);
    let length = bytes.len();
    match change {
        Change::Set(at, byte) => {
            if let Some(old) = bytes.get_mut(place(*at, length)) {
                *old = *byte;
            }
        }
        Change::Flip(at, bit) => {
            if let Some(old) = bytes.get_mut(place(*at, length)) {
                *old ^= 1 << bit;
            }
        }
        Change::Insert(at, new) => {
            let at = place(*at, length);
            bytes.splice(at..at, new.iter().copied());
        }
        Change::Remove(at, count) => {
            let at = place(*at, length);
            bytes.drain(at..(at + count).min(length));
        }
        Change::Copy(from, to, count) => {
            let (from, to) = (place(*from, length), place(*to, length));
            let piece = bytes.iter().copied().skip(from).take(*count).collect::<Vec<_>>();
            bytes.splice(to..to, piece);
        }
        Change::Number(at, number) => {
            let at = place(*at, length);
            for (old, new) in bytes.iter_mut().skip(at).zip(number.to_le_bytes()) {
                *old = new;
            }
        }
    }
}

/// Runs a target on what is kept, on what can be made of that in a few steps, and on bytes of no descent.
fn run(name: &str, cases: u32) {
    let (_, run) = target(name);
    let kept = corpus(name);
    assert!(!kept.is_empty(), "nothing is kept for {name}");
    let cases = std::env::var("FUZZ_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(cases);
    feed(name, run, kept, cases);
}

fn feed(name: &str, run: fn(&[u8]), kept: Vec<Vec<u8>>, cases: u32) {
    kept.iter().for_each(|bytes| run(bytes));
    let changes = || prop::collection::vec(change(), 1..8);
    let made = prop_oneof![
        9 => (prop::sample::select(kept), changes()).prop_map(|(mut bytes, changes)| {
            changes.iter().for_each(|change| apply(&mut bytes, change));
            bytes
        }),
        1 => prop::collection::vec(any::<u8>(), 0..200),
    ];
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let found = runner.run(&made, |bytes| {
        run(&bytes);
        Ok(())
    });
    found.unwrap_or_else(|error| panic!("{name}: {error}"));
}

#[test]
fn answers() {
    run("answer", 200_000);
}

#[test]
fn components() {
    run("component", 1_500);
}

#[test]
fn configurations() {
    run("configuration", 30_000);
}

#[test]
fn events() {
    run("event", 50_000);
}

#[test]
fn returned_values() {
    run("returned", 50_000);
}

#[test]
fn lines_of_json() {
    run("json_line", 200_000);
}

/// Nobody would miss a driver that finds nothing.
#[test]
#[should_panic(expected = "planted")]
fn what_panics_is_found() {
    let panics = |bytes: &[u8]| assert!(!bytes.ends_with(&[1, 0, 0, 0]), "planted");
    feed("planted", panics, vec![b"an answer of some bytes".to_vec()], 200_000);
}
