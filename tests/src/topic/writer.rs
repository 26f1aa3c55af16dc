//! Writing records whose header names may be any bytes.

use std::ffi::{CStr, CString};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::bindings as native;
use rdkafka::client::ClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Message as _};
use rdkafka::producer::{BaseProducer, Producer as _, ProducerContext};

use super::headers::List;
use super::record::Record;
use crate::kafka::Connection;
use crate::names;

/// `RD_KAFKA_PARTITION_UA`, a macro that the bindings leave out: the partitioner chooses.
const UNASSIGNED: i32 = -1;

type Place = Result<(i32, i64), KafkaError>;

/// What the broker said to each record, by the record's number.
#[derive(Default)]
struct Acknowledgements(Mutex<Vec<(usize, Place)>>);

impl ClientContext for Acknowledgements {}

impl ProducerContext for Acknowledgements {
    type DeliveryOpaque = Box<usize>;

    fn delivery(&self, result: &DeliveryResult<'_>, number: Box<usize>) {
        let place = match result {
            Ok(message) => Ok((message.partition(), message.offset())),
            Err((error, _)) => Err(error.clone()),
        };
        self.get().push((*number, place));
    }
}

impl Acknowledgements {
    fn get(&self) -> MutexGuard<'_, Vec<(usize, Place)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a transaction ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// All of it can be read.
    Commit,
    /// None of it can be read, except by those who ask for what is not committed.
    Abort,
}

/// A transaction that has its records and is open: they stand behind the last stable offset. Dropped, it is the broker's to abort.
pub struct Transaction {
    producer: Writer,
    deadline: Duration,
}

type Writer = BaseProducer<Acknowledgements>;

impl Transaction {
    /// Begins one and writes all records, whose partitions and offsets it gives in their order.
    pub(super) fn begin(
        connection: &Connection,
        topic: &str,
        records: impl IntoIterator<Item = Record>,
        deadline: Duration,
    ) -> Result<(Transaction, Vec<(i32, i64)>), String> {
        let producer = producer(connection, deadline, Some(&names::unique("writer")))?;
        producer.init_transactions(deadline).map_err(|error| error.to_string())?;
        producer.begin_transaction().map_err(|error| error.to_string())?;
        let places = send(&producer, topic, records, deadline)?;
        Ok((Transaction { producer, deadline }, places))
    }

    pub(super) fn finish(&self, end: End) -> Result<(), String> {
        let ended = match end {
            End::Commit => self.producer.commit_transaction(self.deadline),
            End::Abort => self.producer.abort_transaction(self.deadline),
        };
        ended.map_err(|error| error.to_string())
    }

    /// Ends it.
    ///
    /// # Panics
    /// When the broker refuses or does not answer.
    #[track_caller]
    pub fn end(self, end: End) {
        self.finish(end).unwrap_or_else(|error| panic!("{end:?} of a transaction: {error}"));
    }
}

/// Writes all records and gives partition and offset of each, in their order. In one transaction, if it has an `end`.
pub(super) fn write(
    connection: &Connection,
    topic: &str,
    records: impl IntoIterator<Item = Record>,
    deadline: Duration,
    end: Option<End>,
) -> Result<Vec<(i32, i64)>, String> {
    let Some(end) = end else { return send(&producer(connection, deadline, None)?, topic, records, deadline) };
    let (transaction, places) = Transaction::begin(connection, topic, records, deadline)?;
    transaction.finish(end)?;
    Ok(places)
}

fn producer(connection: &Connection, deadline: Duration, transactional_id: Option<&str>) -> Result<Writer, String> {
    let mut client = connection.client();
    client
        .set("enable.idempotence", "true")
        .set("partitioner", "murmur2_random")
        .set("linger.ms", "2")
        // The topic says what is too large.
        .set("message.max.bytes", "16777216")
        // A broker that hangs is left for the next leader while there is time.
        .set("socket.timeout.ms", "8000")
        .set("message.timeout.ms", deadline.as_millis().to_string());
    if let Some(id) = transactional_id {
        client.set("transactional.id", id);
    }
    client.create_with_context(Acknowledgements::default()).map_err(|error| error.to_string())
}

/// Writes all records, and waits until the broker has answered for each.
fn send(
    producer: &Writer,
    topic: &str,
    records: impl IntoIterator<Item = Record>,
    deadline: Duration,
) -> Result<Vec<(i32, i64)>, String> {
    let topic = CString::new(topic).map_err(|error| error.to_string())?;
    let mut written = 0;
    for record in records {
        enqueue(producer, &topic, written, &record, deadline)?;
        written += 1;
        producer.poll(Duration::ZERO);
    }
    producer.flush(deadline).map_err(|error| error.to_string())?;
    let mut acknowledged = std::mem::take(&mut *producer.context().get());
    acknowledged.sort_by_key(|(number, _)| *number);
    if acknowledged.len() != written {
        return Err(format!("{} of {written} records answered for", acknowledged.len()));
    }
    acknowledged.into_iter().map(|(number, place)| place.map_err(|error| format!("record {number}: {error}"))).collect()
}

/// Hands one record over, waiting for room in the producer's queue.
fn enqueue(producer: &Writer, topic: &CStr, number: usize, record: &Record, deadline: Duration) -> Result<(), String> {
    let start = Instant::now();
    loop {
        match try_enqueue(producer, topic, number, record) {
            Ok(()) => return Ok(()),
            Err(RDKafkaErrorCode::QueueFull) if start.elapsed() < deadline => {
                producer.poll(Duration::from_millis(20));
            }
            Err(code) => return Err(format!("record {number}: {code}")),
        }
    }
}

fn try_enqueue(producer: &Writer, topic: &CStr, number: usize, record: &Record) -> Result<(), RDKafkaErrorCode> {
    use native::rd_kafka_vtype_t as tag;
    let headers = List::new(&record.headers);
    // Comes back in the delivery report, as the `DeliveryOpaque` above.
    let opaque = Box::into_raw(Box::new(number));
    let arguments = [
        argument(tag::RD_KAFKA_VTYPE_TOPIC, |u| u.cstr = topic.as_ptr()),
        argument(tag::RD_KAFKA_VTYPE_MSGFLAGS, |u| {
            u.i = native::RD_KAFKA_MSG_F_COPY;
        }),
        argument(tag::RD_KAFKA_VTYPE_PARTITION, |u| {
            u.i32_ = record.partition.unwrap_or(UNASSIGNED);
        }),
        argument(tag::RD_KAFKA_VTYPE_KEY, |u| {
            u.mem = memory(record.key.as_deref());
        }),
        argument(tag::RD_KAFKA_VTYPE_VALUE, |u| {
            u.mem = memory(record.value.as_deref());
        }),
        argument(tag::RD_KAFKA_VTYPE_TIMESTAMP, |u| {
            u.i64_ = record.timestamp.unwrap_or(0);
        }),
        argument(tag::RD_KAFKA_VTYPE_HEADERS, |u| {
            u.headers = headers.as_ptr();
        }),
        argument(tag::RD_KAFKA_VTYPE_OPAQUE, |u| u.ptr = opaque.cast()),
    ];
    // SAFETY: the client is alive; each argument's tag names the member of the union that was set; topic, key and
    // value are copied (`F_COPY`) before the call returns.
    let error =
        unsafe { native::rd_kafka_produceva(producer.client().native_ptr(), arguments.as_ptr(), arguments.len()) };
    if error.is_null() {
        headers.taken_over();
        return Ok(());
    }
    // SAFETY: a failed call made no report, so the number is still ours; the error is freed once, after it was read.
    let code = unsafe {
        drop(Box::from_raw(opaque));
        let code = native::rd_kafka_error_code(error);
        native::rd_kafka_error_destroy(error);
        code
    };
    Err(code.into())
}

fn argument(
    vtype: native::rd_kafka_vtype_t,
    set: impl FnOnce(&mut native::rd_kafka_vu_s__bindgen_ty_1),
) -> native::rd_kafka_vu_t {
    let mut u = native::rd_kafka_vu_s__bindgen_ty_1 { _pad: [0; 64] };
    set(&mut u);
    native::rd_kafka_vu_t { vtype, u }
}

/// Null is null, and empty is a pointer to nothing.
fn memory(bytes: Option<&[u8]>) -> native::rd_kafka_vu_s__bindgen_ty_1__bindgen_ty_1 {
    let (ptr, size) = bytes.map_or((std::ptr::null(), 0), |bytes| (bytes.as_ptr(), bytes.len()));
    native::rd_kafka_vu_s__bindgen_ty_1__bindgen_ty_1 { ptr: ptr.cast_mut().cast(), size }
}
