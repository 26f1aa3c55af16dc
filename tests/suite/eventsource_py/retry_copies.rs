//! Its retries are new records of the same topic, for every group to see.

use super::{Bus, PLACED, headers, order, stage, written};
use crate::delivery::stage::Probe;

#[test]
fn its_retry_copies_are_plain_events_to_others() {
    let bus = Bus::create(1);
    let stage = stage(&bus, 1).probe(Probe::named("probe"));
    let host = stage.start();
    let published = bus.publish(&[order(PLACED[0].0, 1)]);
    bus.consume(3, &["--max-retries", "2", "--fail", "broken"]);
    stage.wait_final(3);

    let records = stage.topic.read();
    let came = written(&published[0]["event"]);
    for (number, record) in records.iter().enumerate() {
        assert_eq!(headers(record)[..came.len()], came);
        let more: Vec<_> = record.headers[came.len()..].iter().map(|(name, _)| name.as_slice()).collect();
        let expected: &[&[u8]] = if number == 0 { &[] } else { &[b"retry_count", b"retry_after"] };
        assert_eq!(more, expected);
        let count = (number > 0).then(|| number.to_string());
        assert_eq!(record.header("retry_count"), count.as_deref());
    }
    // Each is an event of its own: nobody's count of tries, and no time to wait for.
    let acks: Vec<_> = stage.acks().iter().map(|ack| (ack.offset, ack.attempt)).collect();
    assert_eq!(acks, [(0, 1), (1, 1), (2, 1)]);
    host.wait_metric("kafka_eventbus_messages_consumed_total", &[("event_type", "OrderCreated")], 3.0, super::SOON);
}
