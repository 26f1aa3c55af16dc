//! `sandbus run` that cannot begin: what it says, and that it has not touched Kafka.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener};

use sandbus_tests::Deployment;

use super::cli_outcome::Outcome;

/// Stands where a broker should be, and notices who calls.
struct Bystander(TcpListener);

impl Bystander {
    fn new() -> Bystander {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        Bystander(listener)
    }

    fn address(&self) -> String {
        self.0.local_addr().unwrap().to_string()
    }

    #[track_caller]
    fn was_not_called(&self) {
        // Connections wait here until they are accepted, even when the caller is gone.
        let called = self.0.accept();
        assert!(called.as_ref().is_err_and(|error| error.kind() == ErrorKind::WouldBlock), "{called:?}");
    }
}

fn run(deployment: &Deployment) -> Outcome {
    Outcome::of(deployment, &["run"])
}

#[test]
fn a_bystander_notices_a_call_that_has_ended() {
    let broker = Bystander::new();
    broker.was_not_called();
    drop(std::net::TcpStream::connect(broker.address()).unwrap());
    assert!(broker.0.accept().is_ok());
}

#[test]
fn a_broken_configuration_is_reported_whole() {
    let broker = Bystander::new();
    let deployment = Deployment::new(&format!(
        r#"
[kafka]
bootstrap_servers = "{}"
consumer_grup = "shop"

[delivery]
window = 0

[[handler]]
name = "orders"
component = "handlers/orders.wasm"
concurrency = 0
"#,
        broker.address()
    ));
    let outcome = run(&deployment).expect(2);
    assert_eq!(outcome.stdout, "", "{outcome}");
    outcome.snapshot("cli-run-several-faults");
    broker.was_not_called();
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let outcome = Outcome::of(&Deployment::new(""), &["run", "-c", "elsewhere.toml"]).expect(2);
    outcome.snapshot("cli-run-no-file");
}

#[test]
fn a_property_that_librdkafka_refuses_is_a_wrong_configuration() {
    let deployment = Deployment::new("[kafka.properties]\n\"fetch.wait.max.ms\" = \"soon\"\n");
    run(&deployment).expect(2).snapshot("cli-run-property");
}

#[test]
fn handlers_that_cannot_be_loaded_end_it_before_anything_is_read() {
    let broker = Bystander::new();
    let config = format!("[kafka]\nbootstrap_servers = \"{}\"\n", broker.address());
    let deployment = Deployment::new(&config)
        .handler("right", "probe-rust")
        .write("handlers/text.wasm", "not a component")
        .write("handlers/empty.wasm", "");
    let outcome = run(&deployment).expect(2);
    assert_eq!(outcome.stdout, "", "{outcome}");
    outcome.snapshot("cli-run-wrong-components");
    broker.was_not_called();
}

#[test]
fn a_taken_admin_port_is_named() {
    let broker = Bystander::new();
    let taken = Bystander::new();
    let config =
        format!("[kafka]\nbootstrap_servers = \"{}\"\n[admin]\nlisten = \"{}\"\n", broker.address(), taken.address());
    let deployment = Deployment::new(&config).handler("probe", "probe-rust");
    let outcome = run(&deployment);
    assert_ne!(outcome.status, 0, "{outcome}");
    assert!(outcome.stderr.contains(&taken.address()), "{outcome}");
    outcome.snapshot("cli-run-admin-port-taken");
    broker.was_not_called();
}
