//! Questions to the host's admin interface.

use std::net::SocketAddr;
use std::time::Duration;

use ureq::Agent;

/// For one answer; nothing on the admin interface takes long.
const ANSWER: Duration = Duration::from_secs(5);

/// An HTTP answer, whatever its status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The body, which is text on all pages asked for here.
    pub body: String,
}

pub(super) fn get(address: SocketAddr, path: &str, token: Option<&str>) -> Result<Answer, String> {
    let agent: Agent =
        Agent::config_builder().timeout_global(Some(ANSWER)).http_status_as_error(false).proxy(None).build().into();
    let fail = |error: ureq::Error| format!("GET {path} from {address}: {error}");
    let url = format!("http://{address}{path}");
    let mut request = agent.get(&url);
    if let Some(token) = token {
        request = request.header("Authorization", format!("Bearer {token}"));
    }
    let mut response = request.call().map_err(fail)?;
    Ok(Answer { status: response.status().as_u16(), body: response.body_mut().read_to_string().map_err(fail)? })
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
