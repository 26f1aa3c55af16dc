//! Questions to the host's admin interface.

use std::net::SocketAddr;
use std::time::Duration;

use ureq::Agent;

/// For one answer; nothing that is only shown takes long.
const ANSWER: Duration = Duration::from_secs(5);

/// For what may compile a component, beside other tests.
const CHANGE: Duration = Duration::from_secs(60);

/// An HTTP answer, whatever its status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The body, which is text on all pages asked for here.
    pub body: String,
}

impl Answer {
    /// Its body, if it has this status.
    ///
    /// # Panics
    /// When it has another, or the body is not JSON.
    #[must_use]
    #[track_caller]
    pub fn json(&self, status: u16) -> serde_json::Value {
        assert_eq!(self.status, status, "{self:?}");
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// A question that is being put together; [`Question::send`] asks it.
#[derive(Debug)]
#[must_use]
pub struct Question {
    address: SocketAddr,
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
}

impl Question {
    pub(super) fn new(address: SocketAddr, method: &str, path: &str) -> Question {
        Question { address, method: method.to_owned(), path: path.to_owned(), headers: Vec::new(), body: None }
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Question {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With the token of the admin interface.
    pub fn token(self, token: &str) -> Question {
        self.header("Authorization", &format!("Bearer {token}"))
    }

    /// Sends these bytes with it.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Question {
        self.body = Some(body.into());
        self
    }

    /// Asks.
    ///
    /// # Errors
    /// A message when there is no HTTP answer.
    pub fn send(self) -> Result<Answer, String> {
        let Question { address, method, path, headers, body } = self;
        let limit = if method == "GET" { ANSWER } else { CHANGE };
        let agent: Agent =
            Agent::config_builder().timeout_global(Some(limit)).http_status_as_error(false).proxy(None).build().into();
        let fail = |error: ureq::Error| format!("{method} {path} from {address}: {error}");
        let request = ureq::http::Request::builder().method(method.as_str()).uri(format!("http://{address}{path}"));
        let request = headers.iter().fold(request, |request, (name, value)| request.header(name, value));
        let sent = match body {
            Some(body) => agent.run(request.body(body).map_err(|error| fail(error.into()))?),
            None => agent.run(request.body(()).map_err(|error| fail(error.into()))?),
        };
        let mut response = sent.map_err(fail)?;
        let body = response.body_mut().read_to_string().map_err(fail)?;
        Ok(Answer { status: response.status().as_u16(), body })
    }
}

pub(super) fn get(address: SocketAddr, path: &str, token: Option<&str>) -> Result<Answer, String> {
    let question = Question::new(address, "GET", path);
    match token {
        Some(token) => question.token(token),
        None => question,
    }
    .send()
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use super::*;

    fn answering(text: &'static str) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 4096];
            let read = stream.read(&mut request).unwrap();
            assert!(request[..read].starts_with(b"GET /readyz HTTP/1.1\r\n"));
            stream.write_all(text.as_bytes()).unwrap();
        });
        address
    }

    #[test]
    fn a_refusal_is_an_answer_with_a_body() {
        let address = answering("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 8\r\n\r\ndraining");
        let answer = get(address, "/readyz", None).unwrap();
        assert_eq!((answer.status, answer.body.as_str()), (503, "draining"));
    }

    #[test]
    fn nobody_listening_is_an_error_that_names_the_address() {
        let address = SocketAddr::from(([127, 0, 0, 1], crate::ports::free()));
        let error = get(address, "/readyz", None).unwrap_err();
        assert!(error.starts_with(&format!("GET /readyz from {address}: ")), "{error}");
    }
}
