//! A host that gives up what it does not need delivers all the same; and every thread of it has given that up.

use std::fs;

use sandbus_tests::{Deployment, Host, eventually};
use serde_json::Value;

use super::cli_outcome::{Outcome, SOON};
use super::compiling::{compilers_of, endless, signal};
use super::delivery::stage::{Probe, Stage, event};

/// What the log says of the measures.
fn measures(host: &Host) -> Value {
    host.log_record("what was given up", SOON, |record| record["message"] == "hardened")
}

/// A field of each thread's status.
fn of_each_thread(host: &Host, field: &str) -> Vec<String> {
    let threads = fs::read_dir(format!("/proc/{}/task", host.id())).expect("its threads");
    let value = |status: String| {
        let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':')).map(str::trim);
        line.unwrap_or_else(|| panic!("no {field} in {status}")).to_owned()
    };
    // One that has ended meanwhile has no status.
    threads.flatten().filter_map(|thread| fs::read_to_string(thread.path().join("status")).ok()).map(value).collect()
}

#[test]
fn every_thread_of_a_hardened_host_is_confined_and_it_delivers() {
    let stage = Stage::new(2).probe(Probe::named("probe"));
    // With its default.
    let mut host = stage.start();
    stage.topic.write([event("a", "ack"), event("b", "dead-letter:no"), event("c", "trap")]);
    stage.wait_final(3);
    let measures = measures(&host);
    for measure in ["privileges", "dumps", "calls"] {
        assert_eq!(measures[measure], "on", "{measures}");
    }
    // A kernel may have no Landlock, or an older one.
    assert!(measures["files"].is_string(), "{measures}");
    for (field, wanted) in [("NoNewPrivs", "1"), ("Seccomp", "2")] {
        let threads = of_each_thread(&host, field);
        assert!(threads.len() > 5, "{threads:?}");
        assert!(threads.iter().all(|value| value == wanted), "{field}: {threads:?}");
    }
    assert_eq!(stage.topic.dead_letters().read().len(), 2);
    assert_eq!(host.terminate(SOON).code(), Some(0));
}

#[test]
fn a_host_is_not_hardened_where_that_is_off() {
    let stage = Stage::new(1).probe(Probe::named("probe"));
    let deployment = stage.deploy().env("SANDBUS_SANDBOX__HARDEN", "off");
    let mut host = deployment.start();
    host.wait_ready(SOON);
    host.log_record("that it is off", SOON, |record| {
        record["message"].as_str().is_some_and(|message| message.starts_with("not hardened"))
    });
    assert!(of_each_thread(&host, "Seccomp").iter().all(|mode| mode == "0"));
}

#[test]
fn the_option_goes_before_the_configuration() {
    let deployment =
        Deployment::new("[sandbox]\nharden = \"off\"\n[[handler]]\nname = \"a\"\ncomponent = \"a.wasm\"\n")
            .write("a.wasm", "no component");
    let hardened = Outcome::of(&deployment, &["run", "--harden=auto"]).expect(2);
    assert!(hardened.stderr.contains(" hardened "), "{hardened}");
    assert!(!Outcome::of(&deployment, &["run"]).expect(2).stderr.contains(" hardened "));
    let wrong = Outcome::of(&deployment, &["run", "--harden=perhaps"]).expect(2);
    assert!(wrong.stderr.contains("possible values: auto, on, off"), "{wrong}");
}

#[test]
fn what_a_hardened_host_was_not_told_of_it_cannot_read() {
    let elsewhere = tempfile::tempdir().expect("a folder");
    let secret = elsewhere.path().join("secret.wasm");
    fs::write(&secret, "a secret").expect("a file");
    // All that load are busy with a bomb each, so that the last handler is loaded when we let it be.
    let cores = std::thread::available_parallelism().expect("a number of cores").get();
    let deployment = Deployment::new("[sandbox]\ncache = \"\"\ncompile_memory = \"16GiB\"\n")
        .write("handlers/z.wasm", "no component");
    let deployment = (0..cores).fold(deployment, |deployment, core| {
        let bomb = endless(i32::try_from(core).expect("a small number"));
        deployment.write(&format!("handlers/bomb{core:03}.wasm"), bomb)
    });
    let mut host = deployment.start();
    let hardened = measures(&host)["files"].as_str().is_some_and(|state| !state.starts_with("off"));
    let busy = eventually("all that load to be busy", SOON, || {
        let busy = compilers_of(host.id());
        if busy.len() == cores { Ok(busy) } else { Err(format!("{busy:?}")) }
    });
    // Now the host's own folder leads elsewhere.
    let file = deployment.directory().join("handlers/z.wasm");
    fs::remove_file(&file).expect("to remove it");
    std::os::unix::fs::symlink(&secret, &file).expect("a link");
    busy.into_iter().for_each(|child| signal(child, libc::SIGKILL));
    assert_eq!(host.wait_end(SOON).code(), Some(2));
    let line = host.log_line_containing("handler \"z\"", SOON);
    let wanted = if hardened { "Permission denied" } else { "this is a text file" };
    assert!(line.contains(wanted), "{line}");
}
