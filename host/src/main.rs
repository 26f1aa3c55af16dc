//! The `sandbus` program. Everything is in the library; see `sandbus --help`.

use std::process::ExitCode;

/// librdkafka allocates in one thread what it frees in another, several times for each record. This
/// allocator takes the C library's place in C code, too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    sandbus::cli::main()
}
