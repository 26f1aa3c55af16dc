//! The process's producer: idempotent, waits for all replicas, and answers every record.

use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use crossbeam_channel::Sender;
use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseRecord, Producer as _, ProducerContext};

use super::connections::Attempts;
use super::polled::PolledProducer;
use super::{Cluster, ConnectionLog, headers};
use crate::delivery::ports::{Producer, SendError, Signal};
use crate::event::Outgoing;

/// A record on its way, and whom to answer under which token.
pub struct Ticket {
    token: u64,
    answers: Sender<Signal>,
    record: Arc<Outgoing>,
}

impl Ticket {
    fn answer(&self, answer: Result<(), SendError>) {
        // An engine that is gone needs no answer.
        let _ = self.answers.send(Signal::Sent(self.token, answer));
    }
}

/// What a client calls back.
pub struct ProducerLog {
    log: Arc<ConnectionLog>,
    attempts: Attempts,
    /// Sends what was refused for the size of its batch. `None` in the client that sends alone.
    alone: Option<Arc<Alone>>,
}

/// A client whose every batch is one record, made when it is first needed.
///
/// A broker refuses a batch as a whole, for a size that each of its records may be far from, and
/// librdkafka does not part it: only a record that was refused alone is too large.
struct Alone {
    config: ClientConfig,
    log: Arc<ConnectionLog>,
    client: OnceLock<Client>,
}

impl Alone {
    fn send(&self, ticket: Box<Ticket>) {
        let client = match self.client.get() {
            Some(client) => client,
            None => match connect(&self.config, &self.log, None) {
                Ok(client) => self.client.get_or_init(|| client),
                Err(error) => return ticket.answer(Err(SendError::Unavailable(format!("{error:#}")))),
            },
        };
        send(client, ticket);
    }
}

impl ClientContext for ProducerLog {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        super::log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.log.trouble(&error, reason);
    }

    fn stats_raw(&self, statistics: &[u8]) {
        self.log.told(statistics, &self.attempts, None);
    }
}

impl ProducerContext for ProducerLog {
    type DeliveryOpaque = Box<Ticket>;

    fn delivery(&self, result: &DeliveryResult<'_>, ticket: Box<Ticket>) {
        let answer = result.as_ref().map(|_| ()).map_err(|(error, _)| classify(error));
        match (&answer, &self.alone) {
            (Err(SendError::TooLarge(_)), Some(alone)) => alone.send(ticket),
            _ => ticket.answer(answer),
        }
    }
}

type Client = PolledProducer<ProducerLog>;

/// Sends records for every engine of the process.
pub struct SharedProducer {
    config: ClientConfig,
    log: Arc<ConnectionLog>,
    client: RwLock<Arc<Client>>,
    alone: Arc<Alone>,
}

impl SharedProducer {
    /// Connects when there is something to send.
    ///
    /// # Errors
    /// Where librdkafka does not accept the configuration.
    pub fn new(cluster: &Cluster) -> anyhow::Result<Arc<SharedProducer>> {
        let config = configure(cluster);
        let log = cluster.log.clone();
        let mut one_by_one = config.clone();
        one_by_one.set("batch.num.messages", "1");
        let alone = Arc::new(Alone { config: one_by_one, log: log.clone(), client: OnceLock::new() });
        let client = RwLock::new(Arc::new(connect(&config, &log, Some(alone.clone()))?));
        Ok(Arc::new(SharedProducer { config, log, client, alone }))
    }

    /// The door of one engine, which is answered through `answers`.
    pub fn door(self: &Arc<Self>, answers: Sender<Signal>) -> ProducerHandle {
        ProducerHandle { producer: self.clone(), answers }
    }

    fn client(&self) -> Arc<Client> {
        self.client.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// An idempotent producer that has lost its place stays broken; another takes its place.
    fn renew(&self, broken: &Arc<Client>) {
        let mut client = self.client.write().unwrap_or_else(PoisonError::into_inner);
        if Arc::ptr_eq(&client, broken) {
            tracing::warn!("the producer cannot go on; making another");
            match connect(&self.config, &self.log, Some(self.alone.clone())) {
                Ok(renewed) => *client = Arc::new(renewed),
                Err(error) => tracing::error!("no other producer: {error:#}"),
            }
        }
    }
}

/// What the producer is configured with.
pub(super) fn configure(cluster: &Cluster) -> ClientConfig {
    let mut config = cluster.producer();
    config
        .set("acks", "all")
        .set("enable.idempotence", "true")
        // As Kafka's own clients do, so that a key keeps its partition whoever writes it.
        .set("partitioner", "murmur2_random")
        // A broker that is away is waited for: nothing that was promised is given up.
        .set("message.timeout.ms", "0");
    if cluster.kafka.properties.get("message.max.bytes").is_none() {
        // The topic decides what is too large, not the client.
        config.set("message.max.bytes", "1000000000");
    }
    if cluster.kafka.properties.get("linger.ms").is_none() {
        config.set("linger.ms", "5");
    }
    cluster.tell_connections(&mut config);
    config
}

fn connect(config: &ClientConfig, log: &Arc<ConnectionLog>, alone: Option<Arc<Alone>>) -> anyhow::Result<Client> {
    PolledProducer::new(config, ProducerLog { log: log.clone(), attempts: Attempts::default(), alone })
}

/// Hands a record to a client. It is answered, now or later.
fn send(client: &Client, ticket: Box<Ticket>) {
    let record = ticket.record.clone();
    let mut base = BaseRecord::with_opaque_to(&record.topic, ticket);
    base.key = record.key.as_deref();
    base.payload = record.value.as_deref();
    base.headers = headers::build(&record.headers);
    base.timestamp = record.timestamp;
    if let Err((error, returned)) = client.send::<[u8], [u8]>(base) {
        returned.delivery_opaque.answer(Err(classify(&error)));
    }
}

/// One engine's way to the producer.
pub struct ProducerHandle {
    producer: Arc<SharedProducer>,
    answers: Sender<Signal>,
}

impl Producer for ProducerHandle {
    fn send(&self, token: u64, record: Arc<Outgoing>) {
        let ticket = Ticket { token, answers: self.answers.clone(), record };
        let client = self.producer.client();
        send(&client, Box::new(ticket));
        if client.client().fatal_error().is_some() {
            self.producer.renew(&client);
        }
    }
}

/// What an error means for the record.
fn classify(error: &KafkaError) -> SendError {
    let message = error.to_string();
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::MessageSizeTooLarge | RDKafkaErrorCode::InvalidMessageSize) => {
            SendError::TooLarge(message)
        }
        Some(
            RDKafkaErrorCode::TopicAuthorizationFailed
            | RDKafkaErrorCode::ClusterAuthorizationFailed
            | RDKafkaErrorCode::UnknownTopic
            | RDKafkaErrorCode::UnknownTopicOrPartition
            | RDKafkaErrorCode::UnknownPartition
            | RDKafkaErrorCode::InvalidTopic
            | RDKafkaErrorCode::InvalidRecord
            | RDKafkaErrorCode::PolicyViolation
            | RDKafkaErrorCode::InvalidMessage,
        ) => SendError::Refused(message),
        _ => SendError::Unavailable(message),
    }
}
