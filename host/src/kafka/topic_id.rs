//! Which topic a name stands for: one that was deleted and made again under its name is another. Kafka
//! knows by the topic's id, for which librdkafka's safe wrapper has no question.

use std::ffi::CString;
use std::ptr::{self, NonNull};
use std::time::Duration;

use rdkafka::admin::AdminClient;
use rdkafka::bindings;
use rdkafka::client::ClientContext;
use rdkafka::error::RDKafkaErrorCode;

/// A topic's id.
pub type TopicId = (i64, i64);

/// The id of a topic. `None` where no broker answers in time, there is no such topic, or the brokers know
/// no ids. Blocks.
pub fn of<C: ClientContext>(admin: &AdminClient<C>, topic: &str, timeout: Duration) -> Option<TopicId> {
    let client = admin.inner().native_ptr();
    let milliseconds = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    let name = CString::new(topic).ok()?;
    let mut names = [name.as_ptr()];
    // SAFETY: the client is alive. What is made here is destroyed below, after the last use of what lies in
    // it: the description lies in the event. librdkafka copies names and options.
    unsafe {
        let queue = bindings::rd_kafka_queue_new(client);
        let topics = bindings::rd_kafka_TopicCollection_of_topic_names(names.as_mut_ptr(), names.len());
        let kind = bindings::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS;
        let options = bindings::rd_kafka_AdminOptions_new(client, kind);
        // A timeout that is not taken leaves the default.
        bindings::rd_kafka_AdminOptions_set_request_timeout(options, milliseconds, ptr::null_mut(), 0);
        bindings::rd_kafka_DescribeTopics(client, topics, options, queue);
        let event = bindings::rd_kafka_queue_poll(queue, milliseconds);
        let id = described(event);
        if !event.is_null() {
            bindings::rd_kafka_event_destroy(event);
        }
        bindings::rd_kafka_AdminOptions_destroy(options);
        bindings::rd_kafka_TopicCollection_destroy(topics);
        bindings::rd_kafka_queue_destroy(queue);
        id
    }
}

/// The id in the answer to a question about one topic.
///
/// # Safety
/// `event` is null or alive.
unsafe fn described(event: *mut bindings::rd_kafka_event_t) -> Option<TopicId> {
    // SAFETY: all of it lies in the event, which is alive.
    unsafe {
        let result = bindings::rd_kafka_event_DescribeTopics_result(NonNull::new(event)?.as_ptr());
        if result.is_null() {
            return None;
        }
        let mut count = 0;
        let descriptions = bindings::rd_kafka_DescribeTopics_result_topics(result, &mut count);
        if descriptions.is_null() || count == 0 {
            return None;
        }
        let description = *descriptions;
        let error = bindings::rd_kafka_TopicDescription_error(description);
        if RDKafkaErrorCode::from(bindings::rd_kafka_error_code(error)) != RDKafkaErrorCode::NoError {
            return None;
        }
        let id = bindings::rd_kafka_TopicDescription_topic_id(description);
        if id.is_null() {
            return None;
        }
        let halves =
            (bindings::rd_kafka_Uuid_most_significant_bits(id), bindings::rd_kafka_Uuid_least_significant_bits(id));
        (halves != (0, 0)).then_some(halves)
    }
}
