//! `sandbus check`: is this configuration, or this component, right?

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use clap::Args;
use serde_json::json;

use super::tries::last_words;
use super::{Done, Failure, counted, print_line};
use crate::app::handlers::{self, LoadedHandler, Unloadable};
use crate::config::{Config, places};
use crate::delivery::ports::Try;
use crate::sandbox::ports::{GuestMetric, GuestSink, LogLevel, Refusal};
use crate::sandbox::state::HandlerSettings;
use crate::sandbox::text::{plain, plain_json};
use crate::toolchain::{Language, Readiness, readiness};

/// Check a configuration with all its components, or one component, without Kafka
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  sandbus check -c sandbus.toml\n  sandbus check target/components/order-projection-rust.wasm"
)]
pub struct Check {
    /// Configuration file [default: sandbus.toml]
    #[arg(short, long, value_name = "FILE", conflicts_with = "component")]
    config: Option<PathBuf>,
    /// A component instead
    component: Option<PathBuf>,
    /// Tell instead in which languages handlers can be built here, and what is missing
    #[arg(long, conflicts_with_all = ["config", "component"])]
    toolchains: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

impl Check {
    pub(super) fn run(self) -> Done {
        if self.toolchains {
            return toolchains(self.json);
        }
        crate::telemetry::log::start(Default::default(), "warn");
        let (config, wrong): (_, fn(String) -> Failure) = match &self.component {
            Some(component) => (alone(component)?, Failure::Wrong),
            None => {
                let file = self.config.as_deref().unwrap_or(Path::new("sandbus.toml"));
                (Config::load(file)?, Failure::Usage)
            }
        };
        super::accepted(&config.kafka)?;
        let loaded = load(&config).map_err(|errors| wrong(errors.join("\n")))?;
        if self.json {
            let handlers: Vec<_> = loaded.iter().map(as_json).collect();
            return print_line(&plain_json(&json!({ "handlers": handlers }).to_string()));
        }
        for handler in &loaded {
            print_line(&as_text(handler))?;
        }
        print_line(&format!("{} checked", counted(loaded.len(), "handler")))
    }
}

/// A line for each language.
fn toolchains(as_json: bool) -> Done {
    let all = Language::ALL.iter().map(|language| (*language, readiness(*language)));
    if as_json {
        let all = all.map(|(language, readiness)| {
            json!({ "language": language.name(), "state": readiness.name(), "text": readiness.text() })
        });
        return print_line(&json!({ "toolchains": all.collect::<Vec<_>>() }).to_string());
    }
    for (language, readiness) in all {
        let state = match readiness {
            Readiness::Ready(_) => "ready",
            Readiness::Installs(_) => "not yet, but `sandbus build` installs it",
            Readiness::Missing(_) => "missing",
        };
        print_line(&format!("{:<7} {state}: {}", language.name(), readiness.text()))?;
    }
    Ok(())
}

/// A configuration of defaults with one component in it.
pub(super) fn alone(component: &Path) -> Result<Config, Failure> {
    let name = component.display();
    let wrong = match std::fs::metadata(component) {
        Ok(found) if found.is_file() => None,
        Ok(found) if found.is_dir() => Some(format!(
            "{name} is a folder; name the component in it. If it is a handler's project, `sandbus build {name}` makes \
             its component and prints where it is"
        )),
        Ok(_) => Some(format!("{name} is not a file, but a pipe or a device")),
        Err(error) if error.kind() == ErrorKind::NotFound => Some(format!("there is no file {name}")),
        Err(error) => Some(format!("{name}: {error}")),
    };
    if let Some(wrong) = wrong {
        return Err(Failure::Wrong(wrong));
    }
    let path = std::path::absolute(component).map_err(anyhow::Error::from)?;
    let text = configuration(&path);
    // Only the component counts: neither a folder of others, nor what the environment sets.
    let nowhere = path.with_extension("no-such-folder");
    Ok(Config::from_text(&text, &nowhere, places())?)
}

/// What such a configuration says: a handler with the name of its component's file, which is absolute.
pub(super) fn configuration(component: &Path) -> String {
    let stem = component.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let name: String = stem.chars().filter(|c| legal(*c)).skip_while(|c| !c.is_ascii_alphanumeric()).take(64).collect();
    let name = if name.is_empty() { "handler".to_owned() } else { name };
    let path = toml::Value::String(component.to_string_lossy().into_owned());
    format!("[handlers]\n[[handler]]\nname = {name:?}\ncomponent = {path}\n")
}

fn load(config: &Config) -> Result<Vec<LoadedHandler>, Vec<String>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.map_err(|error| vec![error.to_string()])?;
    let sandbox = handlers::sandbox(config).map_err(|error| vec![format!("{error:#}")])?;
    let heard: Vec<_> = config.handlers.iter().map(|handler| (&handler.name, Arc::new(Heard::default()))).collect();
    let settings = |handler, (_, heard): &(_, Arc<Heard>)| Arc::new(HandlerSettings::new(handler, heard.clone()));
    let wanted = config.handlers.iter().zip(&heard);
    let wanted: Vec<_> = wanted.map(|(handler, heard)| (handler.clone().into(), settings(handler, heard))).collect();
    let loaded = handlers::load_all(&sandbox, runtime.handle(), &wanted);
    let told = |wrong: &Unloadable| {
        let own = heard.iter().find(|(name, _)| **name == wrong.handler);
        format!("{wrong}{}", own.map(|(_, heard)| heard.last_words()).unwrap_or_default())
    };
    loaded.map_err(|wrong| wrong.iter().map(told).collect())
}

fn patterns(handler: &LoadedHandler) -> Vec<String> {
    handler.events.iter().map(ToString::to_string).collect()
}

fn as_json(handler: &LoadedHandler) -> serde_json::Value {
    let attributes: serde_json::Map<_, _> =
        handler.component.attributes.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
    json!({
        "name": handler.config.name.as_str(),
        "component": handler.config.component,
        "digest": &*handler.component.digest,
        "events": patterns(handler),
        "topics": handler.config.topics.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "attributes": attributes,
    })
}

fn as_text(handler: &LoadedHandler) -> String {
    let attributes: Vec<_> = handler.component.attributes.iter().map(|(n, v)| plain(&format!("{n} {v}"))).collect();
    format!(
        "{}\n  component  {}\n  digest     sha256:{}\n  events     {}\n  built with {}",
        handler.config.name,
        handler.config.component.display(),
        handler.component.digest,
        plain(&patterns(handler).join(" ")),
        if attributes.is_empty() { "(it does not say)".into() } else { attributes.join(", ") },
    )
}

/// What a component logs while it is made and asked what it wants: where that fails, it may say why.
#[derive(Default)]
struct Heard(Mutex<Vec<(LogLevel, String)>>);

impl Heard {
    fn last_words(&self) -> String {
        last_words(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl GuestSink for Heard {
    fn log(&self, _: Option<&Try>, level: LogLevel, line: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((level, line.to_owned()));
    }

    fn metric(&self, _: &GuestMetric<'_>) -> Result<(), Refusal> {
        Ok(())
    }
}
