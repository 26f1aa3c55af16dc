//! What one place says of how a handler runs. Layers complete each other: the handler's own, then
//! `[handlers]`, then `[delivery]` and the defaults.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::path::Path;

use super::Handler;
use super::context::Context;
use super::document::{Entry, Raw};
use super::grants::GrantsKeys;
use super::handler::RunKeys;
use super::key::{Reading, Slot};
use super::limits::LimitsKeys;
use super::policy::PolicyKeys;
use super::section::{Absent, Section};
use super::{Found, HandlerName, TopicName, schema};

/// What one place says of how a handler runs.
#[derive(Clone)]
pub(super) struct Layer {
    /// `events` to `rollback_after`.
    pub run: RunKeys,
    /// Ordering, retries, quarantine.
    pub policy: PolicyKeys,
    limits: LimitsKeys,
    /// What it may reach.
    pub grants: GrantsKeys,
    config: BTreeMap<String, Slot<String>>,
}

impl Layer {
    /// Takes the layer out of `[handlers]` or a `[[handler]]`.
    pub fn read(section: &mut Section<'_>, names: &SectionNames) -> Self {
        let mut limits = section.section("limits");
        let mut grants = section.section("grants");
        let config = section.section("config");
        let layer = Self {
            run: RunKeys::read(section, Absent::Unset),
            policy: PolicyKeys::read(section, Absent::Unset),
            limits: LimitsKeys::read(&mut limits, Absent::Unset),
            grants: GrantsKeys::read(&mut grants, Absent::Unset),
            config: read_config(config),
        };
        schema::reject_rest(limits, names.limits);
        schema::reject_rest(grants, names.grants);
        layer
    }

    /// The layer under all others: `[delivery]`'s policies and the defaults.
    pub fn base(context: &Context, policy: PolicyKeys) -> Self {
        let empty = |path| Section::empty(context, path);
        Self {
            run: RunKeys::read(&mut empty("handlers"), Absent::Default),
            policy,
            limits: LimitsKeys::read(&mut empty("handlers.limits"), Absent::Default),
            grants: GrantsKeys::read(&mut empty("handlers.grants"), Absent::Default),
            config: BTreeMap::new(),
        }
    }

    /// This layer, completed by another.
    #[must_use]
    pub fn over(&self, base: &Self) -> Self {
        let mut config = base.config.clone();
        config.extend(self.config.clone());
        Self {
            run: self.run.or(&base.run),
            policy: self.policy.or(&base.policy),
            limits: self.limits.or(&base.limits),
            grants: self.grants.or(&base.grants),
            config,
        }
    }

    /// The handler, if everything about it is good; if parts do not fit together, that is noted.
    /// `topics` are those of `[kafka]`.
    pub fn handler(
        &self,
        context: &Context,
        name: Option<&HandlerName>,
        component: Option<&Path>,
        topics: Option<&[TopicName]>,
    ) -> Option<Handler> {
        // Before anything returns, so that it is noted whatever else is wrong.
        let retry = self.policy.retry(context);
        let run = &self.run;
        let topics = self.topics(topics);
        Some(Handler {
            name: name?.clone(),
            component: component?.to_owned(),
            events: run.events.if_set()?.cloned(),
            group: *run.group.value()?,
            topics: topics?.to_vec(),
            ordering: *self.policy.ordering.value()?,
            retry: retry?,
            quarantine: self.policy.quarantine()?,
            concurrency: *run.concurrency.value()?,
            isolation: *run.isolation.value()?,
            reuse_events: NonZero::new(*run.reuse_events.value()?),
            reuse_memory: *run.reuse_memory.value()?,
            timeout: *run.timeout.value()?,
            cpu_time: *run.cpu_time.value()?,
            memory: *run.memory.value()?,
            rollback_after: NonZero::new(*run.rollback_after.value()?),
            limits: self.limits.checked()?,
            config: self.config()?,
            grants: self.grants.checked(topics?)?,
        })
    }

    /// The source topics: its own, else those of `[kafka]`.
    pub fn topics<'t>(&'t self, kafka: Option<&'t [TopicName]>) -> Option<&'t [TopicName]> {
        match self.run.topics.if_set()? {
            Some(own) => Some(own),
            None => kafka,
        }
    }

    fn config(&self) -> Option<BTreeMap<String, String>> {
        let value = |(key, slot): (&String, &Slot<String>)| Some((key.clone(), slot.value()?.clone()));
        self.config.iter().map(value).collect()
    }
}

/// Under which names the sections of a layer are known.
pub(super) struct SectionNames {
    limits: &'static str,
    grants: &'static str,
}

impl SectionNames {
    /// Those of `[handlers]`.
    pub const DEFAULTS: Self = Self { limits: "handlers.limits", grants: "handlers.grants" };
    /// Those of `[[handler]]`.
    pub const OWN: Self = Self { limits: "handler.limits", grants: "handler.grants" };
}

fn read_config(mut section: Section<'_>) -> BTreeMap<String, Slot<String>> {
    let entries = section.rest();
    entries
        .map(|(key, entry)| {
            let slot = config_value(&section, &key, &entry);
            (key, slot)
        })
        .collect()
}

fn config_value(section: &Section<'_>, key: &str, entry: &Entry) -> Slot<String> {
    let path = section.path_of(key);
    let origin = entry.origin.clone();
    let (found, expected) = match (key, entry.value.scalar()) {
        ("", _) => (Found::Other("is an empty key".to_owned()), "a key of one character or more"),
        (_, Some(value)) => {
            return Slot::Good(Reading { value, path, origin });
        }
        // Not its value: only the handler knows what is a secret there.
        (_, None) => {
            let kind = if matches!(entry.value, Raw::Table(_)) { "is a table" } else { "is a list" };
            (Found::Other(kind.to_owned()), "text, a number, a date, true or false; the guest reads it as text")
        }
    };
    section.context.fault(&path, &origin, found, expected);
    Slot::Bad
}
