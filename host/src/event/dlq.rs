//! Names of the headers of dead letters. All their values are text.

/// Every header that a dead letter adds starts with this.
pub const PREFIX: &str = "dlq_";

/// Why the event was given up.
pub const REASON: &str = "dlq_reason";
/// The last try's `error.type`.
pub const ERROR_TYPE: &str = "dlq_error_type";
/// What is known, for people.
pub const ERROR_MESSAGE: &str = "dlq_error_message";
/// Tries after the first.
pub const RETRY_COUNT: &str = "dlq_retry_count";
/// When it was given up, in RFC 3339.
pub const TIMESTAMP: &str = "dlq_timestamp";
/// The event's own time, in milliseconds since the Unix epoch.
pub const ORIGINAL_TIMESTAMP: &str = "dlq_original_timestamp";
/// The source topic.
pub const ORIGINAL_TOPIC: &str = "dlq_original_topic";
/// The event's partition there.
pub const ORIGINAL_PARTITION: &str = "dlq_original_partition";
/// The event's offset there.
pub const ORIGINAL_OFFSET: &str = "dlq_original_offset";
/// The group that gave it up.
pub const CONSUMER_GROUP: &str = "dlq_consumer_group";
/// The handler that failed.
pub const HANDLER: &str = "dlq_handler";
/// The SHA-256 of its component.
pub const HANDLER_DIGEST: &str = "dlq_handler_digest";
/// How often it was redriven in vain; absent is 0.
pub const REDRIVE_COUNT: &str = "dlq_redrive_count";
/// The value was too large for the topic, and is gone.
pub const TRUNCATED: &str = "dlq_truncated";
