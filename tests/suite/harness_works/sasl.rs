//! TLS and passwords: the right ones pass, the wrong ones fail for the reason that was meant.

use std::fs;
use std::sync::Mutex;
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use sandbus_tests::kafka::{Mechanism, Sasl, authority_pem};
use sandbus_tests::{Connection, Record, Topic, eventually};

use super::SOON;

#[test]
fn every_mechanism_writes_and_reads() {
    let plaintext = Topic::create(&Connection::shared(), 1);
    let mechanisms = [Mechanism::ScramSha256, Mechanism::ScramSha512, Mechanism::Plain];
    for mechanism in mechanisms {
        let connection = Sasl::shared().connection(mechanism);
        let topic = Topic::named(&connection, plaintext.name());
        topic.write([Record::new().value(mechanism.name())]);
        assert_eq!(topic.read().last().unwrap().text(), mechanism.name(), "over SASL_SSL");
    }
    assert_eq!(plaintext.read().len(), 3, "over PLAINTEXT");
}

#[test]
fn a_wrong_password_is_refused() {
    let sasl = Sasl::shared().with_password("wrong");
    for mechanism in [Mechanism::ScramSha256, Mechanism::ScramSha512, Mechanism::Plain] {
        let (code, reason) = refusal(&sasl.connection(mechanism));
        assert_eq!(code, RDKafkaErrorCode::Authentication, "{reason}");
    }
}

#[test]
fn a_wrong_authority_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let other = directory.path().join("other.pem");
    fs::write(&other, authority_pem()).unwrap();
    let sasl = Sasl::shared().with_authority(&other);
    let (code, reason) = refusal(&sasl.connection(Mechanism::ScramSha256));
    assert_eq!(code, RDKafkaErrorCode::SSL, "{reason}");
    assert!(reason.contains("certificate verify failed"), "{reason}");
}

/// Why a connection does not come about: the error's code, and librdkafka's words for it.
fn refusal(connection: &Connection) -> (RDKafkaErrorCode, String) {
    let client: BaseConsumer<Reasons> = connection.client().create_with_context(Reasons::default()).unwrap();
    let question = Duration::from_millis(200);
    eventually("a refusal", SOON, || {
        if client.fetch_metadata(None, question).is_ok() {
            panic!("the broker answers over a connection that should not exist");
        }
        // Hands errors to the context. With no time to spend, it would stop after each log line.
        while client.poll(question).is_some() {}
        let reasons = client.context().0.lock().unwrap();
        reasons
            .iter()
            .find(|(code, _)| *code != RDKafkaErrorCode::AllBrokersDown)
            .cloned()
            .ok_or_else(|| format!("{reasons:?}"))
    })
}

/// Keeps the errors of a client.
#[derive(Default)]
struct Reasons(Mutex<Vec<(RDKafkaErrorCode, String)>>);

impl ClientContext for Reasons {
    fn error(&self, error: KafkaError, reason: &str) {
        if let Some(code) = error.rdkafka_error_code() {
            self.0.lock().unwrap().push((code, reason.to_owned()));
        }
    }
}

impl ConsumerContext for Reasons {}
