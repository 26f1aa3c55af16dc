//! From a file to something that can be instantiated: its code, checked against what the host offers, and asked what
//! it wants.

use std::fs::{Metadata, OpenOptions};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytesize::ByteSize;
use wasmtime::component::{ComponentExportIndex, InstancePre};

use super::Sandbox;
use super::bindings::since_v0_1::exports::sandbus::handler::{descriptor, typed};
use super::bindings::since_v0_1::packed::exports::sandbus::handler::packed;
use super::cache::{Digest, digest_of, hexadecimal};
use super::code::Source;
use super::foreign::Foreign;
use super::instance::Instance;
use super::state::{GuestState, HandlerSettings};
use super::text::excerpt;
use super::{contract, foreign};
use crate::config::Pattern;
use crate::delivery::verdict::FaultKind;

pub use super::core_module::componentize;

/// The largest file that is read. CPython with its standard library has 18 MiB.
pub const MAX_FILE_BYTES: u64 = 64 << 20;

/// Why a file is no handler.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It cannot be read.
    #[error("cannot read {path}: {error}", path = .0.display(), error = .1)]
    Read(PathBuf, std::io::Error),
    /// It is nothing that can be read to its end.
    #[error("{path} is a pipe, a device or a folder; a handler is a file", path = .0.display())]
    NoFile(PathBuf),
    /// It is larger than any handler.
    #[error("the file has {0} bytes or more; a handler may have {MAX_FILE_BYTES}")]
    TooLarge(u64),
    /// It is something else.
    #[error("this is {what}, not a WebAssembly component; {advice}", what = .0.what, advice = .0.advice)]
    NotWasm(Foreign),
    /// The rest of it is missing.
    #[error(
        "this WebAssembly file is cut: it has {length} bytes and announces {announced} or more; build or copy it again"
    )]
    Cut {
        /// Bytes that it has.
        length: u64,
        /// Bytes that it would have, at least.
        announced: u64,
    },
    /// A core module that says nothing of its interface.
    #[error(
        "this core module cannot be made a component: {0}\n\
         build it with the SDK or with wit-bindgen, or as a component"
    )]
    Wrap(String),
    /// It is not valid, or uses what the sandbox does not allow.
    #[error(
        "this component does not compile; the file is damaged or cut, or uses what the sandbox does not allow: {0}"
    )]
    Compile(String),
    /// It has more of something than any handler.
    #[error("this component is not compiled: it has {0}")]
    TooMuch(String),
    /// Compiling it takes longer than it may.
    #[error(
        "compiling this component took more than {} of CPU time, which is sandbox.compile_time: it is far larger than \
         a handler, or made to be slow to compile. Raise the limit only for a component that you trust",
        humantime::format_duration(*.0)
    )]
    CompileTime(Duration),
    /// Compiling it takes more memory than it may.
    #[error(
        "compiling this component took more than {0} of memory, which is sandbox.compile_memory: it is far larger than \
         a handler, or made to be hard to compile. Raise the limit only for a component that you trust"
    )]
    CompileMemory(ByteSize),
    /// The machine has no time to compile it.
    #[error(
        "compiling this component was given up after {}, which is five times sandbox.compile_time: this machine has too \
         little CPU time to spare. Raise the limit, or compile it while there is less to do (`sandbus check`)",
        humantime::format_duration(*.0)
    )]
    CompileWait(Duration),
    /// Who compiles has failed, and nobody knows whether the file is to blame.
    #[error("the process that compiles components {0}")]
    Compiler(String),
    /// It exports neither way in.
    #[error(
        "this component is no handler{hint}: it exports {exports}, and neither `sandbus:handler/typed@0.1` nor \
         `sandbus:handler/packed@0.1`; it imports {imports}\n\
         `sandbus new` makes a project that exports them; wit/ has the interfaces for any other toolchain"
    )]
    NoHandler {
        /// What it is instead, behind a comma, if that is known.
        hint: &'static str,
        /// Names, or `nothing`.
        exports: String,
        /// Names, or `nothing`.
        imports: String,
    },
    /// It wants what is not offered.
    #[error("this component imports {0}, which the host does not offer{1}")]
    Import(String, &'static str),
    /// It was built for another version of the contract, or uses what only that has.
    #[error("this component was built for version {version} of the contract: {what}. This host has {own}: {advice}", own = contract::VERSION)]
    OtherVersion {
        /// Which one.
        version: semver::Version,
        /// What says so.
        what: String,
        /// What to do.
        advice: &'static str,
    },
    /// It wants to send requests, and may send none.
    #[error(
        "this component imports `{import}`, and the handler has no grant for it; name the servers that it may reach in \
         the [[handler]] {handler:?}:\n  grants.http = [\"https://api.example.com\"]"
    )]
    NoHttpGrant {
        /// What it imports.
        import: String,
        /// The handler.
        handler: String,
    },
    /// Its functions have other types than the contract's.
    #[error("this component does not fit the contract: {0}")]
    Contract(String),
    /// It failed before any event.
    #[error("this component failed while it was asked what it wants: {kind}: {message}")]
    Describe {
        /// How.
        kind: FaultKind,
        /// What is known.
        message: String,
    },
    /// What it describes cannot be used.
    #[error("this component describes {0}")]
    Description(String),
}

/// A handler's code, ready to be instantiated.
pub struct Component {
    /// SHA-256 of the file, in hexadecimal.
    pub digest: Arc<str>,
    /// Event types that it describes.
    pub events: Vec<Pattern>,
    /// What it says of itself besides.
    pub attributes: Vec<(String, String)>,
    /// Where its code came from.
    pub source: Source,
    pub(super) way: Arc<Way>,
}

/// The ways into a component, found once.
pub(super) struct Way {
    pre: InstancePre<GuestState>,
    /// What it imports of `wasi:http`, which is for granted handlers alone.
    http: Option<String>,
    pub descriptor: descriptor::GuestIndices,
    /// `handle`, of one event.
    pub typed: Option<ComponentExportIndex>,
    /// `handle`, of frames.
    pub packed: Option<ComponentExportIndex>,
}

impl Way {
    fn new(pre: InstancePre<GuestState>) -> Result<Way, LoadError> {
        let contract = |error: wasmtime::Error| LoadError::Contract(format!("{error:#}"));
        // The types are checked here, once for all instances.
        let packed_in = find(pre.component(), PACKED).map(|_| packed::GuestIndices::new(&pre));
        packed_in.transpose().map_err(contract)?;
        let descriptor = descriptor::GuestIndices::new(&pre).map_err(contract)?;
        let typed_in = find(pre.component(), TYPED).map(|_| typed::GuestIndices::new(&pre));
        typed_in.transpose().map_err(contract)?;
        let handle = |interface: &str| {
            let interface = find(pre.component(), interface)?;
            pre.component().get_export_index(Some(&interface), "handle")
        };
        let http = http_import(pre.component());
        Ok(Way { descriptor, typed: handle(TYPED), packed: handle(PACKED), http, pre })
    }

    pub fn pre(&self) -> &InstancePre<GuestState> {
        &self.pre
    }

    pub fn engine(&self) -> &wasmtime::Engine {
        self.pre.engine()
    }
}

const TYPED: &str = "sandbus:handler/typed@0.1.0";
const PACKED: &str = "sandbus:handler/packed@0.1.0";

fn find(component: &wasmtime::component::Component, interface: &str) -> Option<ComponentExportIndex> {
    component.get_export_index(None, interface)
}

impl Component {
    /// Whether its instances are given frames.
    pub fn is_packed(&self, settings: &HandlerSettings) -> bool {
        self.way.packed.is_some() && !(settings.typed && self.way.typed.is_some())
    }
}

impl std::fmt::Debug for Component {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Component({})", self.digest)
    }
}

impl Sandbox {
    /// Loads a component for a handler with these settings, under which it is described.
    ///
    /// # Errors
    /// Where the file is no handler, in words for whoever made it.
    pub async fn load(&self, path: &Path, settings: &Arc<HandlerSettings>) -> Result<Component, LoadError> {
        let bytes = read(path)?;
        foreign::check(&bytes, path)?;
        let content = digest_of(&bytes);
        let (way, source) = self.way(&content, bytes, settings).await?;
        describe(way, hexadecimal(&content).into(), source, settings).await
    }

    /// The same code under other settings, whatever its file has now.
    ///
    /// # Errors
    /// Where it is no handler under these.
    pub async fn load_again(
        &self,
        component: &Component,
        settings: &Arc<HandlerSettings>,
    ) -> Result<Component, LoadError> {
        describe(component.way.clone(), component.digest.clone(), Source::Shared, settings).await
    }

    /// SHA-256 of a component's file, in hexadecimal.
    ///
    /// # Errors
    /// Where it cannot be read, or is too large.
    pub fn digest(&self, path: &Path) -> Result<Arc<str>, LoadError> {
        read(path).map(|bytes| hexadecimal(&digest_of(&bytes)).into())
    }

    /// The ways into the code of a file with this content.
    async fn way(
        &self,
        content: &Digest,
        bytes: Vec<u8>,
        settings: &HandlerSettings,
    ) -> Result<(Arc<Way>, Source), LoadError> {
        let place = self.known.place(content);
        let mut known = place.lock().await;
        if let Some(way) = known.upgrade() {
            return Ok((way, Source::Shared));
        }
        let (code, source) = tokio::task::block_in_place(|| self.code(content, bytes))?;
        contract::check(&code)?;
        granted(http_import(&code).as_deref(), settings)?;
        let way = self.linker.instantiate_pre(&code).map_err(|error| contract::unlinked(&code, &error));
        let way = Arc::new(Way::new(way?)?);
        *known = Arc::downgrade(&way);
        Ok((way, source))
    }
}

/// Code that is there, asked what it wants under these settings.
async fn describe(
    way: Arc<Way>,
    digest: Arc<str>,
    source: Source,
    settings: &Arc<HandlerSettings>,
) -> Result<Component, LoadError> {
    // Before anything of it runs. The code is the same for all handlers, the grants are not.
    granted(way.http.as_deref(), settings)?;
    let description = Instance::describe(&way, settings.clone())
        .await
        .map_err(|(kind, message)| LoadError::Describe { kind, message })?;
    check_attributes(&description.attributes)?;
    let mut component = Component { digest, events: Vec::new(), attributes: description.attributes, source, way };
    if description.events.len() > 1000 {
        return Err(LoadError::Description("more than 1000 event types".into()));
    }
    for events in description.events {
        let pattern = Pattern::new(&events)
            .map_err(|error| LoadError::Description(format!("the event type {:?}: {error}", excerpt(&events))))?;
        component.events.push(pattern);
    }
    Ok(component)
}

/// Whether what a component says of itself is within the bounds of `wit/handler.wit`.
fn check_attributes(attributes: &[(String, String)]) -> Result<(), LoadError> {
    if attributes.len() > 100 {
        return Err(LoadError::Description("more than 100 attributes".into()));
    }
    match attributes.iter().find(|(name, value)| name.len() + value.len() > 1024) {
        Some((name, _)) => {
            Err(LoadError::Description(format!("the attribute {:?} with more than 1024 bytes", excerpt(name))))
        }
        None => Ok(()),
    }
}

/// What a component imports of `wasi:http`, if anything.
fn http_import(component: &wasmtime::component::Component) -> Option<String> {
    let ty = component.component_type();
    // The handler before its types.
    let name = ty.imports(component.engine()).map(|(name, _)| name).filter(|name| name.starts_with("wasi:http/")).min();
    name.map(str::to_owned)
}

/// Whether the handler may import that.
fn granted(http: Option<&str>, settings: &HandlerSettings) -> Result<(), LoadError> {
    match http {
        Some(import) if settings.grants.http.is_empty() => {
            Err(LoadError::NoHttpGrant { import: import.to_owned(), handler: settings.name.to_string() })
        }
        _ => Ok(()),
    }
}

/// A file's content, whatever its name leads to by now: nothing here waits for somebody to write, and there is an end to
/// what is read.
fn read(path: &Path) -> Result<Vec<u8>, LoadError> {
    let error = |error| LoadError::Read(path.to_owned(), error);
    let is_file = |found: &Metadata| {
        if found.is_file() { Ok(found.len()) } else { Err(LoadError::NoFile(path.to_owned())) }
    };
    // Before it is opened: of some devices that is a command.
    is_file(&std::fs::metadata(path).map_err(error)?)?;
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path).map_err(error)?;
    // It may have been replaced meanwhile.
    let length = is_file(&file.metadata().map_err(error)?)?;
    if length > MAX_FILE_BYTES {
        return Err(LoadError::TooLarge(length));
    }
    content(file, length).map_err(error)?
}

/// What can be read of a file that had this length a moment ago.
fn content(file: impl Read, length: u64) -> std::io::Result<Result<Vec<u8>, LoadError>> {
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)?;
    let read = bytes.len() as u64;
    Ok(if read > MAX_FILE_BYTES { Err(LoadError::TooLarge(read)) } else { Ok(bytes) })
}

#[cfg(test)]
mod tests;
