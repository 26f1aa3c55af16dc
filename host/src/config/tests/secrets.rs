//! No secret is printed: not in a configuration, not in a fault, whatever is wrong around it.

use super::Folder;
use crate::config::librdkafka::{self, Kind};

const SECRET: &str = "hunter2-xyzzy";

#[test]
fn a_configuration_hides_its_secrets() {
    let folder = Folder::new();
    let names = librdkafka::names_of(|kind| kind == Kind::Secret);
    let properties: String = names.map(|name| format!("{name:?} = {SECRET:?}\n")).collect();
    let text = format!("[kafka.properties]\n{properties}[admin]\ntoken = {SECRET:?}\n");
    let config = folder.good(&text);
    assert_eq!(config.kafka.properties.get("sasl.password"), Some(SECRET));
    for shown in [format!("{config:?}"), format!("{config:#?}")] {
        assert!(!shown.contains("hunter2"), "{shown}");
        assert!(shown.contains("<secret>"), "{shown}");
    }
    let token = config.admin.token.unwrap();
    assert_eq!(format!("{token} {token:?}"), "<secret> <secret>");
}

#[test]
fn faults_hide_secrets() {
    let folder = Folder::new();
    folder.write("file", &format!("{SECRET} with a NUL \0"));
    let mut texts = vec![
        format!("[admin]\ntoken = \"{SECRET} with spaces\"\n"),
        format!("[admin]\ntoken = [\"{SECRET}\"]\n"),
        format!("[admin]\ntoken = {{ a = \"{SECRET}\" }}\n"),
        format!("[admin]\ntokn = \"{SECRET}\"\n"),
        format!("[admin]\ntoken = {SECRET}\n"),
        format!("[admin]\ntoken = \"{SECRET}\n"),
        format!("[admin]\ntoken = \"{SECRET}\"\ntoken = \"{SECRET}\"\n"),
        "[admin]\ntoken_file = \"file\"\n".to_owned(),
        format!("token = \"{SECRET}\"\n"),
        format!("[kafka]\nsasl.password = \"{SECRET}\"\n"),
        format!("[kafka]\nproperties = \"{SECRET}\"\n"),
        format!("[kafka]\nbootstrap_servers = \"sasl://u:{SECRET}@b\"\n"),
        format!("[kafka]\nbootstrap_servers = \"u:{SECRET}@b,u2:{SECRET}@c\"\n"),
        format!("[telemetry]\notlp_endpoint = \"https://u:{SECRET}@b\"\n"),
        format!("[handlers.config]\na = [\"{SECRET}\"]\nb = {{ c = \"{SECRET}\" }}\n"),
        format!("[handlers.grants]\nhttp = [\"https://u:{SECRET}@b\"]\n"),
    ];
    for name in librdkafka::names_of(|kind| kind == Kind::Secret) {
        texts.extend([
            format!("[kafka.properties]\n{name:?} = \"{SECRET}\\u0000\"\n"),
            format!("[kafka.properties]\n{name:?} = [\"{SECRET}\"]\n"),
            format!("[kafka.properties]\n\"{name}_file\" = \"file\"\n"),
        ]);
    }
    for text in texts {
        let shown = match folder.read(&text, &[]) {
            Ok(config) => panic!("no fault in {text}\n{config:?}"),
            Err(error) => format!("{error} {error:?}"),
        };
        assert!(!shown.contains("hunter2"), "{text}{shown}");
    }
}

#[test]
fn faults_of_the_environment_hide_secrets() {
    let folder = Folder::new();
    for name in [
        "SANDBUS_ADMIN__TOKEN",
        "SANDBUS_ADMIN__TOKN",
        "SANDBUS_KAFKA__PROPERTIES__SASL_PASWORD",
        "SANDBUS_KAFKA__SASL_PASSWORD",
        "SANDBUS_TOKEN__",
    ] {
        let value = format!("{SECRET} with spaces");
        let error = folder.read("", &[(name, &value)]).unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("hunter2"), "{name}: {shown}");
    }
}

#[test]
fn a_long_file_is_not_a_secret() {
    let folder = Folder::new();
    folder.write("long", &"x".repeat(2 << 20));
    let faults = folder.faults("[kafka.properties]\n\"sasl.password_file\" = \"long\"\n", &[]);
    assert!(faults.contains("longer than 1 MiB"), "{faults}");
}
