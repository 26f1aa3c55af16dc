//! What a handler may reach outside its sandbox. Nothing is granted by default.

use super::Pattern;

/// What one handler may reach outside its sandbox.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    /// Topics that it may publish to.
    pub publish: Vec<Pattern>,
    /// Where it may send HTTP requests.
    pub http: Vec<HttpOrigin>,
}

impl Grants {
    /// Whether the handler may publish to a topic.
    #[must_use]
    pub fn publishes_to(&self, topic: &str) -> bool {
        self.publish.iter().any(|pattern| pattern.matches(topic))
    }
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
