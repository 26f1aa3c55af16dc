//! The doors of the delivery engine. Behind one stands the broker, behind the other the guests; each is
//! reached by a trait, and answers in the engine's inbox. Nothing here waits.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::buffer::Account;
use super::handler::{Ask, Deployment};
use super::partition::{HandlerIndex, Lane};
use super::report::{HandlerLoad, PartitionReport};
use super::scheduler::{Assignment, DeliveryId};
use super::verdict::{Ending, FaultKind};
use crate::event::batch::Batch;
use crate::event::{Event, Outgoing, TopicPartition};

/// One try to run.
#[derive(Clone, Debug)]
pub struct Try {
    /// Which delivery.
    pub id: DeliveryId,
    /// Counts the delivery's tries, from 1.
    pub attempt: u32,
    /// What must stay in order within a batch. `None`: nothing.
    pub lane: Option<Lane>,
    /// The event.
    pub event: Event,
}

impl Try {
    /// Whether the two must stay in order. In a batch those of one lane stand together.
    pub fn shares_lane(&self, other: &Try) -> bool {
        self.lane.is_some() && self.lane == other.lane && self.id.assignment == other.id.assignment
    }
}

/// A batch that was run.
#[derive(Debug)]
pub struct Ran {
    /// Every try of it, in its order.
    pub tried: Vec<Tried>,
    /// How long it took. Without what it takes to make an instance.
    pub took: Duration,
    /// When the last of it ended.
    pub ended: Instant,
    /// What ended the batch as a whole: then none of its tries has run, and each is to run alone.
    pub fault: Option<(FaultKind, String)>,
    /// Instances that were made for it.
    pub made: u32,
    /// What it asked of the host.
    pub host_calls: HostCalls,
}

impl Default for Ran {
    /// Of nothing, which has ended now.
    fn default() -> Ran {
        let (tried, host_calls) = (Vec::new(), HostCalls::new());
        Ran { tried, took: Duration::ZERO, ended: Instant::now(), fault: None, made: 0, host_calls }
    }
}

/// Calls of the host's functions, and the time they took together, by import; empty for most batches.
pub type HostCalls = Vec<(&'static str, u64, Duration)>;

/// A try of a batch that was run.
#[derive(Debug)]
pub struct Tried {
    /// What was run.
    pub run: Try,
    /// How it ended. `None`: it did not run, and is not charged with anything.
    pub ending: Option<Ending>,
    /// What it published; empty unless it ended in `ack`.
    pub outbox: Vec<Outgoing>,
    /// Wall clock. In a batch: the call's time divided by its events.
    pub wall: Duration,
    /// CPU of the guest, divided likewise.
    pub cpu: Duration,
    /// The most bytes that the instance's memories together have had.
    pub memory: u64,
}

impl Tried {
    /// Whether both succeeded alike, on events of the same type, and published nothing.
    pub fn is_like(&self, other: &Tried) -> bool {
        let alike = matches!(
            (&self.ending, &other.ending),
            (Some(Ending::Ack), Some(Ending::Ack)) | (Some(Ending::Skip), Some(Ending::Skip))
        );
        alike && self.outbox.is_empty() && other.outbox.is_empty() && self.run.event.is_of_type_of(&other.run.event)
    }

    /// Of a try that did not run.
    pub fn not_run(run: Try) -> Tried {
        Tried { run, ending: None, outbox: Vec::new(), wall: Duration::ZERO, cpu: Duration::ZERO, memory: 0 }
    }
}

/// Why the broker did not take a record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// It never will: not allowed, no such topic.
    #[error("{0}")]
    Refused(String),
    /// It never will, because of the record's size.
    #[error("{0}")]
    TooLarge(String),
    /// It may, later.
    #[error("{0}")]
    Unavailable(String),
}

/// A partition that now belongs to this process.
#[derive(Clone, Debug)]
pub struct Assigned {
    /// Never used before.
    pub assignment: Assignment,
    /// Which partition.
    pub topic_partition: TopicPartition,
    /// Where its reading begins, where that is known.
    pub start: Option<i64>,
    /// Where its records are counted when they are read.
    pub account: Arc<Account>,
}

/// What the consumer says. One queue for all of it: a record must not be seen before the assignment that
/// it came with.
#[derive(Debug)]
pub enum Reading {
    /// Partitions now belong to this process.
    Assigned(Vec<Assigned>),
    /// Records of one partition, in its order, each admitted to its account.
    Records(Assignment, Batch),
    /// Nothing more comes of the partition before this offset, though no record stands there.
    End(Assignment, i64),
    /// Partitions are being taken away. Answered by [`Consumer::release`].
    Revoked {
        /// Which.
        assignments: Vec<Assignment>,
        /// They already belong to somebody else: nothing of them may be committed.
        lost: bool,
    },
}

/// What the others say.
#[derive(Debug)]
pub enum Signal {
    /// A batch ended, in this deployment of the handler, and its instance is idle.
    Ran(HandlerIndex, Deployment, Ran),
    /// The handlers are to change.
    Change(Ask),
    /// The broker took a record, or did not.
    Sent(u64, Result<(), SendError>),
    /// Finish what runs, and end.
    Shutdown,
}

/// The group's consumer.
pub trait Consumer: Send {
    /// So many of the records that it handed over were taken in, or thrown away: it may hand over others.
    fn taken_in(&self, records: usize);
    /// Commits watermarks when there is time. A later call for the same partition replaces an earlier.
    fn commit(&self, watermarks: Vec<(Assignment, i64)>);
    /// Gives revoked partitions back, after committing these watermarks.
    fn release(&self, assignments: Vec<Assignment>, watermarks: Vec<(Assignment, i64)>);
    /// Commits, leaves the group and ends.
    fn close(&self, watermarks: Vec<(Assignment, i64)>);
}

/// What sends records.
pub trait Producer: Send {
    /// Hands a record over. The answer is a [`Signal::Sent`] with the token, always, and exactly one.
    fn send(&self, token: u64, record: Arc<Outgoing>);
}

/// The instances of one deployment of a handler.
pub trait Instances: Send + Sync {
    /// Runs a batch on the next idle instance, in which the events of a lane stand together, in their order. The
    /// answer is a [`Signal::Ran`] with every try.
    fn run(&self, batch: Vec<Try>);

    /// The same, for a batch that takes less time than to hand it over: as far as it comes without waiting it is
    /// run right here. Answered at once where that is to its end, and later as by [`Self::run`] otherwise.
    fn run_here(&self, batch: Vec<Try>) -> Option<Ran>;

    /// Another deployment is at work: what is idle goes, and what runs goes when it has ended. It may be woken again.
    fn rest(&self) {}

    /// It is at work, again.
    fn wake(&self) {}
}

/// What became of a deployment that might have been taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// It works: one of its first events went well.
    Good(Deployment),
    /// It does not.
    Bad {
        /// It.
        deployment: Deployment,
        /// What was at work before it, and is again.
        back_to: Deployment,
    },
}

/// Where a record that leaves stands in its trace, by W3C's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Of the trace.
    pub trace: u128,
    /// Of the record's own span.
    pub span: u64,
    /// Of the try that it comes from.
    pub parent: u64,
}

/// Follows events from broker to broker: traces, in the host. Nothing is asked of it before a try, and it keeps nothing
/// of one: what it has to know of a try follows from the try itself.
pub trait Tracer: Send + Sync {
    /// A batch ended.
    fn ran(&self, handler: HandlerIndex, ran: &Ran);
    /// What a try published is about to leave, and gets the headers that tell where it comes from. The mark, if it is
    /// followed, is for [`Self::sent`].
    fn leaves(&self, handler: HandlerIndex, run: &Try, record: &mut Outgoing) -> Option<Mark>;
    /// The dead letter of this try's event is about to leave, which keeps the event's own headers.
    fn gives_up(&self, handler: HandlerIndex, run: &Try) -> Option<Mark>;
    /// The broker has answered for a record that was sent then; `refused` is why it never will take it.
    fn sent(&self, handler: HandlerIndex, mark: Mark, topic: &Arc<str>, since: Instant, refused: Option<&str>);
}

/// What became of the records that one try published to one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The topic.
    pub topic: Arc<str>,
    /// The records that were answered, by their type.
    pub records: Vec<PublishedType>,
    /// From handing over the try's first record to the answer for the last of this topic. `None` where not all were
    /// answered, because their partition was given up: then there are records to count, and no batch.
    pub took: Option<Duration>,
}

/// Records of one type among them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedType {
    /// The type; for a record without one, the topic.
    pub event_type: Box<str>,
    /// Those that the broker has taken.
    pub taken: u64,
    /// Those that it never will.
    pub refused: u64,
}

impl Published {
    /// How many records were answered.
    pub fn len(&self) -> u64 {
        self.records.iter().map(|of_type| of_type.taken + of_type.refused).sum()
    }

    /// Whether none was.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }
}

/// What is told to whoever watches: metrics, in the host.
pub trait Observer: Send + Sync {
    /// The group has one more handler, whose index is the next.
    fn added(&self, _handler: Arc<str>) {}
    /// Events that have waited so long, and have so many bytes in all, are given to a handler.
    fn started(&self, _handler: HandlerIndex, _waited: Duration, _events: u64, _bytes: u64) {}
    /// A batch ended, whatever its tries ended in.
    fn ran(&self, _handler: HandlerIndex, _ran: &Ran) {}
    /// Events became final that took so long.
    fn finished(&self, _topic_partition: &TopicPartition, _took: Duration, _events: u64) {}
    /// What each handler has to do now: about once a second, and when one's state has changed.
    fn load(&self, _load: Vec<HandlerLoad>) {}
    /// Records of one type were read.
    fn consumed(&self, topic_partition: &TopicPartition, event_type: &str, records: u64);
    /// Tries ended; for an `ack` that publishes, once the broker has answered.
    fn tried(&self, handler: HandlerIndex, event_type: &str, error_type: Option<&str>, tries: u64);
    /// How long tries of one batch took, which have the same event type and ended alike.
    fn measured(&self, handler: HandlerIndex, tried: &[Tried]);
    /// A try ended whose partition was given up in the meantime. It counts for nobody, and is not among those measured.
    fn late(&self, _handler: HandlerIndex, _tried: &Tried) {}
    /// A batch ended in a fault; its events run again, each alone. What it took was taken nevertheless.
    fn batch_fault(&self, handler: HandlerIndex, ran: &Ran);
    /// A try after the first ended.
    fn retried(&self, handler: HandlerIndex);
    /// The broker acknowledged a dead letter.
    fn dead_lettered(&self, handler: Option<HandlerIndex>, reason: &str, error_type: &str);
    /// The same dead letter, as it stands in its topic.
    fn dead_letter(&self, _letter: &Outgoing) {}
    /// An event was given up and not kept.
    fn dropped(&self, handler: Option<HandlerIndex>);
    /// Deliveries were given up unfinished; another member, or the next start, repeats them.
    fn abandoned(&self, handler: Option<HandlerIndex>, deliveries: u64);
    /// The group's partitions as they are now: about once a second, and at the end none.
    fn partitions(&self, partitions: Vec<PartitionReport>);
    /// The broker has answered for what one try published to one topic.
    fn published(&self, batch: &Published);
}
