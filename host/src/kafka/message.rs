//! A fetched message, read where it lies.
//!
//! librdkafka keeps headers as they came and takes them apart when they are first asked for, into a list of
//! its own: some ten allocations for a record with three headers, more time than all else that reading a
//! record takes. Where they came it does not say in public, so they are read here out of its own structure
//! (`rd_kafka_msg_s`, `rdkafka_msg.h`), which is part of the version that we build and link, and of no other:
//! `VERSION`.

use std::ffi::{c_int, c_void};

use rdkafka::bindings;
use rdkafka::error::RDKafkaErrorCode;

/// The version whose structure this is. With another one: compare `rd_kafka_msg_s`, `rd_kafkap_bytes_s` and
/// `rd_kafka_msg_headers_parse`, then set this.
const VERSION: i32 = 0x020c_01ff;
const _: () = assert!(bindings::RD_KAFKA_VERSION == VERSION, "librdkafka is another one: see kafka/message.rs");

/// `rd_kafka_msg_s` of a consumer. A message of librdkafka is the first field of one.
#[repr(C)]
struct Whole {
    message: bindings::rd_kafka_message_t,
    link: [*mut c_void; 2],
    flags: c_int,
    timestamp_type: bindings::rd_kafka_timestamp_type_t,
    timestamp: i64,
    parsed_headers: *mut c_void,
    status: c_int,
    broker_id: i32,
    headers: BinaryHeaders,
}

/// `rd_kafkap_bytes_s`, as far as it is used.
#[repr(C)]
struct BinaryHeaders {
    length: i32,
    data: *const u8,
}

/// A message, or an error, that librdkafka has fetched for a partition. It pins the fetch it came with.
#[derive(Clone, Copy)]
pub struct Message<'a>(&'a Whole);

impl<'a> Message<'a> {
    /// A message of a partition's queue.
    ///
    /// # Safety
    /// It was fetched by librdkafka, and is not destroyed for as long as `'a`.
    pub unsafe fn new(message: *const bindings::rd_kafka_message_t) -> Self {
        // SAFETY: what is fetched is such a structure; see `VERSION`.
        Message(unsafe { &*message.cast() })
    }

    fn bytes(self, start: *const c_void, length: usize) -> Option<&'a [u8]> {
        // SAFETY: what is not null has that many bytes, alive as long as the message.
        (!start.is_null()).then(|| unsafe { std::slice::from_raw_parts(start.cast(), length) })
    }

    /// The error that stands in the place of a message.
    pub fn error(self) -> Option<RDKafkaErrorCode> {
        match RDKafkaErrorCode::from(self.0.message.err) {
            RDKafkaErrorCode::NoError => None,
            code => Some(code),
        }
    }

    /// Where it stands.
    pub fn offset(self) -> i64 {
        self.0.message.offset
    }

    /// Milliseconds since the Unix epoch.
    pub fn timestamp(self) -> Option<i64> {
        let unknown = bindings::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        (self.0.timestamp_type != unknown && self.0.timestamp != -1).then_some(self.0.timestamp)
    }

    /// `None` is absent, which is not empty.
    pub fn key(self) -> Option<&'a [u8]> {
        self.bytes(self.0.message.key, self.0.message.key_len)
    }

    /// `None` is a tombstone, which is not empty. Of an error: what is known of it, for people.
    pub fn value(self) -> Option<&'a [u8]> {
        self.bytes(self.0.message.payload, self.0.message.len)
    }

    /// All headers, in order, as they came. Of a message, not of an error.
    pub fn headers(self) -> Headers<'a> {
        let BinaryHeaders { length, data } = self.0.headers;
        let mut rest = match usize::try_from(length) {
            // SAFETY: what is not null has that many bytes, alive as long as the message.
            Ok(length) if !data.is_null() => unsafe { std::slice::from_raw_parts(data, length) },
            _ => &[],
        };
        let count = varint(&mut rest).and_then(|count| usize::try_from(count).ok()).unwrap_or_default();
        Headers { rest, count }
    }

    /// Brings the places where key and headers lie, on another core as yet, into this one's cache.
    pub fn prefetch(self) {
        for place in
            [self.0.message.key.cast::<u8>().cast_const(), self.0.headers.data, self.0.headers.data.wrapping_add(64)]
        {
            prefetch(place);
        }
    }
}

fn prefetch(place: *const u8) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a hint, which reads nothing: any address may be given.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(place.cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = place;
}

/// The headers of a message. Bytes that are no headers end it.
#[derive(Clone)]
pub struct Headers<'a> {
    rest: &'a [u8],
    /// How many are still to come.
    count: usize,
}

impl<'a> Iterator for Headers<'a> {
    type Item = (&'a [u8], Option<&'a [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        self.count = self.count.checked_sub(1)?;
        let name = sized(&mut self.rest)??;
        Some((name, sized(&mut self.rest)?))
    }
}

/// The next bytes with their length before them; `Some(None)` where they are absent.
fn sized<'a>(rest: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    match varint(rest)? {
        -1 => Some(None),
        length => {
            let (bytes, behind) = rest.split_at_checked(usize::try_from(length).ok()?)?;
            *rest = behind;
            Some(Some(bytes))
        }
    }
}

/// The next number: seven bits in each byte, lowest first, then "zigzag", as in Protocol Buffers.
fn varint(rest: &mut &[u8]) -> Option<i64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, behind) = rest.split_first()?;
        *rest = behind;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some((number >> 1).cast_signed() ^ -(number & 1).cast_signed());
        }
    }
    None
}

#[cfg(test)]
mod tests;
