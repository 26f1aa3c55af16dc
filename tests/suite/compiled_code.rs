//! Compiled components are kept: the next start takes them, and what is wrong with them or their folder costs no more
//! than compiling.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sandbus_tests::Deployment;
use sandbus_tests::host::built;

use super::cli_outcome::Outcome;

/// Until the log says something.
const SOON: Duration = Duration::from_secs(30);

/// A host with these components as handlers, which says in its log where their code came from.
fn deployment(config: &str, components: &[(&str, &[u8])]) -> Deployment {
    let deployment = Deployment::new(config).env("RUST_LOG", "sandbus=info");
    let home = deployment.directory().display().to_string();
    let deployment = deployment.env("XDG_CACHE_HOME", &format!("{home}/cache"));
    components
        .iter()
        .fold(deployment, |deployment, (name, bytes)| deployment.write(&format!("handlers/{name}.wasm"), bytes))
}

/// The probe, with a custom section that makes it another component.
fn probe(note: u8) -> Vec<u8> {
    let file = built::component("probe-rust");
    let mut bytes = fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    bytes.extend([0, 6, 4, b'n', b'o', b't', b'e', note]);
    bytes
}

fn folder(deployment: &Deployment) -> PathBuf {
    deployment.directory().join("cache/sandbus/compiled")
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    files.map(|file| file.expect("a file").path()).collect()
}

/// Each handler with where its code came from, as `check` logs it.
fn sources(outcome: &Outcome) -> BTreeMap<String, String> {
    let word = |line: &str, key: &str| {
        let (_, rest) = line.split_once(&format!(" {key}=")).unwrap_or_else(|| panic!("no {key} in {line}"));
        rest.split(' ').next().unwrap_or_default().trim_matches('"').to_owned()
    };
    let loaded = outcome.stderr.lines().filter(|line| line.contains(": loaded "));
    loaded.map(|line| (word(line, "handler"), word(line, "code"))).collect()
}

/// Checks the configuration, which is right.
#[track_caller]
fn check(deployment: &Deployment) -> Outcome {
    Outcome::of(deployment, &["check"]).expect(0)
}

#[track_caller]
fn expect(outcome: &Outcome, wanted: &[(&str, &str)]) {
    let wanted: BTreeMap<_, _> = wanted.iter().map(|(name, from)| ((*name).to_owned(), (*from).to_owned())).collect();
    assert_eq!(sources(outcome), wanted, "{outcome}");
}

/// What `check` warns of, if it warns at all.
fn warning(outcome: &Outcome) -> String {
    let warnings: Vec<_> = outcome.stderr.lines().filter_map(|line| line.split_once(" WARN ")).collect();
    assert!(warnings.len() <= 1, "{outcome}");
    warnings.first().map(|(_, text)| (*text).to_owned()).unwrap_or_default()
}

#[test]
fn the_second_start_compiles_nothing() {
    let deployment = deployment("", &[("a", &probe(1)), ("b", &probe(2))]);
    let mut host = deployment.start();
    let loaded = |host: &sandbus_tests::Host, name: &str| {
        let what = format!("{name} to be loaded");
        host.log_record(&what, SOON, |record| record["message"] == "loaded" && record["handler"] == name)
    };
    assert_eq!([loaded(&host, "a")["code"].as_str(), loaded(&host, "b")["code"].as_str()], [Some("compiled"); 2]);
    host.kill();
    let host = deployment.start();
    assert_eq!([loaded(&host, "a")["code"].as_str(), loaded(&host, "b")["code"].as_str()], [Some("cached"); 2]);
    let all = host.log_record("the end of loading", SOON, |record| record["message"] == "all handlers are loaded");
    assert_eq!(all["handlers"], 2);
    drop(host);
    expect(&check(&deployment), &[("a", "cached"), ("b", "cached")]);
    // Another file of that name is another component.
    let deployment = deployment.write("handlers/a.wasm", probe(3));
    expect(&check(&deployment), &[("a", "compiled"), ("b", "cached")]);
}

#[test]
fn one_component_of_many_handlers_is_loaded_once() {
    let deployment = deployment("", &[("a", &probe(1)), ("b", &probe(1)), ("c", &probe(1))]);
    for first in ["compiled", "cached"] {
        let outcome = check(&deployment);
        let mut from: Vec<_> = sources(&outcome).into_values().collect();
        from.sort();
        assert_eq!(from, [first, "shared", "shared"], "{outcome}");
    }
    assert_eq!(entries(&folder(&deployment)).len(), 1);
}

#[test]
fn every_command_that_loads_components_profits() {
    let deployment = deployment("", &[("a", &probe(1))]).write("events.jsonl", "");
    check(&deployment);
    expect(&Outcome::of(&deployment, &["check", "handlers/a.wasm"]).expect(0), &[("a", "cached")]);
    let test = Outcome::of(&deployment, &["test", "handlers/a.wasm", "--events", "events.jsonl"]).expect(0);
    expect(&test, &[("a", "cached")]);
}

#[test]
fn a_damaged_entry_is_thrown_away_and_made_anew() {
    let deployment = deployment("", &[("a", &probe(1))]);
    check(&deployment);
    let entry = entries(&folder(&deployment)).remove(0);
    let whole = fs::read(&entry).expect("the entry");
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    for bad in [&whole[..whole.len() - 1], &[], &flipped] {
        fs::write(&entry, bad).expect("to damage the entry");
        let outcome = check(&deployment);
        expect(&outcome, &[("a", "compiled")]);
        assert!(warning(&outcome).contains("a compiled component is thrown away: it is "), "{outcome}");
        assert!(fs::read(&entry).expect("the new entry") == whole);
        let outcome = check(&deployment);
        expect(&outcome, &[("a", "cached")]);
        assert_eq!(warning(&outcome), "", "{outcome}");
    }
}

#[test]
fn a_folder_that_others_may_write_to_is_not_used() {
    let deployment = deployment("", &[("a", &probe(1))]);
    check(&deployment);
    let folder = folder(&deployment);
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).expect("to open the folder");
    let before = fs::read(entries(&folder).remove(0)).expect("the entry");
    // What a stranger would have liked the host to run.
    fs::write(entries(&folder).remove(0), [&before[..], b"!"].concat()).expect("to write there");
    for _ in 0..2 {
        let outcome = check(&deployment);
        expect(&outcome, &[("a", "compiled")]);
        let wanted = format!(
            "compiled components are not kept: others than its owner may write to {} (mode 777); chmod go-w it",
            folder.display()
        );
        assert!(warning(&outcome).ends_with(&wanted), "{outcome}");
    }
    assert_eq!(fs::read(entries(&folder).remove(0)).expect("the entry").len(), before.len() + 1);
}

#[test]
fn where_nothing_can_be_kept_the_host_says_so_and_starts() {
    let nowhere = deployment("[sandbox]\ncache = \"/proc/sandbus\"\n", &[("a", &probe(1))]);
    for _ in 0..2 {
        let outcome = check(&nowhere);
        expect(&outcome, &[("a", "compiled")]);
        assert!(warning(&outcome).contains("/proc/sandbus cannot be made: "), "{outcome}");
    }
    let off = deployment("[sandbox]\ncache = \"\"\n", &[("a", &probe(1))]);
    for _ in 0..2 {
        let outcome = check(&off);
        expect(&outcome, &[("a", "compiled")]);
        assert_eq!(warning(&outcome), "", "{outcome}");
        assert!(outcome.stderr.contains("compiled components are not kept: sandbox.cache is empty"), "{outcome}");
    }
    assert!(!off.directory().join("cache").exists());
}

#[test]
fn hosts_that_start_at_once_share_a_folder() {
    let config = "[sandbox]\ncache = \"shared/code\"\n";
    let deployment = deployment(config, &[("a", &probe(1)), ("b", &probe(2)), ("c", &probe(3))]);
    std::thread::scope(|scope| {
        let hosts: Vec<_> = (0..3).map(|_| scope.spawn(|| check(&deployment))).collect();
        for host in hosts {
            let outcome = host.join().expect("a check that ends well");
            assert_eq!(warning(&outcome), "", "{outcome}");
        }
    });
    assert_eq!(entries(&deployment.directory().join("shared/code")).len(), 3);
    expect(&check(&deployment), &[("a", "cached"), ("b", "cached"), ("c", "cached")]);
}
