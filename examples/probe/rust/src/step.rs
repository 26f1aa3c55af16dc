//! The grammar of steps: text in, [`Step`] out.
//!
//! A script is steps parted by `;`, read strictly: no spaces around them, nothing left out. Each
//! step is read when it is reached.

use std::time::Duration;

use sandbus_sdk::Error;

/// One thing to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Step<'a> {
    Ack,
    Skip,
    Retry(Option<Duration>),
    DeadLetter(&'a str),
    Fail { kind: &'a str, message: &'a str },
    Until { attempt: u32, step: Box<Step<'a>> },
    Spin(Duration),
    Sleep(Duration),
    Trap,
    Throw(&'a str),
    Loop,
    Recurse,
    Alloc(usize),
    Answer(usize),
    LogFlood(u64),
    Log(&'a str),
    Count(&'a str),
    Publish(&'a str),
}

/// Reads one step.
pub fn parse(text: &str) -> Result<Step<'_>, Error> {
    step(text).ok_or_else(|| bad_step(text))
}

/// The error that a malformed step is.
pub fn bad_step(text: &str) -> Error {
    Error::new("bad_step", text)
}

fn step(text: &str) -> Option<Step<'_>> {
    Some(match text {
        "ack" => Step::Ack,
        "skip" => Step::Skip,
        "retry" => Step::Retry(None),
        "trap" => Step::Trap,
        "loop" => Step::Loop,
        "recurse" => Step::Recurse,
        _ => {
            let (word, argument) = text.split_once(':')?;
            with_argument(word, argument)?
        }
    })
}

fn with_argument<'a>(word: &str, argument: &'a str) -> Option<Step<'a>> {
    Some(match word {
        "retry" => Step::Retry(Some(duration(argument)?)),
        "dead-letter" => Step::DeadLetter(argument),
        "error" => {
            let (kind, message) = argument.split_once(':')?;
            Step::Fail { kind, message }
        }
        "until" => {
            let (attempt, inner) = argument.split_once(':')?;
            Step::Until { attempt: number(attempt)?.try_into().ok()?, step: Box::new(step(inner)?) }
        }
        "spin" => Step::Spin(duration(argument)?),
        "sleep" => Step::Sleep(duration(argument)?),
        "alloc" => Step::Alloc(size(argument)?),
        "result" => Step::Answer(size(argument)?),
        "log-flood" => Step::LogFlood(number(argument)?),
        "throw" => Step::Throw(argument),
        "log" => Step::Log(argument),
        "count" => Step::Count(argument),
        "publish" => Step::Publish(argument),
        _ => return None,
    })
}

/// Decimal digits and nothing else; `parse` alone would take a `+`.
fn number(text: &str) -> Option<u64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

/// `20ms`, `2s` or `50us`, up to the longest that is 64 bits of microseconds.
fn duration(text: &str) -> Option<Duration> {
    let (value, micros) = if let Some(value) = text.strip_suffix("us") {
        (value, 1)
    } else if let Some(value) = text.strip_suffix("ms") {
        (value, 1_000)
    } else {
        (text.strip_suffix('s')?, 1_000_000)
    };
    let total = number(value)?.checked_mul(micros)?;
    Some(Duration::from_micros(total))
}

/// `100MiB`, `64KiB`, `1GiB`, `17B` or `17`, less than the 4 GiB that a 32-bit memory can hold.
fn size(text: &str) -> Option<usize> {
    let (value, unit) = if let Some(value) = text.strip_suffix("KiB") {
        (value, 1 << 10)
    } else if let Some(value) = text.strip_suffix("MiB") {
        (value, 1 << 20)
    } else if let Some(value) = text.strip_suffix("GiB") {
        (value, 1 << 30)
    } else {
        (text.strip_suffix('B').unwrap_or(text), 1)
    };
    let bytes = number(value)?.checked_mul(unit)?;
    let bytes = u32::try_from(bytes).ok()?;
    usize::try_from(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    #[track_caller]
    fn reads(text: &str, step: Step<'_>) {
        assert_eq!(parse(text), Ok(step), "{text:?}");
    }

    #[test]
    fn verdicts() {
        reads("ack", Step::Ack);
        reads("skip", Step::Skip);
        reads("retry", Step::Retry(None));
        reads("retry:250ms", Step::Retry(Some(Duration::from_millis(250))));
        reads("retry:0s", Step::Retry(Some(Duration::ZERO)));
        reads("dead-letter:no such card", Step::DeadLetter("no such card"));
        reads("dead-letter:a:b", Step::DeadLetter("a:b"));
        reads("dead-letter:", Step::DeadLetter(""));
    }

    #[test]
    fn an_error_has_a_kind_and_the_rest_is_its_message() {
        let fail = |kind, message| Step::Fail { kind, message };
        reads("error:boom:it broke", fail("boom", "it broke"));
        reads("error:boom:a:b:c", fail("boom", "a:b:c"));
        reads("error:boom:", fail("boom", ""));
        reads("error:not a kind:x", fail("not a kind", "x"));
        reads("error::x", fail("", "x"));
    }

    #[test]
    fn until_takes_a_step_with_its_colons() {
        let until = |attempt, step| Step::Until { attempt, step: Box::new(step) };
        reads("until:3:retry", until(3, Step::Retry(None)));
        reads("until:0:ack", until(0, Step::Ack));
        let fail = Step::Fail { kind: "k", message: "a:b" };
        reads("until:2:error:k:a:b", until(2, fail));
        reads("until:3:until:2:trap", until(3, until(2, Step::Trap)));
    }

    #[test]
    fn durations_have_a_unit() {
        reads("spin:20ms", Step::Spin(Duration::from_millis(20)));
        reads("sleep:200ms", Step::Sleep(Duration::from_millis(200)));
        reads("sleep:2s", Step::Sleep(Duration::from_secs(2)));
        reads("spin:50us", Step::Spin(Duration::from_micros(50)));
        reads("sleep:007s", Step::Sleep(Duration::from_secs(7)));
    }

    #[test]
    fn sizes_are_below_4_gib() {
        reads("alloc:100MiB", Step::Alloc(100 * MIB));
        reads("result:10MiB", Step::Answer(10 * MIB));
        reads("result:64KiB", Step::Answer(65_536));
        reads("alloc:1GiB", Step::Alloc(1_024 * MIB));
        reads("result:17B", Step::Answer(17));
        reads("result:0", Step::Answer(0));
        reads("alloc:4294967295", Step::Alloc(4_294_967_295));
    }

    #[test]
    fn the_rest() {
        reads("trap", Step::Trap);
        reads("loop", Step::Loop);
        reads("recurse", Step::Recurse);
        reads("log-flood:100000", Step::LogFlood(100_000));
        reads("log: a : b ", Step::Log(" a : b "));
        reads("log:", Step::Log(""));
        reads("count:orders", Step::Count("orders"));
        reads("publish:events.copies", Step::Publish("events.copies"));
        reads("publish:", Step::Publish(""));
    }

    #[test]
    fn anything_else_is_a_bad_step_that_names_itself() {
        let malformed = [
            "",
            " ",
            "Ack",
            " ack",
            "ack ",
            "ack:",
            "skip:x",
            "trap:1",
            "loop:",
            "recurse:9",
            "retry:",
            "retry:20",
            "retry:ms",
            "retry:-1ms",
            "retry:+1ms",
            "retry:1.5s",
            "retry:1 s",
            "retry:1_0ms",
            "retry:5m",
            "retry:99999999999999999999ms",
            "retry:18446744073709551615s",
            "dead-letter",
            "error",
            "error:",
            "error:kind",
            "until",
            "until:3",
            "until:3:",
            "until:x:ack",
            "until:-1:ack",
            "until:3:nothing",
            "until:4294967296:ack",
            "spin",
            "spin:",
            "sleep:soon",
            "alloc",
            "alloc:",
            "alloc:x",
            "alloc:1mib",
            "alloc:1MB",
            "alloc:MiB",
            "alloc:4GiB",
            "alloc:4294967296",
            "result:-1",
            "result:1.5MiB",
            "log-flood",
            "log-flood:",
            "log-flood:many",
            "log",
            "count",
            "publish",
            "unknown",
            "unknown:x",
            "probe:ack",
            "größe",
        ];
        for text in malformed {
            let error = parse(text).unwrap_err();
            assert_eq!((error.kind(), error.message()), ("bad_step", text));
        }
    }
}
