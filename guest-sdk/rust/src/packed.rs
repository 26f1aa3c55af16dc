//! The packed way of the contract: many events in one call, as bytes.
//!
//! `docs/packed-frame.md` says what the bytes hold. Here is what reads and writes them, and the order of
//! work that it asks for; handlers see none of it. All of it is plain code for every target, so that
//! the document's test vectors prove it natively.

mod answer;
mod frame;
mod lanes;
#[cfg(test)]
mod vectors;

pub(crate) use answer::Answer;
pub(crate) use frame::{Frame, FrameEvent, FrameHeaders, Malformed};
pub(crate) use lanes::StoppedLanes;
