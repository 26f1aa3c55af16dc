//! The packed frame and its answer, as `docs/packed-frame.md` specifies them: events are written straight
//! into the guest's memory, without a copy in between, and no verdict is believed before it is checked.

use std::mem::MaybeUninit;
use std::time::Duration;

use wasmtime::ValRaw;
use wasmtime::component::__internal::{CanonicalAbiInfo, InstanceType, InterfaceType, LowerContext};
use wasmtime::component::{ComponentType, Lower};

use super::text::message;
use crate::delivery::ports::Try;
use crate::delivery::verdict::{Ending, ErrorKind};

const FRAME_MAGIC: [u8; 4] = *b"SBEV";
const ANSWER_MAGIC: [u8; 4] = *b"SBVD";
const VERSION: u16 = 1;
const HEADER: usize = 24;
const EVENT: usize = 80;
const ENTRY: usize = 16;
const VERDICT: usize = 32;
const ABSENT: u32 = u32::MAX;

/// Types that are remembered to be written once.
const TYPES: usize = 8;

/// A batch as a frame. The events of a lane stand together.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    batch: &'a [Try],
    length: usize,
}

impl<'a> Frame<'a> {
    /// Of a batch. `None` where the frame would be longer than a list may be.
    pub fn of(batch: &'a [Try]) -> Option<Frame<'a>> {
        let length = measure(batch);
        (length < 1 << 31).then_some(Frame { batch, length })
    }

    /// Its bytes, for tests of what guests see.
    #[cfg(test)]
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.length];
        write(self.batch, &mut Out { bytes: &mut bytes, at: 0 });
        bytes
    }
}

// SAFETY: the same representation as `[u8]`, to which all of it is delegated.
unsafe impl ComponentType for Frame<'_> {
    type Lower = <[u8] as ComponentType>::Lower;

    const ABI: CanonicalAbiInfo = <[u8] as ComponentType>::ABI;

    fn typecheck(ty: &InterfaceType, types: &InstanceType<'_>) -> wasmtime::Result<()> {
        <[u8] as ComponentType>::typecheck(ty, types)
    }
}

// SAFETY: writes pointer and length of a list of bytes in the guest's memory, as `[u8]` does.
unsafe impl Lower for Frame<'_> {
    fn linear_lower_to_flat<T>(
        &self,
        context: &mut LowerContext<'_, T>,
        _: InterfaceType,
        into: &mut MaybeUninit<Self::Lower>,
    ) -> wasmtime::Result<()> {
        let start = self.lower(context)?;
        into.write([ValRaw::i64(start as i64), ValRaw::i64(self.length as i64)]);
        Ok(())
    }

    fn linear_lower_to_memory<T>(
        &self,
        context: &mut LowerContext<'_, T>,
        _: InterfaceType,
        offset: usize,
    ) -> wasmtime::Result<()> {
        let start = self.lower(context)?;
        *context.get(offset) = (start as u32).to_le_bytes();
        *context.get(offset + 4) = (self.length as u32).to_le_bytes();
        Ok(())
    }
}

impl Frame<'_> {
    /// Has the guest make room, and writes the frame there.
    fn lower<T>(&self, context: &mut LowerContext<'_, T>) -> wasmtime::Result<usize> {
        let start = context.realloc(0, 0, 1, self.length)?;
        let memory = context.as_slice_mut().get_mut(start..).and_then(|memory| memory.get_mut(..self.length));
        let Some(memory) = memory else { wasmtime::bail!("the guest gave no room for a frame") };
        write(self.batch, &mut Out { bytes: memory, at: 0 });
        Ok(start)
    }
}

/// Where a frame is written to: as many bytes as it was measured to need.
struct Out<'a> {
    bytes: &'a mut [u8],
    at: usize,
}

/// A reference, as a little-endian number.
type Reference = u64;

fn reference(offset: usize, length: u32) -> Reference {
    pair(offset as u32, length)
}

/// Two numbers that stand one behind the other.
fn pair(first: u32, second: u32) -> u64 {
    u64::from(first) | u64::from(second) << 32
}

impl Out<'_> {
    fn set(&mut self, at: usize, what: &[u8]) {
        if let Some(place) = self.bytes.get_mut(at..).and_then(|bytes| bytes.get_mut(..what.len())) {
            place.copy_from_slice(what);
        }
    }

    fn set_words(&mut self, at: usize, words: &[u64]) {
        let place = self.bytes.get_mut(at..).and_then(|bytes| bytes.get_mut(..words.len() * 8));
        let Some(place) = place else { return };
        for (place, word) in place.chunks_exact_mut(8).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
    }

    fn put(&mut self, what: &[u8]) -> Reference {
        if what.is_empty() {
            return reference(0, 0);
        }
        let reference = reference(self.at, what.len() as u32);
        self.set(self.at, what);
        self.at += what.len();
        reference
    }

    fn optional(&mut self, what: Option<&[u8]>) -> Reference {
        what.map_or(reference(0, ABSENT), |what| self.put(what))
    }

    fn align(&mut self) {
        let padding = self.at.next_multiple_of(8) - self.at;
        self.set(self.at, [0; 8].get(..padding).unwrap_or_default());
        self.at += padding;
    }
}

/// How long the frame of a batch is. Says the same as `write`, without a look at headers.
fn measure(batch: &[Try]) -> usize {
    let mut at = HEADER + batch.len() * EVENT;
    let (mut topics, mut types) = (Written::default(), Written::default());
    for run in batch {
        let (event, record) = (&run.event, &run.event.record);
        let count = record.headers().len();
        if count > 0 {
            at = at.next_multiple_of(8) + count * ENTRY + record.header_bytes();
        }
        let length = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len);
        let [type_header, id_header] = event.header_places();
        at += topics.length_of(record.topic().as_bytes());
        if type_header.is_none() {
            at += types.length_of(event.type_bytes());
        }
        if id_header.is_none() {
            at += length(event.id_bytes());
        }
        at += length(record.key()) + length(record.value());
    }
    at
}

fn write(batch: &[Try], out: &mut Out<'_>) {
    let length = out.bytes.len();
    out.at = HEADER + batch.len() * EVENT;
    let (mut topics, mut types) = (Written::default(), Written::default());
    let mut lanes = Lanes::default();
    for (index, run) in batch.iter().enumerate() {
        let (event, record) = (&run.event, &run.event.record);
        let [type_header, id_header] = event.header_places();
        let (mut type_at, mut id_at) = (None, None);
        let headers = record.headers();
        let count = headers.len();
        let entries = if count == 0 {
            reference(0, 0)
        } else {
            out.align();
            let table = out.at;
            out.at += count * ENTRY;
            for (entry, (name, value)) in headers.enumerate() {
                let name = out.put(name);
                let place = out.optional(value);
                // What is a header's value is that header's value itself.
                if type_header == Some(entry) {
                    type_at = Some(place);
                }
                if id_header == Some(entry) {
                    id_at = Some(place);
                }
                out.set_words(table + entry * ENTRY, &[name, place]);
            }
            reference(table, (count * ENTRY) as u32)
        };
        let topic_at = topics.once(record.topic().as_bytes(), out);
        let type_at = type_at.unwrap_or_else(|| types.once(event.type_bytes(), out));
        let id_at = id_at.unwrap_or_else(|| out.optional(event.id_bytes()));
        let (key, value) = (out.optional(record.key()), out.optional(record.value()));

        let lane = lanes.of(run);
        // Kafka's partitions and offsets are never negative, and neither are the times that we show.
        let timestamp = record.timestamp().filter(|millis| *millis >= 0).unwrap_or(-1);
        out.set_words(
            HEADER + index * EVENT,
            &[
                pair(lane, run.attempt),
                pair(record.partition() as u32, count as u32),
                record.offset() as u64,
                timestamp as u64,
                topic_at,
                type_at,
                id_at,
                key,
                value,
                entries,
            ],
        );
    }
    let lanes = lanes.count;
    for (at, field) in [
        (0, FRAME_MAGIC.as_slice()),
        (4, &VERSION.to_le_bytes()),
        (6, &(HEADER as u16).to_le_bytes()),
        (8, &(EVENT as u16).to_le_bytes()),
        (10, &(ENTRY as u16).to_le_bytes()),
        (12, &(batch.len() as u32).to_le_bytes()),
        (16, &(length as u32).to_le_bytes()),
        (20, &lanes.to_le_bytes()),
    ] {
        out.set(at, field);
    }
}

/// Numbers lanes densely, in the order in which they appear.
#[derive(Default)]
struct Lanes<'a> {
    last: Option<&'a Try>,
    count: u32,
}

impl<'a> Lanes<'a> {
    fn of(&mut self, run: &'a Try) -> u32 {
        if !self.last.is_some_and(|last| last.shares_lane(run)) {
            self.count += 1;
        }
        self.last = Some(run);
        self.count - 1
    }
}

/// Texts that stand in the frame already, but for what came after many others.
#[derive(Default)]
struct Written<'a> {
    texts: [Option<(&'a [u8], Reference)>; TYPES],
    next: usize,
}

impl<'a> Written<'a> {
    fn once(&mut self, text: &'a [u8], out: &mut Out<'_>) -> Reference {
        if let Some(place) = self.find(text) {
            return place;
        }
        let place = out.put(text);
        self.remember(text, place);
        place
    }

    /// What it adds to a frame.
    fn length_of(&mut self, text: &'a [u8]) -> usize {
        if self.find(text).is_some() {
            return 0;
        }
        self.remember(text, reference(0, 0));
        text.len()
    }

    fn find(&self, text: &[u8]) -> Option<Reference> {
        // Mostly the very same bytes.
        let is_it = |known: &[u8]| std::ptr::eq(known, text) || known == text;
        self.texts.iter().flatten().find(|(known, _)| is_it(known)).map(|(_, place)| *place)
    }

    fn remember(&mut self, text: &'a [u8], place: Reference) {
        if let Some(free) = self.texts.get_mut(self.next % TYPES) {
            *free = Some((text, place));
        }
        self.next += 1;
    }
}

/// Bytes of an answer to so many events before its texts.
pub fn answer_records(events: usize) -> usize {
    HEADER + events * VERDICT
}

/// Reads an answer to a batch: how each try ended, or `None` where it did not run.
///
/// # Errors
/// The first rule of `docs/packed-frame.md` that it breaks, in words.
pub fn read_answer(answer: &[u8], batch: &[Try]) -> Result<Vec<Option<Ending>>, String> {
    let bytes = Bytes(answer);
    let head = Head::read(bytes, batch.len()).map_err(|rule| format!("the answer breaks rule {rule}"))?;
    let mut endings = Vec::with_capacity(batch.len());
    let mut failed: Vec<&Try> = Vec::new();
    for (index, run) in batch.iter().enumerate() {
        let stopped = failed.iter().any(|earlier| earlier.shares_lane(run));
        let ending = verdict(bytes, head.header + index * head.record, head.data)
            .and_then(|ending| if ending.is_none() == stopped { Ok(ending) } else { Err("A11") })
            .map_err(|rule| format!("the answer breaks rule {rule} for event {index}"))?;
        if !matches!(ending, None | Some(Ending::Ack | Ending::Skip)) {
            failed.push(run);
        }
        endings.push(ending);
    }
    Ok(endings)
}

/// What the header says.
struct Head {
    header: usize,
    record: usize,
    data: usize,
}

impl Head {
    fn read(bytes: Bytes<'_>, events: usize) -> Result<Head, &'static str> {
        if bytes.0.len() < HEADER || bytes.array(0) != Some(ANSWER_MAGIC) {
            return Err("A1");
        }
        let number = |at| bytes.array(at).map(u32::from_le_bytes).map_or(0, |number| number as usize);
        let short = |at| bytes.array(at).map(u16::from_le_bytes).map_or(0, usize::from);
        if short(4) != usize::from(VERSION) {
            return Err("A2");
        }
        let (header, record, count) = (short(6), short(8), number(12));
        if header < HEADER || record < VERDICT || header % 8 != 0 || record % 8 != 0 {
            return Err("A3");
        }
        let data = count.checked_mul(record).and_then(|records| records.checked_add(header));
        let Some(data) = data.filter(|data| *data <= bytes.0.len() && number(16) == bytes.0.len()) else {
            return Err("A4");
        };
        if count != events {
            return Err("A5");
        }
        if short(10) != 0 || number(20) != 0 {
            return Err("A6");
        }
        Ok(Head { header, record, data })
    }
}

#[derive(Clone, Copy)]
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn array<const N: usize>(self, at: usize) -> Option<[u8; N]> {
        self.0.get(at..)?.first_chunk().copied()
    }

    /// What a reference refers to. The outer `Option` is `None` where it is not within the data.
    fn text(self, at: usize, data: usize) -> Option<Option<&'a [u8]>> {
        let offset = u32::from_le_bytes(self.array(at)?) as usize;
        match u32::from_le_bytes(self.array(at + 4)?) {
            ABSENT => Some(None),
            0 => Some(Some(&[])),
            _ if offset < data => None,
            length => self.0.get(offset..)?.get(..length as usize).map(Some),
        }
    }
}

/// The bytes of a record without delay, kind and text after its code.
const BARE: [u8; 24] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 0, 255, 255, 255, 255];

fn verdict(bytes: Bytes<'_>, at: usize, data: usize) -> Result<Option<Ending>, &'static str> {
    let head: [u8; 8] = bytes.array(at).ok_or("A4")?;
    let rest: [u8; 24] = bytes.array(at + 8).ok_or("A4")?;
    // By far the most, told by one comparison. An absent reference may have any offset.
    if head == [1, 0, 0, 0, 0, 0, 0, 0] && rest == BARE {
        return Ok(Some(Ending::Ack));
    }
    let [code, flags, reserved @ ..] = head;
    if flags & !1 != 0 || reserved != [0; 6] {
        return Err("A6");
    }
    let delay = u64::from_le_bytes(bytes.array(at + 8).ok_or("A4")?);
    let (has_delay, has_kind, has_text) = match code {
        1 | 2 | 6 => (false, false, false),
        3 => (flags & 1 == 1, false, false),
        4 => (false, false, true),
        5 => (false, true, true),
        _ => return Err("A7"),
    };
    let is_there = |at: usize| bytes.array(at + 4) != Some(ABSENT.to_le_bytes());
    if (flags & 1 == 1) != has_delay
        || (!has_delay && delay != 0)
        || is_there(at + 16) != has_kind
        || is_there(at + 24) != has_text
    {
        return Err("A8");
    }
    let kind = bytes.text(at + 16, data).ok_or("A9")?.unwrap_or_default();
    let text = bytes.text(at + 24, data).ok_or("A9")?.unwrap_or_default();
    let (kind, text) =
        std::str::from_utf8(kind).and_then(|kind| Ok((kind, std::str::from_utf8(text)?))).map_err(|_| "A10")?;
    Ok(match code {
        1 => Some(Ending::Ack),
        2 => Some(Ending::Skip),
        3 => Some(Ending::Retry(has_delay.then(|| Duration::from_millis(delay)))),
        4 => Some(Ending::DeadLetter(message(text))),
        5 => Some(Ending::Error { kind: ErrorKind::from_guest(kind), message: message(text) }),
        _ => None,
    })
}

#[cfg(test)]
mod tests;
