//! All end-to-end tests, in one binary.
//!
//! They need a running Kafka, which `make test` starts once for all of them. Topics and groups are named after the test,
//! so that tests run side by side. A test that stops and starts its broker starts one of its own.

mod delivery;
mod harness_works;
