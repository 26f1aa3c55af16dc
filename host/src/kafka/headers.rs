//! Header names and values as bytes, which librdkafka's safe wrapper does not offer: it panics on a name
//! that is not UTF-8, on reading and on writing.

use std::ffi::{CStr, c_void};
use std::ptr;

use rdkafka::bindings;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::{BorrowedHeaders, OwnedHeaders};

use crate::event::outgoing::OutgoingHeader;

/// Calls `each` with name and value of every header, in order.
///
/// A name is a C string in librdkafka: it ends at its first NUL.
pub fn for_each(headers: &BorrowedHeaders, mut each: impl FnMut(&[u8], Option<&[u8]>)) {
    // A `&BorrowedHeaders` is librdkafka's own pointer under another type; see `BorrowedHeaders::from_native_ptr`.
    let list: *const bindings::rd_kafka_headers_t = ptr::from_ref(headers).cast();
    for index in 0.. {
        let (mut name, mut value, mut size) = (ptr::null(), ptr::null::<c_void>(), 0usize);
        // SAFETY: `list` is alive as long as the borrowed message, and the three outputs are our own.
        let error = unsafe { bindings::rd_kafka_header_get_all(list, index, &mut name, &mut value, &mut size) };
        if RDKafkaErrorCode::from(error) != RDKafkaErrorCode::NoError || name.is_null() {
            return;
        }
        // SAFETY: librdkafka keeps names NUL-terminated, and alive as long as the list.
        let name = unsafe { CStr::from_ptr(name) }.to_bytes();
        // SAFETY: a value that is not null has `size` bytes, alive as long as the list.
        let value = (!value.is_null()).then(|| unsafe { std::slice::from_raw_parts(value.cast::<u8>(), size) });
        each(name, value);
    }
}

/// A header list to send. `None` where there are no headers, or no memory.
pub fn build(headers: &[OutgoingHeader]) -> Option<OwnedHeaders> {
    if headers.is_empty() {
        return None;
    }
    // SAFETY: makes a new list, which is destroyed below.
    let list = unsafe { bindings::rd_kafka_headers_new(headers.len()) };
    if list.is_null() {
        return None;
    }
    for (name, value) in headers {
        let (bytes, size) = match value {
            Some(value) => (value.as_ptr().cast::<c_void>(), value.len()),
            None => (ptr::null(), 0),
        };
        // SAFETY: name and value are copied, with the lengths given; a null value is an absent one.
        unsafe {
            bindings::rd_kafka_header_add(list, name.as_ptr().cast(), name.len() as isize, bytes, size as isize);
        }
    }
    // SAFETY: as in `for_each`, the other way round; `list` lives until it is destroyed below.
    let borrowed: &BorrowedHeaders = unsafe { &*list.cast() };
    let owned = borrowed.detach();
    // SAFETY: `owned` is a copy, and nothing else points to `list`.
    unsafe { bindings::rd_kafka_headers_destroy(list) };
    Some(owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bytes_but_nul_come_back() {
        let headers: Vec<OutgoingHeader> = vec![
            (b"a".to_vec(), Some(b"1".to_vec())),
            (b"a".to_vec(), None),
            (b"\xff\xfe".to_vec(), Some(vec![])),
            (b"".to_vec(), Some(vec![0, 0xff])),
        ];
        let built = build(&headers).unwrap();
        let mut read = Vec::new();
        for_each(built.as_borrowed(), |name, value| read.push((name.to_vec(), value.map(<[u8]>::to_vec))));
        assert_eq!(read, headers);
        assert!(build(&[]).is_none());
    }
}
