//! Requests that leave, and those that do not: a real component, and real servers on this machine.
//!
//! Needs no broker, but what `make build` leaves.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "what is not there fails the test")]

#[path = "http/refusals.rs"]
mod refusals;
#[path = "http/server.rs"]
mod server;
#[path = "http/tls.rs"]
mod tls;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use sandbus::app::handlers;
use sandbus::config::{Config, HttpGrant};
use sandbus::delivery::ports::{Mark, Ran, Try};
use sandbus::delivery::scheduler::DeliveryId;
use sandbus::delivery::verdict::{Ending, FaultKind};
use sandbus::event::{Event, RecordBuilder};
use sandbus::sandbox::Sandbox;
use sandbus::sandbox::pool::Worker;
use sandbus::sandbox::ports::{GuestMetric, GuestSink, LogLevel, Refusal, WebRequest};
use sandbus::sandbox::state::HandlerSettings;
use server::{Server, answer};
use tokio::runtime::Runtime;

/// Far more than anything here takes.
const SOON: Duration = Duration::from_secs(20);

fn component() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/components/fetch-rust.wasm")
}

/// What the guest logs, and what is said of its requests.
#[derive(Default)]
struct Lines(Mutex<Vec<String>>, Mutex<Vec<String>>);

/// Where all requests here come from.
const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

impl GuestSink for Lines {
    fn log(&self, _: Option<&Try>, _: LogLevel, line: &str) {
        self.0.lock().unwrap().push(line.to_owned());
    }

    fn metric(&self, _: &GuestMetric<'_>) -> Result<(), Refusal> {
        Ok(())
    }

    fn requests(&self, of: &Try) -> (Option<String>, Option<Mark>) {
        assert_eq!(&**of.event.record.topic(), "t");
        (Some(PARENT.into()), Some(Mark { trace: 1, span: 2, parent: 3 }))
    }

    fn answered(&self, _: Mark, request: &WebRequest<'_>) {
        let WebRequest { method, server, path, ended, .. } = request;
        self.1.lock().unwrap().push(format!("{method} {server}{path}: {ended:?}"));
    }
}

/// The example that sends what it is told to.
struct Fetch {
    worker: Worker,
    lines: Arc<Lines>,
    _sandbox: Sandbox,
    runtime: Runtime,
}

impl Fetch {
    /// With these grants, and keys of `[[handler]]`.
    fn granted(grants: &[String], keys: &str) -> Fetch {
        Fetch::start(grants, keys, false)
    }

    fn start(grants: &[String], keys: &str, typed: bool) -> Fetch {
        let file = toml::Value::String(component().to_str().unwrap().to_owned());
        let text = format!("[handlers]\n[[handler]]\nname = \"fetch\"\ncomponent = {file}\n{keys}\n");
        let config = Config::from_text(&text, Path::new("/none"), std::iter::empty::<(String, String)>());
        let mut config = config.unwrap_or_else(|error| panic!("{error}\nrun `make build` first"));
        let handler = config.handlers.first_mut().unwrap();
        handler.grants.http.extend(grants.iter().map(|grant| HttpGrant::parse(grant).unwrap()));
        let lines = Arc::new(Lines::default());
        let settings = Arc::new(HandlerSettings { typed, ..HandlerSettings::new(handler, lines.clone()) });
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let sandbox = Sandbox::new(4, 20_000).unwrap();
        let loaded = runtime.block_on(handlers::load_one(&sandbox, handler, settings.clone()));
        let component = loaded.unwrap_or_else(|error| panic!("{error}")).component;
        Fetch { worker: Worker::new(component, settings), lines, _sandbox: sandbox, runtime }
    }

    fn batch(&mut self, values: &[&str]) -> Ran {
        let batch = values.iter().enumerate().map(|(offset, value)| {
            let record = RecordBuilder::new("t".into(), 0, offset as i64, 0).value(Some(value.as_bytes()));
            let event = Event::decode(record.build()).unwrap();
            Try { id: DeliveryId::none(), attempt: 1, lane: None, event }
        });
        let batch = batch.collect();
        self.runtime.block_on(self.worker.run(batch))
    }

    fn run(&mut self, value: &str) -> Ending {
        self.batch(&[value]).tried[0].ending.clone().unwrap()
    }

    /// The code of the error that this request ends in.
    #[track_caller]
    fn error(&mut self, value: &str) -> String {
        match self.run(value) {
            Ending::Error { kind, .. } => kind.as_str().to_owned(),
            ending => panic!("{value}: {ending:?}"),
        }
    }

    fn lines(&self) -> Vec<String> {
        std::mem::take(&mut *self.lines.0.lock().unwrap())
    }
}

/// A request for this address, as the example takes it.
fn get(url: &str) -> String {
    format!(r#"[{{"url": {url:?}}}]"#)
}

#[test]
fn a_granted_request_arrives_and_is_answered() {
    let server = Server::start(|_, stream| answer(stream, "200 OK", "hello"));
    let mut fetch = Fetch::granted(&[format!("{}/v1", server.url())], "");
    assert_eq!(fetch.run(&get(&format!("{}/v1/x?y=%20z", server.url()))), Ending::Ack);
    assert_eq!(fetch.lines(), [format!("GET {}/v1/x?y=%20z: 200, 5 bytes: hello", server.url())]);
    let head = server.heads().pop().unwrap();
    assert_eq!(
        head,
        format!(
            "GET /v1/x?y=%20z HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ntraceparent: {PARENT}\r\n\r\n",
            server.url().trim_start_matches("http://")
        )
    );
    let post = format!(
        r#"[{{"method": "POST", "url": "{}/v1", "bytes": 100000, "headers": [["x-a", "1"], ["x-a", "2"]]}}]"#,
        server.url()
    );
    assert_eq!(fetch.run(&post), Ending::Ack);
    let head = server.heads().pop().unwrap();
    assert!(head.starts_with("POST /v1 HTTP/1.1\r\n") && head.contains("\r\ncontent-length: 100000\r\n"), "{head}");
    assert!(head.contains("\r\nx-a: 1\r\n") && head.contains("\r\nx-a: 2\r\n"), "{head}");
}

#[test]
fn what_is_not_granted_does_not_leave() {
    let server = Server::start(|_, stream| answer(stream, "200 OK", ""));
    let other = Server::start(|_, stream| answer(stream, "200 OK", ""));
    let url = server.url();
    let mut fetch = Fetch::granted(&[format!("{url}/v1")], "");
    for path in [
        "",
        "/",
        "/v10",
        "/V1",
        "/v1/../x",
        "/v1/%2e%2e/x",
        "/v1/..%2fx",
        "/v1//x",
        "/v1/..;/x",
        "/v1/%252e%252e/x",
        "//v1",
        "/v1\\..\\x",
    ] {
        assert_eq!(fetch.error(&get(&format!("{url}{path}"))), "http_request_denied", "{path}");
    }
    let port = url.rsplit(':').next().unwrap();
    for address in [
        format!("{}/v1", other.url()),
        format!("https://127.0.0.1:{port}/v1"),
        format!("http://localhost:{port}/v1"),
        format!("http://127.1:{port}/v1"),
        format!("http://2130706433:{port}/v1"),
        format!("http://[::ffff:127.0.0.1]:{port}/v1"),
        format!("http://a@127.0.0.1:{port}/v1"),
    ] {
        assert_eq!(fetch.error(&get(&address)), "http_request_denied", "{address}");
    }
    let connect = format!(r#"[{{"method": "CONNECT", "url": "{url}/v1"}}]"#);
    assert_eq!(fetch.error(&connect), "http_request_method_invalid");
    let host = format!(r#"[{{"url": "{url}/v1", "headers": [["host", "elsewhere"]]}}]"#);
    assert_eq!(fetch.error(&host), "bad_header");
    assert_eq!((server.heads(), other.heads()), (vec![], vec![]));
}

#[test]
fn a_name_leads_to_the_public_internet_or_to_granted_networks() {
    let server = Server::start(|_, stream| answer(stream, "200 OK", "inside"));
    let port = server.url().rsplit(':').next().unwrap().to_owned();
    let named = format!("http://localhost:{port}");
    let mut fetch = Fetch::granted(std::slice::from_ref(&named), "");
    assert_eq!(fetch.error(&get(&named)), "destination_ip_prohibited");
    let mut fetch = Fetch::granted(std::slice::from_ref(&named), "grants.networks = [\"10.0.0.0/8\"]");
    assert_eq!(fetch.error(&get(&named)), "destination_ip_prohibited");
    assert_eq!(server.heads(), Vec::<String>::new());
    let mut fetch = Fetch::granted(std::slice::from_ref(&named), "grants.networks = [\"127.0.0.0/8\"]");
    assert_eq!(fetch.run(&get(&named)), Ending::Ack);
    assert!(server.heads()[0].contains(&format!("\r\nhost: localhost:{port}\r\n")));
}

#[test]
fn a_redirect_is_the_guests_own_request() {
    let inner = Server::start(|_, stream| answer(stream, "200 OK", "secret"));
    let (there, v1, out) = (inner.url(), "/v1/b", "/admin");
    let server = Server::start(move |head, stream| {
        let to = match head.split(' ').nth(1).unwrap() {
            "/v1/inside" => &*there,
            "/v1/out" => out,
            "/v1/a" => v1,
            _ => return answer(stream, "200 OK", "end"),
        };
        let host = head.split("host: ").nth(1).unwrap().split('\r').next().unwrap();
        let to = if to.starts_with('/') { format!("http://{host}{to}") } else { to.to_owned() };
        write!(stream, "HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n").unwrap();
    });
    let mut fetch = Fetch::granted(&[format!("{}/v1", server.url())], "");
    let follow = |path: &str, follow: u32| format!(r#"[{{"url": "{}{path}", "follow": {follow}}}]"#, server.url());
    assert_eq!(fetch.run(&follow("/v1/inside", 0)), Ending::Ack);
    assert!(fetch.lines()[0].contains("/v1/inside: 302"), "the host followed it");
    assert_eq!(fetch.error(&follow("/v1/inside", 1)), "http_request_denied");
    assert_eq!(fetch.error(&follow("/v1/out", 1)), "http_request_denied");
    assert_eq!(fetch.run(&follow("/v1/a", 1)), Ending::Ack);
    assert!(fetch.lines()[0].ends_with("/v1/b: 200, 3 bytes: end"));
    assert_eq!(inner.heads(), Vec::<String>::new());
    assert!(server.heads().iter().all(|head| !head.contains("/admin")));
}

#[test]
fn a_slow_server_costs_no_more_than_the_try() {
    let server = Server::start(|_, stream| server::until_closed(stream));
    let mut fetch = Fetch::granted(&[server.url()], "timeout = \"300ms\"");
    let started = Instant::now();
    let ending = fetch.run(&get(&server.url()));
    assert!(matches!(ending, Ending::Fault { kind: FaultKind::Timeout, .. }), "{ending:?}");
    assert!(started.elapsed() < Duration::from_secs(5));
    // Its connection went with it.
    server.wait_for_closed(1);
    let mut fetch = Fetch::granted(&[server.url()], "");
    let impatient = format!(r#"[{{"url": "{}", "timeout_ms": 100}}]"#, server.url());
    assert_eq!(fetch.error(&impatient), "http_response_timeout");
    server.wait_for_closed(2);
}

#[test]
fn a_server_that_stops_in_the_middle_is_noticed() {
    let server = Server::start(|head, stream| match head.split(' ').nth(1).unwrap() {
        "/silent" => {
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nbeginning").unwrap();
            server::until_closed(stream);
        }
        "/half" => write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nbeginning").unwrap(),
        "/head" => write!(stream, "HTTP/1.1 200 OK\r\ncont").unwrap(),
        "/chunk" => write!(stream, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhel").unwrap(),
        "/other" => write!(stream, "SSH-2.0-OpenSSH\r\n").unwrap(),
        "/large" => {
            let _ = write!(stream, "HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(100_000));
        }
        _ => {}
    });
    let mut fetch = Fetch::granted(&[server.url()], "");
    let silent = format!(r#"[{{"url": "{}/silent", "timeout_ms": 100}}]"#, server.url());
    assert_eq!(fetch.error(&silent), "connection_read_timeout");
    for (path, code) in [
        ("/half", "http_response_incomplete"),
        ("/head", "http_response_incomplete"),
        ("/chunk", "http_response_incomplete"),
        ("/nothing", "http_response_incomplete"),
        ("/other", "http_protocol_error"),
        ("/large", "http_response_header_section_size"),
    ] {
        assert_eq!(fetch.error(&get(&format!("{}{path}", server.url()))), code, "{path}");
    }
}

#[test]
fn bodies_are_bounded_for_each_event() {
    let server = Server::start(|_, stream| {
        write!(stream, "HTTP/1.1 200 OK\r\n\r\n").unwrap();
        // Without an end.
        while stream.write_all(&[b'x'; 10_000]).is_ok() {}
    });
    let mut fetch = Fetch::granted(&[server.url()], "limits.http_bytes = \"256KiB\"");
    assert_eq!(fetch.error(&get(&server.url())), "http_response_body_size");
    server.wait_for_closed(1);

    let server = Server::start(|_, stream| server::until_closed(stream));
    let mut fetch = Fetch::granted(&[server.url()], "limits.http_bytes = \"256KiB\"");
    let post = format!(r#"[{{"method": "POST", "url": "{}", "bytes": 300000}}]"#, server.url());
    assert_eq!(fetch.error(&post), "http_request_body_size");

    // Both ways and all requests together, and the next event begins anew.
    let server = Server::start(|_, stream| answer(stream, "200 OK", &"x".repeat(100_000)));
    let mut fetch = Fetch::granted(&[server.url()], "limits.http_bytes = \"256KiB\"");
    let thrice = format!(r#"[{{"url": "{}", "times": 3}}]"#, server.url());
    assert_eq!(fetch.error(&thrice), "http_response_body_size");
    let both = format!(r#"[{{"method": "POST", "url": "{}", "bytes": 100000}}]"#, server.url());
    assert_eq!(fetch.run(&both), Ending::Ack);
}

#[test]
fn requests_are_counted_for_each_event_however_it_is_called() {
    for typed in [true, false] {
        let server = Server::start(|_, stream| answer(stream, "200 OK", ""));
        let mut fetch = Fetch::start(&[server.url()], "limits.http_requests = 3", typed);
        let times = |times: u32| format!(r#"[{{"url": "{}", "times": {times}}}]"#, server.url());
        assert_eq!(fetch.error(&times(9)), "connection_limit_reached");
        assert_eq!(server.heads().len(), 3);
        let ran = fetch.batch(&[&times(3), &times(2), &times(3)]);
        let endings: Vec<_> = ran.tried.iter().map(|tried| tried.ending.clone().unwrap()).collect();
        assert_eq!(endings, [Ending::Ack, Ending::Ack, Ending::Ack]);
        let calls: Vec<_> = ran.host_calls.iter().filter(|(import, ..)| *import == "outgoing-handler.handle").collect();
        assert_eq!(calls.iter().map(|(_, calls, _)| calls).sum::<u64>(), 8);
        assert!(calls.iter().all(|(.., took)| *took > Duration::ZERO && *took < SOON));
    }
}

#[test]
fn a_request_belongs_to_the_trace_of_its_try() {
    let server = Server::start(|head, stream| match head.split(' ').nth(1).unwrap() {
        "/slow" => server::until_closed(stream),
        _ => answer(stream, "404 Not Found", ""),
    });
    let mut fetch = Fetch::granted(&[server.url()], "timeout = \"300ms\"");
    let own = format!(r#"[{{"url": "{}/a?b=c", "headers": [["TraceParent", "own"]]}}]"#, server.url());
    assert_eq!(fetch.run(&own), Ending::Ack);
    assert!(server.heads()[0].contains("\r\ntraceparent: own\r\n"), "{:?}", server.heads());
    // Nothing of what was not sent, and of what nobody waited for that it was.
    assert_eq!(fetch.error(&get("http://127.0.0.1:1/")), "http_request_denied");
    fetch.run(&get(&format!("{}/slow", server.url())));
    server.wait_for_closed(2);
    let url = server.url();
    // Of two clocks that end together either may be the first.
    let expected = [format!("GET {url}/a: Ok(404)"), format!("GET {url}/slow: Err(")];
    let started = Instant::now();
    while fetch.lines.1.lock().unwrap().len() < expected.len() {
        assert!(started.elapsed() < SOON, "{:?}", fetch.lines.1);
        std::thread::yield_now();
    }
    let told = fetch.lines.1.lock().unwrap().clone();
    assert!(told.iter().zip(&expected).all(|(told, expected)| told.starts_with(expected)), "{told:?}");
}
