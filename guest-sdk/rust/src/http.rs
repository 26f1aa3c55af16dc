//! HTTP requests to the web servers that the handler's `grants.http` names.
//!
//! ```no_run
//! use sandbus_sdk::{Event, Result, Verdict, http};
//! use sandbus_sdk::serde_json::json;
//! use std::time::Duration;
//!
//! fn charge(event: &Event) -> Result {
//!     let answer = http::Request::post("https://api.example.com/v1/charges")
//!         .header("idempotency-key", event.id())
//!         .json(&json!({ "amount": 1999 }))?
//!         .timeout(Duration::from_secs(2))
//!         .send()?;
//!     Ok(match answer.status() {
//!         200..=299 => Verdict::Ack,
//!         429 | 500..=599 => Verdict::retry(),
//!         other => Verdict::dead_letter(format!("status {other}")),
//!     })
//! }
//! ```
//!
//! A handler that uses this imports `wasi:http`, and is not loaded without such a grant. Nothing is sent twice by
//! itself, no redirect is followed, no connection is kept. Requests and bytes of one event are bounded by
//! `limits.http_requests` and `limits.http_bytes`, its time by `timeout`. An event may be handled again after a
//! restart, so a request may be sent again, too: give the server a key by which it knows.

use std::fmt::{self, Display};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::host;

/// A request: built up, then [sent](Request::send).
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a request leaves only by `send`"]
pub struct Request {
    pub(crate) method: String,
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
    pub(crate) timeout: Option<Duration>,
}

/// The parts of an address.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Url<'a> {
    pub(crate) scheme: &'a str,
    pub(crate) authority: &'a str,
    pub(crate) target: String,
}

impl Request {
    /// A request of any method.
    pub fn new(method: impl Into<String>, url: impl Into<String>) -> Self {
        Self { method: method.into(), url: url.into(), headers: Vec::new(), body: Vec::new(), timeout: None }
    }

    /// Asks for what is there.
    pub fn get(url: impl Into<String>) -> Self {
        Self::new("GET", url)
    }

    /// Gives something to the server.
    pub fn post(url: impl Into<String>) -> Self {
        Self::new("POST", url)
    }

    /// Puts something there.
    pub fn put(url: impl Into<String>) -> Self {
        Self::new("PUT", url)
    }

    /// Adds a header. The host sets `host`, `connection` and `transfer-encoding` itself, and refuses them here.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the body, and says how long it is.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("content-length"));
        let length = self.body.len().to_string();
        self.header("content-length", length)
    }

    /// Sets the body to this as JSON, and says that it is.
    ///
    /// # Errors
    ///
    /// What cannot be JSON, such as a map whose keys are no strings.
    pub fn json<T: Serialize + ?Sized>(self, value: &T) -> crate::Result<Self, serde_json::Error> {
        let body = serde_json::to_vec(value)?;
        Ok(self.header("content-type", "application/json").body(body))
    }

    /// How long to wait for the connection, for the beginning of the answer, and for each further piece of it. The
    /// try's own time holds besides: what takes longer ends in the fault `timeout`.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Its method.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// Where it goes.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its body.
    pub fn content(&self) -> &[u8] {
        &self.body
    }

    /// Sends the request and waits for the whole answer. Any status is an answer.
    ///
    /// # Errors
    ///
    /// Where there is none: see [`Error`].
    pub fn send(self) -> crate::Result<Response, Error> {
        host::http(self)
    }

    pub(crate) fn parts(&self) -> crate::Result<Url<'_>, Error> {
        let bad = || Error::new("bad_url", format!("{:?} is no address such as https://api.example.com/v1", self.url));
        let (scheme, rest) = self.url.split_once("://").ok_or_else(bad)?;
        let rest = rest.split('#').next().unwrap_or_default();
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        if scheme.is_empty() || authority.is_empty() {
            return Err(bad());
        }
        let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
        Ok(Url { scheme, authority, target })
    }
}

/// An answer, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    status: u16,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl Response {
    /// An answer of this status, with nothing else: for tests.
    pub fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    /// Adds a header: for tests.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the body: for tests.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Its status, such as 200.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Whether the status is one of success: 200 to 299.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The first value of a header, if it is text. Names are compared without regard to case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(of, _)| of.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(value).ok()
    }

    /// All headers, in their order.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice()))
    }

    /// Its body.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Its body as text.
    ///
    /// # Errors
    ///
    /// Where it is no UTF-8.
    pub fn text(&self) -> crate::Result<&str, std::str::Utf8Error> {
        std::str::from_utf8(&self.body)
    }

    /// What its body says in JSON.
    ///
    /// # Errors
    ///
    /// Where it says something else.
    pub fn json<T: DeserializeOwned>(&self) -> crate::Result<T, serde_json::Error> {
        serde_json::from_slice(&self.body)
    }
}

/// Why there is no answer.
///
/// As an error of the handler its kind is the code: `http_request_denied` where no grant covers the address,
/// `destination_ip_prohibited` where its name leads to a private network, `connection_limit_reached` after
/// `limits.http_requests`, `http_request_body_size` and `http_response_body_size` after `limits.http_bytes`,
/// `connection_refused`, `connection_timeout`, `http_response_timeout`, `http_response_incomplete`, `dns_error`,
/// `tls_certificate_error` and the others of `wasi:http`; `bad_url`, `bad_header` and `bad_request` where it was
/// never sent. The host's log says why it refused something, once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    code: &'static str,
    message: String,
}

impl Error {
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// A word for programs, such as `connection_refused`.
    pub fn code(&self) -> &str {
        self.code
    }
}

impl Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Host, event};
    use crate::{Event, Handler, Verdict};

    #[derive(Default)]
    struct Asks;

    impl Handler for Asks {
        const EVENTS: &'static [&'static str] = &["*"];

        fn handle(&mut self, event: &Event) -> crate::Result {
            let answer = Request::post("https://api/v1").header("a", "b").json(&[1])?.send()?;
            let text = answer.text()?;
            assert_eq!(answer.header("X-Kind"), Some("test"));
            Ok(if event.attempt() == 1 && answer.is_success() { Verdict::Ack } else { Verdict::dead_letter(text) })
        }
    }

    #[test]
    fn a_test_answers_in_the_place_of_the_server() {
        let answer = Response::new(201).with_header("x-kind", "test").with_body("made");
        let mut host = Host::<Asks>::new().answer("POST", "https://api/v1", answer);
        let outcome = host.deliver(event("A"));
        outcome.assert_ack();
        let [request] = outcome.requests() else { panic!("{outcome:?}") };
        assert_eq!((request.method(), request.url(), request.content()), ("POST", "https://api/v1", &b"[1]"[..]));
        host.deliver(event("A").attempt(2)).assert_verdict(Verdict::dead_letter("made"));
    }

    #[test]
    fn what_no_test_answers_is_denied() {
        let outcome = Host::<Asks>::new().deliver(event("A"));
        outcome.assert_error("http_request_denied");
        assert!(outcome.requests().is_empty());
    }

    #[test]
    fn an_address_has_parts() {
        let parts = |url: &str| {
            let request = Request::get(url);
            request.parts().map(|url| (url.scheme.to_owned(), url.authority.to_owned(), url.target))
        };
        for (url, scheme, authority, target) in [
            ("https://a", "https", "a", "/"),
            ("http://a:1/b/../c?d=/e#f", "http", "a:1", "/b/../c?d=/e"),
            ("http://[::1]?q", "http", "[::1]", "/?q"),
        ] {
            assert_eq!(parts(url), Ok((scheme.to_owned(), authority.to_owned(), target.to_owned())), "{url}");
        }
        for url in ["", "a/b", "https://", "://a", "https:///b"] {
            assert_eq!(parts(url).unwrap_err().code(), "bad_url", "{url}");
        }
    }
}
