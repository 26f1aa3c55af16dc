//! What is to be done with the records of one partition: plain decisions, without I/O, clock or threads.
//!
//! Records, endings of tries, acknowledgements and the time go in; effects come out. Promised, whatever
//! the order in which things end:
//! - the watermark never passes a record that is not final for every handler that wants it;
//! - within a lane, deliveries to one handler never overlap and never swap, retries included;
//! - each delivery is tried at most `1 + max_retries` times;
//! - a lane that waits holds up no other lane, and no other handler.
//!
//! Offsets may have gaps (compaction, transaction markers): only received records count. Nothing is
//! allocated for a record once the partition has held as many before.

use std::cmp::Reverse;
use std::collections::hash_map::Entry;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use foldhash::fast::RandomState;
use slotmap::{Key as _, SlotMap, new_key_type};

use super::buffer::Account;
use super::handler::Deployment;
use super::mutants::{Mutant, planted};
use super::retry;
use super::verdict::{Ending, Reason, error_type};

mod durations;
mod exchange;

use durations::Durations;
pub use exchange::{Arrival, Charge, Effect, GivenUp, Oldest, Policy, Stage, Started, TryEnd};

/// A handler's place in its group's list.
pub type HandlerIndex = u16;

/// What must stay in order: a number for each key, or one for the whole partition. Two keys may share a
/// number; they then wait for each other, which breaks no promise.
pub type Lane = u64;

new_key_type! {
    /// One record given to one handler, or its dead letter, for as long as this process holds the partition.
    pub struct DeliveryKey;
}

struct Slot<E> {
    offset: i64,
    bytes: u64,
    at: Instant,
    /// Gone once the record is final, though it may still stand behind another that is not.
    event: Option<E>,
    /// Handlers, or dead letters, that are not final.
    open: u32,
    /// When its first try started.
    begun: Option<Instant>,
}

struct Delivery {
    sequence: u64,
    handler: Option<HandlerIndex>,
    /// Until it has left its lane.
    lane: Option<Lane>,
    /// Who follows in the lane; null for the last.
    next: DeliveryKey,
    /// Nobody of its lane is before it.
    first_of_lane: bool,
    /// It is not to share a batch: one that it was in ended in a fault.
    alone: bool,
    attempt: u32,
    stage: Stage,
    since: Instant,
}

/// The decisions for one partition. `E` is a handle on the event, cheap to clone.
pub struct Partition<E> {
    policies: Arc<[Policy]>,
    account: Arc<Account>,
    /// Records not final, and those behind them, by sequence without gaps.
    slots: VecDeque<Slot<E>>,
    /// Sequence of the first slot. Sequences count the records as they came, and are never used again.
    first: u64,
    /// Offset before which nothing more comes: behind the last record received, or where reading began or ended.
    end: Option<i64>,
    /// Sequence of the first record that [`Self::keep_old`] has not seen.
    not_old: u64,
    deliveries: SlotMap<DeliveryKey, Delivery>,
    /// The last delivery of each lane that is not empty. The first is ready, running or waiting.
    lanes: HashMap<(HandlerIndex, Lane), DeliveryKey, RandomState>,
    waiting: BinaryHeap<Reverse<(Instant, DeliveryKey)>>,
    running: usize,
    settling: usize,
    passed: u64,
    durations: Durations,
    /// Bytes of records that became final, and records that the watermark has passed, since the account was
    /// told.
    freed: (u64, u64),
    stopped: bool,
}

impl<E: Clone> Partition<E> {
    /// A partition that was just assigned. `policies` stand at their handlers' indices; `start` is where
    /// reading begins, where that is known.
    pub fn new(policies: Arc<[Policy]>, account: Arc<Account>, start: Option<i64>) -> Self {
        Self {
            policies,
            account,
            slots: VecDeque::new(),
            first: 0,
            end: start,
            not_old: 0,
            deliveries: SlotMap::with_key(),
            lanes: HashMap::default(),
            waiting: BinaryHeap::new(),
            running: 0,
            settling: 0,
            passed: 0,
            durations: Durations::default(),
            freed: (0, 0),
            stopped: false,
        }
    }

    /// The next record, and who wants it in which lane. Wanted by nobody, it is final at once.
    ///
    /// An offset before the last one means that the position was reset to where the log begins now: what
    /// was held is given up, because it comes again or is no more, and delivery goes on from there.
    pub fn receive(
        &mut self,
        arrival: Arrival<E>,
        wants: impl IntoIterator<Item = (HandlerIndex, Option<Lane>)>,
        out: &mut Vec<Effect<E>>,
    ) {
        let at = arrival.at;
        let sequence = self.admit(arrival);
        let mut open = 0;
        for (handler, lane) in wants {
            open += 1;
            let key = self.deliver(sequence, Some(handler), lane, Stage::Behind, at);
            let Some(lane) = lane else {
                self.ready(handler, key, out);
                continue;
            };
            match self.lanes.entry((handler, lane)) {
                Entry::Vacant(empty) => {
                    empty.insert(key);
                    self.ready(handler, key, out);
                }
                Entry::Occupied(mut last) => {
                    if let Some(before) = self.deliveries.get_mut(last.insert(key)) {
                        before.next = key;
                    }
                    if let Some(delivery) = self.deliveries.get_mut(key) {
                        delivery.first_of_lane = false;
                    }
                }
            }
        }
        self.opened(sequence, open, at);
    }

    /// Nothing more comes before this offset: what stood there was no record for us, such as a transaction's
    /// mark.
    pub fn read_to(&mut self, offset: i64) {
        if self.end.is_none_or(|end| end < offset) {
            self.end = Some(offset);
        }
    }

    /// The next record, which no handler can be shown.
    pub fn receive_undecodable(
        &mut self,
        arrival: Arrival<E>,
        message: &str,
        dead_letters: bool,
        out: &mut Vec<Effect<E>>,
    ) {
        let (event, at) = (arrival.event.clone(), arrival.at);
        let sequence = self.admit(arrival);
        let key = self.deliver(sequence, None, None, Stage::Settling, at);
        self.settling += 1;
        self.opened(sequence, 1, at);
        let given_up = GivenUp {
            key,
            handler: None,
            event,
            reason: Reason::Deserialization,
            error_type: error_type::DESERIALIZATION.into(),
            message: message.into(),
            attempt: 0,
            deployment: None,
        };
        self.lay_down(given_up, dead_letters, at, out);
    }

    /// Starts a try that was [`Effect::Ready`], or that comes next to one that was started for the same
    /// batch. `None` if there is nothing to start any more. Each one that is started is answered by one
    /// [`Self::ended`] or [`Self::not_run`], in the order of the batch.
    pub fn start(&mut self, key: DeliveryKey, now: Instant) -> Option<Started<E>> {
        if self.stopped && !planted(Mutant::StartWhileDraining) {
            return None;
        }
        let delivery = self.deliveries.get_mut(key)?;
        let index = usize::try_from(delivery.sequence.checked_sub(self.first)?).ok()?;
        let slot = self.slots.get_mut(index)?;
        let (event, bytes) = (slot.event.clone()?, slot.bytes);
        slot.begun.get_or_insert(now);
        delivery.stage = Stage::Running;
        self.running += 1;
        let Delivery { attempt, lane, alone, next, since, .. } = *delivery;
        Some(Started { attempt, lane, event, bytes, alone, since, next })
    }

    /// Whether the delivery must not share a batch.
    pub fn is_alone(&self, key: DeliveryKey) -> bool {
        self.deliveries.get(key).is_some_and(|delivery| delivery.alone)
    }

    /// A try did not run: an earlier one of its lane, in the same batch, ended in a failure, or the batch
    /// ended in a fault, after which each of it runs `alone`. Nothing is counted.
    pub fn not_run(&mut self, key: DeliveryKey, alone: bool, out: &mut Vec<Effect<E>>) {
        let Some(delivery) = self.ran(key, out) else { return };
        delivery.alone |= alone && !planted(Mutant::ShareAfterFault);
        delivery.stage = Stage::Behind;
        if planted(Mutant::CountNotRun) {
            delivery.attempt += 1;
        }
        let handler = delivery.handler.filter(|_| delivery.first_of_lane || planted(Mutant::OvertakeNotRun));
        if let Some(handler) = handler {
            self.ready(handler, key, out);
        }
    }

    /// A try ended.
    pub fn ended(&mut self, key: DeliveryKey, end: TryEnd<'_>, now: Instant, out: &mut Vec<Effect<E>>) {
        let TryEnd { deployment, ending, settles_later, charge, draw } = end;
        if charge == Charge::Nobody {
            return self.not_run(key, false, out);
        }
        let Some(delivery) = self.ran(key, out) else { return };
        let (attempt, handler) = (delivery.attempt, delivery.handler);
        let Some(policy) = handler.and_then(|handler| self.policies.get(usize::from(handler))).copied() else { return };
        let is_last = retry::exhausted(&policy.retry, attempt - u32::from(planted(Mutant::OneTryMore)));
        let wait = match ending {
            Ending::Ack | Ending::Skip => {
                self.advance(key, out);
                self.settling(key);
                if !settles_later || planted(Mutant::FinalBeforeBroker) {
                    self.settled(key, now);
                }
                return;
            }
            Ending::DeadLetter(_) => {
                return self.give_up(key, &policy, Reason::Rejected, (deployment, ending), now, out);
            }
            _ if is_last && charge == Charge::Event => {
                return self.give_up(key, &policy, Reason::MaxRetriesExceeded, (deployment, ending), now, out);
            }
            Ending::Retry(Some(after)) => retry::asked(&policy.retry, *after),
            _ => retry::delay(&policy.retry, attempt, draw),
        };
        let Some(delivery) = self.deliveries.get_mut(key) else { return };
        if !is_last && !planted(Mutant::ForgetAttempts) {
            delivery.attempt += 1;
        }
        delivery.stage = Stage::Waiting;
        let sequence = delivery.sequence;
        self.waiting.push(Reverse((now + wait, key)));
        if let Some(open) = self.slot_mut(sequence).map(|slot| slot.open) {
            self.durations.waits(sequence, open, now);
        }
        if planted(Mutant::SwapOnRetry) {
            self.advance(key, out);
        }
    }

    /// Handlers follow these from now on.
    pub fn follow(&mut self, policies: Arc<[Policy]>) {
        self.policies = policies;
    }

    /// The delivery's next try has this number, unless it would have a lower one anyway.
    pub fn count_from(&mut self, key: DeliveryKey, attempt: u32) {
        if let Some(delivery) = self.deliveries.get_mut(key) {
            delivery.attempt = delivery.attempt.min(attempt);
        }
    }

    /// A handler gives up what it has not finished: nothing waits for it any more, but for the broker's answers to
    /// what it did finish. Answers how many deliveries were given up.
    pub fn remove_handler(&mut self, handler: HandlerIndex, now: Instant) -> usize {
        let unfinished = |delivery: &Delivery| delivery.handler == Some(handler) && delivery.stage != Stage::Settling;
        let given_up: Vec<_> = self
            .deliveries
            .iter()
            .filter(|(_, of)| unfinished(of))
            .map(|(key, of)| (key, of.stage, of.sequence))
            .collect();
        self.lanes.retain(|(of, _), _| *of != handler);
        for (key, stage, sequence) in &given_up {
            match stage {
                Stage::Running => self.running = self.running.saturating_sub(1),
                Stage::Waiting => self.durations.waits_no_more(*sequence, now),
                _ => {}
            }
            self.settling += 1;
            self.settled(*key, now);
        }
        given_up.len()
    }

    /// The delivery of a try that runs no more. `None`: the position was reset while it ran, and only its lane
    /// still waited for it.
    fn ran(&mut self, key: DeliveryKey, out: &mut Vec<Effect<E>>) -> Option<&mut Delivery> {
        let sequence = self.deliveries.get(key)?.sequence;
        self.running = self.running.saturating_sub(1);
        if sequence < self.first {
            self.advance(key, out);
            self.deliveries.remove(key);
        }
        self.deliveries.get_mut(key)
    }

    /// The broker has acknowledged all that belongs to this delivery: it is final.
    pub fn settled(&mut self, key: DeliveryKey, now: Instant) {
        let Some(delivery) = self.deliveries.remove(key) else { return };
        self.settling = self.settling.saturating_sub(1);
        let Some(slot) = self.slot_mut(delivery.sequence) else { return };
        slot.open = slot.open.saturating_sub(1);
        let open = slot.open;
        self.durations.one_is_final(delivery.sequence, open, now);
        self.release(delivery.sequence, now);
    }

    /// The broker refused for good what an acknowledged try published.
    pub fn refused(&mut self, key: DeliveryKey, message: &str, now: Instant, out: &mut Vec<Effect<E>>) {
        let Some(delivery) = self.deliveries.get(key) else { return };
        let (handler, attempt) = (delivery.handler, delivery.attempt);
        let Some(policy) = handler.and_then(|handler| self.policies.get(usize::from(handler))).copied() else { return };
        let Some(event) = self.event(delivery.sequence) else { return };
        let given_up = GivenUp {
            key,
            handler,
            event,
            reason: Reason::PublishRejected,
            error_type: error_type::PUBLISH_REJECTED.into(),
            message: message.into(),
            attempt,
            deployment: None,
        };
        self.lay_down(given_up, policy.dead_letters, now, out);
    }

    /// Tries whose wait is over.
    pub fn due(&mut self, now: Instant, out: &mut Vec<Effect<E>>) {
        while let Some(&Reverse((at, key))) = self.waiting.peek() {
            if at > now {
                return;
            }
            self.waiting.pop();
            let Some(delivery) = self.deliveries.get_mut(key) else { continue };
            delivery.since = at;
            let (handler, sequence) = (delivery.handler, delivery.sequence);
            self.durations.waits_no_more(sequence, at);
            if let Some(handler) = handler {
                self.ready(handler, key, out);
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

    /// Tries that were started and have not ended, and deliveries that wait for the broker: what a drain
    /// waits for.
    pub fn under_way(&self) -> usize {
        self.running + self.settling
    }

    /// Deliveries that are not final.
    pub fn unfinished(&self) -> usize {
        self.slots.iter().map(|slot| slot.open as usize).sum()
    }

    /// The lowest offset that is not final: what may be committed. `None` while nothing is known.
    pub fn watermark(&self) -> Option<i64> {
        if planted(Mutant::CommitHighestSeen) {
            return self.end;
        }
        self.slots.front().map(|slot| slot.offset).or(self.end)
    }

    /// Before this offset all was received. `None` while nothing is known.
    pub fn end(&self) -> Option<i64> {
        self.end
    }

    /// Whether the delivery is not final, nor given up.
    pub fn has(&self, key: DeliveryKey) -> bool {
        self.deliveries.contains_key(key)
    }

    /// How many records the watermark has passed under this assignment.
    pub fn passed(&self) -> u64 {
        self.passed
    }

    /// The record that holds the watermark, if one does.
    pub fn oldest(&self) -> Option<Oldest<'_, E>> {
        let slot = self.slots.front()?;
        Some(Oldest { offset: slot.offset, at: slot.at, event: slot.event.as_ref()? })
    }

    /// Handlers for which the record that holds the watermark is not final, where each delivery is, and the
    /// number of its try. Looks at all deliveries.
    pub fn holders(&self) -> impl Iterator<Item = (Option<HandlerIndex>, Stage, u32)> + '_ {
        let oldest = self.deliveries.values().filter(|delivery| delivery.sequence == self.first);
        oldest.map(|delivery| (delivery.handler, delivery.stage, delivery.attempt))
    }

    /// Handlers of the deliveries that are under way.
    pub fn handlers_under_way(&self) -> impl Iterator<Item = Option<HandlerIndex>> + '_ {
        let under_way = |delivery: &&Delivery| matches!(delivery.stage, Stage::Running | Stage::Settling);
        self.deliveries.values().filter(under_way).map(|delivery| delivery.handler)
    }

    /// Shows each event that came before that time, and is not final, to `keep`, once. Answers whether there
    /// are others that are not final.
    pub fn keep_old(&mut self, before: Instant, mut keep: impl FnMut(&mut E)) -> bool {
        self.not_old = self.not_old.max(self.first);
        while let Some(slot) = self.slot_mut(self.not_old) {
            if slot.at >= before {
                return true;
            }
            slot.event.iter_mut().for_each(&mut keep);
            self.not_old += 1;
        }
        false
    }

    /// Tells the account what has become free: once for many records, because the consumer's thread looks at it, too.
    pub fn tell_account(&mut self) {
        let (bytes, records) = std::mem::take(&mut self.freed);
        if bytes > 0 || records > 0 {
            self.account.finished(bytes, records);
        }
    }

    /// Shows how long records took that became final since the last time, from their first try without the time
    /// when all that was not final waited for a retry, and how many took as long.
    pub fn take_finished(&mut self, show: impl FnMut(Duration, u64)) {
        self.durations.take(show);
    }

    /// What it holds, as far as it was told.
    pub fn account(&self) -> &Account {
        &self.account
    }

    fn admit(&mut self, arrival: Arrival<E>) -> u64 {
        let Arrival { offset, bytes, event, at } = arrival;
        if self.end.is_some_and(|end| offset < end) {
            self.rewind();
        }
        let sequence = self.first + self.slots.len() as u64;
        self.end = Some(offset + 1);
        // Held until `opened` says how many wait for it.
        self.slots.push_back(Slot { offset, bytes, at, event: Some(event), open: u32::MAX, begun: None });
        sequence
    }

    fn deliver(
        &mut self,
        sequence: u64,
        handler: Option<HandlerIndex>,
        lane: Option<Lane>,
        stage: Stage,
        since: Instant,
    ) -> DeliveryKey {
        self.deliveries.insert(Delivery {
            sequence,
            handler,
            lane,
            next: DeliveryKey::null(),
            first_of_lane: true,
            alone: false,
            attempt: 1,
            stage,
            since,
        })
    }

    fn opened(&mut self, sequence: u64, open: u32, now: Instant) {
        if let Some(slot) = self.slot_mut(sequence) {
            slot.open = open;
        }
        self.release(sequence, now);
    }

    /// What still runs keeps its lane until it ends, so that nothing of its key overlaps with it.
    fn rewind(&mut self) {
        self.first += self.slots.len() as u64;
        let held: u64 = self.slots.iter().filter(|slot| slot.event.is_some()).map(|slot| slot.bytes).sum();
        self.freed.0 += held;
        self.freed.1 += self.slots.len() as u64;
        self.slots.clear();
        self.waiting.clear();
        self.durations.give_up();
        self.settling = 0;
        self.deliveries.retain(|_, delivery| delivery.stage == Stage::Running);
        self.lanes.clear();
        // Those of one batch may follow each other; what followed them is gone.
        let running: Vec<_> = self.deliveries.keys().collect();
        for key in running {
            let next = self.deliveries.get(key).map(|delivery| delivery.next).unwrap_or_default();
            let gone = !self.deliveries.contains_key(next);
            if let Some(delivery) = self.deliveries.get_mut(key).filter(|_| gone) {
                delivery.next = DeliveryKey::null();
            }
        }
        if planted(Mutant::ForgetLaneOnReset) {
            return;
        }
        for (key, delivery) in &self.deliveries {
            if let (Some(handler), Some(lane), true) = (delivery.handler, delivery.lane, delivery.next.is_null()) {
                self.lanes.insert((handler, lane), key);
            }
        }
    }

    fn slot_mut(&mut self, sequence: u64) -> Option<&mut Slot<E>> {
        let index = sequence.checked_sub(self.first)?;
        self.slots.get_mut(usize::try_from(index).ok()?)
    }

    fn event(&self, sequence: u64) -> Option<E> {
        let index = sequence.checked_sub(self.first)?;
        self.slots.get(usize::try_from(index).ok()?)?.event.clone()
    }

    fn ready(&mut self, handler: HandlerIndex, key: DeliveryKey, out: &mut Vec<Effect<E>>) {
        if let Some(delivery) = self.deliveries.get_mut(key) {
            delivery.stage = Stage::Ready;
            out.push(Effect::Ready(handler, key));
        }
    }

    /// The lane's first delivery needs no more tries: the next one is ready, unless it runs already, in the
    /// same batch.
    fn advance(&mut self, key: DeliveryKey, out: &mut Vec<Effect<E>>) {
        let Some(delivery) = self.deliveries.get_mut(key) else { return };
        let (Some(handler), Some(lane)) = (delivery.handler, delivery.lane.take()) else { return };
        let next = delivery.next;
        let Some(next_one) = self.deliveries.get_mut(next) else {
            self.lanes.remove(&(handler, lane));
            return;
        };
        next_one.first_of_lane = true;
        if next_one.stage == Stage::Behind {
            self.ready(handler, next, out);
        }
    }

    fn settling(&mut self, key: DeliveryKey) {
        if let Some(delivery) = self.deliveries.get_mut(key) {
            delivery.stage = Stage::Settling;
            self.settling += 1;
        }
    }

    fn give_up(
        &mut self,
        key: DeliveryKey,
        policy: &Policy,
        reason: Reason,
        (deployment, ending): (Deployment, &Ending),
        now: Instant,
        out: &mut Vec<Effect<E>>,
    ) {
        if !planted(Mutant::LeaveLaneClosed) {
            self.advance(key, out);
        }
        self.settling(key);
        let Some(delivery) = self.deliveries.get(key) else { return };
        let Some(event) = self.event(delivery.sequence) else { return };
        let given_up = GivenUp {
            key,
            handler: delivery.handler,
            event,
            reason,
            error_type: ending.error_type().unwrap_or_default().into(),
            message: ending.message().into(),
            attempt: delivery.attempt,
            deployment: Some(deployment),
        };
        self.lay_down(given_up, policy.dead_letters, now, out);
    }

    fn lay_down(&mut self, given_up: GivenUp<E>, dead_letters: bool, now: Instant, out: &mut Vec<Effect<E>>) {
        if dead_letters {
            out.push(Effect::DeadLetter(given_up));
        } else {
            let key = given_up.key;
            out.push(Effect::Dropped(given_up));
            self.settled(key, now);
        }
    }

    /// Lets go of the record's event if it is final, and of the records that the watermark passes.
    fn release(&mut self, sequence: u64, now: Instant) {
        let Some(slot) = self.slot_mut(sequence) else { return };
        if slot.open == 0 && slot.event.take().is_some() {
            let (bytes, begun) = (slot.bytes, slot.begun);
            self.freed.0 += bytes;
            if let Some(begun) = begun {
                self.durations.all_are_final(sequence, begun, now);
            }
        }
        let mut passed = 0;
        while self.slots.front().is_some_and(|slot| slot.open == 0) {
            self.slots.pop_front();
            passed += 1;
        }
        if passed > 0 {
            self.first += passed;
            self.passed += passed;
            self.freed.1 += passed;
        }
    }
}
