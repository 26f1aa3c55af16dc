//! Which sections there are and which keys they have: what is not here is unknown.

use super::admin::AdminKeys;
use super::delivery::DeliveryKeys;
use super::grants::GrantsKeys;
use super::handler::{IdentityKeys, RunKeys};
use super::handlers::FolderKeys;
use super::kafka::KafkaKeys;
use super::key::Described;
use super::limits::LimitsKeys;
use super::policy::PolicyKeys;
use super::sandbox::SandboxKeys;
use super::section::Section;
use super::telemetry::TelemetryKeys;
use super::{Fault, Found, suggest};

/// A section of the file.
pub(super) struct Info {
    /// Its name between the brackets.
    pub path: &'static str,
    /// Its keys.
    pub keys: &'static [&'static [&'static dyn Described]],
    /// Whether it may be set by environment variables, and what its keys are.
    pub form: Form,
    /// What it is about.
    pub doc: &'static str,
}

/// What kind of section.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A plain section.
    Plain,
    /// A plain section with keys of the user's choice.
    Free,
    /// May stand there many times, so that no variable can mean one of its keys.
    Many,
}

/// All sections, in the order of the reference.
pub(super) static SECTIONS: &[Info] = &[
    Info {
        path: "kafka",
        keys: &[KafkaKeys::KEYS],
        form: Form::Plain,
        doc: "Which cluster, which topics, which group.",
    },
    Info {
        path: "kafka.properties",
        keys: &[],
        form: Form::Free,
        doc: "Any property of librdkafka that the host does not set itself.",
    },
    Info {
        path: "delivery",
        keys: &[DeliveryKeys::KEYS, PolicyKeys::KEYS],
        form: Form::Plain,
        doc: "What is promised of each event. From `ordering` on, each handler may set its own.",
    },
    Info {
        path: "sandbox",
        keys: &[SandboxKeys::KEYS],
        form: Form::Plain,
        doc: "What all handlers may take together, how they are compiled, and what the host gives up. A change needs a restart.",
    },
    Info {
        path: "telemetry",
        keys: &[TelemetryKeys::KEYS],
        form: Form::Plain,
        doc: "What is measured and where it goes.",
    },
    Info { path: "admin", keys: &[AdminKeys::KEYS], form: Form::Plain, doc: "The admin server." },
    Info {
        path: "handlers",
        keys: &[FolderKeys::KEYS, RunKeys::KEYS, PolicyKeys::KEYS],
        form: Form::Plain,
        doc: "Where components are found, and defaults for every handler.",
    },
    Info {
        path: "handlers.limits",
        keys: &[LimitsKeys::KEYS],
        form: Form::Plain,
        doc: "Defaults of `[handler.limits]`.",
    },
    Info { path: "handlers.config", keys: &[], form: Form::Free, doc: "Defaults of `[handler.config]`, key by key." },
    Info {
        path: "handlers.grants",
        keys: &[GrantsKeys::KEYS],
        form: Form::Plain,
        doc: "Defaults of `[handler.grants]`.",
    },
    Info {
        path: "handler",
        keys: &[IdentityKeys::KEYS, RunKeys::KEYS, PolicyKeys::KEYS],
        form: Form::Many,
        doc: "One handler.",
    },
    Info {
        path: "handler.limits",
        keys: &[LimitsKeys::KEYS],
        form: Form::Many,
        doc: "Bounds of what one event may take; `result` and `hostcall` of what one call may.",
    },
    Info {
        path: "handler.config",
        keys: &[],
        form: Form::Many,
        doc: "What the guest reads through its config import.",
    },
    Info {
        path: "handler.grants",
        keys: &[GrantsKeys::KEYS],
        form: Form::Many,
        doc: "What the handler may reach outside its sandbox. Nothing is granted unless it stands here.",
    },
];

impl Info {
    /// Its keys in the order of the reference.
    pub fn keys(&self) -> impl Iterator<Item = &'static dyn Described> + use<> {
        self.keys.iter().flat_map(|keys| keys.iter().copied())
    }

    /// The names of the sections inside it.
    fn children(&self) -> impl Iterator<Item = &'static str> {
        SECTIONS.iter().filter_map(|info| info.path.strip_prefix(self.path)?.strip_prefix('.'))
    }
}

/// The section of that name.
pub(super) fn section(path: &str) -> Option<&'static Info> {
    SECTIONS.iter().find(|info| info.path == path)
}

/// A key that somebody who wrote `key` in `section` may have meant, and its section.
pub(super) fn nearest(section_path: &str, key: &str) -> Option<(&'static str, &'static str)> {
    let here = section(section_path)?;
    let names = here.keys().map(Described::name).chain(here.children());
    if let Some(name) = suggest::nearest(key, names) {
        return Some((here.path, name));
    }
    SECTIONS
        .iter()
        .find(|info| info.keys().any(|known| known.name() == key))
        .and_then(|info| info.keys().find(|known| known.name() == key).map(|known| (info.path, known.name())))
}

/// Notes whatever is left in a section as unknown.
pub(super) fn reject_rest(mut section: Section<'_>, path: &'static str) {
    for (key, entry) in section.rest() {
        let (found, expected, hint) = if path.is_empty() {
            let found = Found::Other("is not a section".to_owned());
            (found, "a section".to_owned(), stray_at_top(&key))
        } else {
            let expected = format!("a key of {}", bracketed(path));
            (Found::UnknownKey, expected, hint(path, &key))
        };
        section.context.add(Fault {
            path: section.path_of(&key),
            origin: entry.origin,
            found,
            expected,
            hint: Some(hint),
        });
    }
}

fn hint(path: &str, key: &str) -> String {
    match nearest(path, key) {
        Some((section, name)) if section == path => format!("did you mean {name}?"),
        Some((section, name)) => format!("{name} is a key of {}", bracketed(section)),
        None => {
            let names =
                section(path).into_iter().flat_map(|info| info.keys().map(Described::name).chain(info.children()));
            format!("its keys are {}", names.collect::<Vec<_>>().join(", "))
        }
    }
}

fn stray_at_top(key: &str) -> String {
    let top = || SECTIONS.iter().map(|info| info.path).filter(|path| !path.contains('.'));
    let owner = SECTIONS.iter().find(|info| info.keys().any(|known| known.name() == key));
    match (owner, suggest::nearest(key, top())) {
        (Some(info), _) => format!("{key} is a key of {}", bracketed(info.path)),
        (None, Some(near)) => format!("did you mean {}?", bracketed(near)),
        (None, None) => format!("the sections are {}", top().map(bracketed).collect::<Vec<_>>().join(", ")),
    }
}

/// A section as its header is written.
pub(super) fn bracketed(path: &str) -> String {
    match section(path) {
        Some(info) if info.form == Form::Many && !path.contains('.') => format!("[[{path}]]"),
        _ => format!("[{path}]"),
    }
}
