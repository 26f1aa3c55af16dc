//! How a client reaches a broker: address and librdkafka properties.

use std::path::{Path, PathBuf};

use rdkafka::ClientConfig;

/// An address, and the librdkafka properties that it asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    bootstrap: String,
    properties: Vec<(String, String)>,
}

/// A SASL_SSL listener and what opens it. The fields are public so that a test can spoil one.
#[derive(Debug, Clone)]
pub struct Sasl {
    /// `localhost:port`; the certificate is for that name.
    pub bootstrap: String,
    /// Known to every [`Mechanism`].
    pub user: String,
    /// Likewise.
    pub password: String,
    /// The file of the authority's certificate, in PEM.
    pub authority: PathBuf,
}

/// How the password is proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanism {
    /// SCRAM-SHA-256.
    ScramSha256,
    /// SCRAM-SHA-512.
    ScramSha512,
    /// PLAIN: the password itself, inside TLS.
    Plain,
}

impl Connection {
    /// To a listener without TLS and credentials.
    #[must_use]
    pub fn plaintext(bootstrap: &str) -> Connection {
        Connection { bootstrap: bootstrap.to_owned(), properties: Vec::new() }
    }

    /// To the broker that all tests share.
    ///
    /// # Panics
    /// When there is none; the message says how to get one.
    #[must_use]
    #[track_caller]
    pub fn shared() -> Connection {
        super::environment::shared()
    }

    /// `host:port`.
    #[must_use]
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// The librdkafka properties besides `bootstrap.servers`: the `[kafka.properties]` of a host.
    #[must_use]
    pub fn properties(&self) -> &[(String, String)] {
        &self.properties
    }

    /// The start of any client's configuration.
    #[must_use]
    pub fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.bootstrap)
            // Brokers here come and go within a test: look for them again soon.
            .set("reconnect.backoff.ms", "50")
            .set("reconnect.backoff.max.ms", "500");
        for (name, value) in &self.properties {
            config.set(name, value);
        }
        config
    }
}

impl Sasl {
    /// The listener of the broker that all tests share.
    ///
    /// # Panics
    /// When there is none; the message says how to get one.
    #[must_use]
    #[track_caller]
    pub fn shared() -> Sasl {
        super::environment::shared_sasl()
    }

    /// The same with another password.
    #[must_use]
    pub fn with_password(mut self, password: &str) -> Sasl {
        password.clone_into(&mut self.password);
        self
    }

    /// The same, trusting the authority in another file.
    #[must_use]
    pub fn with_authority(mut self, file: &Path) -> Sasl {
        file.clone_into(&mut self.authority);
        self
    }

    /// A connection that proves the password by `mechanism`.
    #[must_use]
    pub fn connection(&self, mechanism: Mechanism) -> Connection {
        let properties = [
            ("security.protocol", "SASL_SSL".to_owned()),
            ("sasl.mechanism", mechanism.name().to_owned()),
            ("sasl.username", self.user.clone()),
            ("sasl.password", self.password.clone()),
            ("ssl.ca.location", self.authority.display().to_string()),
        ];
        Connection {
            bootstrap: self.bootstrap.clone(),
            properties: properties.map(|(name, value)| (name.to_owned(), value)).to_vec(),
        }
    }
}

impl Mechanism {
    /// Its name in Kafka's protocol.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Mechanism::ScramSha256 => "SCRAM-SHA-256",
            Mechanism::ScramSha512 => "SCRAM-SHA-512",
            Mechanism::Plain => "PLAIN",
        }
    }
}
