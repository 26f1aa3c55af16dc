//! An event on its way into a typed call: written straight into the guest's memory, as the type `event` of `wit/`
//! stands there.
//!
//! The generated code would do the same with a list of headers made for it, and look up the guest's memory for each
//! field; it stays the measure, byte for byte, in the tests. What the canonical ABI asks for stays: room for each text
//! and each list comes from the guest, in a call of its own, for the guest gives back each by itself.

use std::mem::MaybeUninit;

use wasmtime::component::__internal::wasmtime_environ::component::StringEncoding;
use wasmtime::component::__internal::{CanonicalAbiInfo, InstanceType, InterfaceType, LowerContext};
use wasmtime::component::{ComponentType, Lower};

use super::bindings::since_v0_1::exports::sandbus::handler::typed;
use super::bindings::since_v0_1::sandbus::handler::types::HeaderParam;
use crate::delivery::ports::Try;
use crate::event::Record;

/// Words of 32 bits that an event takes, without what it refers to.
const EVENT: usize = 23;
/// The same of a header.
const HEADER: usize = 5;

const _: () = assert!(<typed::Event<'_> as ComponentType>::SIZE32 == 96);
const _: () = assert!(<HeaderParam<'_> as ComponentType>::SIZE32 == HEADER * 4);
const _: () = assert!(<HeaderParam<'_> as ComponentType>::ALIGN32 == 4);

/// A try's event, as the parameter of `handle`.
#[derive(Clone, Copy, Debug)]
pub struct Lowered<'a>(pub &'a Try);

// SAFETY: the same representation as that of the generated type, to which all of it is delegated.
unsafe impl ComponentType for Lowered<'_> {
    type Lower = <typed::Event<'static> as ComponentType>::Lower;

    const ABI: CanonicalAbiInfo = <typed::Event<'static> as ComponentType>::ABI;

    fn typecheck(ty: &InterfaceType, types: &InstanceType<'_>) -> wasmtime::Result<()> {
        <typed::Event<'static> as ComponentType>::typecheck(ty, types)
    }
}

// SAFETY: writes within the guest's memory what the generated type would write there. Into registers, where nothing
// is written, it fails.
unsafe impl Lower for Lowered<'_> {
    fn linear_lower_to_flat<T>(
        &self,
        _: &mut LowerContext<'_, T>,
        _: InterfaceType,
        _: &mut MaybeUninit<Self::Lower>,
    ) -> wasmtime::Result<()> {
        wasmtime::bail!("an event has more fields than a call has registers")
    }

    fn linear_lower_to_memory<T>(
        &self,
        context: &mut LowerContext<'_, T>,
        _: InterfaceType,
        offset: usize,
    ) -> wasmtime::Result<()> {
        let Try { event, attempt, .. } = self.0;
        let record = &event.record;
        let is_utf8 = context.options().string_encoding == StringEncoding::Utf8;
        let mut guest = Guest { context, is_utf8 };
        let [topic, topic_length] = guest.text(record.topic().as_bytes())?;
        let [has_key, key, key_length] = guest.optional(record.key())?;
        let [has_value, value, value_length] = guest.optional(record.value())?;
        let [headers, header_count] = guest.headers(record)?;
        let [id, id_length] = match event.id_bytes() {
            Some(id) => guest.text(id)?,
            None => guest.text(event.id().as_bytes())?,
        };
        let [event_type, type_length] = guest.text(event.type_bytes())?;
        // Kafka's partitions and offsets are never negative, and neither are the times that we show.
        let partition = u32::try_from(record.partition()).unwrap_or_default();
        let [low, high] = halves(u64::try_from(record.offset()).unwrap_or_default());
        let millis = record.timestamp().and_then(|millis| u64::try_from(millis).ok());
        let [early, late] = halves(millis.unwrap_or_default());
        #[rustfmt::skip]
        let fields: [u32; EVENT] = [
            topic, topic_length,
            partition, 0,
            low, high,
            u32::from(millis.is_some()), 0, early, late,
            has_key, key, key_length,
            has_value, value, value_length,
            headers, header_count,
            id, id_length,
            event_type, type_length,
            *attempt,
        ];
        guest.set(offset, fields)
    }
}

/// A number of 64 bits in two words.
fn halves(number: u64) -> [u32; 2] {
    [number as u32, (number >> 32) as u32]
}

/// The guest that is written to.
struct Guest<'a, 'b, T: 'static> {
    context: &'a mut LowerContext<'b, T>,
    is_utf8: bool,
}

impl<T> Guest<'_, '_, T> {
    fn set<const N: usize>(&mut self, at: usize, words: [u32; N]) -> wasmtime::Result<()> {
        let place = self.context.as_slice_mut().get_mut(at..).and_then(|memory| memory.get_mut(..N * 4));
        let Some(place) = place else { wasmtime::bail!("the guest gave no room for an event") };
        for (place, word) in place.chunks_exact_mut(4).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        Ok(())
    }

    /// Where the bytes are now, and how many they are.
    fn bytes(&mut self, bytes: &[u8]) -> wasmtime::Result<[u32; 2]> {
        let start = self.context.realloc(0, 0, 1, bytes.len())?;
        let place = self.context.as_slice_mut().get_mut(start..).and_then(|memory| memory.get_mut(..bytes.len()));
        let Some(place) = place else { wasmtime::bail!("the guest gave no room for an event") };
        place.copy_from_slice(bytes);
        Ok([start as u32, bytes.len() as u32])
    }

    fn optional(&mut self, bytes: Option<&[u8]>) -> wasmtime::Result<[u32; 3]> {
        let Some(bytes) = bytes else { return Ok([0, 0, 0]) };
        let [start, length] = self.bytes(bytes)?;
        Ok([1, start, length])
    }

    /// The same of bytes that are UTF-8, in the guest's encoding.
    fn text(&mut self, text: &[u8]) -> wasmtime::Result<[u32; 2]> {
        if self.is_utf8 {
            return self.bytes(text);
        }
        let mut pair = MaybeUninit::uninit();
        std::str::from_utf8(text)?.linear_lower_to_flat(self.context, InterfaceType::String, &mut pair)?;
        // SAFETY: it was written, as nothing failed.
        let [start, length] = unsafe { pair.assume_init() };
        Ok([start.get_u32(), length.get_u32()])
    }

    fn headers(&mut self, record: &Record) -> wasmtime::Result<[u32; 2]> {
        let headers = record.headers();
        let count = headers.len();
        let table = self.context.realloc(0, 0, 4, count * HEADER * 4)?;
        for (index, (name, value)) in headers.enumerate() {
            let [name, name_length] = self.text(name)?;
            let [has_value, value, value_length] = self.optional(value)?;
            self.set(table + index * HEADER * 4, [name, name_length, has_value, value, value_length])?;
        }
        Ok([table as u32, count as u32])
    }
}

#[cfg(test)]
mod tests;
