//! What must hold between keys of different sections.

mod budget;
mod timeouts;
mod topics;

pub(super) use budget::check as budget;
pub(super) use timeouts::check as timeouts;
pub(super) use topics::check as topics;
