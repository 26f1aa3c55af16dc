//! `sandbus dlq purge`.

use clap::Args;

use super::super::Done;
use super::work::{Orders, Task};
use crate::event::redrive;

const TASK: Task = Task {
    command: "purge",
    done: "purged",
    refuses: false,
    record: |found, topic| redrive::mark(&found.letter.position, topic),
};

/// Set dead letters aside: they are listed and redriven no more
///
/// A mark for each is written to the topic TOPIC.GROUP.redrive. The records themselves, and whatever
/// personal data they hold, stay in the dead-letter topic until its retention takes them. What was redriven
/// or purged before is left out, so this may be broken off with Ctrl-C and repeated; but not run twice at
/// the same time.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  sandbus dlq purge --reason deserialization_error --until 30d --dry-run\n  sandbus dlq purge events.stream.dlq/0/42"
)]
pub struct Purge {
    #[command(flatten)]
    orders: Orders,
}

impl Purge {
    pub(super) fn run(self) -> Done {
        self.orders.run(&TASK)
    }
}
