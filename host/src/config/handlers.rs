//! All handlers: each `[[handler]]`, and each component in the folder that none of them names.

use std::path::PathBuf;

use super::claims::Claims;
use super::context::Context;
use super::document::{Entry, Raw};
use super::handler::IdentityKeys;
use super::key::{Reading, Slot, keys};
use super::layer::{Layer, SectionNames};
use super::section::{Absent, Section};
use super::{Fault, Found, Handler, HandlerName, TopicName, folder, paths, schema};

keys! {
    /// `[handlers]`, as it is read, without the defaults that it sets.
    FolderKeys {
        dir: PathBuf = paths::FOLDER, "\"handlers\"",
            "Folder of components: every `*.wasm` in it that no `[[handler]]` names is a handler named after its stem. Files that begin with a dot are passed over. The default may be missing; a folder that is named here may not.";
    }
}

/// `[handlers]` and all handlers, as far as they could be read.
pub(super) struct Drafts {
    /// `handlers.dir`, resolved.
    pub dir: Option<PathBuf>,
    /// Every handler.
    pub handlers: Vec<Draft>,
}

/// One handler as far as it could be read.
pub(super) struct Draft {
    /// Its name, if that is good.
    pub name: Option<HandlerName>,
    /// Everything that holds for it.
    pub layer: Layer,
    component: Option<PathBuf>,
}

impl Draft {
    /// The handler, if everything about it is good.
    pub fn checked(&self, context: &Context, topics: Option<&[TopicName]>) -> Option<Handler> {
        let (name, component) = (self.name.as_ref(), self.component.as_deref());
        self.layer.handler(context, name, component, topics)
    }
}

/// Takes `[handlers]` and each `[[handler]]` out of the document, and looks into the folder.
pub(super) fn read(document: &mut Section<'_>, base: &Layer) -> Drafts {
    let context = document.context;
    let mut section = document.section("handlers");
    let folder = FolderKeys::read(&mut section, Absent::Default);
    let defaults = Layer::read(&mut section, &SectionNames::DEFAULTS).over(base);
    schema::reject_rest(section, "handlers");
    // Defaults that do not fit are noted even where no handler takes them.
    let _ = defaults.policy.retry(context);

    let mut claims = Claims::default();
    let mut handlers: Vec<Draft> =
        sections(document).into_iter().map(|section| draft(section, &defaults, &mut claims)).collect();
    if let Some(dir) = folder.dir.reading() {
        let named: Vec<PathBuf> = handlers.iter().filter_map(|h| h.component.clone()).collect();
        let files = folder::components(context, dir, &named);
        handlers.extend(files.into_iter().filter_map(|file| {
            let name = claims.by_file(context, dir, &file)?;
            Some(Draft { name: Some(name), layer: defaults.clone(), component: Some(file) })
        }));
    }
    Drafts { dir: folder.dir.value().map(|dir| context.resolve(dir)), handlers }
}

fn draft(mut section: Section<'_>, defaults: &Layer, claims: &mut Claims) -> Draft {
    let keys = IdentityKeys::read(&mut section, Absent::Default);
    let layer = Layer::read(&mut section, &SectionNames::OWN).over(defaults);
    let draft = Draft {
        name: required(&section, "name", HandlerName::EXPECTED, &keys.name)
            .and_then(|name| claims.by_key(section.context, name)),
        layer,
        component: required(&section, "component", "the component's file", &keys.component)
            .map(|component| existing(&section, component)),
    };
    schema::reject_rest(section, "handler");
    draft
}

fn required<'s, T>(section: &Section<'_>, key: &str, expected: &str, slot: &'s Slot<T>) -> Option<&'s Reading<T>> {
    if matches!(slot, Slot::Absent) {
        let path = section.path_of(key);
        section.context.fault(&path, &section.origin, Found::Missing, expected);
    }
    slot.reading()
}

/// The component's file. That it is not there is noted.
fn existing(section: &Section<'_>, component: &Reading<PathBuf>) -> PathBuf {
    let path = section.context.resolve(&component.value);
    if let Some(hint) = paths::missing_file(&path) {
        section.context.add_of_component(Fault {
            path: component.path.clone(),
            origin: component.origin.clone(),
            found: Found::Value(paths::shown(&component.value)),
            expected: "a component file".to_owned(),
            hint: Some(hint),
        });
    }
    path
}

/// The tables under `handler`, each under the name that it gives itself.
fn sections<'a>(document: &mut Section<'a>) -> Vec<Section<'a>> {
    let context = document.context;
    let entries = match document.take("handler") {
        None => Vec::new(),
        Some(Entry { value: Raw::List(entries), .. }) => entries,
        Some(entry) => {
            let found = Found::Other("is a single table".to_owned());
            let expected = "[[handler]], in double brackets";
            context.fault("handler", &entry.origin, found, expected);
            vec![entry]
        }
    };
    let tables = entries.into_iter().enumerate();
    tables
        .filter_map(|(index, entry)| match entry.value {
            Raw::Table(table) => {
                let name = table.0.get("name").and_then(|name| name.value.text());
                let label = name.filter(|name| HandlerName::new(name).is_ok());
                let label = label.map_or_else(|| index.to_string(), str::to_owned);
                let path = format!("handler[{label}]");
                Some(Section::new(context, &path, entry.origin, table))
            }
            _ => {
                let path = format!("handler[{index}]");
                let found = Found::Other("is not a table".to_owned());
                context.fault(&path, &entry.origin, found, "a table: [[handler]]");
                None
            }
        })
        .collect()
}
