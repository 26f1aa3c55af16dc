//! Sends the HTTP requests that the event describes: see with it what a grant allows, and what a refusal looks like.
//!
//! The value is a list of requests in JSON, such as `[{"url": "http://127.0.0.1:8080/v1/x"}]`. Each answer becomes a log
//! line; the first request without an answer ends the try with an error of its code.

use std::time::Duration;

use sandbus_sdk::http::{Request, Response};
use sandbus_sdk::{Event, Handler, Result, Verdict, http, log};
use serde::Deserialize;

/// One request.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    #[serde(default = "get")]
    method: String,
    url: String,
    /// Names and values.
    #[serde(default)]
    headers: Vec<(String, String)>,
    /// So many bytes are sent.
    #[serde(default)]
    bytes: usize,
    /// How long to wait.
    timeout_ms: Option<u64>,
    /// How often it is sent.
    #[serde(default = "once")]
    times: u32,
    /// Redirects that are followed: the host follows none.
    #[serde(default)]
    follow: u32,
}

fn get() -> String {
    "GET".into()
}

fn once() -> u32 {
    1
}

impl Wanted {
    fn send(&self, url: &str) -> Result<Response, http::Error> {
        let mut request = Request::new(&*self.method, url);
        for (name, value) in &self.headers {
            request = request.header(name, &**value);
        }
        if self.bytes > 0 {
            request = request.body(vec![b'x'; self.bytes]);
        }
        if let Some(millis) = self.timeout_ms {
            request = request.timeout(Duration::from_millis(millis));
        }
        request.send()
    }

    fn run(&self) -> Result<(), http::Error> {
        let mut url = self.url.clone();
        let mut answer = self.send(&url)?;
        for _ in 0..self.follow {
            let Some(next) = answer.header("location").filter(|_| (300..400).contains(&answer.status())) else { break };
            url = next.to_owned();
            answer = self.send(&url)?;
        }
        let body = String::from_utf8_lossy(answer.body());
        let beginning: String = body.chars().take(100).collect();
        log::info!("{} {url}: {}, {} bytes: {beginning}", self.method, answer.status(), answer.body().len());
        Ok(())
    }
}

/// Keeps nothing.
#[derive(Default)]
struct Fetch;

impl Handler for Fetch {
    const EVENTS: &'static [&'static str] = &["*"];

    fn handle(&mut self, event: &Event) -> Result {
        let wanted: Vec<Wanted> = event.json()?;
        for wanted in wanted {
            for _ in 0..wanted.times {
                wanted.run()?;
            }
        }
        Ok(Verdict::Ack)
    }
}

sandbus_sdk::export!(Fetch);

#[cfg(test)]
mod tests {
    use sandbus_sdk::testing::{Host, event};

    use super::*;

    #[test]
    fn redirects_are_followed_as_often_as_told() {
        let mut host = Host::<Fetch>::new()
            .answer("GET", "http://a/", Response::new(302).with_header("location", "http://b/"))
            .answer("GET", "http://b/", Response::new(200).with_body("there"));
        let outcome = host.deliver(event("Any").text(r#"[{"url": "http://a/", "follow": 1}]"#));
        outcome.assert_ack();
        assert_eq!(outcome.logs()[0].message, "GET http://b/: 200, 5 bytes: there");
        let outcome = host.deliver(event("Any").text(r#"[{"url": "http://a/"}, {"url": "http://c/"}]"#));
        assert_eq!(outcome.logs()[0].message, "GET http://a/: 302, 0 bytes: ");
        outcome.assert_error("http_request_denied");
    }
}
