//! From a file, or from text, to a [`Config`]: reads every section, then compares them, and gives
//! either a configuration or all that is wrong.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::context::Context;
use super::document::{self, Raw, Table};
use super::layer::Layer;
use super::section::{Absent, Section};
use super::{
    Config, ConfigError, Fault, Found, Origin, admin, delivery, development, environment, handlers, kafka, policy,
    properties, sandbox, schema, telemetry, together,
};

/// Longest configuration file, in bytes.
const FILE_MAX: u64 = 16 << 20;

/// A configuration file's text, as it was read: the same text says more when files have come.
#[derive(Clone, Debug)]
pub struct Source {
    file: PathBuf,
    text: String,
    /// Brokers of a host for development.
    development: Option<String>,
}

impl Source {
    /// Reads a configuration file.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn read(file: &Path) -> Result<Self, ConfigError> {
        let text = read_file(file)
            .map_err(|fault| ConfigError { source_name: file.display().to_string(), faults: vec![*fault] })?;
        Ok(Source { file: file.to_owned(), text, development: None })
    }

    /// What would stand in a file that is not there. Read again, it has to be.
    pub fn made(file: &Path, text: &str) -> Self {
        Source { file: file.to_owned(), text: text.to_owned(), development: None }
    }

    /// The same for `sandbus dev`, on these brokers: see `config/development.rs`. It stays so when it is read again.
    #[must_use]
    pub fn for_development(self, brokers: &str) -> Self {
        Source { development: Some(brokers.to_owned()), ..self }
    }

    /// What stands in it.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Reads the file again.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn again(&self) -> Result<Self, ConfigError> {
        Self::read(&self.file).map(|source| Source { development: self.development.clone(), ..source })
    }

    /// What it says, with the process environment. Paths in it are relative to its folder. The components and secret
    /// files that it names are looked for.
    ///
    /// # Errors
    /// With all that is wrong.
    pub fn config(&self) -> Result<Config, ConfigError> {
        self.read_all()?.whole()
    }

    /// The same, where a component's file that cannot be used takes nothing from the others: a handler that names it is
    /// there, a file of the folder is passed over. With why.
    ///
    /// # Errors
    /// With all else that is wrong.
    pub fn config_for_good_files(&self) -> Result<(Config, Vec<Fault>), ConfigError> {
        self.read_all().map(|read| (read.config, read.of_components))
    }

    fn read_all(&self) -> Result<Read, ConfigError> {
        let base_dir = self.file.parent().unwrap_or(Path::new(""));
        let (name, brokers) = (self.file.display().to_string(), self.development.as_deref());
        read(&name, &self.text, base_dir, &mut std::env::vars_os(), brokers)
    }
}

impl Config {
    /// Reads a configuration file and the process environment, as [`Source`] does.
    ///
    /// # Errors
    /// With all that is wrong.
    pub fn load(file: &Path) -> Result<Self, ConfigError> {
        Source::read(file)?.config()
    }

    /// Reads a configuration from text, with `environment` for the process environment. Paths in
    /// it are relative to `base_dir`.
    ///
    /// # Errors
    /// With all that is wrong.
    pub fn from_text<N, V>(
        text: &str,
        base_dir: &Path,
        environment: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, ConfigError>
    where
        N: Into<OsString>,
        V: Into<OsString>,
    {
        let environment = environment.into_iter();
        let mut environment = environment.map(|(name, value)| (name.into(), value.into()));
        read("the configuration", text, base_dir, &mut environment, None)?.whole()
    }
}

fn read_file(file: &Path) -> Result<String, Box<Fault>> {
    let fault = |found: String, hint: &str| {
        Box::new(Fault {
            path: file.display().to_string(),
            origin: Origin::Nowhere,
            found: Found::Other(found),
            expected: "a configuration file, in TOML".to_owned(),
            hint: Some(hint.to_owned()),
        })
    };
    let size = std::fs::metadata(file).map(|found| found.len()).unwrap_or(0);
    if size > FILE_MAX {
        return Err(fault(format!("has {size} bytes"), "16 MiB is the most that is read"));
    }
    let bytes = std::fs::read(file).map_err(|error| match error.kind() {
        ErrorKind::NotFound => fault(
            "is not there".to_owned(),
            "make one: even an empty file will do, because every key has a default; or name \
             another with -c FILE",
        ),
        _ => fault(format!("cannot be read: {error}"), "name another with -c FILE"),
    })?;
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let line = error.as_bytes().iter().take(good).filter(|byte| **byte == b'\n').count() + 1;
        fault(format!("is not UTF-8 on line {line}"), "save it as UTF-8")
    })
}

/// A configuration in which nothing that is written is wrong.
struct Read {
    source_name: String,
    config: Config,
    of_components: Vec<Fault>,
}

impl Read {
    /// Where every component's file can be used.
    fn whole(self) -> Result<Config, ConfigError> {
        let Read { source_name, config, of_components } = self;
        if of_components.is_empty() { Ok(config) } else { Err(ConfigError::new(source_name, of_components)) }
    }
}

fn read(
    source: &str,
    text: &str,
    base_dir: &Path,
    environment: &mut dyn Iterator<Item = (OsString, OsString)>,
    development: Option<&str>,
) -> Result<Read, ConfigError> {
    let context = Context::new(base_dir);
    let environment: Vec<_> = environment.collect();
    let config = match document::parse(text) {
        Ok(document) => assemble(&context, document, environment, development),
        Err(faults) => {
            faults.into_iter().for_each(|fault| context.add(fault));
            None
        }
    };
    let source_name = source.to_owned();
    let (mut faults, of_components) = context.into_faults();
    match config {
        Some(mut config) if faults.is_empty() => {
            if development.is_some() {
                development::ease(&mut config);
            }
            Ok(Read { source_name, config, of_components })
        }
        _ => {
            faults.extend(of_components);
            Err(ConfigError::new(source_name, faults))
        }
    }
}

fn assemble(
    context: &Context,
    mut document: Table,
    environment: Vec<(OsString, OsString)>,
    development: Option<&str>,
) -> Option<Config> {
    flatten_properties(context, &mut document);
    let cache_home = environment::cache_home(&environment);
    let mut files = environment::files(&environment);
    environment::overlay(&mut document, environment.into_iter(), context);
    if let Some(brokers) = development {
        development::replace(&mut document, brokers);
    }
    let mut document = Section::new(context, "", Origin::Nowhere, document);

    let mut section = document.section("kafka");
    let properties = properties::read(section.section("properties"));
    let kafka = kafka::KafkaKeys::read(&mut section, Absent::Default);
    schema::reject_rest(section, "kafka");

    let mut section = document.section("delivery");
    let delivery = delivery::DeliveryKeys::read(&mut section, Absent::Default);
    let policy = policy::PolicyKeys::read(&mut section, Absent::Default);
    schema::reject_rest(section, "delivery");

    let mut section = document.section("sandbox");
    let sandbox = sandbox::SandboxKeys::read(&mut section, Absent::Default);
    schema::reject_rest(section, "sandbox");

    let mut section = document.section("telemetry");
    let telemetry = telemetry::read(&mut section);
    schema::reject_rest(section, "telemetry");

    let mut section = document.section("admin");
    let admin = admin::read(&mut section);
    schema::reject_rest(section, "admin");

    let handlers = handlers::read(&mut document, &Layer::base(context, policy));
    schema::reject_rest(document, "");

    together::budget(context, &sandbox, &handlers.handlers);
    together::topics(context, &kafka, &delivery, &handlers.handlers);
    let reserved = Arc::new(together::reserved(&kafka, &delivery, &handlers.handlers));
    together::grants(context, &reserved, &handlers.handlers);
    if let Some(properties) = &properties {
        together::timeouts(context, &delivery, properties);
    }

    let topics = kafka.source_topics();
    // Every handler, so that each one's faults are noted before the first bad one ends it.
    let checked: Vec<_> = handlers.handlers.iter().map(|draft| draft.checked(context, topics)).collect();
    let mut checked: Vec<_> = checked.into_iter().collect::<Option<_>>()?;
    for handler in &mut checked {
        handler.grants.guarded.reserved = reserved.clone();
        handler.grants.guarded.suffix.clone_from(delivery.dlq_topic_suffix.value()?);
    }
    files.extend(context.named());
    Some(Config {
        files,
        kafka: kafka.checked(properties?)?,
        delivery: delivery.checked()?,
        sandbox: sandbox.checked(context, cache_home)?,
        telemetry: telemetry?,
        admin: admin?,
        handlers_dir: handlers.dir?,
        handlers: checked,
    })
}

/// `sasl.username` without quotes is a table to TOML, and means the property.
fn flatten_properties(context: &Context, document: &mut Table) {
    let kafka = document.0.get_mut("kafka").map(|entry| &mut entry.value);
    let Some(Raw::Table(kafka)) = kafka else {
        return;
    };
    let properties = kafka.0.get_mut("properties").map(|entry| &mut entry.value);
    let Some(Raw::Table(properties)) = properties else {
        return;
    };
    for (name, origin) in properties.flatten() {
        let path = super::Properties::path(&name);
        let found = Found::Other("is set twice, with and without quotes".to_owned());
        context.fault(&path, &origin, found, "it to be set once");
    }
}
