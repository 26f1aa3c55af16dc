//! Loads handlers: from what is configured to what can run.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Builder;
use std::time::Instant;

use tokio::runtime::Handle;

use super::native::{MakeNative, Natives};
use super::{Additions, Sinks};
use crate::config::{self, Config, HandlerName, Pattern};
use crate::delivery::engine::Subscription;
use crate::sandbox::Sandbox;
use crate::sandbox::compile::Compiler;
use crate::sandbox::compile::apart::{Apart, Bounds};
use crate::sandbox::component::Component;
use crate::sandbox::ports::GuestSink;
use crate::sandbox::state::HandlerSettings;
use crate::sandbox::text;
use crate::telemetry::Telemetry;
use crate::telemetry::guest::HandlerSink;

/// A handler that can run.
#[derive(Clone)]
pub struct LoadedHandler {
    /// What was configured.
    pub config: config::Handler,
    /// Its code.
    pub component: Arc<Component>,
    /// Its bounds and grants.
    pub settings: Arc<HandlerSettings>,
    /// Event types that it gets.
    pub events: Vec<Pattern>,
    /// What runs in place of its component.
    pub native: Option<MakeNative>,
    /// Its code was at work before, and is not what its file has now.
    pub kept: bool,
}

/// A handler that is to be loaded.
pub struct Wanted {
    /// What is configured.
    pub config: config::Handler,
    /// Its code, where that is not to be what its file has.
    pub kept: Option<Arc<Component>>,
}

impl From<config::Handler> for Wanted {
    fn from(config: config::Handler) -> Wanted {
        Wanted { config, kept: None }
    }
}

impl LoadedHandler {
    /// Which events it is given.
    pub fn subscription(&self) -> Subscription {
        Subscription { topics: self.config.topics.clone(), events: self.events.clone() }
    }
}

/// A sandbox with room for these handlers. This program has to be `sandbus`, which it starts to compile.
///
/// # Errors
/// Where the platform has none.
pub fn sandbox(config: &Config) -> anyhow::Result<Sandbox> {
    let tables = config.handlers.iter().map(|handler| handler.limits.table_elements).max();
    let sandbox = Sandbox::new(config.sandbox.max_instances.get(), tables.unwrap_or(20_000))?;
    let bounds = Bounds { time: config.sandbox.compile_time, memory: config.sandbox.compile_memory };
    let sandbox = sandbox.compiled_by(Compiler::Apart(Apart::this_program(bounds)));
    Ok(sandbox.cached_in(config.sandbox.cache.as_deref(), config.sandbox.cache_size))
}

/// What every handler of a host is loaded with.
pub struct Loader {
    sandbox: Sandbox,
    guests: Handle,
    telemetry: Arc<Telemetry>,
    natives: Natives,
    typed: bool,
    /// Who hears of them in place of the host's own log and metrics.
    hears: Option<Sinks>,
    /// By handler. The next generation has the same: what a handler may count is bounded over all of them.
    sinks: Mutex<HashMap<Arc<str>, Arc<dyn GuestSink>>>,
}

impl Loader {
    /// For a host with this configuration.
    ///
    /// # Errors
    /// Where the platform has no room for its instances.
    pub fn new(
        config: &Config,
        guests: &Handle,
        telemetry: &Arc<Telemetry>,
        additions: &Additions,
    ) -> anyhow::Result<Loader> {
        Ok(Loader {
            sandbox: sandbox(config)?,
            guests: guests.clone(),
            telemetry: telemetry.clone(),
            natives: additions.natives.clone(),
            typed: additions.typed,
            hears: additions.sinks.clone(),
            sinks: Mutex::default(),
        })
    }

    /// Loads these, as many at a time as there are cores: all of them, or none.
    ///
    /// # Errors
    /// Every one that cannot be loaded, with its reason.
    pub fn load(&self, handlers: impl IntoIterator<Item = Wanted>) -> Result<Vec<LoadedHandler>, Vec<Unloadable>> {
        let started = Instant::now();
        let wanted = handlers.into_iter().map(|wanted| {
            let sink = self.sink(wanted.config.name.shared());
            let settings = HandlerSettings { typed: self.typed, ..HandlerSettings::new(&wanted.config, sink) };
            (wanted, Arc::new(settings))
        });
        let mut loaded = load_all(&self.sandbox, &self.guests, &wanted.collect::<Vec<_>>())?;
        for handler in &mut loaded {
            handler.native = self.natives.get(handler.config.name.as_str()).cloned();
        }
        tracing::info!(handlers = loaded.len(), took_ms = millis(started), "all handlers are loaded");
        Ok(loaded)
    }

    fn sink(&self, handler: Arc<str>) -> Arc<dyn GuestSink> {
        let mut sinks = self.sinks.lock().unwrap_or_else(PoisonError::into_inner);
        let made = || match &self.hears {
            Some(hears) => hears(&handler),
            None => Arc::new(HandlerSink::new(handler.clone(), &self.telemetry)),
        };
        sinks.entry(handler.clone()).or_insert_with(made).clone()
    }

    /// SHA-256 of a component's file, in hexadecimal.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn digest(&self, component: &Path) -> Result<Arc<str>, String> {
        self.sandbox.digest(component).map_err(|error| text::reason(&error.to_string()))
    }
}

/// A handler that cannot be loaded.
#[derive(Debug)]
pub struct Unloadable {
    /// Its name.
    pub handler: HandlerName,
    /// Its component's file.
    pub component: PathBuf,
    /// Why, for whoever configured it.
    pub reason: String,
}

impl std::fmt::Display for Unloadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Unloadable { handler, component, reason } = self;
        write!(f, "handler {:?}: {}: {reason}", handler.as_str(), component.display())
    }
}

/// Loads these, as many at a time as there are cores.
///
/// # Errors
/// Every one that cannot be loaded, with its reason.
pub fn load_all(
    sandbox: &Sandbox,
    guests: &Handle,
    wanted: &[(Wanted, Arc<HandlerSettings>)],
) -> Result<Vec<LoadedHandler>, Vec<Unloadable>> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some((Wanted { config: handler, kept }, settings)) = wanted.get(index) else { return done };
            let settings = settings.clone();
            let loaded = match kept {
                None => guests.block_on(load_one(sandbox, handler, settings)),
                Some(component) => guests.block_on(load_kept(sandbox, handler, component, settings)),
            };
            let loaded = loaded.map_err(|reason| {
                let (handler, component) = (handler.name.clone(), handler.component.clone());
                Unloadable { handler, component, reason }
            });
            done.push((index, loaded));
        }
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from).min(wanted.len());
    // Threads of their own: what compiles blocks them. This one is the first.
    let mut done = std::thread::scope(|scope| {
        let others: Vec<_> = (1..cores).map(|_| Builder::new().name("load".into()).spawn_scoped(scope, work)).collect();
        let mut done = work();
        for other in others {
            // One that could not be started has left the work to the others.
            let Ok(other) = other else { continue };
            done.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        done
    });
    done.sort_by_key(|(index, _)| *index);
    let (mut loaded, mut errors) = (Vec::new(), Vec::new());
    for (_, result) in done {
        match result {
            Ok(handler) => loaded.push(handler),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(loaded) } else { Err(errors) }
}

/// Patterns as they are logged.
fn shown(events: &[Pattern]) -> String {
    events.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// Loads one handler, and finds out what it wants.
///
/// # Errors
/// In words for whoever configured it.
pub async fn load_one(
    sandbox: &Sandbox,
    handler: &config::Handler,
    settings: Arc<HandlerSettings>,
) -> Result<LoadedHandler, String> {
    let started = Instant::now();
    let component = sandbox.load(&handler.component, &settings).await;
    let component = component.map_err(|error| text::reason(&error.to_string()))?;
    loaded(handler, component, settings, started)
}

/// Loads one handler with code that was at work before.
async fn load_kept(
    sandbox: &Sandbox,
    handler: &config::Handler,
    component: &Component,
    settings: Arc<HandlerSettings>,
) -> Result<LoadedHandler, String> {
    let started = Instant::now();
    let component = sandbox.load_again(component, &settings).await;
    let component = component.map_err(|error| text::reason(&error.to_string()))?;
    Ok(LoadedHandler { kept: true, ..loaded(handler, component, settings, started)? })
}

fn loaded(
    handler: &config::Handler,
    component: Component,
    settings: Arc<HandlerSettings>,
    started: Instant,
) -> Result<LoadedHandler, String> {
    let events = match &handler.events {
        Some(events) => events.clone(),
        None if component.events.is_empty() => {
            return Err("the component describes no event types; name some in `events`".into());
        }
        None => component.events.clone(),
    };
    tracing::info!(
        handler = %handler.name, digest = &*component.digest, code = component.source.name(),
        took_ms = millis(started), events = shown(&events), "loaded"
    );
    let component = Arc::new(component);
    Ok(LoadedHandler { config: handler.clone(), component, settings, events, native: None, kept: false })
}
