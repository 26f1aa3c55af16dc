//! `[handler.grants]`: what a handler may reach outside its sandbox. Nothing is granted by default.
//!
//! Here it is decided what a grant covers; who asks is not known. A topic is granted by a pattern, but three kinds of
//! topics never by a mere pattern, for a handler that writes there feeds itself ([`Guarded`]). A web server is
//! granted with a path and all below it ([`HttpGrant`]); the addresses that its name leads to are looked at as well.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

pub use ipnet::IpNet;

use super::check::ListOf;
use super::key::layered_keys;
use super::{Pattern, REDRIVE_SUFFIX, TopicName};

mod network;
mod path;
mod server;

pub use network::is_public;
pub use path::{Ambiguous, Path};
pub use server::{HttpOrigin, Scheme};

/// What one handler may reach outside its sandbox.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    /// Topics that it may publish to.
    pub publish: Vec<Pattern>,
    /// Topics that a pattern alone does not grant.
    pub guarded: Guarded,
    /// Where it may send HTTP requests.
    pub http: Vec<HttpGrant>,
    /// Networks that are not the public internet, and that a granted server's name may lead to.
    pub networks: Vec<IpNet>,
}

/// Topics by which a handler would feed itself or its dead letters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Guarded {
    /// The handler's source topics: only a grant of that very name covers them.
    pub own: Vec<TopicName>,
    /// Dead-letter and redrive topics of this configuration, each with what it is: no grant covers them.
    pub reserved: Arc<BTreeMap<String, String>>,
    /// What the names of dead-letter topics end with, other hosts' among them: only a grant of that very name covers
    /// them.
    pub suffix: String,
}

/// A web server, and a path on it: the path and all below it is granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpGrant {
    /// The server.
    pub origin: HttpOrigin,
    /// The path.
    pub path: Path,
}

/// Why a topic may not be published to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishDenied {
    /// No grant names it.
    #[error("no grant allows publishing to {0:?}; if it is meant, grant it: grants.publish = [{0:?}]")]
    NoGrant(String),
    /// It is where dead letters go, or are given again from.
    #[error("{0:?} is {1}, which no grant can allow publishing to")]
    Reserved(String, String),
    /// It is a source topic of the handler.
    #[error("{0:?} is a source topic of this handler; only a grant of that very name allows publishing to it")]
    Own(String),
    /// Its name is that of a dead-letter or redrive topic.
    #[error(
        "{0:?} has the name of a dead-letter or redrive topic; only a grant of that very name allows publishing to it"
    )]
    Lookalike(String),
}

/// Why a request may not be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HttpDenied {
    /// Its address is not well formed, or not in the one form that can be compared.
    #[error("{0}")]
    Address(String),
    /// No grant names the server.
    #[error("no grant names this server; if it is meant, grant it: grants.http = [\"{0}\"]")]
    NoServer(HttpOrigin),
    /// No grant names the path or one above it.
    #[error("no grant covers this path; if it is meant, grant it or one above it: grants.http = [\"{0}{1}\"]")]
    NoPath(HttpOrigin, String),
    /// What the path is depends on who reads it.
    #[error("servers may read this path in two ways: {0}; only a grant of the whole server covers it")]
    Ambiguous(Ambiguous),
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
        }, "[]", "Topics that the handler may publish to; `*` is any run of characters. Dead-letter and redrive topics are never granted. The handler's own source topics, and topics named like another host's dead letters, only by their very name.";
        http: Vec<HttpGrant> = ListOf {
            min: 0,
            repeats: true,
            plural: "web servers",
            allowed: "http:// or https:// with a host, and a path if not all of the server is meant, such as \"https://api.example.com/v1\"",
            parse: HttpGrant::parse,
        }, "[]", "Where the handler may send [HTTP requests](sandbox.md#http): scheme, host, port if it is not the scheme's own, and path. The path and all below it is granted: `/v1` and `/v1/x`, not `/v10`.";
        networks: Vec<IpNet> = ListOf {
            min: 0,
            repeats: true,
            plural: "networks",
            allowed: "a network or an address, such as \"10.0.0.0/8\"",
            parse: network::parse,
        }, "[]", "Addresses beside the public internet's that the names in `http` may lead to. An address that stands in `http` itself needs no such grant.";
    }
}

impl GrantsKeys {
    /// The checked values, if all are good. `own` are the handler's source topics.
    pub fn checked(&self, own: &[TopicName]) -> Option<Grants> {
        Some(Grants {
            publish: self.publish.value()?.clone(),
            guarded: Guarded { own: own.to_vec(), ..Guarded::default() },
            http: self.http.value()?.clone(),
            networks: self.networks.value()?.clone(),
        })
    }
}

impl Grants {
    /// Whether the handler may publish to a topic.
    ///
    /// # Errors
    /// Why not, in words for whoever wrote the handler or its grants.
    pub fn publishes_to(&self, topic: &str) -> Result<(), PublishDenied> {
        let guarded = &self.guarded;
        if let Some(role) = guarded.reserved.get(topic) {
            return Err(PublishDenied::Reserved(topic.to_owned(), role.clone()));
        }
        if self.publish.iter().any(|pattern| pattern.exact() == Some(topic)) {
            return Ok(());
        }
        if !self.publish.iter().any(|pattern| pattern.matches(topic)) {
            return Err(PublishDenied::NoGrant(topic.to_owned()));
        }
        if guarded.own.iter().any(|own| own.as_str() == topic) {
            return Err(PublishDenied::Own(topic.to_owned()));
        }
        let is_dead_letters = !guarded.suffix.is_empty() && topic.ends_with(&guarded.suffix);
        if is_dead_letters || topic.ends_with(REDRIVE_SUFFIX) {
            return Err(PublishDenied::Lookalike(topic.to_owned()));
        }
        Ok(())
    }

    /// Whether the handler may send a request there, and to which server, in the form that grants have.
    ///
    /// # Errors
    /// Why not, in words for whoever wrote the handler or its grants.
    pub fn sends_to(&self, scheme: Scheme, authority: &str, path: &str) -> Result<HttpOrigin, HttpDenied> {
        let address = format!("{}://{authority}", scheme.name());
        let (origin, rest) = HttpOrigin::split(&address).map_err(HttpDenied::Address)?;
        if !rest.is_empty() {
            return Err(HttpDenied::Address("a host and a port, and nothing else".to_owned()));
        }
        // A guest decides how long it is.
        let shown = if path.len() <= 200 { path } else { "" };
        let mut denied = HttpDenied::NoServer(origin.clone());
        for grant in self.http.iter().filter(|grant| grant.origin == origin) {
            match grant.path.covers(path) {
                Ok(true) => return Ok(origin),
                Ok(false) => denied = HttpDenied::NoPath(origin.clone(), shown.to_owned()),
                Err(ambiguous) => denied = HttpDenied::Ambiguous(ambiguous),
            }
        }
        Err(denied)
    }

    /// Whether a granted server may be reached at this address.
    #[must_use]
    pub fn reaches(&self, origin: &HttpOrigin, address: IpAddr) -> bool {
        let address = address.to_canonical();
        is_public(address)
            || origin.address().map(|own| own.to_canonical()) == Some(address)
            || self.networks.iter().any(|network| network.contains(&address))
    }
}

impl HttpGrant {
    /// Reads a grant. The error says what to do.
    ///
    /// # Errors
    /// In words for whoever wrote it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (origin, path) = HttpOrigin::split(text)?;
        Ok(Self { origin, path: Path::parse(path)? })
    }
}

#[cfg(test)]
mod tests;
