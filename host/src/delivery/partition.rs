//! What is to be done with the records of one partition: plain decisions, without I/O, clock or threads.
//!
//! Records, endings of tries, acknowledgements and the time go in; commands come out. Promised, whatever
//! the order in which things end:
//! - the watermark never passes a record that is not final for every handler that wants it;
//! - within a lane, deliveries to one handler never overlap and never swap, retries included;
//! - each delivery is tried at most `1 + max_retries` times;
//! - a lane that waits holds up no other lane, and no other handler.
//!
//! Offsets may have gaps (compaction, transaction markers): only received records count.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use super::retry;
use super::verdict::{Ending, Reason, error_type};
use crate::config::RetryPolicy;

/// A handler's place in its group's list.
pub type HandlerIndex = u16;

/// What must stay in order: a number for each key, or one for the whole partition. Two keys may share a
/// number; they then wait for each other, which breaks no promise.
pub type Lane = u64;

/// One record given to one handler, for as long as this process holds the partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeliveryId {
    /// Counts the partition's records as they came; never reused.
    pub sequence: u64,
    /// To whom. `None` is the record itself: the dead letter of one that no handler can be shown.
    pub handler: Option<HandlerIndex>,
}

/// What a handler's deliveries follow.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// Its tries and waits.
    pub retry: RetryPolicy,
    /// Whether what is given up becomes a dead letter. Otherwise it is dropped, and counted.
    pub dead_letters: bool,
}

/// What the caller has to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Command<E> {
    /// Run a try. Every `Run` is answered by one [`Partition::ended`].
    Run {
        /// Which delivery.
        id: DeliveryId,
        /// Counts its tries, from 1.
        attempt: u32,
        /// Its lane.
        lane: Lane,
        /// The event.
        event: E,
    },
    /// Send a dead letter. Answered by [`Partition::settled`] once the broker has acknowledged it.
    DeadLetter {
        /// Which delivery.
        id: DeliveryId,
        /// The event.
        event: E,
        /// Why.
        reason: Reason,
        /// The last try's `error.type`.
        error_type: Box<str>,
        /// What is known, for people.
        message: Box<str>,
        /// The last try's number; 0 where there was none.
        attempt: u32,
    },
    /// The event was given up and is not kept. Needs no answer.
    Dropped {
        /// Which delivery.
        id: DeliveryId,
        /// The event.
        event: E,
        /// Why.
        reason: Reason,
        /// The last try's `error.type`.
        error_type: Box<str>,
    },
}

struct Slot<E> {
    offset: i64,
    bytes: usize,
    /// Gone once the record is final, though it may still stand behind another that is not.
    event: Option<E>,
    /// Handlers, or dead letters, that are not final.
    open: u32,
}

/// The deliveries of one lane to one handler. The first is running, waiting or ready; the others follow.
struct Queue {
    attempt: u32,
    sequences: VecDeque<u64>,
}

/// The decisions for one partition. `E` is a handle on the event, cheap to clone.
pub struct Partition<E> {
    policies: Arc<[Policy]>,
    /// Records not final, and those behind them, by sequence without gaps.
    slots: VecDeque<Slot<E>>,
    /// Sequence of the first slot.
    first: u64,
    /// Offset behind the last record received.
    end: Option<i64>,
    queues: HashMap<(HandlerIndex, Lane), Queue>,
    lanes: HashMap<DeliveryId, Lane>,
    waiting: BinaryHeap<Reverse<(Instant, DeliveryId)>>,
    running: usize,
    bytes: usize,
    stopped: bool,
}

impl<E: Clone> Partition<E> {
    /// A partition that was just assigned. `policies` stand at their handlers' indices.
    pub fn new(policies: Arc<[Policy]>) -> Self {
        Self {
            policies,
            slots: VecDeque::new(),
            first: 0,
            end: None,
            queues: HashMap::new(),
            lanes: HashMap::new(),
            waiting: BinaryHeap::new(),
            running: 0,
            bytes: 0,
            stopped: false,
        }
    }

    /// The next record, and who wants it in which lane. Wanted by nobody, it is final at once.
    ///
    /// An offset at or before the last one means that the position was reset: what was held is given
    /// up, and delivery goes on from there.
    pub fn receive(
        &mut self,
        offset: i64,
        bytes: usize,
        event: E,
        wants: impl IntoIterator<Item = (HandlerIndex, Lane)>,
        out: &mut Vec<Command<E>>,
    ) {
        let sequence = self.admit(offset, bytes, event.clone());
        let mut open = 0;
        for (handler, lane) in wants {
            open += 1;
            let id = DeliveryId { sequence, handler: Some(handler) };
            self.lanes.insert(id, lane);
            let queue =
                self.queues.entry((handler, lane)).or_insert_with(|| Queue { attempt: 1, sequences: VecDeque::new() });
            queue.sequences.push_back(sequence);
            if queue.sequences.len() == 1 {
                self.run(id, lane, out);
            }
        }
        self.opened(sequence, open);
    }

    /// The next record, which no handler can be shown.
    pub fn receive_undecodable(
        &mut self,
        offset: i64,
        bytes: usize,
        event: E,
        message: &str,
        dead_letters: bool,
        out: &mut Vec<Command<E>>,
    ) {
        let sequence = self.admit(offset, bytes, event.clone());
        let id = DeliveryId { sequence, handler: None };
        let (reason, error_type) = (Reason::Deserialization, error_type::DESERIALIZATION.into());
        if dead_letters {
            self.opened(sequence, 1);
            let message = message.into();
            out.push(Command::DeadLetter { id, event, reason, error_type, message, attempt: 0 });
        } else {
            self.opened(sequence, 0);
            out.push(Command::Dropped { id, event, reason, error_type });
        }
    }

    /// A try ended. `settles_later`: what it published is not acknowledged yet, and [`Self::settled`] or
    /// [`Self::refused`] will follow. `draw` is uniform in 0 to 1.
    pub fn ended(
        &mut self,
        id: DeliveryId,
        ending: &Ending,
        settles_later: bool,
        now: Instant,
        draw: f64,
        out: &mut Vec<Command<E>>,
    ) {
        self.running = self.running.saturating_sub(1);
        let Some((handler, lane, policy)) = self.delivery(id) else { return };
        let attempt = self.queues.get(&(handler, lane)).map_or(1, |queue| queue.attempt);
        let wait = match ending {
            Ending::Ack | Ending::Skip => {
                self.advance(id, handler, lane, out);
                if !settles_later {
                    self.settled(id);
                }
                return;
            }
            Ending::DeadLetter(_) => {
                self.advance(id, handler, lane, out);
                return self.give_up(id, &policy, Reason::Rejected, ending, attempt, out);
            }
            _ if retry::exhausted(&policy.retry, attempt) => {
                self.advance(id, handler, lane, out);
                return self.give_up(id, &policy, Reason::MaxRetriesExceeded, ending, attempt, out);
            }
            Ending::Retry(Some(after)) => retry::asked(&policy.retry, *after),
            _ => retry::delay(&policy.retry, attempt, draw),
        };
        if let Some(queue) = self.queues.get_mut(&(handler, lane)) {
            queue.attempt += 1;
        }
        self.waiting.push(Reverse((now + wait, id)));
    }

    /// The broker has acknowledged all that belongs to this delivery: it is final.
    pub fn settled(&mut self, id: DeliveryId) {
        self.lanes.remove(&id);
        let Some(slot) = self.slot_mut(id.sequence) else { return };
        slot.open = slot.open.saturating_sub(1);
        self.release(id.sequence);
    }

    /// The broker refused for good what an acknowledged try published. `attempt` is that try's.
    pub fn refused(&mut self, id: DeliveryId, attempt: u32, message: &str, out: &mut Vec<Command<E>>) {
        let Some((_, _, policy)) = self.delivery(id) else { return };
        let Some(event) = self.event(id.sequence) else { return };
        let (reason, error_type) = (Reason::PublishRejected, error_type::PUBLISH_REJECTED.into());
        if policy.dead_letters {
            let message = message.into();
            out.push(Command::DeadLetter { id, event, reason, error_type, message, attempt });
        } else {
            out.push(Command::Dropped { id, event, reason, error_type });
            self.settled(id);
        }
    }

    /// Runs the tries whose wait is over.
    pub fn due(&mut self, now: Instant, out: &mut Vec<Command<E>>) {
        while let Some(Reverse((at, id))) = self.waiting.peek().copied() {
            if at > now {
                return;
            }
            self.waiting.pop();
            if let Some(&lane) = self.lanes.get(&id) {
                self.run(id, lane, out);
            }
        }
    }

    /// When [`Self::due`] has something to do.
    pub fn next_due(&self) -> Option<Instant> {
        if self.stopped {
            return None;
        }
        self.waiting.peek().map(|Reverse((at, _))| *at)
    }

    /// Starts no more tries: the partition is being taken away, or the process ends.
    pub fn stop(&mut self) {
        self.stopped = true;
    }

    /// Tries that were started and have not ended.
    pub fn running(&self) -> usize {
        self.running
    }

    /// Deliveries that are not final.
    pub fn unfinished(&self) -> usize {
        self.slots.iter().map(|slot| slot.open as usize).sum()
    }

    /// The lowest offset that is not final: what may be committed. `None` before the first record.
    pub fn watermark(&self) -> Option<i64> {
        self.slots.front().map(|slot| slot.offset).or(self.end)
    }

    /// Records from the watermark to the newest, final or not.
    pub fn records(&self) -> usize {
        self.slots.len()
    }

    /// Bytes of the records that are not final.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    fn admit(&mut self, offset: i64, bytes: usize, event: E) -> u64 {
        if self.end.is_some_and(|end| offset < end) {
            self.rewind();
        }
        let sequence = self.first + self.slots.len() as u64;
        self.end = Some(offset + 1);
        self.bytes += bytes;
        // Held until `opened` says how many wait for it.
        self.slots.push_back(Slot { offset, bytes, event: Some(event), open: u32::MAX });
        sequence
    }

    fn opened(&mut self, sequence: u64, open: u32) {
        if let Some(slot) = self.slot_mut(sequence) {
            slot.open = open;
        }
        self.release(sequence);
    }

    fn rewind(&mut self) {
        self.first += self.slots.len() as u64;
        self.slots.clear();
        self.queues.clear();
        self.lanes.clear();
        self.waiting.clear();
        self.bytes = 0;
    }

    fn delivery(&self, id: DeliveryId) -> Option<(HandlerIndex, Lane, Policy)> {
        let handler = id.handler?;
        let lane = *self.lanes.get(&id)?;
        Some((handler, lane, self.policies.get(usize::from(handler)).copied()?))
    }

    fn slot_mut(&mut self, sequence: u64) -> Option<&mut Slot<E>> {
        let index = sequence.checked_sub(self.first)?;
        self.slots.get_mut(usize::try_from(index).ok()?)
    }

    fn event(&self, sequence: u64) -> Option<E> {
        let index = sequence.checked_sub(self.first)?;
        self.slots.get(usize::try_from(index).ok()?)?.event.clone()
    }

    fn run(&mut self, id: DeliveryId, lane: Lane, out: &mut Vec<Command<E>>) {
        if self.stopped {
            return;
        }
        let attempt = match id.handler.and_then(|handler| self.queues.get(&(handler, lane))) {
            Some(queue) => queue.attempt,
            None => return,
        };
        let Some(event) = self.event(id.sequence) else { return };
        self.running += 1;
        out.push(Command::Run { id, attempt, lane, event });
    }

    /// The lane's first delivery needs no more tries: the next one starts.
    fn advance(&mut self, id: DeliveryId, handler: HandlerIndex, lane: Lane, out: &mut Vec<Command<E>>) {
        let Some(queue) = self.queues.get_mut(&(handler, lane)) else { return };
        debug_assert_eq!(queue.sequences.front(), Some(&id.sequence), "only a lane's first delivery runs");
        queue.sequences.pop_front();
        queue.attempt = 1;
        match queue.sequences.front() {
            Some(&sequence) => {
                self.run(DeliveryId { sequence, handler: Some(handler) }, lane, out);
            }
            None => {
                self.queues.remove(&(handler, lane));
            }
        }
    }

    fn give_up(
        &mut self,
        id: DeliveryId,
        policy: &Policy,
        reason: Reason,
        ending: &Ending,
        attempt: u32,
        out: &mut Vec<Command<E>>,
    ) {
        let Some(event) = self.event(id.sequence) else { return };
        let error_type = ending.error_type().unwrap_or_default().into();
        if policy.dead_letters {
            let message = ending.message().into();
            out.push(Command::DeadLetter { id, event, reason, error_type, message, attempt });
        } else {
            out.push(Command::Dropped { id, event, reason, error_type });
            self.settled(id);
        }
    }

    /// Lets go of the record's event if it is final, and of the records that the watermark passes.
    fn release(&mut self, sequence: u64) {
        let Some(slot) = self.slot_mut(sequence) else { return };
        if slot.open == 0 && slot.event.take().is_some() {
            let bytes = slot.bytes;
            self.bytes -= bytes;
        }
        while self.slots.front().is_some_and(|slot| slot.open == 0) {
            self.slots.pop_front();
            self.first += 1;
        }
    }
}

#[cfg(test)]
mod tests;
