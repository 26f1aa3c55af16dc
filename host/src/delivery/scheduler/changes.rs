//! How a group's handlers change: what is added, deployed, removed, paused and resumed. Indices are never used again.

use std::num::NonZero;
use std::time::Instant;

use super::super::partition::HandlerIndex;
use super::{Command, DeliveryId, Handler, Rules, Scheduler};
use crate::event::TopicPartition;

impl<E: Clone> Scheduler<E> {
    /// One more handler, at the next index. It is given what is received from now on.
    pub fn add(&mut self, rules: Rules) {
        self.handlers.push(Handler::new(rules));
        self.hand_out_policies();
    }

    /// Another generation of a handler: what starts from now on belongs to it. It is out of quarantine.
    /// `rollback_after`: it is bad if so many first events all fail.
    pub fn deploy(&mut self, handler: HandlerIndex, rules: Rules, rollback_after: Option<NonZero<u32>>) {
        let Some(of) = self.handlers.get_mut(usize::from(handler)) else { return };
        let setbacks = of.deploy(rules, rollback_after);
        self.give_back(setbacks);
        self.hand_out_policies();
    }

    /// Whether the handler's generation may still be taken back.
    pub fn is_on_trial(&self, handler: HandlerIndex) -> bool {
        self.handlers.get(usize::from(handler)).is_some_and(Handler::is_on_trial)
    }

    /// A handler is given nothing more, and gives up what it has not finished. Answers how many deliveries those are.
    pub fn remove(&mut self, handler: HandlerIndex, now: Instant, out: &mut Vec<Command<E>>) -> usize {
        let Some(of) = self.handlers.get_mut(usize::from(handler)) else { return 0 };
        of.removed = true;
        of.ready.clear();
        let assignments: Vec<_> = self.partitions.keys().copied().collect();
        let mut given_up = 0;
        for assignment in assignments {
            self.decide(assignment, out, |partition, _| given_up += partition.remove_handler(handler, now));
        }
        given_up
    }

    /// A handler starts nothing more, until it is resumed.
    pub fn pause(&mut self, handler: HandlerIndex) {
        if let Some(handler) = self.handlers.get_mut(usize::from(handler)) {
            handler.paused = true;
        }
    }

    /// A handler goes on, out of a pause and out of quarantine.
    pub fn resume(&mut self, handler: HandlerIndex, out: &mut Vec<Command<E>>) {
        if self.handlers.get_mut(usize::from(handler)).is_some_and(Handler::resume) {
            out.push(Command::Released(handler));
        }
    }

    fn hand_out_policies(&mut self) {
        self.policies = self.handlers.iter().map(|handler| handler.rules.policy).collect();
        for assigned in self.partitions.values_mut() {
            assigned.partition.follow(self.policies.clone());
        }
    }

    /// Gives deliveries back the tries from these numbers on.
    pub(super) fn give_back(&mut self, setbacks: Vec<(DeliveryId, u32)>) {
        for (id, attempt) in setbacks {
            if let Some(assigned) = self.partitions.get_mut(&id.assignment) {
                assigned.partition.count_from(id.key, attempt);
            }
        }
    }

    /// Of each assigned partition the offset before which all was given to handlers.
    pub fn ends(&self) -> impl Iterator<Item = (&TopicPartition, Option<i64>)> {
        self.partitions.values().map(|assigned| (&assigned.topic_partition, assigned.partition.end()))
    }
}
