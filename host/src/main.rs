//! The `sandbus` program. Everything is in the library; see `sandbus --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    sandbus::cli::main()
}
