//! How files come and go: copied slowly, swapped behind links, gone, and new ones in the folder.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;

use sandbus_tests::{Deployment, hostile};

use super::{QUIET, generation, probe_file, put, version, wait_generation, wait_reloads};
use crate::delivery::SOON;
use crate::delivery::stage::{Probe, Stage, event};

#[test]
fn a_slow_copy_is_taken_when_it_is_whole() {
    let stage = Stage::new(1).probe(Probe::named("probe"));
    let host = stage.start();
    let bytes = version("probe-rust", 1);
    let mut file = fs::File::create(probe_file(&host)).expect("its file");
    for part in bytes.chunks(bytes.len() / 8) {
        file.write_all(part).expect("a part is written");
        std::thread::sleep(std::time::Duration::from_millis(120));
    }
    drop(file);
    wait_generation(&host, "probe", 2);
    stage.topic.write([event("a", "ack")]);
    stage.wait_final(1);
}

#[test]
fn a_file_that_is_gone_changes_nothing_and_is_taken_when_it_is_back() {
    let stage = Stage::new(1).probe(Probe::named("probe"));
    let host = stage.start();
    fs::remove_file(probe_file(&host)).expect("its file");
    wait_reloads(&host, "probe", "refused", 1);
    host.log_line_containing("probe.wasm is gone", SOON);
    stage.topic.write([event("a", "ack")]);
    stage.wait_final(1);
    put(&probe_file(&host), &version("probe-rust", 1));
    wait_generation(&host, "probe", 2);
    stage.topic.write([event("a", "ack")]);
    stage.wait_final(2);
}

#[test]
fn links_are_followed_when_they_are_swapped_as_kubernetes_does() {
    let stage = Stage::new(1).probe(Probe::named("probe"));
    let deployment: Deployment = stage.deploy();
    let handlers = deployment.directory().join("handlers");
    fs::remove_file(handlers.join("probe.wasm")).expect("the copy");
    let publish = |number: u8| {
        let folder = handlers.join(format!("..2026_{number}"));
        fs::create_dir(&folder).expect("a folder for a version");
        fs::write(folder.join("probe.wasm"), version("probe-rust", number)).expect("a version");
        symlink(format!("..2026_{number}"), handlers.join("..data_tmp")).expect("a link");
        fs::rename(handlers.join("..data_tmp"), handlers.join("..data")).expect("the swap");
    };
    publish(1);
    symlink("..data/probe.wasm", handlers.join("probe.wasm")).expect("a link");
    let mut host = deployment.start();
    host.wait_ready(SOON);
    let first = generation(&host, "probe");
    publish(2);
    fs::remove_dir_all(handlers.join("..2026_1")).expect("the old version");
    wait_generation(&host, "probe", 2);
    assert_ne!(generation(&host, "probe").map(|(_, digest)| digest), first.map(|(_, digest)| digest));
    stage.topic.write([event("a", "ack")]);
    stage.wait_final(1);
}

#[test]
fn a_component_that_comes_into_the_folder_is_a_handler_from_there_on() {
    let stage = Stage::new(1).probe(Probe::named("probe"));
    let host = stage.start();
    stage.topic.write([event("a", "ack")]);
    stage.wait_final(1);
    let folder = host.directory().join("handlers");
    put(&folder.join("broken.wasm"), b"no component");
    put(&folder.join("newcomer.wasm"), &version("audit-rust", 0));
    wait_generation(&host, "newcomer", 1);
    host.log_line_containing("refused: what is at work goes on", SOON);
    stage.topic.write([event("a", "ack"), event("b", "ack")]);
    stage.wait_final(3);
    let newcomer = [("handler_name", "newcomer")];
    host.wait_metric("kafka_eventbus_handler_invocations_total", &newcomer, 2.0, SOON);
    // Gone, it stays at work: only a reload or a restart removes a handler.
    fs::remove_file(folder.join("newcomer.wasm")).expect("its file");
    wait_reloads(&host, "newcomer", "refused", 1);
    stage.topic.write([event("c", "ack")]);
    stage.wait_final(4);
    host.wait_metric("kafka_eventbus_handler_invocations_total", &newcomer, 3.0, SOON);
}

#[test]
fn one_bad_file_in_the_folder_keeps_no_other_out_and_is_compiled_once() {
    let stage = Stage::new(1).probe(Probe::named("probe"));
    let host = stage.start();
    let folder = host.directory().join("handlers");
    // Of each kind that a configuration is refused for.
    symlink("nowhere", folder.join("dangling.wasm")).expect("a link");
    hostile::pipe(&folder.join("pipe.wasm")).expect("a pipe");
    put(&folder.join("no name.wasm"), &version("audit-rust", 0));
    put(&folder.join("broken.wasm"), b"no component");
    for said in ["there is no ", "pipe.wasm is not a file", "a stem that is a handler's name"] {
        host.log_line_containing(said, SOON);
    }
    wait_reloads(&host, "broken", "refused", 1);
    put(&folder.join("newcomer.wasm"), &version("audit-rust", 0));
    wait_generation(&host, "newcomer", 1);
    stage.topic.write([event("a", "ack")]);
    stage.wait_final(1);
    // What came meanwhile was no reason to look at it again; that it changes is one.
    wait_reloads(&host, "broken", "refused", 1);
    put(&folder.join("broken.wasm"), b"no component either");
    wait_reloads(&host, "broken", "refused", 2);
}

#[test]
fn a_file_that_is_touched_is_the_same() {
    let stage = Stage::new(1).probe(Probe::named("probe"));
    let host = stage.start();
    let bytes = fs::read(probe_file(&host)).expect("its file");
    put(&probe_file(&host), &bytes);
    std::thread::sleep(QUIET);
    assert_eq!(generation(&host, "probe").map(|(number, _)| number), Some(1));
}

#[test]
fn what_is_no_file_is_refused_and_a_file_that_comes_after_it_is_taken() {
    let stage = Stage::new(1).probe(Probe::named("probe"));
    let host = stage.start();
    let file = probe_file(&host);
    let beside = file.with_extension("new");
    hostile::pipe(&beside).and_then(|()| fs::rename(&beside, &file)).expect("a pipe");
    wait_reloads(&host, "probe", "refused", 1);
    host.log_line_containing("is a pipe, a device or a folder", SOON);
    symlink("/dev/zero", &beside).and_then(|()| fs::rename(&beside, &file)).expect("a link to a device");
    wait_reloads(&host, "probe", "refused", 2);
    stage.topic.write([event("a", "ack")]);
    stage.wait_final(1);
    put(&file, &version("probe-rust", 1));
    wait_generation(&host, "probe", 2);
    stage.topic.write([event("a", "ack")]);
    stage.wait_final(2);
}
