//! The filters that `list`, `redrive` and `purge` have in common.

use std::time::SystemTime;

use clap::Args;

use crate::delivery::dead_letter::letter::moment;
use crate::delivery::dead_letter::selection::Selection;
use crate::event::Position;

/// Which dead letters are meant. All that are given have to hold.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Which dead letters")]
pub(super) struct Filter {
    /// Of this handler; may be repeated
    #[arg(long = "handler", value_name = "NAME")]
    handlers: Vec<String>,
    /// For this reason, such as max_retries_exceeded or rejected; may be repeated
    #[arg(long = "reason", value_name = "REASON")]
    reasons: Vec<String>,
    /// With this error type; may be repeated
    #[arg(long = "error-type", value_name = "TYPE")]
    error_types: Vec<String>,
    /// Given up then or later: a time such as 2026-01-31T12:00:00Z, or that long ago, such as 2h
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<SystemTime>,
    /// Given up before
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<SystemTime>,
    /// With this key, which is text
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
}

impl Filter {
    /// With these positions; none are all.
    pub(super) fn selection(&self, positions: &[Position]) -> Selection {
        Selection {
            positions: positions.iter().cloned().collect(),
            handlers: self.handlers.clone(),
            reasons: self.reasons.clone(),
            error_types: self.error_types.clone(),
            since: self.since,
            until: self.until,
            key: self.key.as_ref().map(|key| key.as_bytes().to_vec()),
        }
    }
}

/// A time, or a duration back from now.
fn time(text: &str) -> Result<SystemTime, String> {
    let wrong = || "expected a time such as 2026-01-31T12:00:00Z, or a duration back from now such as 2h".to_owned();
    match humantime::parse_duration(text) {
        Ok(back) => SystemTime::now().checked_sub(back).ok_or_else(wrong),
        Err(_) => moment(text).ok_or_else(wrong),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_time_is_a_moment_or_a_while_ago() {
        let ago = |text| {
            let at = time(text).unwrap();
            SystemTime::now().duration_since(at).unwrap().as_secs()
        };
        // A minute is for a machine that has other work.
        assert!((7200..7260).contains(&ago("2h")));
        assert!((88_200..88_260).contains(&ago("1day 30m")));
        assert_eq!(time("1970-01-01T00:01:00Z"), Ok(SystemTime::UNIX_EPOCH + Duration::from_secs(60)));
        for wrong in ["", "soon", "2h30", "-2h", "2026-01-31", "1970-01-01T00:01:00+01:00"] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
    }
}
