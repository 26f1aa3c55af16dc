//! What is read out of librdkafka's structure is what librdkafka says itself; other bytes are nothing.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use rdkafka::Message as _;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::BorrowedMessage;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::*;
use crate::event::outgoing::OutgoingHeader;
use crate::kafka::embedded::EmbeddedBroker;
use crate::kafka::headers;

type Parts = (i64, Option<i64>, Option<Vec<u8>>, Option<Vec<u8>>, Vec<OutgoingHeader>);

/// Key, value and headers.
type Sent<'a> = (Option<&'a [u8]>, Option<&'a [u8]>, Vec<OutgoingHeader>);

fn owned(name: &[u8], value: Option<&[u8]>) -> OutgoingHeader {
    (name.to_vec(), value.map(<[u8]>::to_vec))
}

fn by_this_module(message: &BorrowedMessage<'_>) -> Parts {
    // SAFETY: it is borrowed for as long.
    let message = unsafe { Message::new(message.ptr()) };
    assert!(message.error().is_none());
    message.prefetch();
    let headers = message.headers().map(|(name, value)| owned(name, value)).collect();
    let [key, value] = [message.key(), message.value()].map(|bytes| bytes.map(<[u8]>::to_vec));
    (message.offset(), message.timestamp(), key, value, headers)
}

fn by_librdkafka(message: &BorrowedMessage<'_>) -> Parts {
    let mut all = Vec::new();
    if let Some(list) = message.headers() {
        headers::for_each(list, |name, value| all.push(owned(name, value)));
    }
    let [key, value] = [message.key(), message.payload()].map(|bytes| bytes.map(<[u8]>::to_vec));
    (message.offset(), message.timestamp().to_millis(), key, value, all)
}

#[test]
fn a_message_is_what_librdkafka_says_it_is() {
    let broker = EmbeddedBroker::start().unwrap();
    broker.create_topic("t", 1).unwrap();
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", broker.bootstrap_servers()).set("group.id", "none");
    let long = vec![b'v'; 70_000];
    let sent: Vec<Sent<'_>> = vec![
        (None, None, vec![]),
        (Some(b""), Some(b""), vec![owned(b"", None)]),
        (Some(b"key"), Some(b"value"), vec![owned(b"a", Some(b"1")), owned(b"a", None), owned(b"b", Some(b""))]),
        (None, Some(&long), vec![owned(b"\xff\xfe", Some(&[0, 0xff])), owned(b"long", Some(&long))]),
        (Some(&long), None, vec![owned(b"tombstone", Some(b"yes")); 40]),
    ];
    for codec in ["none", "gzip"] {
        let producer: BaseProducer = config.clone().set("compression.codec", codec).create().unwrap();
        for (number, (key, value, headers)) in sent.iter().enumerate() {
            let mut record =
                BaseRecord::<[u8], [u8]>::to("t").partition(0).timestamp(1_700_000_000_000 + number as i64);
            record.key = *key;
            record.payload = *value;
            record.headers = headers::build(headers);
            producer.send(record).map_err(|(error, _)| error).unwrap();
        }
        producer.flush(Duration::from_secs(10)).unwrap();
    }

    let consumer: BaseConsumer = config.create().unwrap();
    let mut partitions = TopicPartitionList::new();
    partitions.add_partition_offset("t", 0, Offset::Beginning).unwrap();
    consumer.assign(&partitions).unwrap();
    let (mut read, until) = (0, Instant::now() + Duration::from_secs(20));
    while read < 2 * sent.len() {
        assert!(Instant::now() < until, "{read} messages came");
        let Some(message) = consumer.poll(Duration::from_millis(100)) else { continue };
        let message = message.unwrap();
        let found = by_this_module(&message);
        let (key, value, headers) = &sent[read % sent.len()];
        assert_eq!((found.2.as_deref(), found.3.as_deref(), &found.4), (*key, *value, headers), "message {read}");
        assert_eq!(found, by_librdkafka(&message), "message {read}");
        read += 1;
    }
}

fn headers_of(bytes: &[u8]) -> Vec<OutgoingHeader> {
    let mut rest = bytes;
    let count = varint(&mut rest).and_then(|count| usize::try_from(count).ok()).unwrap_or_default();
    Headers { rest, count }.map(|(name, value)| owned(name, value)).collect()
}

#[test]
fn bytes_that_are_no_headers_end_them() {
    // One header: "a", with a value of two bytes.
    assert_eq!(headers_of(&[2, 2, b'a', 4, 1, 2]), [owned(b"a", Some(&[1, 2]))]);
    for cut in [&[][..], &[2], &[2, 2], &[2, 2, b'a'], &[2, 2, b'a', 4, 1], &[0x80; 20], &[1, 2, b'a', 0]] {
        assert!(headers_of(cut).is_empty(), "{cut:?}");
    }
    assert!(headers_of(&[2, 1, 0]).is_empty(), "a name cannot be absent");
    assert!(headers_of(&[2, 2, b'a', 3]).is_empty(), "no length is -2");
    assert_eq!(headers_of(&[4, 2, b'a', 0]), [owned(b"a", Some(&[]))], "the second is not there");
}

proptest! {
    #[test]
    fn no_bytes_are_read_that_are_not_there(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        let sum: usize = headers_of(&bytes).iter().map(|(name, value)| name.len() + value.as_ref().map_or(0, Vec::len)).sum();
        prop_assert!(sum <= bytes.len());
    }
}
