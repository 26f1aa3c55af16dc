//! A web server of few words.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};

use super::SOON;

/// Answers each connection once, and remembers what it was asked.
pub struct Server {
    address: SocketAddr,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    heads: Mutex<Vec<String>>,
    closed: Mutex<usize>,
    changed: Condvar,
}

impl Server {
    /// Gives the head of a request, and the connection, to `serve`, and closes it after that.
    pub fn start(serve: impl Fn(&str, &mut TcpStream) + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, seen, serve) = (listener.local_addr().unwrap(), Arc::<Seen>::default(), Arc::new(serve));
        let shared = seen.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (mut stream, serve, seen) = (stream.unwrap(), serve.clone(), shared.clone());
                std::thread::spawn(move || {
                    if let Some(head) = head(&mut stream) {
                        seen.heads.lock().unwrap().push(head.clone());
                        serve(&head, &mut stream);
                    }
                    drop(stream);
                    *seen.closed.lock().unwrap() += 1;
                    seen.changed.notify_all();
                });
            }
        });
        Server { address, seen }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What was asked so far.
    pub fn heads(&self) -> Vec<String> {
        self.seen.heads.lock().unwrap().clone()
    }

    /// Waits until that many connections have ended.
    #[track_caller]
    pub fn wait_for_closed(&self, connections: usize) {
        let closed = self.seen.closed.lock().unwrap();
        let (closed, waited) =
            self.seen.changed.wait_timeout_while(closed, SOON, |closed| *closed < connections).unwrap();
        assert!(!waited.timed_out(), "{} of {connections} connections ended", *closed);
    }
}

/// All up to the body. What of the body comes with it is read and forgotten.
fn head(stream: &mut TcpStream) -> Option<String> {
    let (mut bytes, mut piece) = (Vec::new(), [0; 1024]);
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            bytes.truncate(end + 4);
            return String::from_utf8(bytes).ok();
        }
        match stream.read(&mut piece) {
            Ok(read) if read > 0 => bytes.extend(&piece[..read]),
            _ => return None,
        }
    }
}

/// An answer with a length.
pub fn answer(stream: &mut TcpStream, status: &str, body: &str) {
    let _ = write!(stream, "HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    // Closed with something unread, a connection is reset, and the answer lost.
    let _ = stream.shutdown(std::net::Shutdown::Write);
    until_closed(stream);
}

/// Reads until the other side is gone.
pub fn until_closed(stream: &mut TcpStream) {
    stream.set_read_timeout(Some(SOON)).unwrap();
    let mut piece = [0; 1024];
    while matches!(stream.read(&mut piece), Ok(read) if read > 0) {}
}
