//! The `sandbus` program. Everything is in the library; see `sandbus --help`.

use std::ffi::{c_int, c_long};
use std::process::ExitCode;

/// librdkafka allocates in one thread what it frees in another, several times for each record. This
/// allocator takes the C library's place in C code, too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long freed memory is kept before the system gets it back, in milliseconds. With the allocator's own
/// 10 ms the pages of fetches went and came all the time: the kernel clears each one that comes.
const KEEP_FREED: c_long = 1000;

fn main() -> ExitCode {
    unsafe extern "C" {
        fn mi_option_set(option: c_int, value: c_long);
    }
    // `mi_option_purge_delay` of mimalloc 2 and 3.
    const PURGE_DELAY: c_int = 15;
    // SAFETY: a function of the allocator that is linked, which takes any two numbers.
    unsafe { mi_option_set(PURGE_DELAY, KEEP_FREED) };
    sandbus::cli::main()
}
