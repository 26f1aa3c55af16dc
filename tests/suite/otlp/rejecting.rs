//! A receiver that takes an export but for a part of it: OTLP's partial success. No receiver that is at hand does that to what is
//! well-formed, so this one only reads requests, and gives that answer.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use bytes::Bytes;
use sandbus_tests::eventually;

use super::super::delivery::stage::{Probe, Stage, event};
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

fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

fn answer_http(stream: TcpStream) -> std::io::Result<()> {
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
    let body = partial_success();
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    reader.get_mut().write_all(&[head.as_bytes(), &body].concat())
}

fn rejecting_http() -> u16 {
    let (listener, port) = listener();
    // Whoever hangs up is not of interest.
    std::thread::spawn(move || listener.incoming().flatten().map(answer_http).for_each(drop));
    port
}

/// Each call of a connection, one after the other.
async fn answer_grpc(stream: tokio::net::TcpStream) -> Result<(), h2::Error> {
    let mut connection = h2::server::handshake(stream).await?;
    while let Some(call) = connection.accept().await {
        let (request, mut respond) = call?;
        // Nobody looks at what is sent: the flow control must not stop it.
        let mut body = request.into_body();
        let mut window = body.flow_control().clone();
        tokio::spawn(async move {
            while let Some(Ok(piece)) = body.data().await {
                window.release_capacity(piece.len())?;
            }
            let head = http::Response::builder().header("content-type", "application/grpc");
            let mut sent = respond.send_response(head.body(()).expect("a head"), false)?;
            let message = partial_success();
            // Not compressed, and how long it is.
            let length = u32::try_from(message.len()).expect("short").to_be_bytes();
            sent.send_data(Bytes::from([&[0][..], &length, &message].concat()), false)?;
            let status =
                http::HeaderMap::from_iter([("grpc-status".parse().expect("a name"), "0".parse().expect("a value"))]);
            sent.send_trailers(status)
        });
    }
    Ok(())
}

fn rejecting_grpc() -> u16 {
    let (listener, port) = listener();
    listener.set_nonblocking(true).expect("a socket for tokio");
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().expect("a runtime");
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer_grpc(stream));
            }
        });
    });
    port
}

#[test]
fn what_a_receiver_rejects_by_http_is_counted_and_said() {
    is_counted_and_said("http/protobuf", rejecting_http());
}

#[test]
fn what_a_receiver_rejects_by_grpc_is_counted_and_said() {
    is_counted_and_said("grpc", rejecting_grpc());
}

#[track_caller]
fn is_counted_and_said(protocol: &str, port: u16) {
    let stage = Stage::new(1).probe(Probe::named("probe"));
    let deployment = sending_to(&stage, &format!("http://127.0.0.1:{port}"));
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
