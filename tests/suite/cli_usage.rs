//! What can be typed, and what is answered to what cannot.

use sandbus_tests::Deployment;

use super::cli_outcome::Outcome;

fn sandbus(arguments: &[&str]) -> Outcome {
    Outcome::of(&Deployment::new(""), arguments)
}

/// The commands that `sandbus --help` lists, without `help` itself.
fn commands() -> Vec<String> {
    let help = sandbus(&["--help"]).expect(0).stdout;
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    // What a long description is continued with stands further right.
    let named = listed.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names = named.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help");
    names.map(ToOwned::to_owned).collect()
}

#[test]
fn every_help_has_an_example() {
    let commands = commands();
    for known in ["run", "demo", "check", "test", "publish", "tail"] {
        assert!(commands.iter().any(|command| command == known), "{known} is not among {commands:?}");
    }
    let mut without: Vec<String> = Vec::new();
    for command in &commands {
        let help = sandbus(&[command, "--help"]).expect(0);
        assert_eq!(help.stderr, "", "{help}");
        let usage = format!("sandbus {command}");
        let example = help.stdout.split_once("Example").map(|(_, example)| example);
        if !example.is_some_and(|example| example.contains(&usage)) {
            without.push(usage);
        }
    }
    assert_eq!(without, Vec::<String>::new(), "no example in the help");
}

#[test]
fn the_first_help_has_an_example() {
    let help = sandbus(&["--help"]).expect(0);
    let example = help.stdout.split_once("Example").map(|(_, example)| example);
    assert!(example.is_some_and(|example| example.contains("sandbus ")), "{help}");
}

#[test]
fn the_version_is_data() {
    let version = sandbus(&["--version"]).expect(0);
    assert_eq!(version.stderr, "");
    let (name, number) = version.stdout.trim_end().split_once(' ').unwrap();
    assert_eq!(name, "sandbus");
    assert_eq!(number.split('.').count(), 3, "{version}");
}

#[test]
fn an_unknown_command_is_wrong_usage() {
    sandbus(&["cehck"]).expect(2).snapshot("cli-unknown-command");
}

#[test]
fn no_command_is_wrong_usage() {
    let outcome = sandbus(&[]).expect(2);
    assert_eq!(outcome.stdout, "");
    assert!(outcome.stderr.contains("Commands:"), "{outcome}");
}

#[test]
fn an_unknown_flag_is_wrong_usage_of_every_command() {
    for command in commands() {
        let outcome = sandbus(&[&command, "--no-such-flag"]).expect(2);
        assert_eq!(outcome.stdout, "", "{outcome}");
        assert!(outcome.stderr.contains("--no-such-flag"), "{outcome}");
    }
}

#[test]
fn a_value_that_does_not_fit_is_wrong_usage() {
    let wrong: [&[&str]; 6] = [
        &["run", "--log-format", "xml"],
        &["demo", "--events", "99"],
        &["demo", "--timeout", "soon"],
        &["test", "component.wasm", "--events", "events.jsonl", "--attempts", "-1"],
        &["tail", "--max", "many"],
        &["check", "--config", "sandbus.toml", "component.wasm"],
    ];
    for arguments in wrong {
        let outcome = sandbus(arguments).expect(2);
        assert_eq!(outcome.stdout, "", "{outcome}");
        assert!(outcome.stderr.starts_with("error: "), "{outcome}");
    }
}

#[test]
fn options_of_test_that_belong_together_are_asked_for_together() {
    let deployment = Deployment::new("").write("events.jsonl", "");
    let arguments = ["test", "probe.wasm", "--events", "events.jsonl", "-c", "sandbus.toml"];
    let outcome = Outcome::of(&deployment, &arguments).expect(2);
    assert!(outcome.stderr.contains("--handler"), "{outcome}");
}
