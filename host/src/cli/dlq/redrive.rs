//! `sandbus dlq redrive`.

use clap::Args;

use super::super::Done;
use super::work::{Orders, Task};
use crate::event::redrive;

const TASK: Task = Task {
    command: "redrive",
    done: "redriven",
    refuses: true,
    record: |found, topic| redrive::copy(found.record, topic),
};

/// Give dead letters to the handlers that failed again, and to no others
///
/// Each is copied to the topic TOPIC.GROUP.redrive, which the group's hosts read; the handler sees the
/// event as it first was, with attempt 1. What was redriven or purged before is left out, so this may be
/// broken off with Ctrl-C and repeated; but not run twice at the same time. Undecodable and truncated
/// records, and those of unknown handlers, cannot be redriven; they are named and counted first. The order
/// against the source topic is not kept.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  sandbus dlq redrive --handler order-projection --error-type ValueError --dry-run\n  sandbus dlq redrive events.stream.dlq/0/42"
)]
pub struct Redrive {
    #[command(flatten)]
    orders: Orders,
}

impl Redrive {
    pub(super) fn run(self) -> Done {
        self.orders.run(&TASK)
    }
}
