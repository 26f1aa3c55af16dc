//! A receiver that takes an export but for a part of it: OTLP's partial success. No receiver that is at hand does that to what is
//! well-formed, so this one only reads requests, and gives that answer.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use sandbus_tests::eventually;

use super::super::delivery::stage::{Probe, Stage, event};
use super::{SOON, sending_to};

/// Of each export.
const REJECTED: u8 = 3;
const WORDS: &str = "too old for us";

fn answer(stream: TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line == "\r\n" {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().expect("a number");
        }
    }
    std::io::copy(&mut reader.by_ref().take(length), &mut std::io::sink())?;
    // A number, and a text; both in a message.
    let words = u8::try_from(WORDS.len()).expect("short");
    let partial = [&[0x08, REJECTED, 0x12, words][..], WORDS.as_bytes()].concat();
    let body = [&[0x0a, u8::try_from(partial.len()).expect("short")][..], &partial].concat();
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    reader.get_mut().write_all(&[head.as_bytes(), &body].concat())
}

fn rejecting() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    // Whoever hangs up is not of interest.
    std::thread::spawn(move || listener.incoming().flatten().map(answer).for_each(drop));
    port
}

#[test]
fn what_a_receiver_rejects_is_counted_and_said() {
    let stage = Stage::new(1).probe(Probe::named("probe"));
    let deployment = sending_to(&stage, &format!("http://127.0.0.1:{}", rejecting()));
    let deployment = deployment
        .env("SANDBUS_TELEMETRY__OTLP_PROTOCOL", "http/protobuf")
        .env("SANDBUS_TELEMETRY__EXPORT_LOGS", "true");
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
