//! All end-to-end tests but one, in one binary.
//!
//! They need a running Kafka, which `make test` starts once for all of them. Topics and groups are named after the test,
//! so that tests run side by side. A test that stops and starts its broker starts one of its own.
//! Chaos is a binary beside this one, so that it runs alone.

mod api;
mod cli_bench;
mod cli_check;
mod cli_demo;
mod cli_dev;
mod cli_outcome;
mod cli_publish;
mod cli_run;
mod cli_secrets;
mod cli_tail;
mod cli_test;
mod cli_usage;
mod compiled_code;
mod compiling;
mod conformance;
mod contracts;
mod delivery;
mod eventsource_py;
mod getting_started;
mod hardening;
mod harness_works;
mod hostile;
mod languages;
mod otlp;
mod projects;
mod prometheus;
mod reload;
mod replays;
mod toolchains;
