//! Whole configurations.

use sandbus_tests::Deployment;
use serde_json::json;

use super::check;

const TWO_HANDLERS: &str = r#"
[kafka]
topic_prefix = "shop"

[[handler]]
name = "first"
component = "handlers/probe.wasm"

[[handler]]
name = "second"
component = "handlers/probe.wasm"
events = ["OrderCreated", "Payment*"]
topics = ["payments"]
"#;

#[test]
fn a_right_one_is_shown() {
    let deployment = Deployment::new(TWO_HANDLERS).handler("probe", "probe-rust");
    let outcome = check(&deployment, &["-c", "sandbus.toml"]).expect(0);
    assert_eq!(outcome.stderr, "", "{outcome}");
    outcome.snapshot("cli-check-right");
}

#[test]
fn without_an_option_it_is_the_file_of_that_name() {
    let deployment = Deployment::new(TWO_HANDLERS).handler("probe", "probe-rust");
    let with = check(&deployment, &["-c", "sandbus.toml"]).expect(0);
    let without = check(&deployment, &[]).expect(0);
    assert_eq!(with.stdout, without.stdout);
}

#[test]
fn as_json_it_says_the_same() {
    let deployment = Deployment::new(TWO_HANDLERS).handler("probe", "probe-rust");
    let outcome = check(&deployment, &["--json"]).expect(0);
    assert_eq!(outcome.stderr, "", "{outcome}");
    let checked = outcome.json();
    let handlers = checked["handlers"].as_array().unwrap();
    assert_eq!(handlers.len(), 2, "{checked}");
    assert_eq!(handlers[0]["name"], "first");
    assert_eq!(handlers[0]["events"], json!(["*"]));
    assert_eq!(handlers[0]["topics"], json!(["shop.stream"]));
    assert_eq!(handlers[0]["attributes"]["language"], "rust");
    assert_eq!(handlers[1]["name"], "second");
    assert_eq!(handlers[1]["events"], json!(["OrderCreated", "Payment*"]));
    assert_eq!(handlers[1]["topics"], json!(["payments"]));
    let component = deployment.directory().join("handlers/probe.wasm");
    for handler in handlers {
        let path = handler["component"].as_str().unwrap();
        assert_eq!(deployment.directory().join(path), component);
        let digest = handler["digest"].as_str().unwrap();
        assert!(digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit()), "{digest}");
    }
    assert_eq!(handlers[0]["digest"], handlers[1]["digest"]);
}

#[test]
fn files_of_the_folder_are_handlers() {
    let deployment = Deployment::new("").handler("one", "audit-rust").handler("two", "probe-rust");
    let checked = check(&deployment, &["--json"]).expect(0).json();
    let names: Vec<_> = checked["handlers"].as_array().unwrap().iter().map(|handler| &handler["name"]).collect();
    assert_eq!(names, ["one", "two"]);
}

#[test]
fn none_at_all_is_right() {
    check(&Deployment::new(""), &[]).expect(0).snapshot("cli-check-nothing");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    check(&Deployment::new(""), &["-c", "elsewhere.toml"]).expect(2).snapshot("cli-check-no-file");
}

#[test]
fn all_faults_are_reported_at_once() {
    let deployment = Deployment::new(
        r#"
[kafka]
bootstrap_servers = "localhost"
topic_prefix = "no spaces"
consumer_grup = "shop"

[kafka.properties]
"enable.auto.commit" = "true"

[delivery]
max_retries = -1
retry_base_delay = "quick"
window = 0

[[handler]]
name = "orders"
component = "handlers/missing.wasm"
events = []
timeout = 5

[[handler]]
name = "orders"
component = "handlers/missing-too.wasm"
memory = "64 sheep"
"#,
    );
    let outcome = check(&deployment, &[]).expect(2);
    assert_eq!(outcome.stdout, "", "{outcome}");
    outcome.snapshot("cli-check-several-faults");
}

#[test]
fn the_environment_is_checked_too() {
    let deployment = Deployment::new("").env("SANDBUS_DELIVERY__WINDOW", "none").env("SANDBUS_DELIVERY__WINDOWS", "5");
    check(&deployment, &[]).expect(2).snapshot("cli-check-environment");
}

#[test]
fn what_is_no_toml_is_shown_with_its_line() {
    let deployment = Deployment::new("[kafka]\nconsumer_group = shop\n");
    check(&deployment, &[]).expect(2).snapshot("cli-check-no-toml");
}

#[test]
fn a_missing_component_is_a_wrong_configuration() {
    let deployment = Deployment::new("[[handler]]\nname = \"orders\"\ncomponent = \"handlers/orders.wasm\"\n");
    check(&deployment, &[]).expect(2).snapshot("cli-check-missing-component");
}

#[test]
fn every_component_that_cannot_be_loaded_is_reported() {
    let deployment = Deployment::new(
        r#"
[[handler]]
name = "text"
component = "handlers/text.wasm"

[[handler]]
name = "right"
component = "handlers/probe.wasm"

[[handler]]
name = "native"
component = "handlers/native.wasm"
"#,
    );
    let deployment = deployment
        .write("handlers/text.wasm", "not a component")
        .write("handlers/native.wasm", b"\x7fELF\x02\x01\x01")
        .handler("probe", "probe-rust");
    let outcome = check(&deployment, &[]).expect(2);
    assert_eq!(outcome.stdout, "", "{outcome}");
    outcome.snapshot("cli-check-wrong-components");
}

#[test]
fn a_value_that_librdkafka_refuses_is_a_wrong_configuration() {
    let refused = [
        ("number", "\"fetch.wait.max.ms\" = \"soon\""),
        ("range", "\"fetch.min.bytes\" = \"-5\""),
        ("choice", "\"security.protocol\" = \"carrier-pigeon\""),
    ];
    for (name, line) in refused {
        let deployment = Deployment::new(&format!("[kafka.properties]\n{line}\n"));
        check(&deployment, &[]).expect(2).snapshot(&format!("cli-check-property-{name}"));
    }
}

#[test]
fn values_that_do_not_go_together_are_a_wrong_configuration() {
    let refused = [
        ("`session.timeout.ms`", "\"session.timeout.ms\" = \"400000\""),
        ("carrier", "\"security.protocol\" = \"SASL_SSL\"\n\"sasl.mechanism\" = \"carrier-pigeon\""),
        ("ssl.ca.location", "\"security.protocol\" = \"SSL\"\n\"ssl.ca.location\" = \"nowhere.pem\""),
    ];
    for (said, lines) in refused {
        let deployment = Deployment::new(&format!("[kafka.properties]\n{lines}\n"));
        let outcome = check(&deployment, &[]).expect(2);
        assert!(outcome.stderr.to_lowercase().contains(said), "{outcome}");
    }
}

#[test]
fn a_property_that_librdkafka_does_not_know_is_a_wrong_configuration() {
    let deployment = Deployment::new("[kafka.properties]\n\"fetch.wait.max\" = \"100\"\n");
    check(&deployment, &[]).expect(2).snapshot("cli-check-property-unknown");
}
