//! What a person is told of a request that was refused, as it stands in the log of `sandbus test`.

use std::path::Path;
use std::process::Command;

use super::{component, get};

/// The log of these requests, without its times.
fn log(grants: &[&str], values: &[String]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let events = folder.path().join("events.jsonl");
    let lines: Vec<_> = values.iter().map(|value| format!(r#"{{"type": "A", "value": {value}}}"#)).collect();
    std::fs::write(&events, lines.join("\n")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_sandbus"));
    command
        .arg("test")
        .arg(component())
        .arg("--events")
        .arg(&events)
        .env("SANDBUS_HANDLERS__LIMITS__HTTP_REQUESTS", "1");
    for grant in grants {
        command.args(["--grant-http", grant]);
    }
    let output = command.output().unwrap();
    let log = String::from_utf8(output.stderr).unwrap();
    let lines = log.lines().filter_map(|line| Some(line.split_once(" WARN ")?.1.split_once(": ")?.1));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn each_refusal_is_explained_once() {
    let values = [
        get("https://other.example.com/x?secret=1"),
        get("https://other.example.com/x?secret=2"),
        get("https://api.example.com/v2"),
        get("https://api.example.com/v1/%2e%2e/admin"),
        get("https://u:p@api.example.com/v1"),
        get("https://api.example.com./v1"),
        get("http://0x7f000001/"),
        get("http://localhost/"),
        get("http://127.0.0.1:9"),
    ];
    let log = log(&["https://api.example.com/v1", "http://localhost"], &values);
    // An address has one or two here.
    let log = log.replace("127.0.0.1, ::1", "127.0.0.1").replace("::1, 127.0.0.1", "127.0.0.1");
    let log = log.replace("127.0.0.1\", \"::1", "127.0.0.1").replace("::1\", \"127.0.0.1", "127.0.0.1");
    insta::with_settings!({prepend_module_to_snapshot => false, omit_expression => true, snapshot_path => "../snapshots"}, {
        insta::assert_snapshot!("http-refusals", log);
    });
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/sandbox.md")).unwrap();
    let quoted: Vec<_> = page.lines().filter(|line| line.starts_with("refused an HTTP request")).collect();
    assert!(quoted.len() > 3, "the page has no examples");
    assert!(quoted.iter().all(|line| log.contains(line)), "docs/sandbox.md quotes what is not said: {quoted:#?}");
}
