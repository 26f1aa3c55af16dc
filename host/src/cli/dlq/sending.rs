//! Records on their way into redrive topics: so many at once, so many in a second, each acknowledged.

use std::collections::HashMap;
use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};

use crate::delivery::ports::{Producer, SendError, Signal};
use crate::event::{Outgoing, Position};

/// What may be on its way at once, in records and in bytes.
const WINDOW: usize = 1000;
const WINDOW_BYTES: usize = 16 << 20;

/// How often a wait looks whether it was broken off.
const LOOK: Duration = Duration::from_millis(50);

/// Why nothing more is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// Somebody asked for it.
    Interrupted,
    /// The broker does not take a record.
    Refused(Position, String),
    /// It does not answer.
    Silent,
}

pub(super) struct Sending<'a> {
    door: &'a dyn Producer,
    answers: &'a Receiver<Signal>,
    interrupted: &'a AtomicBool,
    patience: Duration,
    rate: Option<NonZero<u32>>,
    begun: Instant,
    next: u64,
    on_way: HashMap<u64, (Position, usize)>,
    bytes: usize,
    /// Acknowledged.
    pub(super) done: usize,
    /// Not taken because of their size.
    pub(super) too_large: Vec<Position>,
}

impl<'a> Sending<'a> {
    pub(super) fn new(
        door: &'a dyn Producer,
        answers: &'a Receiver<Signal>,
        interrupted: &'a AtomicBool,
        patience: Duration,
        rate: Option<NonZero<u32>>,
    ) -> Sending<'a> {
        Sending {
            door,
            answers,
            interrupted,
            patience,
            rate,
            begun: Instant::now(),
            next: 0,
            on_way: HashMap::new(),
            bytes: 0,
            done: 0,
            too_large: Vec::new(),
        }
    }

    /// Sends what is about the dead letter at `position`, as soon as the rate and the window let it.
    pub(super) fn send(&mut self, position: Position, record: Outgoing) -> Result<(), Stop> {
        let bytes = record.payload_bytes();
        let turn = self.begun + self.rate.map_or(Duration::ZERO, |rate| of_rate(self.next, rate));
        let mut deadline = Instant::now() + self.patience;
        loop {
            self.check()?;
            let now = Instant::now();
            let room = self.on_way.len() < WINDOW && (self.on_way.is_empty() || self.bytes + bytes <= WINDOW_BYTES);
            if room && now >= turn {
                break;
            }
            if room {
                // It is the rate that it waits for, not the broker.
                deadline = now + self.patience;
            }
            let until = if room { turn.min(now + LOOK) } else { now + LOOK };
            if self.hear(until)? {
                deadline = Instant::now() + self.patience;
            } else if Instant::now() >= deadline {
                return Err(Stop::Silent);
            }
        }
        let token = self.next;
        self.next += 1;
        self.bytes += bytes;
        self.on_way.insert(token, (position, bytes));
        self.door.send(token, Arc::new(record));
        // What has been answered makes room without a wait.
        while self.hear(Instant::now())? {}
        Ok(())
    }

    /// Waits for everything that is on its way, also after an interruption.
    pub(super) fn finish(&mut self) -> Result<(), Stop> {
        let mut deadline = Instant::now() + self.patience;
        let mut first = None;
        while !self.on_way.is_empty() {
            match self.hear(Instant::now() + LOOK) {
                Ok(true) => deadline = Instant::now() + self.patience,
                Ok(false) if Instant::now() >= deadline => return Err(first.unwrap_or(Stop::Silent)),
                Ok(false) => {}
                Err(stop) => {
                    first.get_or_insert(stop);
                }
            }
        }
        first.map_or(Ok(()), Err)
    }

    /// Records that were sent and are not answered.
    pub(super) fn unanswered(&self) -> usize {
        self.on_way.len()
    }

    fn check(&self) -> Result<(), Stop> {
        if self.interrupted.load(Ordering::Relaxed) { Err(Stop::Interrupted) } else { Ok(()) }
    }

    /// Takes one answer in, if one comes until then. Answers whether one did.
    fn hear(&mut self, until: Instant) -> Result<bool, Stop> {
        let (token, answer) = match self.answers.recv_deadline(until) {
            Ok(Signal::Sent(token, answer)) => (token, answer),
            Ok(_) => return Ok(true),
            Err(RecvTimeoutError::Timeout) => return Ok(false),
            Err(RecvTimeoutError::Disconnected) => return Err(Stop::Silent),
        };
        let Some((position, bytes)) = self.on_way.remove(&token) else { return Ok(true) };
        self.bytes -= bytes;
        match answer {
            Ok(()) => self.done += 1,
            Err(SendError::TooLarge(_)) => self.too_large.push(position),
            Err(SendError::Refused(message) | SendError::Unavailable(message)) => {
                return Err(Stop::Refused(position, message));
            }
        }
        Ok(true)
    }
}

/// When the record with that number, from 0, may go.
fn of_rate(number: u64, rate: NonZero<u32>) -> Duration {
    Duration::from_secs_f64(number as f64 / f64::from(rate.get()))
}

#[cfg(test)]
mod tests {
    use crossbeam_channel::{Sender, unbounded};

    use super::*;

    /// Answers at once, as it is told to.
    struct Door(Sender<Signal>, fn(u64) -> Option<Result<(), SendError>>);

    impl Producer for Door {
        fn send(&self, token: u64, _: Arc<Outgoing>) {
            if let Some(answer) = (self.1)(token) {
                self.0.send(Signal::Sent(token, answer)).unwrap();
            }
        }
    }

    fn record() -> Outgoing {
        Outgoing { topic: "t".into(), key: None, value: Some(vec![0; 10]), headers: Vec::new(), timestamp: None }
    }

    fn at(offset: i64) -> Position {
        Position { topic: "orders.dlq".into(), partition: 0, offset }
    }

    const PATIENCE: Duration = Duration::from_millis(200);

    fn run(
        answer: fn(u64) -> Option<Result<(), SendError>>,
        count: i64,
        rate: Option<u32>,
        act: impl FnOnce(&mut Sending<'_>, Result<(), Stop>),
    ) {
        let (answers_in, answers) = unbounded();
        let (door, interrupted) = (Door(answers_in, answer), AtomicBool::new(false));
        let mut sending = Sending::new(&door, &answers, &interrupted, PATIENCE, rate.and_then(NonZero::new));
        let sent = (0..count).try_for_each(|offset| sending.send(at(offset), record()));
        act(&mut sending, sent);
    }

    #[test]
    fn all_are_acknowledged() {
        run(
            |_| Some(Ok(())),
            5000,
            None,
            |sending, sent| {
                assert_eq!((sent, sending.finish()), (Ok(()), Ok(())));
                assert_eq!((sending.done, sending.unanswered()), (5000, 0));
            },
        );
    }

    #[test]
    fn what_is_too_large_is_left_out_and_named() {
        let answer = |token| Some(if token == 1 { Err(SendError::TooLarge("large".into())) } else { Ok(()) });
        run(answer, 3, None, |sending, sent| {
            assert_eq!((sent, sending.finish()), (Ok(()), Ok(())));
            assert_eq!((sending.done, &*sending.too_large), (2, &[at(1)][..]));
        });
    }

    #[test]
    fn a_refusal_stops_it_and_names_the_record() {
        let answer = |token| Some(if token == 1 { Err(SendError::Refused("no".into())) } else { Ok(()) });
        run(answer, 3, None, |sending, sent| {
            assert_eq!(sent, Err(Stop::Refused(at(1), "no".into())));
            assert_eq!((sending.finish(), sending.done), (Ok(()), 1));
        });
    }

    #[test]
    fn no_more_than_the_window_is_on_its_way_and_silence_ends_it() {
        run(
            |_| None,
            2000,
            None,
            |sending, sent| {
                assert_eq!((sent, sending.unanswered()), (Err(Stop::Silent), WINDOW));
                assert_eq!(sending.finish(), Err(Stop::Silent));
            },
        );
    }

    #[test]
    fn an_interruption_stops_it_and_what_is_on_its_way_is_waited_for() {
        let (answers_in, answers) = unbounded();
        let (door, interrupted) = (Door(answers_in, |_| Some(Ok(()))), AtomicBool::new(false));
        let mut sending = Sending::new(&door, &answers, &interrupted, PATIENCE, None);
        assert_eq!(sending.send(at(0), record()), Ok(()));
        interrupted.store(true, Ordering::Relaxed);
        assert_eq!(sending.send(at(1), record()), Err(Stop::Interrupted));
        assert_eq!((sending.finish(), sending.done), (Ok(()), 1));
    }

    #[test]
    fn a_rate_is_kept_and_is_no_silence() {
        let started = Instant::now();
        run(
            |_| Some(Ok(())),
            4,
            Some(3),
            |sending, sent| {
                assert_eq!((sent, sending.done), (Ok(()), 4));
            },
        );
        // The fourth goes a second after the first, which is longer than silence may last.
        assert!(started.elapsed() >= Duration::from_secs(1), "{:?}", started.elapsed());
    }
}
