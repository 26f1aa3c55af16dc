//! A receiver that takes an export but for a part of it: OTLP's partial success. No receiver that is at hand does that to what is
//! well-formed.

use sandbus_tests::eventually;

use super::super::delivery::stage::{Probe, Stage, event};
use super::receivers::Receiver;
use super::{SOON, sending_to};

/// Of each export.
const REJECTED: u8 = 3;
const WORDS: &str = "too old for us";

/// The message of an export's response, of any signal: a number and a text in a message.
fn partial_success() -> Vec<u8> {
    let words = u8::try_from(WORDS.len()).expect("short");
    let partial = [&[0x08, REJECTED, 0x12, words][..], WORDS.as_bytes()].concat();
    [&[0x0a, u8::try_from(partial.len()).expect("short")][..], &partial].concat()
}

#[test]
fn what_a_receiver_rejects_by_http_is_counted_and_said() {
    is_counted_and_said("http/protobuf", &Receiver::http(partial_success()));
}

#[test]
fn what_a_receiver_rejects_by_grpc_is_counted_and_said() {
    is_counted_and_said("grpc", &Receiver::grpc(partial_success()));
}

#[track_caller]
fn is_counted_and_said(protocol: &str, receiver: &Receiver) {
    let stage = Stage::new(1).probe(Probe::named("probe"));
    let deployment = sending_to(&stage, &format!("http://127.0.0.1:{}", receiver.port));
    let deployment =
        deployment.env("SANDBUS_TELEMETRY__OTLP_PROTOCOL", protocol).env("SANDBUS_TELEMETRY__EXPORT_LOGS", "true");
    let mut host = deployment.start();
    host.wait_ready(SOON);
    stage.topic.write([event("a", "log:hello")]);
    for signal in ["traces", "metrics", "logs"] {
        let labels = [("signal", signal), ("reason", "rejected")];
        eventually(&format!("what is rejected of {signal} to be counted"), SOON, || {
            let count = host.metrics().sum("sandbus_telemetry_dropped_total", &labels);
            let whole = count.is_some_and(|count| count > 0.0 && count % f64::from(REJECTED) == 0.0);
            if whole { Ok(()) } else { Err(format!("{count:?}")) }
        });
        let failed = host.metrics().sum("sandbus_telemetry_export_failures_total", &[("signal", signal)]);
        assert_eq!(failed, Some(0.0), "{signal}: the export itself went well");
    }
    host.log_line_containing(WORDS, SOON);
    let own = |line: &&String| line.contains("opentelemetry") && !line.contains(WORDS);
    assert_eq!(host.log().iter().filter(own).count(), 0, "the libraries say nothing else: {:#?}", host.log());
}
