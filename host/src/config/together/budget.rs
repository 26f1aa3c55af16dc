//! All handlers together stay within `[sandbox]`.

use std::cmp::Reverse;

use crate::config::check::size_text;
use crate::config::context::Context;
use crate::config::handlers::Draft;
use crate::config::key::Slot;
use crate::config::sandbox::SandboxKeys;
use crate::config::{Fault, Found};

/// Compares the sums over all handlers with the bounds of the process.
pub(in crate::config) fn check(context: &Context, sandbox: &SandboxKeys, handlers: &[Draft]) {
    let count = |n: u128| n.to_string();
    let bytes = |n: u128| match u64::try_from(n) {
        Ok(n) => format!("\"{}\"", size_text(n)),
        Err(_) => n.to_string(),
    };
    let sum = Sum::of(handlers, instances, count, "concurrency");
    within(context, &sandbox.max_instances, |bound| u128::from(bound.get()), &sum);
    let sum = Sum::of(handlers, memory, bytes, "concurrency * memory");
    within(context, &sandbox.max_memory, |bound| u128::from(*bound), &sum);
}

fn instances(draft: &Draft) -> Option<u128> {
    let concurrency = draft.layer.run.concurrency.value()?;
    Some(u128::from(concurrency.get()))
}

fn memory(draft: &Draft) -> Option<u128> {
    let memory = draft.layer.run.memory.value()?;
    Some(instances(draft)? * u128::from(*memory))
}

/// What all handlers take together, and how it comes about.
struct Sum {
    total: u128,
    shares: String,
    what: &'static str,
    show: fn(u128) -> String,
}

impl Sum {
    fn of(handlers: &[Draft], share: fn(&Draft) -> Option<u128>, show: fn(u128) -> String, what: &'static str) -> Self {
        let mut shares: Vec<(u128, &str)> =
            handlers.iter().filter_map(|draft| Some((share(draft)?, draft.name.as_deref()?))).collect();
        let total = shares.iter().map(|(share, _)| share).sum();
        shares.sort_by_key(|(share, name)| (Reverse(*share), *name));
        let mut texts: Vec<String> =
            shares.iter().take(5).map(|(share, name)| format!("{name} {}", show(*share).trim_matches('"'))).collect();
        if shares.len() > texts.len() {
            texts.push(format!("and {} more", shares.len() - texts.len()));
        }
        Self { total, shares: texts.join(", "), what, show }
    }
}

fn within<T>(context: &Context, bound: &Slot<T>, number: fn(&T) -> u128, sum: &Sum) {
    let Some(reading) = bound.reading() else {
        return;
    };
    let number = number(&reading.value);
    if number < sum.total {
        let (total, what) = ((sum.show)(sum.total), sum.what);
        context.add(Fault {
            path: reading.path.clone(),
            origin: reading.origin.clone(),
            found: Found::Value((sum.show)(number)),
            expected: format!("at least {total}, the sum of {what} over all handlers"),
            hint: Some(sum.shares.clone()),
        });
    }
}
