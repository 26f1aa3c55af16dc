//! Receivers that do what none that is at hand does: they keep the head of each request, and give the answer that a test wants.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

/// What a request says of itself: its path, and its headers by their names in small letters.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Head {
    pub(super) path: String,
    pub(super) headers: BTreeMap<String, String>,
}

/// One that runs until the test ends.
#[derive(Debug)]
pub(super) struct Receiver {
    pub(super) port: u16,
    heads: Heads,
}

#[derive(Debug, Clone, Default)]
struct Heads(Arc<Mutex<Vec<Head>>>);

impl Heads {
    fn keep(&self, head: Head) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(head);
    }
}

impl Receiver {
    /// By HTTP, with that answer to each request.
    pub(super) fn http(answer: Vec<u8>) -> Receiver {
        let ((listener, port), heads) = (listener(), Heads::default());
        let kept = heads.clone();
        // Whoever hangs up is not of interest.
        let serve = move |stream| drop(answer_http(stream, &answer, &kept));
        std::thread::spawn(move || listener.incoming().flatten().for_each(serve));
        Receiver { port, heads }
    }

    /// By gRPC, with that message as the answer to each call.
    pub(super) fn grpc(answer: Vec<u8>) -> Receiver {
        let ((listener, port), heads) = (listener(), Heads::default());
        listener.set_nonblocking(true).expect("a socket for tokio");
        let kept = heads.clone();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().expect("a runtime");
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(answer_grpc(stream, answer.clone(), kept.clone()));
                }
            });
        });
        Receiver { port, heads }
    }

    /// Of all requests so far.
    pub(super) fn heads(&self) -> Vec<Head> {
        self.heads.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

fn answer_http(stream: TcpStream, answer: &[u8], heads: &Heads) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut head = Head { path: line.split(' ').nth(1).unwrap_or_default().to_owned(), ..Head::default() };
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line == "\r\n" {
            break;
        }
        let (name, value) = line.split_once(':').expect("a header has a colon");
        head.headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = head.headers.get("content-length").map_or(0, |value| value.parse().expect("a number"));
    std::io::copy(&mut reader.by_ref().take(length), &mut std::io::sink())?;
    heads.keep(head);
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        answer.len()
    );
    reader.get_mut().write_all(&[head.as_bytes(), answer].concat())
}

/// Each call of a connection, one after the other.
async fn answer_grpc(stream: tokio::net::TcpStream, answer: Vec<u8>, heads: Heads) -> Result<(), h2::Error> {
    let mut connection = h2::server::handshake(stream).await?;
    while let Some(call) = connection.accept().await {
        let (request, mut respond) = call?;
        let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = request.headers().iter().map(|(name, value)| (name.to_string(), text(value)));
        heads.keep(Head { path: request.uri().path().to_owned(), headers: headers.collect() });
        // Nobody looks at what is sent: the flow control must not stop it.
        let mut body = request.into_body();
        let mut window = body.flow_control().clone();
        let answer = answer.clone();
        tokio::spawn(async move {
            while let Some(Ok(piece)) = body.data().await {
                window.release_capacity(piece.len())?;
            }
            let head = http::Response::builder().header("content-type", "application/grpc");
            let mut sent = respond.send_response(head.body(()).expect("a head"), false)?;
            // Not compressed, and how long it is.
            let length = u32::try_from(answer.len()).expect("short").to_be_bytes();
            sent.send_data(Bytes::from([&[0][..], &length, &answer].concat()), false)?;
            let status =
                http::HeaderMap::from_iter([("grpc-status".parse().expect("a name"), "0".parse().expect("a value"))]);
            sent.send_trailers(status)
        });
    }
    Ok(())
}
