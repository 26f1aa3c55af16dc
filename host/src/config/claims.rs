//! Which handler has which name: each belongs to one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::context::Context;
use super::key::Reading;
use super::{Fault, Found, HandlerName, paths};

/// Names that are taken, and by whom.
#[derive(Default)]
pub(super) struct Claims(BTreeMap<HandlerName, String>);

impl Claims {
    /// The name that a `[[handler]]` gives itself. `None` if it is taken, which is noted.
    pub fn by_key(&mut self, context: &Context, name: &Reading<HandlerName>) -> Option<HandlerName> {
        if let Some(owner) = self.0.get(&name.value) {
            context.add(Fault {
                path: name.path.clone(),
                origin: name.origin.clone(),
                found: Found::Value(format!("\"{}\"", name.value)),
                expected: "a name that no other handler has".to_owned(),
                hint: Some(format!("{owner} has it already")),
            });
            return None;
        }
        let owner = format!("the handler on {}", name.origin);
        self.0.insert(name.value.clone(), owner);
        Some(name.value.clone())
    }

    /// The name that a file in the handlers' folder gives its handler: its stem. `None` if that is
    /// no name or is taken, or if the file cannot be used, which is noted as a component's fault.
    pub fn by_file(&mut self, context: &Context, dir: &Reading<PathBuf>, file: &Path) -> Option<HandlerName> {
        let stem = file.file_stem().unwrap_or_default().to_string_lossy();
        let name = HandlerName::new(&stem);
        let owner = name.as_ref().ok().and_then(|name| self.0.get(name));
        let (expected, hint) = match (&name, owner, paths::missing_file(file)) {
            (Err(_), ..) => (
                format!("a stem that is a handler's name: {}", HandlerName::EXPECTED),
                "rename it, or name it as the component of a [[handler]]".to_owned(),
            ),
            (_, Some(owner), _) => {
                ("a stem that is not another handler's name".to_owned(), format!("{owner} has it already"))
            }
            (_, _, Some(missing)) => ("a file that is there".to_owned(), missing),
            (Ok(name), None, None) => {
                let name = name.clone();
                self.0.insert(name.clone(), format!("the file {}", file.display()));
                return Some(name);
            }
        };
        let file = paths::shown(file.file_name().unwrap_or_default().as_ref());
        context.add_of_component(Fault {
            path: dir.path.clone(),
            origin: dir.origin.clone(),
            found: Found::Other(format!("has the file {file}")),
            expected,
            hint: Some(hint),
        });
        None
    }
}
