//! The bounds that hold from outside, whatever the child does: programs that do not compile at all stand in for one that
//! was taken over.

use std::time::{Duration, Instant};

use super::*;

/// What comes of having this script compile, and how long that takes.
fn compiled_by(script: &str, patience: Duration) -> (LoadError, Duration) {
    let program = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/sandbox/compile/apart/tests").join(script);
    let apart = Apart::program(program, Bounds { time: patience / PATIENCE, memory: 1 << 30 });
    let started = Instant::now();
    match apart.compile(&vec![0; 8 << 20]) {
        Ok(code) => panic!("{} bytes of code", code.len()),
        Err(error) => (error, started.elapsed()),
    }
}

/// Children of this process that run such a script.
fn left(script: &str) -> usize {
    let own = std::process::id().to_string();
    let of = |process: &std::path::Path, file: &str| std::fs::read_to_string(process.join(file)).unwrap_or_default();
    let processes = std::fs::read_dir("/proc").expect("processes").filter_map(Result::ok);
    processes
        .filter(|process| {
            let stat = of(&process.path(), "stat");
            // After the name, which is in parentheses: the state, and the parent.
            let parent = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1));
            parent == Some(own.as_str()) && of(&process.path(), "cmdline").contains(script)
        })
        .count()
}

#[test]
fn one_that_does_not_end_is_ended() {
    let patience = Duration::from_secs(1);
    let (error, took) = compiled_by("sleeps.sh", patience);
    assert!(matches!(error, LoadError::CompileWait(of) if of == patience), "{error}");
    assert!(took >= patience && took < Duration::from_secs(30), "{took:?}");
    assert_eq!((left("sleeps.sh"), left("/bin/sleep")), (0, 0));
}

#[test]
fn one_that_writes_code_without_end_is_ended_at_the_bound() {
    let (error, took) = compiled_by("writes.sh", Duration::from_secs(120));
    assert!(matches!(error, LoadError::TooMuch(_)), "{error}");
    assert!(error.to_string().contains("more than 192.0 MiB of native code"), "{error}");
    assert!(took < Duration::from_secs(60), "{took:?}");
}

#[test]
fn of_one_that_complains_without_end_little_is_kept() {
    let (error, took) = compiled_by("complains.sh", Duration::from_secs(2));
    assert!(matches!(error, LoadError::CompileWait(_)), "{error}");
    assert!(took < Duration::from_secs(30), "{took:?}");
    let (error, _) = compiled_by("refuses.sh", Duration::from_secs(60));
    match error {
        LoadError::Compile(text) => assert_eq!(text, "x".repeat(MAX_MESSAGE_BYTES)),
        other => panic!("{other}"),
    }
}
