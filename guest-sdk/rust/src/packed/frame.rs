//! Reads a frame where it lies: fields by their place, text and bytes by reference, nothing copied.
//!
//! What the frame's header says is checked once, what an event's record says where it is read. No
//! frame, however wrong, makes this module panic or read past the end.

use std::slice::ChunksExact;
use std::str;
use std::sync::OnceLock;

use crate::Header;

const MAGIC: &[u8] = b"SBEV";
const VERSION: u16 = 1;
/// Lengths of version 1. A frame names its own, which may be longer.
const HEADER_LEN: usize = 24;
const RECORD_LEN: usize = 80;
const ENTRY_LEN: usize = 16;
const MAX_COUNT: usize = 65_536;
/// The length of a reference that refers to nothing.
pub(super) const ABSENT: u32 = u32::MAX;

/// A frame is not what the contract says: what is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed(&'static str);

impl Malformed {
    /// Ends the instance: the host is wrong, and no verdict would be right.
    ///
    /// # Panics
    ///
    /// Always.
    #[cold]
    pub(crate) fn trap(self) -> ! {
        panic!("the host's frame breaks the contract: {}", self.0)
    }
}

type Result<T, E = Malformed> = std::result::Result<T, E>;

/// A frame whose header holds.
pub(crate) struct Frame {
    bytes: Vec<u8>,
    header_len: usize,
    record_len: usize,
    entry_len: usize,
    count: usize,
    lanes: usize,
    /// Where the data begins, behind the records.
    data: usize,
}

impl Frame {
    /// Takes the bytes, and checks their header.
    pub(crate) fn read(bytes: Vec<u8>) -> Result<Self> {
        const CUT: Malformed = Malformed("it is shorter than a header");
        let list = bytes.as_slice();
        if list.get(..4).ok_or(CUT)? != MAGIC || u16_at(list, 4).ok_or(CUT)? != VERSION {
            return Err(Malformed("magic or version is unknown"));
        }
        let length = |at| u16_at(list, at).map(usize::from).ok_or(CUT);
        let (header_len, record_len, entry_len) = (length(6)?, length(8)?, length(10)?);
        let fits = |length: usize, least| length >= least && length.is_multiple_of(8);
        if !fits(header_len, HEADER_LEN) || !fits(record_len, RECORD_LEN) || !fits(entry_len, ENTRY_LEN) {
            return Err(Malformed("a length is shorter than in version 1, or no multiple of 8"));
        }
        let number = |at| size_at(list, at).ok_or(CUT);
        let (count, total_len, lanes) = (number(12)?, number(16)?, number(20)?);
        let data = record_len.checked_mul(count).and_then(|records| records.checked_add(header_len));
        let data = data.ok_or(Malformed("it counts too many events"))?;
        if total_len != list.len() || data > total_len {
            return Err(Malformed("its length is not the one it names"));
        }
        if !(1..=MAX_COUNT).contains(&count) || !(1..=count).contains(&lanes) {
            return Err(Malformed("no number of events or lanes"));
        }
        Ok(Self { bytes, header_len, record_len, entry_len, count, lanes, data })
    }

    /// Events, one or more.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Different lanes; every lane is below.
    pub(crate) fn lanes(&self) -> usize {
        self.lanes
    }

    /// What the reference at the beginning of `place` refers to, if to anything.
    fn refer(&self, place: Option<&[u8]>) -> Result<Option<&[u8]>> {
        const OUTSIDE: Malformed = Malformed("a reference does not lie within the data");
        let place = place.ok_or(OUTSIDE)?;
        let offset = size_at(place, 0).ok_or(OUTSIDE)?;
        match u32_at(place, 4).ok_or(OUTSIDE)? {
            ABSENT => Ok(None),
            0 => Ok(Some(&[])),
            _ if offset < self.data => Err(OUTSIDE),
            length => {
                let end = usize::try_from(length).ok().and_then(|length| offset.checked_add(length));
                self.bytes.get(offset..end.ok_or(OUTSIDE)?).map(Some).ok_or(OUTSIDE)
            }
        }
    }

    fn refer_to_text(&self, place: Option<&[u8]>) -> Result<Option<&str>> {
        let Some(text) = self.refer(place)? else { return Ok(None) };
        str::from_utf8(text).map(Some).map_err(|_| Malformed("a text is not UTF-8"))
    }
}

/// One event of a frame, which goes on to the next once it is worked off.
pub(crate) struct FrameEvent {
    frame: Frame,
    /// Where the event's record begins.
    at: usize,
    /// `topic/partition/offset`, where the frame has no id and the handler asks for one.
    made_id: OnceLock<String>,
}

impl FrameEvent {
    /// The first event of the frame.
    pub(crate) fn first_of(frame: Frame) -> Self {
        Self { at: frame.header_len, made_id: OnceLock::new(), frame }
    }

    /// Goes on to the next event, which is there as often as the frame counts.
    pub(crate) fn go_on(&mut self) {
        self.at = self.at.saturating_add(self.frame.record_len);
        self.made_id.take();
    }

    pub(crate) fn lane(&self) -> Result<usize> {
        let lane = size_at(self.field(0)?, 0).filter(|lane| *lane < self.frame.lanes);
        lane.ok_or(Malformed("a lane is none of those it counts"))
    }

    pub(crate) fn attempt(&self) -> Result<u32> {
        self.number(4)
    }

    pub(crate) fn partition(&self) -> Result<u32> {
        self.number(8)
    }

    pub(crate) fn offset(&self) -> Result<u64> {
        u64_at(self.field(16)?, 0).ok_or(CUT_RECORD)
    }

    /// Milliseconds since 1970.
    pub(crate) fn timestamp(&self) -> Result<Option<u64>> {
        match u64_at(self.field(24)?, 0).ok_or(CUT_RECORD)?.cast_signed() {
            -1 => Ok(None),
            millis => u64::try_from(millis).map(Some).map_err(|_| Malformed("a timestamp is before 1970")),
        }
    }

    pub(crate) fn topic(&self) -> Result<&str> {
        self.text(32)?.ok_or(Malformed("a topic is absent"))
    }

    pub(crate) fn event_type(&self) -> Result<&str> {
        self.text(40)?.ok_or(Malformed("a type is absent"))
    }

    pub(crate) fn id(&self) -> Result<&str> {
        if let Some(id) = self.text(48)? {
            return Ok(id);
        }
        let (topic, partition, offset) = (self.topic()?, self.partition()?, self.offset()?);
        Ok(self.made_id.get_or_init(|| format!("{topic}/{partition}/{offset}")))
    }

    pub(crate) fn key(&self) -> Result<Option<&[u8]>> {
        self.frame.refer(Some(self.field(56)?))
    }

    pub(crate) fn value(&self) -> Result<Option<&[u8]>> {
        self.frame.refer(Some(self.field(64)?))
    }

    pub(crate) fn headers(&self) -> Result<FrameHeaders<'_>> {
        let count = size_at(self.field(12)?, 0).ok_or(CUT_RECORD)?;
        let table = self.frame.refer(Some(self.field(72)?))?.ok_or(Malformed("a table of headers is absent"))?;
        if count.checked_mul(self.frame.entry_len) != Some(table.len()) {
            return Err(Malformed("a table of headers has another length than its entries"));
        }
        Ok(FrameHeaders { frame: &self.frame, entries: table.chunks_exact(self.frame.entry_len) })
    }

    /// The record from this field on.
    fn field(&self, at: usize) -> Result<&[u8]> {
        self.at.checked_add(at).and_then(|at| self.frame.bytes.get(at..)).ok_or(CUT_RECORD)
    }

    fn number(&self, at: usize) -> Result<u32> {
        u32_at(self.field(at)?, 0).ok_or(CUT_RECORD)
    }

    fn text(&self, at: usize) -> Result<Option<&str>> {
        self.frame.refer_to_text(Some(self.field(at)?))
    }
}

const CUT_RECORD: Malformed = Malformed("a record is cut");

/// The headers of an event, in order.
#[derive(Clone)]
pub(crate) struct FrameHeaders<'a> {
    frame: &'a Frame,
    entries: ChunksExact<'a, u8>,
}

impl<'a> FrameHeaders<'a> {
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn next(&mut self) -> Result<Option<Header<'a>>> {
        let Some(entry) = self.entries.next() else { return Ok(None) };
        self.header(entry).map(Some)
    }

    /// The next header that has this name; those before it are passed over.
    pub(crate) fn next_named(&mut self, name: &str) -> Result<Option<Header<'a>>> {
        for entry in self.entries.by_ref() {
            // Compared as bytes, so that the names passed over are not checked for UTF-8.
            if self.frame.refer(Some(entry))? == Some(name.as_bytes()) {
                return self.header(entry).map(Some);
            }
        }
        Ok(None)
    }

    fn header(&self, entry: &'a [u8]) -> Result<Header<'a>> {
        let name = self.frame.refer_to_text(Some(entry))?.ok_or(Malformed("a header's name is absent"))?;
        Ok(Header::new(name, self.frame.refer(entry.get(8..))?))
    }
}

fn array_at<const N: usize>(list: &[u8], at: usize) -> Option<[u8; N]> {
    list.get(at..)?.first_chunk().copied()
}

fn u16_at(list: &[u8], at: usize) -> Option<u16> {
    array_at(list, at).map(u16::from_le_bytes)
}

fn u32_at(list: &[u8], at: usize) -> Option<u32> {
    array_at(list, at).map(u32::from_le_bytes)
}

fn size_at(list: &[u8], at: usize) -> Option<usize> {
    u32_at(list, at).and_then(|size| usize::try_from(size).ok())
}

fn u64_at(list: &[u8], at: usize) -> Option<u64> {
    array_at(list, at).map(u64::from_le_bytes)
}
