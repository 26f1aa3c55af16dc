//! A partition's own queue of fetched messages.
//!
//! librdkafka moves all partitions' messages into the consumer's one queue, unless it is told otherwise.
//! Here each assigned partition keeps its own: one that may not be read fills up until librdkafka stops
//! fetching for it, holds up no other, and nothing fetched is thrown away, as a pause would do.
//!
//! Rules that this module keeps (librdkafka 2.12, `rdkafka_queue.c`, `rdkafka_partition.c`):
//! - a queue is taken over before its partition is assigned: else what is fetched first may be in the
//!   consumer's queue already. librdkafka leaves it alone from then on (`RD_KAFKA_Q_F_FWD_APP`);
//! - only one thread reads a queue (`rd_kafka_consume_batch_queue` is not for several), and never the
//!   consumer's own, whose events it would destroy;
//! - queue and messages are given back before their client is gone, which each queue holds.

use std::collections::VecDeque;
use std::ffi::CString;
use std::os::fd::RawFd;
use std::ptr::{self, NonNull};
use std::sync::Arc;

use rdkafka::bindings;
use rdkafka::client::{Client as NativeClient, ClientContext};
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};

use super::message::Message;
use super::wake::SIGNAL;

/// Messages taken at once: enough to spare the lock, few enough to lie outside of a queue that is bounded.
const BATCH: usize = 64;

/// How many messages before it is read what a message refers to is brought into the cache, where another core
/// has put it into memory. To wait for each of them took a quarter of this thread's time.
const AHEAD: usize = 4;

/// What queues lie in, and which must be there as long as they are.
pub type Client<C> = Arc<BaseConsumer<C>>;

/// One queue of librdkafka.
struct Queue(NonNull<bindings::rd_kafka_queue_t>);

// SAFETY: librdkafka's queues may be used from any thread; `&mut` keeps readers to one at a time.
unsafe impl Send for Queue {}

impl Queue {
    /// Writes to `fd` when something comes into the queue and nothing has been read since the last time.
    fn ring(&self, fd: RawFd) {
        // SAFETY: the queue is alive; the payload is copied.
        unsafe {
            bindings::rd_kafka_queue_io_event_enable(self.0.as_ptr(), fd, SIGNAL.as_ptr().cast(), SIGNAL.len());
        }
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: gives back the reference that was taken when it was made; nothing rings any more.
        unsafe {
            bindings::rd_kafka_queue_io_event_enable(self.0.as_ptr(), -1, ptr::null(), 0);
            bindings::rd_kafka_queue_destroy(self.0.as_ptr());
        }
    }
}

/// The consumer's own queue, which holds events and no messages: it can only be looked at.
pub struct EventQueue<C: ConsumerContext + 'static> {
    queue: Queue,
    _client: Client<C>,
}

impl<C: ConsumerContext + 'static> EventQueue<C> {
    /// The queue of this consumer. `fd` is written to when an event comes; it must live longer.
    pub fn of(client: &Client<C>, fd: RawFd) -> Option<Self> {
        // SAFETY: the client is alive; the reference is given back when `Queue` is dropped.
        let queue = unsafe { bindings::rd_kafka_queue_get_consumer(client.client().native_ptr()) };
        let queue = Queue(NonNull::new(queue)?);
        queue.ring(fd);
        Some(Self { queue, _client: client.clone() })
    }

    /// Whether an event waits to be polled.
    pub fn has_events(&self) -> bool {
        // SAFETY: the queue is alive.
        unsafe { bindings::rd_kafka_queue_length(self.queue.0.as_ptr()) > 0 }
    }
}

fn main<C: ClientContext>(client: &NativeClient<C>) -> Option<Queue> {
    // SAFETY: the client is alive; the reference is given back when `Queue` is dropped.
    let queue = unsafe { bindings::rd_kafka_queue_get_main(client.native_ptr()) };
    NonNull::new(queue).map(Queue)
}

/// How many events wait to be polled in the main queue of a client that is in no group.
pub fn waiting<C: ClientContext>(client: &NativeClient<C>) -> usize {
    // SAFETY: the queue is alive.
    main(client).map_or(0, |queue| unsafe { bindings::rd_kafka_queue_length(queue.0.as_ptr()) })
}

/// Forgets what has come into the main queue of a client that has no other way to be polled: an admin client's answers
/// come into queues of their own, and its errors and log lines into that one, where they would stay for good.
pub fn forget_events<C: ClientContext>(client: &NativeClient<C>) {
    let Some(queue) = main(client) else { return };
    loop {
        // SAFETY: the queue is alive, and an event belongs to who polled it.
        let event = unsafe { bindings::rd_kafka_queue_poll(queue.0.as_ptr(), 0) };
        if event.is_null() {
            return;
        }
        // SAFETY: the same.
        unsafe { bindings::rd_kafka_event_destroy(event) };
    }
}

/// The queue of one partition, and what was taken out of it but not yet read.
pub struct PartitionQueue<C: ConsumerContext + 'static> {
    queue: Queue,
    taken: VecDeque<NonNull<bindings::rd_kafka_message_t>>,
    _client: Client<C>,
}

// SAFETY: a message belongs to who took it; librdkafka gives it to one thread and forgets it.
unsafe impl<C: ConsumerContext + 'static> Send for PartitionQueue<C> {}

impl<C: ConsumerContext + 'static> PartitionQueue<C> {
    /// Keeps the messages of a partition that is about to be assigned in a queue of its own. `fd` is
    /// written to when one comes; it must live longer. `None` where librdkafka has no such partition.
    pub fn take_over(client: &Client<C>, topic: &str, partition: i32, fd: RawFd) -> Option<Self> {
        let topic = CString::new(topic).ok()?;
        // SAFETY: client and name are alive; the reference is given back when `Queue` is dropped.
        let queue =
            unsafe { bindings::rd_kafka_queue_get_partition(client.client().native_ptr(), topic.as_ptr(), partition) };
        let queue = Queue(NonNull::new(queue)?);
        // SAFETY: the queue is alive; to forward it nowhere is what parts it from the consumer's.
        unsafe { bindings::rd_kafka_queue_forward(queue.0.as_ptr(), ptr::null_mut()) };
        queue.ring(fd);
        Some(Self { queue, taken: VecDeque::new(), _client: client.clone() })
    }

    /// The next message, which stays where it is. Does not wait for one.
    pub fn peek(&mut self) -> Option<Message<'_>> {
        if self.taken.is_empty() {
            let mut messages = [ptr::null_mut(); BATCH];
            // SAFETY: the queue is alive and no other thread reads it; there is room for that many pointers.
            let count = unsafe {
                bindings::rd_kafka_consume_batch_queue(self.queue.0.as_ptr(), 0, messages.as_mut_ptr(), BATCH)
            };
            let count = usize::try_from(count).unwrap_or_default();
            self.taken.extend(messages.iter().take(count).filter_map(|message| NonNull::new(*message)));
        }
        if let Some(soon) = self.taken.get(AHEAD) {
            // SAFETY: what was taken is ours, and alive until it is popped.
            unsafe { Message::new(soon.as_ptr()) }.prefetch();
        }
        // SAFETY: the same.
        self.taken.front().map(|message| unsafe { Message::new(message.as_ptr()) })
    }

    /// How many messages are at hand, the next one included.
    pub fn taken(&self) -> usize {
        self.taken.len()
    }

    /// Forgets the next message.
    pub fn pop(&mut self) {
        if let Some(message) = self.taken.pop_front() {
            // SAFETY: it was taken, nothing refers to it any more, and its client is still there.
            unsafe { bindings::rd_kafka_message_destroy(message.as_ptr()) };
        }
    }

    /// Moves the next message to others that are kept.
    pub fn keep(&mut self, messages: &mut Messages<C>) {
        messages.messages.extend(self.taken.pop_front());
    }

    /// For messages of this queue.
    pub fn keeper(&self, capacity: usize) -> Messages<C> {
        Messages { messages: Vec::with_capacity(capacity), _client: self._client.clone() }
    }

    /// Forgets what was taken and not read.
    pub fn clear(&mut self) {
        while !self.taken.is_empty() {
            self.pop();
        }
    }
}

impl<C: ConsumerContext + 'static> Drop for PartitionQueue<C> {
    fn drop(&mut self) {
        self.clear();
    }
}

/// Messages that were read and are kept, with all that they refer to, until this is dropped.
pub struct Messages<C: ConsumerContext + 'static> {
    messages: Vec<NonNull<bindings::rd_kafka_message_t>>,
    // Dropped after them.
    _client: Client<C>,
}

// SAFETY: a message belongs to who took it, and may be destroyed by any thread.
unsafe impl<C: ConsumerContext + 'static> Send for Messages<C> {}
// SAFETY: nothing can be done with it but to drop it.
unsafe impl<C: ConsumerContext + 'static> Sync for Messages<C> {}

impl<C: ConsumerContext + 'static> Drop for Messages<C> {
    fn drop(&mut self) {
        for message in self.messages.drain(..) {
            // SAFETY: it was taken, whoever referred to it has gone before, and its client is still there.
            unsafe { bindings::rd_kafka_message_destroy(message.as_ptr()) };
        }
    }
}
