//! The languages that handlers are written in, as the tests know them. Another one is one word here, and everything that
//! is tested or measured for each language then has it: conformance, all of them in one host, both ways in, the table.

/// As `sandbus new --lang` has them; the probe of each is `examples/probe/LANGUAGE`, and `make build` builds it.
pub const LANGUAGES: &[&str] = &["rust", "js", "ts", "python", "go", "c"];
