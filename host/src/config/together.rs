//! What must hold between keys of different sections.

mod budget;
mod grants;
mod timeouts;
mod topics;

pub(super) use budget::check as budget;
pub(super) use grants::check as grants;
pub(super) use timeouts::check as timeouts;
pub(super) use topics::{check as topics, reserved};
