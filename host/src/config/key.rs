//! How a key is defined: once, with its name, default, check and meaning. Reading, suggestions,
//! environment variables and the reference all follow from that.

use super::Origin;
use super::document::{Entry, Raw};

/// A key of a section.
pub(super) struct Key<C> {
    /// As it stands in the file.
    pub name: &'static str,
    /// As TOML would write it; empty if there is none.
    pub default: &'static str,
    /// What its value must be.
    pub check: C,
    /// What it means.
    pub doc: &'static str,
}

/// What the value of a key must be.
pub(super) trait Check {
    /// The checked value.
    type Out;
    /// Whether the value must never be shown.
    const SECRET: bool = false;
    /// Completes the sentence "expected …".
    fn allowed(&self) -> String;
    /// The value, or all that is wrong with it.
    fn check(&self, entry: &Entry) -> Result<Self::Out, Vec<Wrong>>;
}

/// What is wrong with a value, or with an item of a list.
pub(super) struct Wrong {
    /// The item's number and the item, if it is not the whole value.
    pub item: Option<(usize, Entry)>,
    /// Completes the sentence "expected …".
    pub expected: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Wrong {
    /// The whole value is wrong.
    pub fn new(expected: impl Into<String>) -> Self {
        Self { item: None, expected: expected.into(), hint: None }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// A number or a flag was wanted. Says so if it only has quotes too many.
    pub fn not_bare(expected: impl Into<String>, found: &Raw) -> Self {
        match found {
            Raw::Text(text) if text.parse::<f64>().is_ok() || text.parse::<bool>().is_ok() => {
                Self::new(expected).hint("write it without quotes")
            }
            _ => Self::new(expected),
        }
    }

    /// Text was wanted. Says so if only the quotes are missing.
    pub fn not_text(expected: impl Into<String>, found: &Raw) -> Self {
        match found {
            Raw::Integer(_) | Raw::Float(_) | Raw::Boolean(_) | Raw::Date(_) => {
                Self::new(expected).hint("write it in quotes")
            }
            _ => Self::new(expected),
        }
    }
}

/// What can be told of any key, whatever its type.
pub(super) trait Described: Sync {
    /// As it stands in the file.
    fn name(&self) -> &'static str;
    /// As TOML would write it; empty if there is none.
    fn default(&self) -> &'static str;
    /// What its value must be.
    fn allowed(&self) -> String;
    /// What it means.
    fn doc(&self) -> &'static str;
    /// Whether the value must never be shown.
    fn secret(&self) -> bool;
}

impl<C: Check + Sync> Described for Key<C> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn default(&self) -> &'static str {
        self.default
    }

    fn allowed(&self) -> String {
        self.check.allowed()
    }

    fn doc(&self) -> &'static str {
        self.doc
    }

    fn secret(&self) -> bool {
        C::SECRET
    }
}

/// A value that was read, with where it stands.
#[derive(Clone, Debug)]
pub(super) struct Reading<T> {
    /// What it is.
    pub value: T,
    /// The key.
    pub path: String,
    /// Where the key was set.
    pub origin: Origin,
}

/// What became of reading a key.
#[derive(Clone, Debug)]
pub(super) enum Slot<T> {
    /// It is not set.
    Absent,
    /// It is set to something wrong, which has been noted.
    Bad,
    /// It is set.
    Good(Reading<T>),
}

impl<T> Slot<T> {
    /// This one if it is set, rightly or wrongly, else the other.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        match self {
            Self::Absent => other,
            set => set,
        }
    }

    /// The value with its place, if there is a good one.
    pub fn reading(&self) -> Option<&Reading<T>> {
        match self {
            Self::Good(reading) => Some(reading),
            Self::Absent | Self::Bad => None,
        }
    }

    /// The value if the key is set, nothing if it is not. `None` if it is set to something wrong.
    pub fn if_set(&self) -> Option<Option<&T>> {
        match self {
            Self::Absent => Some(None),
            Self::Bad => None,
            Self::Good(reading) => Some(Some(&reading.value)),
        }
    }

    /// The value, if there is a good one.
    pub fn value(&self) -> Option<&T> {
        self.reading().map(|reading| &reading.value)
    }
}

/// Defines the keys of a section in one table, and the values as they are read from it.
///
/// Each line is `name: Type = check, "default", "meaning";`.
macro_rules! keys {
    ($(#[$doc:meta])* $keys:ident {
        $($name:ident: $out:ty = $check:expr, $default:literal, $meaning:literal;)+
    }) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub(super) struct $keys {
            $(pub $name: $crate::config::key::Slot<$out>,)+
        }

        impl $keys {
            /// What can be told of each key.
            pub const KEYS: &[&dyn $crate::config::key::Described] = &[$(
                &$crate::config::key::Key {
                    name: stringify!($name), default: $default, check: $check, doc: $meaning,
                },
            )+];

            /// Takes each key out of a section.
            pub fn read(
                section: &mut $crate::config::section::Section<'_>,
                absent: $crate::config::section::Absent,
            ) -> Self {
                Self {$(
                    $name: section.read(absent, &$crate::config::key::Key {
                        name: stringify!($name), default: $default, check: $check, doc: $meaning,
                    }),
                )+}
            }
        }
    };
}
pub(super) use keys;

/// Defines keys as [`keys!`] does, which several places may set.
macro_rules! layered_keys {
    ($(#[$doc:meta])* $keys:ident {
        $($name:ident: $out:ty = $check:expr, $default:literal, $meaning:literal;)+
    }) => {
        $crate::config::key::keys! {
            $(#[$doc])* $keys { $($name: $out = $check, $default, $meaning;)+ }
        }

        impl $keys {
            /// Each key as it is set here, else as it is in `base`.
            #[must_use]
            pub fn or(&self, base: &Self) -> Self {
                Self { $($name: self.$name.clone().or(base.$name.clone()),)+ }
            }
        }
    };
}
pub(super) use layered_keys;
