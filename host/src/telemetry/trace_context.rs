//! W3C's trace context in the headers of Kafka records: `traceparent`, read without an allocation, and `tracestate`, which is
//! passed on as it came.

use std::fmt;
use std::ops::Range;

use crate::event::Record;

/// The header that says which trace and which span a record comes from.
pub const TRACEPARENT: &str = "traceparent";

/// What others have added to that.
pub const TRACESTATE: &str = "tracestate";

/// Bytes of version 00, and of what later versions begin with.
const LENGTH: usize = 55;

/// A span, as seen from another process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParent {
    /// The trace; never 0.
    pub trace: u128,
    /// The span; never 0.
    pub span: u64,
    /// Whether it is recorded.
    pub sampled: bool,
}

impl TraceParent {
    /// Where a record comes from. `None`: it does not say so, or not in W3C's form.
    pub fn of(record: &Record) -> Option<TraceParent> {
        TraceParent::parse(record.header(TRACEPARENT)??)
    }

    /// Whether a record says that its trace is not recorded. One look at one header: for the many that are not.
    pub fn is_unsampled(record: &Record) -> bool {
        let flags = record.header(TRACEPARENT).flatten().and_then(|text| text.get(LENGTH - 1));
        flags.is_some_and(|flags| hexadecimal(&[*flags]).is_some_and(|flags| flags & 1 == 0))
    }

    /// Reads `00-TRACE-SPAN-FLAGS`, and the beginning of what a later version writes.
    pub fn parse(text: &[u8]) -> Option<TraceParent> {
        let (known, rest) = text.split_at_checked(LENGTH)?;
        let number = |range: Range<usize>| known.get(range).and_then(hexadecimal);
        let is_parted = [2, 35, 52].iter().all(|at| known.get(*at) == Some(&b'-'));
        let version = number(0..2)?;
        let is_whole = rest.is_empty() || (version > 0 && rest.starts_with(b"-"));
        if !is_parted || !is_whole || version == 0xff {
            return None;
        }
        let (trace, span, flags) = (number(3..35)?, number(36..52)?, number(53..55)?);
        let span = u64::try_from(span).ok()?;
        (trace != 0 && span != 0).then_some(TraceParent { trace, span, sampled: flags & 1 == 1 })
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace, self.span, u8::from(self.sampled))
    }
}

/// Lower case alone, as W3C wants it.
fn hexadecimal(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0, |number: u128, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u128::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use opentelemetry::propagation::TextMapPropagator as _;
    use opentelemetry::trace::TraceContextExt as _;
    use opentelemetry_sdk::propagation::TraceContextPropagator;
    use proptest::prelude::*;

    use super::*;
    use crate::event::RecordBuilder;

    const GOOD: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    /// What OpenTelemetry's own reader makes of it.
    fn read_by_opentelemetry(text: &str) -> Option<TraceParent> {
        let headers = HashMap::from([(TRACEPARENT.to_owned(), text.to_owned())]);
        let context = TraceContextPropagator::new().extract(&headers);
        let span = context.span().span_context().clone();
        span.is_valid().then(|| TraceParent {
            trace: u128::from_be_bytes(span.trace_id().to_bytes()),
            span: u64::from_be_bytes(span.span_id().to_bytes()),
            sampled: span.is_sampled(),
        })
    }

    #[test]
    fn what_is_well_formed_is_read_as_opentelemetry_reads_it() {
        let later = GOOD.replacen("00", "cc", 1);
        for text in [GOOD, &GOOD.replace("-01", "-00"), &GOOD.replace("-01", "-0b"), &later, &format!("{later}-more")] {
            let read = TraceParent::parse(text.as_bytes());
            assert!(read.is_some(), "{text}");
            assert_eq!(read, read_by_opentelemetry(text), "{text}");
        }
    }

    #[test]
    fn what_is_ill_formed_is_nothing() {
        let zero =
            |range: Range<usize>| format!("{}{}{}", &GOOD[..range.start], "0".repeat(range.len()), &GOOD[range.end..]);
        let others = ["", "00", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331", "ä"];
        let ill_formed = [
            GOOD.to_uppercase(),
            GOOD.replacen("00", "ff", 1),
            GOOD.replacen("00", "0g", 1),
            GOOD.replace('-', "_"),
            format!("{GOOD}-more"),
            format!("{GOOD}0"),
            zero(3..35),
            zero(36..52),
        ];
        for text in ill_formed.iter().map(String::as_str).chain(others) {
            assert_eq!(TraceParent::parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn one_look_tells_what_is_not_sampled() {
        for (value, unsampled) in [(GOOD, false), (&*GOOD.replace("-01", "-00"), true), ("", false), ("x", false)] {
            let mut record = RecordBuilder::new("t".into(), 0, 0, 0);
            record.header(b"other", None);
            record.header(TRACEPARENT.as_bytes(), Some(value.as_bytes()));
            assert_eq!(TraceParent::is_unsampled(&record.build()), unsampled, "{value:?}");
        }
        assert!(!TraceParent::is_unsampled(&RecordBuilder::new("t".into(), 0, 0, 0).build()));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_by_both(trace in 1..=u128::MAX, span in 1..=u64::MAX, sampled in any::<bool>()) {
            let written = TraceParent { trace, span, sampled };
            prop_assert_eq!(TraceParent::parse(written.to_string().as_bytes()), Some(written));
            prop_assert_eq!(read_by_opentelemetry(&written.to_string()), Some(written));
        }

        #[test]
        fn no_bytes_are_too_strange(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            TraceParent::parse(&bytes);
        }
    }
}
