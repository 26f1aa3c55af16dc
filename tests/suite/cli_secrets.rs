//! No secret is ever printed, whatever else is wrong.

use sandbus_tests::kafka::Sasl;
use sandbus_tests::{Deployment, Topic};

use super::cli_outcome::Outcome;

const SECRET: &str = "Tr0ub4dor-and-3";

/// Commands that read a configuration, without Kafka or shortly before it.
const COMMANDS: [&[&str]; 7] = [
    &["check"],
    &["check", "--json"],
    &["run"],
    &["run", "--log-format", "json"],
    &["publish", "-t", "t", "--timeout", "1s"],
    &["tail", "-t", "t", "--timeout", "1s"],
    &["test", "handlers/probe.wasm", "-c", "sandbus.toml", "--handler", "probe", "-e", "events.jsonl"],
];

#[track_caller]
fn keeps_the_secret(deployment: &Deployment, command: &[&str]) -> Outcome {
    let outcome = Outcome::with_input(deployment, command, "{}\n");
    for part in [SECRET, &SECRET[1..], &SECRET[..10]] {
        assert!(!outcome.to_string().contains(part), "{command:?} shows it:\n{outcome}");
    }
    outcome
}

/// Every command on a configuration that is wrong.
#[track_caller]
fn every_command_keeps_it(config: &str, variables: &[(&str, &str)]) {
    let deployment = Deployment::new(config).handler("probe", "probe-rust").write("events.jsonl", "{}\n");
    let deployment = variables.iter().fold(deployment, |deployment, (name, value)| deployment.env(name, value));
    for command in COMMANDS {
        let outcome = keeps_the_secret(&deployment, command).expect(2);
        assert_ne!(outcome.stderr, "", "{command:?}");
    }
}

#[test]
fn with_a_fault_elsewhere() {
    every_command_keeps_it(
        &format!(
            "[kafka.properties]\n\"sasl.password\" = \"{SECRET}\"\n\"ssl.key.password\" = \"{SECRET}\"\n\
             [delivery]\nwindow = 0\n[admin]\nlisten = \"127.0.0.1:9464\"\ntoken = \"{SECRET}\"\n"
        ),
        &[],
    );
}

#[test]
fn with_a_fault_in_its_own_key() {
    every_command_keeps_it(&format!("[kafka.properties]\n\"sasl.pasword\" = \"{SECRET}\"\n"), &[]);
    every_command_keeps_it(&format!("[kafka.properties]\n\"sasl.password\" = [\"{SECRET}\"]\n"), &[]);
    every_command_keeps_it(&format!("[kafka]\nsasl_password = \"{SECRET}\"\n"), &[]);
    every_command_keeps_it(&format!("[admin]\nlisten = \"127.0.0.1:9464\"\ntoken = [\"{SECRET}\"]\n"), &[]);
}

#[test]
fn with_a_file_that_is_no_toml() {
    let after = format!("[kafka.properties]\n\"sasl.password\" = \"{SECRET}\" oops\n");
    let unclosed = format!("[kafka.properties]\n\"sasl.password\" = \"{SECRET}\n");
    let bare = format!("[kafka.properties]\n\"sasl.password\" = {SECRET}\n");
    let twice = format!("[kafka.properties]\n\"sasl.password\" = \"{SECRET}\"\n\"sasl.password\" = \"{SECRET}\"\n");
    for config in [after, unclosed, bare, twice] {
        every_command_keeps_it(&config, &[]);
    }
}

#[test]
fn from_the_environment() {
    let variables = [
        ("SANDBUS_KAFKA__PROPERTIES__SASL_PASSWORD", SECRET),
        ("SANDBUS_ADMIN__TOKEN", SECRET),
        ("SANDBUS_DELIVERY__WINDOW", "0"),
    ];
    every_command_keeps_it("", &variables);
    every_command_keeps_it("", &[("SANDBUS_KAFKA__PROPERTIES__SASL_PASSWRD", SECRET)]);
    every_command_keeps_it("", &[("SANDBUS_KAFKA__SASL_PASSWORD", SECRET)]);
}

#[test]
fn from_a_file() {
    let config = "[kafka.properties]\n\"sasl.password_file\" = \"secret\"\n[delivery]\nwindow = 0\n";
    let deployment = Deployment::new(config).write("secret", SECRET);
    keeps_the_secret(&deployment, &["check"]).expect(2);
    // Both at once is the fault.
    let config = format!("[kafka.properties]\n\"sasl.password\" = \"{SECRET}\"\n\"sasl.password_file\" = \"secret\"\n");
    let deployment = Deployment::new(&config).write("secret", SECRET);
    keeps_the_secret(&deployment, &["check"]).expect(2).snapshot("cli-secret-twice");
}

#[test]
fn with_properties_that_librdkafka_refuses() {
    let config = format!(
        "[kafka.properties]\n\"security.protocol\" = \"SASL_SSL\"\n\"sasl.mechanism\" = \"CARRIER-PIGEON\"\n\
         \"sasl.username\" = \"u\"\n\"sasl.password\" = \"{SECRET}\"\n"
    );
    for command in [&["check"][..], &["run"]] {
        let deployment = Deployment::new(&config);
        let outcome = keeps_the_secret(&deployment, command).expect(2);
        assert!(outcome.stderr.contains("CARRIER-PIGEON"), "{outcome}");
    }
}

#[test]
fn with_a_key_that_is_none() {
    let config = format!(
        "[kafka.properties]\n\"security.protocol\" = \"SSL\"\n\"ssl.certificate.pem\" = \"{SECRET}\"\n\
         \"ssl.key.pem\" = \"{SECRET}\"\n\"ssl.key.password\" = \"{SECRET}\"\n"
    );
    let deployment = Deployment::new(&config);
    let outcome = keeps_the_secret(&deployment, &["check"]).expect(2);
    assert!(outcome.stderr.contains("ssl.certificate.pem"), "{outcome}");
    keeps_the_secret(&deployment, &["run"]).expect(2);
}

#[test]
fn when_kafka_refuses_the_login() {
    let sasl = Sasl::shared();
    let config = format!(
        "[kafka]\nbootstrap_servers = \"{}\"\n[kafka.properties]\n\"security.protocol\" = \"SASL_SSL\"\n\
         \"sasl.mechanism\" = \"PLAIN\"\n\"sasl.username\" = \"{}\"\n\"sasl.password\" = \"{SECRET}\"\n\
         \"ssl.ca.location\" = \"{}\"\n",
        sasl.bootstrap,
        sasl.user,
        sasl.authority.display()
    );
    let deployment = Deployment::new(&config);
    let outcome = keeps_the_secret(&deployment, &["tail", "-t", "events", "--timeout", "2s"]).expect(1);
    assert!(outcome.stderr.contains("refused the login"), "{outcome}");
    let outcome = keeps_the_secret(&deployment, &["publish", "-t", "events", "--timeout", "2s"]).expect(1);
    assert!(outcome.stderr.contains("refused the login"), "{outcome}");
}

#[test]
fn the_right_password_opens_the_door() {
    let sasl = Sasl::shared();
    let topic = Topic::create(&sasl.connection(sandbus_tests::kafka::Mechanism::ScramSha512), 1);
    let config = format!(
        "[kafka]\nbootstrap_servers = \"{}\"\ntopics = [\"{}\"]\n[kafka.properties]\n\
         \"security.protocol\" = \"SASL_SSL\"\n\"sasl.mechanism\" = \"SCRAM-SHA-512\"\n\"sasl.username\" = \"{}\"\n\
         \"sasl.password_file\" = \"secret\"\n\"ssl.ca.location\" = \"{}\"\n",
        sasl.bootstrap,
        topic.name(),
        sasl.user,
        sasl.authority.display()
    );
    let deployment = Deployment::new(&config).write("secret", format!("{}\n", sasl.password));
    Outcome::with_input(&deployment, &["publish"], "{\"value\":1}\n").expect(0);
    let lines = Outcome::of(&deployment, &["tail", "--from-beginning", "--exit"]).expect(0).json_lines();
    assert_eq!(lines.len(), 1);
}
