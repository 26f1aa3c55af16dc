//! Web servers: scheme, host and port, in the one form that grants and requests are compared in.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

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

impl Scheme {
    /// The port that it has unless another is named.
    #[must_use]
    pub const fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }

    /// As an address begins.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

impl fmt::Display for HttpOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.name(), self.authority())
    }
}

impl HttpOrigin {
    /// The address, where the host is one and no name.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    /// Host and port as an address has them, the scheme's own port left out.
    #[must_use]
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == self.scheme.port() { host } else { format!("{host}:{}", self.port) }
    }

    /// Reads an origin at the beginning of an address, and gives what follows it. The error says what to do.
    pub(in crate::config) fn split(text: &str) -> Result<(Self, &str), String> {
        let begins = |with: &str| text.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with));
        let (scheme, rest) = if begins("https://") {
            (Scheme::Https, text.get(8..))
        } else if begins("http://") {
            (Scheme::Http, text.get(7..))
        } else {
            return Err("begin with https:// or http://".to_owned());
        };
        let rest = rest.unwrap_or_default();
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if authority.contains('@') {
            return Err("credentials do not belong in an address".to_owned());
        }
        let (host, port) = host_and_port(authority, scheme.port())?;
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
    match port {
        None => Ok((host, default)),
        // Digits alone: `parse` would take a sign.
        Some(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => match text.parse() {
            Ok(port) if port != 0 => Ok((host, port)),
            _ => Err(BAD_PORT.to_owned()),
        },
        Some(_) => Err(BAD_PORT.to_owned()),
    }
}

const BAD_PORT: &str = "a port is a number from 1 to 65535";

/// A name in lower case, or an IPv4 address.
fn dns_name(host: &str) -> Result<String, String> {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    if host.is_empty() {
        return Err("name a host".to_owned());
    }
    if host.contains('*') {
        return Err("a host has no wildcards: name each one".to_owned());
    }
    if !host.is_ascii() {
        return Err("write a host of other letters in its ASCII form, which begins with xn--".to_owned());
    }
    if host.ends_with('.') {
        return Err("a host ends without a dot".to_owned());
    }
    if host.len() > 253 || !host.split('.').all(is_label) {
        return Err("a host is a DNS name or an IP address".to_owned());
    }
    if is_number(host) && host.parse::<Ipv4Addr>().is_err() {
        return Err("an IPv4 address is written as four decimal numbers, such as 192.0.2.1".to_owned());
    }
    Ok(host.to_ascii_lowercase())
}

/// What resolvers take for an IPv4 address, in any of its forms: `127.1`, `0x7f.1`, `2130706433`.
fn is_number(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or_default();
    let hexadecimal = last.strip_prefix("0x").or_else(|| last.strip_prefix("0X"));
    last.bytes().all(|byte| byte.is_ascii_digit())
        || hexadecimal.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}
