//! Who may ask the API: whoever has the token; where there is none, programs, and not the web pages that this machine's
//! browsers show.
//!
//! A page can make a browser send requests to a loopback address. It reads the answers only where it is of the same
//! origin, which it becomes by a name of its own that leads to 127.0.0.1 (DNS rebinding): so the host must be asked for
//! by an address or as localhost. What changes something needs no answer to be read: so a request that says it comes
//! from another origin changes nothing. With a token neither is needed, for no page knows it.

use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use std::net::IpAddr;

use super::Admin;
use super::problem::Problem;

/// Lets a request pass that may ask.
pub async fn admit(State(admin): State<Admin>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let refused = match &admin.token {
        Some(token) if token.is_in(headers.get(header::AUTHORIZATION).map(|value| value.as_bytes())) => None,
        Some(_) => {
            let hint = "this needs the header \"Authorization: Bearer TOKEN\", with the token of [admin]";
            Some(Problem::new(StatusCode::UNAUTHORIZED, hint))
        }
        None => from_page(request.method(), headers).map(|why| Problem::new(StatusCode::FORBIDDEN, why)),
    };
    match refused {
        Some(problem) => problem.into_response(),
        None => next.run(request).await,
    }
}

/// Why a request may come from a web page; `None` if it cannot.
fn from_page(method: &Method, headers: &HeaderMap) -> Option<String> {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("(not text)"));
    let host = text(header::HOST).unwrap_or_default();
    if !is_address(host) {
        return Some(format!(
            "without a token this is asked for by an IP address or as localhost, not as {host:?}: use such an address, \
             or set a token in [admin]"
        ));
    }
    let origin = text(header::ORIGIN).filter(|_| method != Method::GET && method != Method::HEAD)?;
    let own = ["http://", "https://"].iter().filter_map(|scheme| origin.strip_prefix(scheme));
    if own.into_iter().any(|origin| origin.eq_ignore_ascii_case(host)) {
        return None;
    }
    Some(format!("a page of {origin:?} may change nothing here: set a token in [admin], and send it"))
}

/// Whether a name cannot be somebody else's.
fn is_address(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let name = authority.host();
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    authority.as_str() == host
        && !host.contains('@')
        && (address.parse::<IpAddr>().is_ok() || name.eq_ignore_ascii_case("localhost"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(method: Method, headers: &[(header::HeaderName, &str)]) -> bool {
        let headers = headers.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect();
        from_page(&method, &headers).is_none()
    }

    #[test]
    fn names_of_others_are_refused() {
        for own in ["127.0.0.1:9464", "127.0.0.1", "[::1]:9464", "localhost:1", "LocalHost", "10.0.0.7:9464"] {
            assert!(asked(Method::GET, &[(header::HOST, own)]), "{own}");
        }
        let others = [
            "",
            "example.com",
            "example.com:9464",
            "localhost.example.com",
            "127.0.0.1.example.com",
            "a@127.0.0.1",
            "::",
        ];
        for other in others {
            assert!(!asked(Method::GET, &[(header::HOST, other)]), "{other}");
            assert!(!asked(Method::POST, &[(header::HOST, other)]), "{other}");
        }
        assert!(!asked(Method::GET, &[]));
    }

    #[test]
    fn other_origins_change_nothing() {
        let host = (header::HOST, "127.0.0.1:9464");
        let from = |method, origin| asked(method, &[host.clone(), (header::ORIGIN, origin)]);
        assert!(asked(Method::POST, std::slice::from_ref(&host)));
        for own in ["http://127.0.0.1:9464", "https://127.0.0.1:9464"] {
            assert!(from(Method::POST, own), "{own}");
        }
        for other in ["http://127.0.0.1:3000", "http://localhost:9464", "https://example.com", "null", "", "file://"] {
            assert!(!from(Method::POST, other) && !from(Method::PUT, other), "{other}");
            // What it asks for it may not read.
            assert!(from(Method::GET, other), "{other}");
        }
    }
}
