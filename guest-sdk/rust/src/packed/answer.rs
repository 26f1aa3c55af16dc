//! Writes an answer: one record for each event, and the texts behind them.

use super::frame::ABSENT;
use crate::verdict::retry_millis;
use crate::{Error, Verdict};

const HEADER_LEN: usize = 24;
const RECORD_LEN: usize = 32;

type Record = [u8; RECORD_LEN];

/// Most verdicts are one of these, whole.
const ACK: Record = record(1, None, NOTHING, NOTHING);
const SKIP: Record = record(2, None, NOTHING, NOTHING);
const RETRY: Record = record(3, None, NOTHING, NOTHING);
const NOT_RUN: Record = record(6, None, NOTHING, NOTHING);

/// A reference that is absent.
const NOTHING: [u8; 8] = reference(0, ABSENT);

/// An answer in the making.
pub(crate) struct Answer {
    /// All records from the beginning, those that are still to come as zeros: code 0 is no verdict.
    /// Texts are written behind them.
    bytes: Vec<u8>,
    /// Where the next record goes.
    next: usize,
}

impl Answer {
    /// An answer to so many events. Sized for them, and so never grown by verdicts without text.
    pub(crate) fn to(count: usize) -> Self {
        let mut bytes = vec![0; HEADER_LEN + RECORD_LEN * count];
        put(&mut bytes, 0, b"SBVD");
        put(&mut bytes, 4, &1_u16.to_le_bytes());
        put(&mut bytes, 6, &[HEADER_LEN as u8, 0, RECORD_LEN as u8, 0]);
        put(&mut bytes, 12, &size(count).to_le_bytes());
        Self { bytes, next: HEADER_LEN }
    }

    /// Answers the next event with how its try ended.
    pub(crate) fn push(&mut self, ended: &Result<Verdict, Error>) {
        match ended {
            Ok(Verdict::Ack) => self.put_record(&ACK),
            Ok(Verdict::Skip) => self.put_record(&SKIP),
            Ok(Verdict::Retry(None)) => self.put_record(&RETRY),
            Ok(Verdict::Retry(Some(delay))) => {
                self.put_record(&record(3, Some(retry_millis(*delay)), NOTHING, NOTHING));
            }
            Ok(Verdict::DeadLetter(reason)) => {
                let reason = self.put_text(reason);
                self.put_record(&record(4, None, NOTHING, reason));
            }
            Err(error) => {
                let kind = self.put_text(error.kind());
                let message = self.put_text(error.message());
                self.put_record(&record(5, None, kind, message));
            }
        }
    }

    /// Answers the next event: its lane has stopped, the handler has not seen it.
    pub(crate) fn push_not_run(&mut self) {
        self.put_record(&NOT_RUN);
    }

    /// The bytes, once each event is answered.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        let total_len = size(self.bytes.len());
        put(&mut self.bytes, 16, &total_len.to_le_bytes());
        self.bytes
    }

    fn put_record(&mut self, record: &Record) {
        put(&mut self.bytes, self.next, record);
        self.next += RECORD_LEN;
    }

    /// Writes a text behind what is there, and refers to it.
    fn put_text(&mut self, text: &str) -> [u8; 8] {
        if text.is_empty() {
            return reference(0, 0);
        }
        let offset = size(self.bytes.len());
        self.bytes.extend_from_slice(text.as_bytes());
        reference(offset, size(text.len()))
    }
}

const fn record(code: u8, delay: Option<u64>, kind: [u8; 8], text: [u8; 8]) -> Record {
    let (flags, delay) = match delay {
        Some(delay) => (1, delay.to_le_bytes()),
        None => (0, [0; 8]),
    };
    let [d0, d1, d2, d3, d4, d5, d6, d7] = delay;
    let [k0, k1, k2, k3, k4, k5, k6, k7] = kind;
    let [t0, t1, t2, t3, t4, t5, t6, t7] = text;
    [
        code, flags, 0, 0, 0, 0, 0, 0, d0, d1, d2, d3, d4, d5, d6, d7, //
        k0, k1, k2, k3, k4, k5, k6, k7, t0, t1, t2, t3, t4, t5, t6, t7,
    ]
}

const fn reference(offset: u32, length: u32) -> [u8; 8] {
    (offset as u64 | (length as u64) << 32).to_le_bytes()
}

/// A size as lists count it. A list that is longer breaks the contract, and the host refuses it.
fn size(size: usize) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}

/// Writes over what is there. There is a record for each event, so nothing is ever written elsewhere.
fn put(bytes: &mut [u8], at: usize, what: &[u8]) {
    if let Some(place) = bytes.get_mut(at..).and_then(|rest| rest.get_mut(..what.len())) {
        place.copy_from_slice(what);
    }
}
