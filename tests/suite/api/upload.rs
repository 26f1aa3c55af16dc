//! A component that is uploaded takes the place of the handler's file, or nothing changes.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use super::super::delivery::stage::event;
use super::*;

const TOKEN: &str = "open-sesame";

#[track_caller]
fn start(stage: &Stage) -> Host {
    let deployment = stage.deploy().env("SANDBUS_ADMIN__UPLOAD", "true").env("SANDBUS_ADMIN__TOKEN", TOKEN);
    let mut host = deployment.start();
    host.wait_ready(SOON);
    host
}

fn put(host: &Host, name: &str, bytes: impl Into<Vec<u8>>) -> Question {
    host.ask("PUT", &format!("/api/v1/handlers/{name}/component")).body(bytes)
}

#[track_caller]
fn shown(host: &Host) -> Value {
    host.get_with_token("/api/v1/handlers/probe", TOKEN).unwrap().json(200)
}

/// The names in the handlers' folder, and what the probe's file holds.
#[track_caller]
fn files(host: &Host) -> (Vec<String>, Vec<u8>) {
    let folder = host.directory().join("handlers");
    let entries = fs::read_dir(&folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    (names, fs::read(folder.join("probe.wasm")).unwrap())
}

#[test]
fn it_is_off_unless_it_is_turned_on() {
    let stage = stage();
    let host = stage.start();
    let before = files(&host);
    let answer = put(&host, "probe", other_probe("uploaded")).send().unwrap().json(403);
    assert!(answer["error"].as_str().unwrap().contains("upload = true"), "{answer}");
    assert!(before == files(&host), "the file has changed");
    assert_eq!(probe(&host)["generation"]["number"], 1);
}

#[test]
fn a_good_component_takes_the_place_of_the_file() {
    let stage = stage();
    let host = start(&stage);
    let bytes = other_probe("uploaded");
    assert_eq!(put(&host, "probe", bytes.clone()).send().unwrap().status, 401);
    assert_eq!(shown(&host)["generation"]["number"], 1);
    let after = put(&host, "probe", bytes.clone()).token(TOKEN).send().unwrap().json(200);
    assert_eq!((&after["generation"]["number"], &after["refused"]), (&2.into(), &Value::Null), "{after}");
    assert!(files(&host) == (vec!["probe.wasm".to_owned()], bytes), "the file is not what was uploaded");
    stage.topic.write([event("a", "ack")]);
    stage.wait_acks(1);
    stage.wait_final(1);
}

#[test]
fn a_refused_component_changes_nothing() {
    let stage = stage();
    let host = start(&stage);
    let (before, at_work) = (files(&host), shown(&host)["generation"].clone());
    let whole = other_probe("cut");
    let bad: [&[u8]; 3] = [b"", b"not a component", &whole[..whole.len() / 2]];
    for bytes in bad {
        let answer = put(&host, "probe", bytes).token(TOKEN).send().unwrap().json(409);
        let after = shown(&host);
        assert_eq!(after["refused"]["reason"], answer["error"], "{after}");
        assert!(answer["error"].as_str().unwrap().starts_with("the upload was refused: "), "{answer}");
        assert!(!answer.to_string().contains(".upload"), "a name that nobody knows: {answer}");
        assert_eq!(after["generation"], at_work, "{after}");
        assert!(before == files(&host), "the file has changed");
    }
    let answer = put(&host, "another", whole).token(TOKEN).send().unwrap().json(404);
    assert_eq!(answer["error"], "there is no handler \"another\"");
    assert!(before == files(&host), "a file has come");
    stage.topic.write([event("a", "ack")]);
    stage.wait_acks(1);
}

#[test]
fn a_file_that_others_use_is_not_replaced_for_one() {
    let stage = stage().probe(Probe::named("twin"));
    let host = start(&stage);
    let before = files(&host);
    let answer = put(&host, "probe", other_probe("for one")).token(TOKEN).send().unwrap().json(409);
    assert!(answer["error"].as_str().unwrap().contains("\"twin\""), "{answer}");
    assert!(before == files(&host), "the file has changed");
}

#[test]
fn what_is_too_large_is_refused_before_it_comes() {
    let stage = stage();
    let host = start(&stage);
    let mut stream = TcpStream::connect(host.admin()).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    let request = format!(
        "PUT /api/v1/handlers/probe/component HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {TOKEN}\r\n\
         Content-Length: {}\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n",
        host.admin(),
        (64 << 20) + 1
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 413 ") && answer.contains("67108864 bytes"), "{answer}");
}
