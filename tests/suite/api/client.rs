//! `sandbus handlers`: what a person sees, what a script gets, and how it ends.

use sandbus_tests::{Deployment, ports};

use super::super::cli_outcome::Outcome;
use super::*;

/// A deployment, and a host that runs on it.
#[track_caller]
fn start(stage: &Stage) -> (Deployment, Host) {
    let deployment = stage.deploy();
    let mut host = deployment.start();
    host.wait_ready(SOON);
    (deployment, host)
}

/// Without what differs from build to build.
fn handlers(deployment: &Deployment, arguments: &[&str]) -> Outcome {
    let outcome = Outcome::of(deployment, &[&["handlers"], arguments].concat());
    let digest = regex_lite::Regex::new(r"\b[0-9a-f]{12}\b").expect("a valid pattern");
    let found = digest.find(&outcome.stdout).map(|found| found.as_str().to_owned());
    match found {
        Some(digest) => outcome.hiding(&digest, "[DIGEST]"),
        None => outcome,
    }
}

#[test]
fn a_table_for_people_and_json_for_others() {
    let stage = stage();
    let (deployment, host) = start(&stage);
    handlers(&deployment, &["list"]).expect(0).snapshot("handlers-list");
    assert_eq!(handlers(&deployment, &["list", "--json"]).expect(0).json()["handlers"][0], probe(&host));
    handlers(&deployment, &["pause", "probe"]).expect(0).snapshot("handlers-pause");
    assert_eq!(probe(&host)["state"], "paused");
    assert_eq!(handlers(&deployment, &["resume", "probe", "--json"]).expect(0).json()["state"], "running");
    assert_eq!(probe(&host)["state"], "running");

    replace(&host, "not a component");
    handlers(&deployment, &["reload", "probe"]).expect(1).snapshot("handlers-reload-refused");
    handlers(&deployment, &["list"]).expect(0).snapshot("handlers-list-refused");
    replace(&host, other_probe("second"));
    let reloaded = handlers(&deployment, &["reload", "probe", "--json"]).expect(0).json();
    assert_eq!(reloaded["generation"]["number"], 2, "{reloaded}");
    let back = handlers(&deployment, &["rollback", "probe", "--json"]).expect(0).json();
    assert_eq!(back["generation"]["number"], 1, "{back}");
    handlers(&deployment, &["rollback", "probe"]).expect(1).snapshot("handlers-rollback-nothing");
    handlers(&deployment, &["pause", "prob"]).expect(1).snapshot("handlers-unknown");
}

#[test]
fn the_configuration_is_reloaded_without_a_name() {
    let stage = stage();
    let (deployment, host) = start(&stage);
    let outcome = handlers(&deployment, &["reload"]).expect(0);
    assert_eq!(outcome.stdout, "nothing has changed\n", "{outcome}");
    let file = host.directory().join("sandbus.toml");
    let before = fs::read_to_string(&file).unwrap();
    let second = "[[handler]]\nname = \"second\"\ncomponent = \"handlers/probe.wasm\"\n";
    fs::write(&file, format!("{before}\n{second}")).unwrap();
    let outcome = handlers(&deployment, &["reload"]).expect(0);
    assert_eq!(outcome.stdout, "added: second\n", "{outcome}");
    // The client needs [admin] alone, so that the host can say what is wrong with the rest.
    fs::write(&file, format!("{before}\n{second}memory = \"1TiB\"\n")).unwrap();
    handlers(&deployment, &["reload"]).expect(1).snapshot("handlers-reload-faults");
}

#[test]
fn the_token_is_sent_and_asked_for() {
    let stage = stage();
    let deployment = stage.deploy().env("SANDBUS_ADMIN__TOKEN", "open-sesame");
    let mut host = deployment.start();
    host.wait_ready(SOON);
    handlers(&deployment, &["list"]).expect(0);
    let url = format!("http://{}", host.admin());
    let elsewhere = Deployment::new("");
    handlers(&elsewhere, &["list", "--admin", &url]).expect(2).snapshot("handlers-no-token");
    let wrong = elsewhere.env("SANDBUS_ADMIN__TOKEN", "close-sesame");
    let outcome = handlers(&wrong, &["list", "--admin", &url]).expect(2);
    assert!(outcome.stderr.contains("asks for another token") && !outcome.stderr.contains("sesame"), "{outcome}");
    let right = Deployment::new("").env("SANDBUS_ADMIN__TOKEN", "open-sesame");
    let list = handlers(&right, &["list", "--json", "--admin", &url]).expect(0).json();
    assert_eq!(list["handlers"][0]["name"], "probe", "{list}");
}

#[test]
fn nobody_there_is_named_with_the_key() {
    handlers(&Deployment::new(""), &["list"]).expect(1).snapshot("handlers-nobody");
    let url = format!("http://127.0.0.1:{}", ports::free());
    let outcome = handlers(&Deployment::new(""), &["list", "--admin", &url]).expect(1);
    assert!(outcome.stderr.contains(&url) && outcome.stderr.contains("(--admin)"), "{outcome}");
    // Something else answers there.
    let stage = stage();
    let (deployment, host) = start(&stage);
    let url = format!("http://{}/metrics", host.admin());
    handlers(&deployment, &["list", "--admin", &url]).expect(1).snapshot("handlers-no-host");
}

#[test]
fn wrong_usage_and_a_wrong_configuration_are_2() {
    let deployment = Deployment::new("");
    for arguments in [&[][..], &["pause"], &["rollback"], &["list", "extra"], &["list", "--admin", "ftp://h"]] {
        let outcome = handlers(&deployment, arguments).expect(2);
        assert_eq!(outcome.stdout, "", "{outcome}");
    }
    let deployment = Deployment::new("[admin]\nlisten = \"127.0.0.1:9464\"\ntokn = \"hush\"\n");
    let outcome = handlers(&deployment, &["list"]).expect(2);
    assert!(outcome.stderr.contains("admin.tokn is not a key") && !outcome.stderr.contains("hush"), "{outcome}");
    let outcome = handlers(&deployment, &["list", "-c", "elsewhere.toml"]).expect(2);
    assert!(outcome.stderr.contains("elsewhere.toml"), "{outcome}");
}

#[test]
fn every_help_has_an_example() {
    for command in ["list", "reload", "rollback", "pause", "resume"] {
        let help = handlers(&Deployment::new(""), &[command, "--help"]).expect(0);
        let example = help.stdout.split_once("Example").map(|(_, example)| example);
        assert!(example.is_some_and(|example| example.contains(&format!("sandbus handlers {command}"))), "{help}");
    }
}
