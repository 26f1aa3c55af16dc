//! The broker that all tests share, as `with-kafka` tells its command about it: in environment variables.

use std::env;
use std::path::PathBuf;

use super::{Connection, Kafka, Sasl};

/// `host:port` of the PLAINTEXT listener.
pub const ADDRESS: &str = "SANDBUS_TEST_KAFKA";
/// `host:port` of the SASL_SSL listener.
pub const SASL_ADDRESS: &str = "SANDBUS_TEST_KAFKA_SASL";
/// The user that SCRAM-SHA-256, SCRAM-SHA-512 and PLAIN know.
pub const USER: &str = "SANDBUS_TEST_KAFKA_USER";
/// Its password.
pub const PASSWORD: &str = "SANDBUS_TEST_KAFKA_PASSWORD";
/// The file of the authority's certificate, in PEM.
pub const AUTHORITY: &str = "SANDBUS_TEST_KAFKA_CA";

/// The broker's process, for who measures it, or says which processors are its own. Empty while it does not run.
pub const PROCESS: &str = "SANDBUS_TEST_KAFKA_PROCESS";

/// The variables that describe `kafka`.
#[must_use]
pub fn variables(kafka: &Kafka) -> [(&'static str, String); 6] {
    let sasl = kafka.sasl();
    [
        (ADDRESS, kafka.connection().bootstrap().to_owned()),
        (SASL_ADDRESS, sasl.bootstrap),
        (USER, sasl.user),
        (PASSWORD, sasl.password),
        (AUTHORITY, sasl.authority.display().to_string()),
        (PROCESS, kafka.process_id().map_or_else(String::new, |id| id.to_string())),
    ]
}

#[track_caller]
pub(super) fn shared() -> Connection {
    Connection::plaintext(&variable(ADDRESS))
}

#[track_caller]
pub(super) fn shared_sasl() -> Sasl {
    Sasl {
        bootstrap: variable(SASL_ADDRESS),
        user: variable(USER),
        password: variable(PASSWORD),
        authority: PathBuf::from(variable(AUTHORITY)),
    }
}

#[track_caller]
fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| {
        panic!("{name} is not set: the end-to-end tests need a running Kafka. Run them with `make test`.")
    })
}
