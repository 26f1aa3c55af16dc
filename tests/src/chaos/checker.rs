//! Whether what is seen may be: plain code without I/O.
//!
//! It is told, in whatever order, where the broker has put each event, every result and every dead letter in the order of
//! their topics' partitions, and samples of committed offsets. It finds:
//!
//! - **lost**: an acknowledged event without the end that its plan demands, for some handler;
//! - **out of order**: of one handler, one partition of the source and one key, a first `ack` that comes after that of a
//!   later event; likewise a first dead letter. Only first ones, because each delivery begins again at a watermark
//!   below which all is finished: repetitions step back, first ones never do, whoever made them. An `ack` and a dead
//!   letter are in different topics, between which there is no order to be seen;
//! - **commits ahead**: a committed offset with an event below it whose end stood in no topic yet;
//! - **unexpected**: an `ack` or a dead letter that the plan does not know, a try with another number, another event's
//!   value, another reason.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use super::plan::{Cause, End, Group, HANDLERS, Plan};

/// How many findings are kept as text; all are counted.
const KEPT: usize = 500;

/// An event that the broker has acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Unique.
    pub number: u32,
    /// The number of its key.
    pub key: u16,
    /// What it goes through.
    pub plan: Plan,
}

/// Where an event stands: partition and offset.
pub type Place = (i32, i64);

/// The number of a sample of committed offsets, from 0: a stamp of this number says "was there at that sample".
pub type Stamp = u32;

/// One result of the probe.
#[derive(Debug, Clone)]
pub struct Ack {
    /// In [`HANDLERS`].
    pub handler: usize,
    /// Of the event.
    pub place: Place,
    /// That the result carries.
    pub number: u32,
    /// Likewise.
    pub key: u16,
    /// The try, from 1.
    pub attempt: u8,
    /// Which incarnation of which host says so.
    pub by: String,
    /// The first sample at which it was in the topic.
    pub stamp: Stamp,
}

/// One dead letter.
#[derive(Debug, Clone)]
pub struct Letter {
    /// Which group has given the event up.
    pub group: Group,
    /// In [`HANDLERS`]; none where no handler could be shown the event.
    pub handler: Option<usize>,
    /// Of the event.
    pub place: Place,
    /// That the dead letter carries.
    pub number: u32,
    /// Likewise.
    pub key: u16,
    /// Why, as [`Cause`] prints itself.
    pub cause: String,
    /// The first sample at which it was in the topic.
    pub stamp: Stamp,
}

/// What was found, and how much was looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// Acknowledged events.
    pub acknowledged: u64,
    /// Events that were handled and never acknowledged to the producer. No fault.
    pub unacknowledged: u64,
    /// Acknowledged events that lack an end, once for each handler.
    pub lost: u64,
    /// See the module.
    pub out_of_order: u64,
    /// Likewise.
    pub ahead: u64,
    /// Likewise.
    pub unexpected: u64,
    /// Dead letters as expected, without repetitions.
    pub dead_letters: u64,
    /// Results and dead letters beyond the first. No fault: deliveries are at least once.
    pub duplicates: u64,
    /// Samples of a group's commits.
    pub samples: u64,
    /// Offsets that were compared with a commit, once for each group.
    pub commits_checked: u64,
    /// What is wrong, the first five hundred of it.
    pub texts: Vec<String>,
}

/// What one handler has made of one event.
#[derive(Debug, Clone, Copy, Default)]
struct Ends {
    acks: u16,
    letters: u16,
    attempt: u8,
    /// In `causes`.
    cause: u8,
    /// Of the first end.
    stamp: Stamp,
}

#[derive(Debug, Clone, Copy, Default)]
struct Event {
    written: Option<Written>,
    /// What results and dead letters say that it is.
    claimed: Option<u32>,
    ends: [Ends; HANDLERS.len()],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Topic {
    Results,
    DeadLetters,
}

/// Grows by some eighty bytes with each event.
#[derive(Debug, Default)]
pub struct Checker {
    partitions: Vec<Vec<Event>>,
    /// The offset of the newest first end of each lane, and whose it was.
    newest: HashMap<(Topic, usize, i32, u16), (i64, String)>,
    causes: Vec<String>,
    samples: Stamp,
    /// Highest offsets so far with the samples that showed them first, in order.
    committed: BTreeMap<(Group, i32), Vec<(i64, Stamp)>>,
    /// Up to where commits have been checked.
    checked: HashMap<(Group, i32), i64>,
    findings: Findings,
}

impl Checker {
    /// The broker has acknowledged an event.
    pub fn written(&mut self, place: Place, written: Written) {
        let event = self.event(place);
        event.written = Some(written);
        let claimed = *event.claimed.get_or_insert(written.number);
        self.findings.acknowledged += 1;
        if claimed != written.number {
            self.unexpected(format!("{place:?}: event {} is there, but was handled as {claimed}", written.number));
        }
    }

    /// The next result of its partition.
    pub fn acked(&mut self, ack: &Ack) {
        let Ack { handler, place, number, key, attempt, ref by, stamp } = *ack;
        self.claim(place, number);
        let ends = &mut self.event(place).ends[handler];
        if !ends.any() {
            ends.stamp = stamp;
        }
        let first = ends.acks == 0;
        ends.acks = ends.acks.saturating_add(1);
        if first {
            ends.attempt = attempt;
            self.in_order(Topic::Results, handler, place, key, by);
        } else if ends.attempt != attempt {
            let text = format!("{place:?}: acknowledged by {} in try {attempt}, and once in another", name(handler));
            self.unexpected(text);
        }
    }

    /// The next dead letter of its partition.
    pub fn dead_lettered(&mut self, letter: &Letter) {
        let place = letter.place;
        self.claim(place, letter.number);
        let cause = self.cause(&letter.cause);
        let mut other_cause = false;
        let mut first = false;
        for handler in letter.group.handlers().filter(|handler| letter.handler.is_none_or(|own| own == *handler)) {
            let ends = &mut self.event(place).ends[handler];
            if !ends.any() {
                ends.stamp = letter.stamp;
            }
            first = ends.letters == 0;
            ends.letters = ends.letters.saturating_add(1);
            if first {
                ends.cause = cause;
            }
            other_cause |= ends.cause != cause;
        }
        // What no handler is shown is in no handler's order.
        if let Some(handler) = letter.handler.filter(|_| first) {
            self.in_order(Topic::DeadLetters, handler, place, letter.key, "a host");
        }
        if other_cause {
            self.unexpected(format!("{place:?}: a dead letter for {}, and once for something else", letter.cause));
        }
    }

    /// A group's committed offsets. By now every result and dead letter has been told that was there when they were asked
    /// for, and carries a stamp of at most [`Checker::samples`].
    pub fn sampled(&mut self, group: Group, committed: &BTreeMap<i32, i64>) {
        for (partition, offset) in committed {
            let highest = self.committed.entry((group, *partition)).or_default();
            if highest.last().is_none_or(|(newest, _)| offset > newest) {
                highest.push((*offset, self.samples));
            }
        }
        self.samples += 1;
        self.findings.samples += 1;
        for partition in committed.keys() {
            self.check_commits(group, *partition);
        }
    }

    /// How many samples there have been: the number of the next.
    #[must_use]
    pub fn samples(&self) -> Stamp {
        self.samples
    }

    /// The places of acknowledged events that lack an end, with the handler that owes it.
    pub fn unfinished(&self) -> impl Iterator<Item = (Place, usize)> {
        self.places().flat_map(|(place, event)| {
            let owing = (0..HANDLERS.len()).filter(move |handler| {
                let end = event.written.map(|written| written.plan.end());
                end.is_some_and(|end| end != End::Silence) && !event.ends[*handler].any()
            });
            owing.map(move |handler| (place, handler))
        })
    }

    /// How many events have been acknowledged so far.
    #[must_use]
    pub fn acknowledged(&self) -> u64 {
        self.findings.acknowledged
    }

    /// What is wrong so far, without what is only missing yet.
    #[must_use]
    pub fn faults(&self) -> u64 {
        self.findings.out_of_order + self.findings.ahead + self.findings.unexpected
    }

    /// All findings, after everything has been told.
    #[must_use]
    pub fn finish(mut self) -> Findings {
        let lanes: Vec<_> = self.committed.keys().copied().collect();
        for (group, partition) in lanes {
            self.check_commits(group, partition);
        }
        let lost: Vec<(Place, usize)> = self.unfinished().collect();
        for (place, handler) in lost {
            self.findings.lost += 1;
            let written = self.event(place).written;
            self.note(format!("lost: {place:?} has no end for {}: {written:?}", name(handler)));
        }
        for partition in 0..self.partitions.len() {
            for offset in 0..self.partitions[partition].len() {
                let event = self.partitions[partition][offset];
                self.check_ends((partition_number(partition), offset_number(offset)), &event);
            }
        }
        self.findings
    }

    /// Every end that is there against the plan.
    fn check_ends(&mut self, place: Place, event: &Event) {
        let Some(written) = event.written else {
            self.findings.unacknowledged += u64::from(event.claimed.is_some());
            return;
        };
        let end = written.plan.end();
        for (handler, ends) in event.ends.iter().enumerate() {
            let Ends { acks, letters, attempt, cause, .. } = *ends;
            self.findings.duplicates += u64::from(acks.saturating_sub(1));
            let speaks = match end {
                // One for the group, told to each of its handlers.
                End::DeadLetterOfGroup(_) => HANDLERS[handler].group.handlers().next() == Some(handler),
                _ => true,
            };
            if speaks {
                self.findings.duplicates += u64::from(letters.saturating_sub(1));
            }
            let fits = match end {
                _ if !ends.any() => true, // lost, or silent as it should be
                End::Ack { attempt: expected } => letters == 0 && attempt == expected,
                End::Silence => false,
                End::DeadLetter(expected) | End::DeadLetterOfGroup(expected) => {
                    let right = acks == 0 && self.causes[usize::from(cause)] == expected.to_string();
                    self.findings.dead_letters += u64::from(right && speaks);
                    right
                }
            };
            if !fits {
                let mut seen = String::new();
                if acks > 0 {
                    let _ = write!(seen, " {acks} acks, the first in try {attempt};");
                }
                if letters > 0 {
                    let _ = write!(seen, " {letters} dead letters for {};", self.causes[usize::from(cause)]);
                }
                self.unexpected(format!("{place:?}: {} made of {written:?}:{seen}", name(handler)));
            }
        }
    }

    /// Goes on from where it stopped, as far as is committed and known.
    fn check_commits(&mut self, group: Group, partition: i32) {
        let Some(highest) = self.committed.get(&(group, partition)) else { return };
        let Some((end, _)) = highest.last() else { return };
        let mut offset = self.checked.get(&(group, partition)).copied().unwrap_or(0);
        let mut ahead = Vec::new();
        while offset < *end {
            let event = self.partitions.get(index(partition)).and_then(|events| events.get(offset_index(offset)));
            let Some(event) = event else { break };
            let Some(written) = event.written else { break };
            let (committed, sample) = highest[highest.partition_point(|(committed, _)| *committed <= offset)];
            let late = |handler: &usize| !event.ends[*handler].any() || event.ends[*handler].stamp > sample;
            if written.plan.end() != End::Silence {
                ahead.extend(group.handlers().filter(late).map(|handler| (offset, handler, committed, sample)));
            }
            offset += 1;
            self.findings.commits_checked += 1;
        }
        self.checked.insert((group, partition), offset);
        for (offset, handler, committed, sample) in ahead {
            self.findings.ahead += 1;
            let when = match self.event((partition, offset)).ends[handler] {
                ends if ends.any() => format!("was there at sample {}", ends.stamp),
                _ => "is not there yet".to_owned(),
            };
            self.note(format!(
                "ahead: {group:?} had committed {committed} of partition {partition} at sample {sample}, but {}'s end of \
                 offset {offset} {when}",
                name(handler)
            ));
        }
    }

    fn in_order(&mut self, topic: Topic, handler: usize, place: Place, key: u16, by: &str) {
        let (partition, offset) = place;
        let newest = self.newest.entry((topic, handler, partition, key)).or_insert((offset, by.to_owned()));
        if offset >= newest.0 {
            *newest = (offset, by.to_owned());
            return;
        }
        let (before, other) = newest.clone();
        self.findings.out_of_order += 1;
        self.note(format!(
            "out of order: {}, key {key}, partition {partition}: {offset} of {by} came after {before} of {other} in the \
             {topic:?}",
            name(handler)
        ));
    }

    fn claim(&mut self, place: Place, number: u32) {
        let claimed = *self.event(place).claimed.get_or_insert(number);
        if claimed != number {
            self.unexpected(format!("{place:?}: handled as event {number}, but it is {claimed}"));
        }
    }

    fn cause(&mut self, text: &str) -> u8 {
        let known = self.causes.iter().position(|cause| cause == text);
        let index = known.unwrap_or_else(|| {
            self.causes.push(text.to_owned());
            self.causes.len() - 1
        });
        u8::try_from(index).expect("few causes")
    }

    fn event(&mut self, (partition, offset): Place) -> &mut Event {
        let (partition, offset) = (index(partition), offset_index(offset));
        if self.partitions.len() <= partition {
            self.partitions.resize_with(partition + 1, Vec::new);
        }
        let events = &mut self.partitions[partition];
        if events.len() <= offset {
            events.resize_with(offset + 1, Event::default);
        }
        &mut events[offset]
    }

    fn places(&self) -> impl Iterator<Item = (Place, &Event)> {
        self.partitions.iter().enumerate().flat_map(|(partition, events)| {
            let places = events.iter().enumerate();
            places.map(move |(offset, event)| ((partition_number(partition), offset_number(offset)), event))
        })
    }

    fn unexpected(&mut self, text: String) {
        self.findings.unexpected += 1;
        self.note(format!("unexpected: {text}"));
    }

    fn note(&mut self, text: String) {
        if self.findings.texts.len() < KEPT {
            self.findings.texts.push(text);
        }
    }
}

impl Ends {
    fn any(&self) -> bool {
        self.acks > 0 || self.letters > 0
    }
}

impl Findings {
    /// Whether all is as it must be.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.lost + self.out_of_order + self.ahead + self.unexpected == 0
    }
}

impl Cause {
    /// A dead letter's own headers in the form in which causes are compared.
    #[must_use]
    pub fn text(reason: &str, error_type: &str, retries: &str) -> String {
        format!("{reason}/{error_type}/{retries}")
    }
}

fn name(handler: usize) -> &'static str {
    HANDLERS[handler].name
}

fn index(partition: i32) -> usize {
    usize::try_from(partition).expect("partitions are not negative")
}

fn offset_index(offset: i64) -> usize {
    usize::try_from(offset).expect("offsets are not negative")
}

fn partition_number(index: usize) -> i32 {
    i32::try_from(index).expect("few partitions")
}

fn offset_number(index: usize) -> i64 {
    i64::try_from(index).expect("an offset")
}

#[cfg(test)]
mod tests;
