//! SASL_SSL: what opens it works, what does not is said without saying the secret.

use std::fs;

use sandbus_tests::kafka::{Mechanism, Sasl, authority_pem};
use sandbus_tests::{Connection, Group, Host, Topic, names};

use super::SOON;
use super::stage::{Probe, Stage, event};

#[test]
fn events_pass_over_tls_with_each_scram() {
    for mechanism in [Mechanism::ScramSha256, Mechanism::ScramSha512] {
        let stage = Stage::on(&Sasl::shared().connection(mechanism), 1).probe(Probe::named("probe"));
        let mut host = stage.start();
        stage.topic.write([event("a", "ack"), event("b", "dead-letter:no")]);
        stage.wait_final(2);
        assert_eq!((stage.acks().len(), stage.topic.dead_letters().read().len()), (1, 1), "{}", mechanism.name());
        assert_eq!(host.terminate(SOON).code(), Some(0));
        assert_silent(&host, &Sasl::shared().password);
    }
}

/// A host that cannot connect waits and says what to check.
#[track_caller]
fn assert_waits(connection: &Connection, password: &str, checks: &[&str]) {
    let shared = Connection::shared();
    let topic = Topic::create_named(&shared, &names::unique("closed"), 1);
    topic.write([event("a", "ack")]);
    let results = Topic::create_named(&shared, &names::unique("results"), 1);
    let stage = Stage::with(connection, topic, results).probe(Probe::named("probe"));
    let mut host = stage.deploy().start();
    let line = host.log_line_containing(checks[0], SOON);
    for word in checks {
        assert!(line.contains(word), "{word} is not in {line}");
    }
    assert_eq!(host.get("/healthz").unwrap().status, 200);
    assert_eq!(host.get("/readyz").unwrap().status, 503);
    assert!(Group::named(&shared, stage.group.name()).committed(&stage.topic).values().all(Option::is_none));
    assert_eq!(host.terminate(SOON).code(), Some(0), "it can be ended while it waits");
    assert_silent(&host, password);
}

/// Nothing that the host has printed holds the password.
#[track_caller]
fn assert_silent(host: &Host, password: &str) {
    assert!(password.len() > 8, "too short to be told from other text");
    let said: Vec<_> = host.log().into_iter().chain(host.output()).filter(|line| line.contains(password)).collect();
    assert!(said.is_empty(), "the password is in the log: {said:#?}");
}

#[test]
fn a_wrong_password_is_waited_out() {
    let wrong = "not-the-password-of-this-broker";
    let sasl = Sasl::shared().with_password(wrong);
    assert_waits(
        &sasl.connection(Mechanism::ScramSha256),
        wrong,
        &["sasl.password", "sasl.username", "sasl.mechanism"],
    );
}

#[test]
fn a_wrong_authority_is_waited_out() {
    let directory = tempfile::tempdir().unwrap();
    let other = directory.path().join("other.pem");
    fs::write(&other, authority_pem()).unwrap();
    let sasl = Sasl::shared().with_authority(&other);
    assert_waits(&sasl.connection(Mechanism::ScramSha512), &sasl.password, &["ssl.ca.location"]);
}
