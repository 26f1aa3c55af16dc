//! Record headers through librdkafka's C interface.
//!
//! The Rust one takes and gives names as `str`, and panics on reading one that is not UTF-8. Such names exist, and the
//! host must live with them, so tests must be able to write and read them.

use std::ffi::CStr;
use std::ptr;

use rdkafka::bindings as native;
use rdkafka::message::BorrowedMessage;

type Headers = Vec<(Vec<u8>, Option<Vec<u8>>)>;

/// A list in librdkafka's memory, freed when dropped.
pub(super) struct List(*mut native::rd_kafka_headers_t);

impl List {
    pub(super) fn new(headers: &Headers) -> List {
        // SAFETY: allocates and borrows nothing; the argument is only the capacity to begin with.
        let list = List(unsafe { native::rd_kafka_headers_new(headers.len()) });
        for (name, value) in headers {
            let (value, size) = match value {
                Some(value) => (value.as_ptr(), value.len()),
                None => (ptr::null(), 0),
            };
            // SAFETY: the list is alive, and name and value are copied before the call returns. A null value of size
            // 0 is the documented form of a header without a value.
            let error = unsafe {
                native::rd_kafka_header_add(
                    list.0,
                    name.as_ptr().cast(),
                    name.len().cast_signed(),
                    value.cast(),
                    size.cast_signed(),
                )
            };
            assert_eq!(error, native::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR);
        }
        list
    }

    /// For a call that takes the list over if, and only if, it succeeds.
    pub(super) fn as_ptr(&self) -> *mut native::rd_kafka_headers_t {
        self.0
    }

    /// After such a success.
    pub(super) fn taken_over(self) {
        std::mem::forget(self);
    }
}

impl Drop for List {
    fn drop(&mut self) {
        // SAFETY: made by `rd_kafka_headers_new`, and not taken over, or this value would be forgotten.
        unsafe { native::rd_kafka_headers_destroy(self.0) };
    }
}

/// All headers of a message, in order.
pub(super) fn of(message: &BorrowedMessage<'_>) -> Headers {
    let mut list = ptr::null_mut();
    // SAFETY: the message is borrowed, so it and its headers, which stay its own, live through this function.
    let error = unsafe { native::rd_kafka_message_headers(message.ptr(), &raw mut list) };
    if error == native::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__NOENT {
        return Vec::new();
    }
    assert_eq!(error, native::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR);
    // SAFETY: as above.
    let count = unsafe { native::rd_kafka_header_cnt(list) };
    (0..count).map(|index| at(list, index)).collect()
}

/// The header at `index`, which must be below the list's length.
fn at(list: *mut native::rd_kafka_headers_t, index: usize) -> (Vec<u8>, Option<Vec<u8>>) {
    let (mut name, mut value, mut size) = (ptr::null(), ptr::null(), 0);
    // SAFETY: the list lives as long as the message that `of` borrows, and the results are copied below.
    let error = unsafe { native::rd_kafka_header_get_all(list, index, &raw mut name, &raw mut value, &raw mut size) };
    assert_eq!(error, native::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR);
    // SAFETY: after success the name ends with a NUL.
    let name = unsafe { CStr::from_ptr(name) }.to_bytes().to_vec();
    let value = (!value.is_null()).then(|| {
        // SAFETY: after success a value that is not null has `size` bytes.
        unsafe { std::slice::from_raw_parts(value.cast::<u8>(), size) }.to_vec()
    });
    (name, value)
}
