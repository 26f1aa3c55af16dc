//! Bugs that other systems have had, played to the host on a real Kafka.
//!
//! A test is named after the system and the number of the bug, or after what happened. `docs/known-bugs.md` lists all
//! of them, with those that other tests hold down.

mod drains;
mod eventsource_py;
mod gaps;
mod growth;
mod latest;
mod offsets;
mod poison;
mod protocols;
mod share;
mod stays;
