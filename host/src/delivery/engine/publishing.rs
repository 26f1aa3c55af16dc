//! An acknowledged try whose outbox is on its way: what the broker has answered so far, by topic and type.

use std::sync::Arc;
use std::time::Instant;

use crate::delivery::partition::HandlerIndex;
use crate::delivery::ports::{Published, PublishedType};
use crate::event::Outgoing;

pub(super) struct Publishing {
    pub(super) handler: HandlerIndex,
    /// Of the event that was tried.
    pub(super) event_type: Box<str>,
    /// Why the broker never will take one of the records: the first that it refused.
    pub(super) refused: Option<String>,
    /// Its partition was given up: what comes is counted, and settles nothing.
    pub(super) gone: bool,
    started: Instant,
    left: usize,
    batches: Vec<Batch>,
}

/// What goes to one topic.
struct Batch {
    left: usize,
    /// Not one of them, whose answer nobody waits for any more.
    whole: bool,
    published: Published,
}

impl Publishing {
    pub(super) fn new(handler: HandlerIndex, event_type: &str, outbox: &[Outgoing], started: Instant) -> Publishing {
        let mut batches: Vec<Batch> = Vec::new();
        for record in outbox {
            match batches.iter_mut().find(|batch| batch.published.topic == record.topic) {
                Some(batch) => batch.left += 1,
                None => {
                    let published = Published { topic: record.topic.clone(), records: Vec::new(), took: None };
                    batches.push(Batch { left: 1, whole: true, published });
                }
            }
        }
        let (event_type, left) = (event_type.into(), outbox.len());
        Publishing { handler, event_type, refused: None, gone: false, started, left, batches }
    }

    /// The broker has taken a record, or never will.
    pub(super) fn answered(&mut self, record: &Outgoing, refused: Option<String>) {
        let taken = u64::from(refused.is_none());
        let event_type = record.text_header("event_type").unwrap_or(&record.topic);
        let started = self.started;
        if let Some(batch) = self.one_less(&record.topic) {
            let records = &mut batch.published.records;
            match records.iter_mut().find(|of_type| *of_type.event_type == *event_type) {
                Some(of_type) => {
                    of_type.taken += taken;
                    of_type.refused += 1 - taken;
                }
                None => records.push(PublishedType { event_type: event_type.into(), taken, refused: 1 - taken }),
            }
            if batch.left == 0 && batch.whole {
                batch.published.took = Some(started.elapsed());
            }
        }
        if self.refused.is_none() {
            self.refused = refused;
        }
    }

    /// A record is not sent again, so nothing will be known of it.
    pub(super) fn lost(&mut self, topic: &Arc<str>) {
        if let Some(batch) = self.one_less(topic) {
            batch.whole = false;
        }
    }

    fn one_less(&mut self, topic: &Arc<str>) -> Option<&mut Batch> {
        self.left = self.left.saturating_sub(1);
        let batch = self.batches.iter_mut().find(|batch| batch.published.topic == *topic)?;
        batch.left = batch.left.saturating_sub(1);
        Some(batch)
    }

    /// Whether nothing more will be known of any record.
    pub(super) fn is_complete(&self) -> bool {
        self.left == 0
    }

    /// What became of it, by topic.
    pub(super) fn published(&self) -> impl Iterator<Item = &Published> {
        self.batches.iter().map(|batch| &batch.published).filter(|published| !published.is_empty())
    }
}
