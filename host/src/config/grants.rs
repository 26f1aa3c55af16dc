//! `[handler.grants]`: what a handler may reach outside its sandbox. Nothing is granted by default.

use std::net::{IpAddr, Ipv6Addr};

use super::Pattern;
use super::check::ListOf;
use super::key::layered_keys;

/// What one handler may reach outside its sandbox.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    /// Topics that it may publish to.
    pub publish: Vec<Pattern>,
    /// Where it may send HTTP requests.
    pub http: Vec<HttpOrigin>,
}

/// Scheme, host and port of a web server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HttpOrigin {
    /// The protocol.
    pub scheme: Scheme,
    /// Lower-case DNS name, or IP address (IPv6 without brackets).
    pub host: String,
    /// Port; the scheme's own if none was given.
    pub port: u16,
}

/// Protocol of an [`HttpOrigin`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `http`, port 80.
    Http,
    /// `https`, port 443.
    Https,
}

layered_keys! {
    /// `[handler.grants]`, as it is read.
    GrantsKeys {
        publish: Vec<Pattern> = ListOf {
            min: 0,
            repeats: true,
            plural: "topics or topic patterns",
            allowed: "a topic or a pattern of 1 to 256 bytes",
            parse: |text| Pattern::new(text).map_err(|_| String::new()),
        }, "[]", "Topics that the handler may publish to; `*` is any run of characters.";
        http: Vec<HttpOrigin> = ListOf {
            min: 0,
            repeats: true,
            plural: "web servers",
            allowed: "http:// or https:// with a host and no path, such as \"https://api.example.com\"",
            parse: HttpOrigin::parse,
        }, "[]", "Web servers that the handler may send requests to: scheme, host and, if it is not the scheme's own, port.";
    }
}

impl Grants {
    /// Whether the handler may publish to a topic.
    #[must_use]
    pub fn publishes_to(&self, topic: &str) -> bool {
        self.publish.iter().any(|pattern| pattern.matches(topic))
    }
}

impl HttpOrigin {
    /// Reads an origin; a single `/` after it is no matter. The error says what to do.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        match Self::split(text)? {
            (origin, "" | "/") => Ok(origin),
            _ => Err("a grant is for a whole server: leave the path out".to_owned()),
        }
    }

    /// Reads an origin at the beginning of an address, and gives what follows it.
    pub(super) fn split(text: &str) -> Result<(Self, &str), String> {
        let lower = text.to_ascii_lowercase();
        let (scheme, port, rest) = if lower.starts_with("https://") {
            (Scheme::Https, 443, text.get(8..))
        } else if lower.starts_with("http://") {
            (Scheme::Http, 80, text.get(7..))
        } else {
            return Err("begin with https:// or http://".to_owned());
        };
        let rest = rest.unwrap_or_default();
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if authority.contains('@') {
            return Err("credentials do not belong in an address".to_owned());
        }
        let (host, port) = host_and_port(authority, port)?;
        Ok((Self { scheme, host, port }, path))
    }
}

fn host_and_port(authority: &str, default: u16) -> Result<(String, u16), String> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (inner, after) = rest.split_once(']').ok_or("an IPv6 address ends with ]")?;
            let address: Ipv6Addr = inner.parse().map_err(|_| "what stands in [ ] is an IPv6 address")?;
            (IpAddr::V6(address).to_string(), after.strip_prefix(':').or_else(|| (!after.is_empty()).then_some("")))
        }
        None => match authority.rsplit_once(':') {
            Some((host, port)) => (dns_name(host)?, Some(port)),
            None => (dns_name(authority)?, None),
        },
    };
    match port.map(str::parse) {
        None => Ok((host, default)),
        Some(Ok(port)) if port != 0 => Ok((host, port)),
        Some(_) => Err("a port is a number from 1 to 65535".to_owned()),
    }
}

fn dns_name(host: &str) -> Result<String, String> {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    if host.len() <= 253 && host.split('.').all(is_label) {
        Ok(host.to_ascii_lowercase())
    } else if host.is_empty() {
        Err("name a host".to_owned())
    } else if host.contains('*') {
        Err("a host has no wildcards: name each one".to_owned())
    } else {
        Err("a host is a DNS name or an IP address".to_owned())
    }
}
