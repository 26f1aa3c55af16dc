//! How far a partition goes on while one of its keys is stuck: until its window or its share of the buffer is full.

use sandbus_tests::eventually;

use crate::delivery::SOON;
use crate::delivery::stage::{Probe, Stage, event};

/// Of 4 KiB and a little each.
const RECORDS: usize = 600;
/// One of this many is of the key that is stuck.
const STUCK: usize = 8;

/// Without a redrive topic the one partition has the whole buffer. Every record is larger than 4 KiB and smaller than 5 KiB, so that at least 51 of them are within 256 KiB.
#[test]
fn a_partition_goes_on_until_its_share_of_the_buffer_is_full() {
    let stage = Stage::new(1).delivery("max_buffer = \"256KiB\"\nenable_dlq = false").probe(Probe::named("probe"));
    let _host = stage.start();
    let records = (0..RECORDS).map(|number| {
        let (key, steps) = if number % STUCK == 0 {
            ("stuck".to_owned(), "until:2:retry:600s")
        } else {
            (format!("key-{number}"), "ack")
        };
        event(&key, steps).value(vec![b'x'; 4096])
    });
    stage.topic.write(records);
    // Fifty stuck events fit, and between each two of them there are others.
    let least = 50 * (STUCK - 1);
    eventually(&format!("{least} events to be handled"), SOON, || {
        let handled = stage.acks().len();
        if handled >= least { Ok(()) } else { Err(format!("{handled}")) }
    });
}
