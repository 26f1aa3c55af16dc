//! The records that are written: orders, each one's bytes decided by its number.

use std::fmt::Write as _;
use std::sync::Arc;

use crate::event::Outgoing;
use crate::event::outgoing::OutgoingHeader;

/// The header that says when a record was meant to be sent: nanoseconds of this process's own clock.
pub const SENT: &str = "sent";

/// The fewest bytes that an order has.
pub const SMALLEST_ORDER: usize = 200;

/// What the records look like.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Bytes of a value.
    pub size: usize,
    /// How many different keys there are.
    pub keys: u64,
    /// How many headers a record has: `event_type`, `event_id`, `sent`, then others.
    pub headers: usize,
}

impl Shape {
    /// The record of that number.
    pub fn record(&self, topic: &Arc<str>, number: u64, sent: u64) -> Outgoing {
        let key = mixed(number) % self.keys.max(1);
        Outgoing {
            topic: topic.clone(),
            key: Some(uuid(key).into_bytes()),
            value: Some(self.value(number, key)),
            headers: (0..self.headers).map(|index| header(index, number, sent)).collect(),
            timestamp: None,
        }
    }

    /// JSON of exactly that many bytes, where they are enough; else the beginning of it.
    fn value(&self, number: u64, key: u64) -> Vec<u8> {
        let customer = key % 10_000;
        let mut text =
            format!("{{\"order_id\":\"o-{number}\",\"customer\":\"c-{customer}\",\"currency\":\"EUR\",\"items\":[");
        let mut random = mixed(number ^ 0x5bd1_e995);
        loop {
            let (sku, quantity, cents) = (random % 50_000, random >> 16 & 3, 199 + (random >> 24 & 0x1fff));
            // Writing to a `String` does not fail.
            let _ = write!(text, "{{\"sku\":\"s-{sku}\",\"quantity\":{},\"price_cents\":{cents}}}", quantity + 1);
            if text.len() + 80 >= self.size {
                break;
            }
            text.push(',');
            random = mixed(random);
        }
        text.push_str("],\"note\":\"");
        let note = self.size.saturating_sub(text.len() + 2);
        text.extend(std::iter::repeat_n('x', note));
        text.push_str("\"}");
        let mut value = text.into_bytes();
        value.truncate(self.size);
        value
    }
}

fn header(index: usize, number: u64, sent: u64) -> OutgoingHeader {
    match index {
        0 => (b"event_type".to_vec(), Some(b"OrderCreated".to_vec())),
        1 => (b"event_id".to_vec(), Some(uuid(number).into_bytes())),
        2 => (SENT.into(), Some(sent.to_le_bytes().to_vec())),
        _ => (format!("header-{index}").into_bytes(), Some(b"0123456789abcdef".to_vec())),
    }
}

/// When a record with that header was meant to be sent.
pub fn sent(header: Option<&[u8]>) -> Option<u64> {
    Some(u64::from_le_bytes(header?.try_into().ok()?))
}

/// Spreads numbers, and never maps two to one (splitmix64).
fn mixed(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

/// 36 bytes that look like a UUID.
fn uuid(number: u64) -> String {
    let (high, low) = (mixed(number), mixed(!number));
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xffff,
        low >> 48,
        low & 0xffff_ffff_ffff
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_has_the_shape_that_was_asked_for() {
        for size in [SMALLEST_ORDER, 1024, 1 << 20] {
            for number in [0, 7, u64::from(u32::MAX)] {
                let record = Shape { size, keys: 100_000, headers: 5 }.record(&"t".into(), number, 42);
                let value = record.value.unwrap();
                assert_eq!(value.len(), size);
                assert_eq!(record.key.map(|key| key.len()), Some(36));
                assert_eq!(record.headers.len(), 5);
                assert_eq!(sent(record.headers[2].1.as_deref()), Some(42));
                let mut work = super::super::work::Work::new(|key| {
                    Some(match key {
                        "mode" => "json".into(),
                        _ => "1".into(),
                    })
                })
                .unwrap();
                let seen = super::super::work::Seen { id: "", event_type: "", value: Some(&value) };
                work.handle(&seen, &mut super::super::native::Nowhere).unwrap();
            }
        }
    }

    #[test]
    fn small_values_are_as_small_as_asked() {
        let record = Shape { size: 10, keys: 1, headers: 0 }.record(&"t".into(), 1, 0);
        assert_eq!((record.value.unwrap().len(), record.headers.len()), (10, 0));
    }
}
