#![no_main]

#[path = "../targets.rs"]
#[allow(dead_code, reason = "each binary is one target")]
mod targets;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::returned(bytes));
