//! Loads the configured handlers: all of them, or none.

use std::sync::Arc;

use super::native::MakeNative;
use super::{Additions, StartError};
use crate::config::{self, Config, Pattern};
use crate::delivery::engine::Subscription;
use crate::sandbox::Sandbox;
use crate::sandbox::component::Component;
use crate::sandbox::state::HandlerSettings;
use crate::telemetry::Telemetry;
use crate::telemetry::guest::HandlerSink;

/// A handler that can run.
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
}

impl LoadedHandler {
    /// Which events it is given.
    pub fn subscription(&self) -> Subscription {
        Subscription { topics: self.config.topics.clone(), events: self.events.clone() }
    }
}

/// A sandbox with room for these handlers.
///
/// # Errors
/// Where the platform has none.
pub fn sandbox(config: &Config) -> anyhow::Result<Sandbox> {
    let tables = config.handlers.iter().map(|handler| handler.limits.table_elements).max();
    Sandbox::new(config.sandbox.max_instances.get(), tables.unwrap_or(20_000))
}

/// Loads every handler.
///
/// # Errors
/// Every handler that cannot be loaded, with its reason.
pub async fn load(
    config: &Config,
    telemetry: &Telemetry,
    additions: &Additions<'_>,
) -> Result<Vec<LoadedHandler>, StartError> {
    let sandbox = sandbox(config)?;
    let (mut loaded, mut errors) = (Vec::new(), Vec::new());
    for handler in &config.handlers {
        let sink = match additions.sinks {
            Some(sinks) => sinks(handler.name.as_str()),
            None => Arc::new(HandlerSink::new(handler.name.shared(), telemetry.meter().clone())),
        };
        let settings = HandlerSettings { typed: additions.typed, ..HandlerSettings::new(handler, sink) };
        let settings = Arc::new(settings);
        match load_one(&sandbox, handler, settings).await {
            Ok(mut handler) => {
                handler.native = additions.natives.get(handler.config.name.as_str()).cloned();
                let events: Vec<_> = handler.events.iter().map(ToString::to_string).collect();
                tracing::info!(
                    handler = %handler.config.name, digest = &*handler.component.digest,
                    events = events.join(" "), "loaded"
                );
                loaded.push(handler);
            }
            Err(error) => {
                let path = handler.component.display();
                errors.push(format!("handler {:?}: {path}: {error}", handler.name.as_str()));
            }
        }
    }
    if errors.is_empty() { Ok(loaded) } else { Err(StartError::Handlers(errors)) }
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
    let component = sandbox.load(&handler.component, &settings).await.map_err(|error| error.to_string())?;
    let events = match &handler.events {
        Some(events) => events.clone(),
        None if component.events.is_empty() => {
            return Err("the component describes no event types; name some in `events`".into());
        }
        None => component.events.clone(),
    };
    Ok(LoadedHandler { config: handler.clone(), component: Arc::new(component), settings, events, native: None })
}
