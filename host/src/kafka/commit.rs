//! Commits whose answer arrives.
//!
//! The safe wrapper's asynchronous commit names no queue for the answer, and with librdkafka's event
//! interface there is then none: a refused commit would pass unseen. Here the answer goes to the
//! consumer's own queue, from which `poll` hands it to `ConsumerContext::commit_callback`.

use rdkafka::bindings;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::topic_partition_list::TopicPartitionList;

/// Asks for a commit. It is answered in `commit_callback`, once.
///
/// # Errors
/// Where librdkafka does not even try.
pub fn commit<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    offsets: &TopicPartitionList,
) -> Result<(), RDKafkaErrorCode> {
    let client = consumer.client().native_ptr();
    // SAFETY: the client is alive as long as `consumer`; the call takes a reference, given back below.
    let queue = unsafe { bindings::rd_kafka_queue_get_consumer(client) };
    if queue.is_null() {
        return Err(RDKafkaErrorCode::UnknownGroup);
    }
    // SAFETY: all three are alive; the list is copied, and without a callback nothing is kept of ours.
    let error = unsafe { bindings::rd_kafka_commit_queue(client, offsets.ptr(), queue, None, std::ptr::null_mut()) };
    // SAFETY: gives back the reference from above; the answer holds one of its own.
    unsafe { bindings::rd_kafka_queue_destroy(queue) };
    match RDKafkaErrorCode::from(error) {
        RDKafkaErrorCode::NoError => Ok(()),
        error => Err(error),
    }
}
