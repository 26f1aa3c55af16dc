//! `[admin]`: where the admin server listens and who may use its API.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::check::{Flag, SecretText, Text};
use super::context::Context;
use super::key::keys;
use super::section::{Absent, Section};
use super::{ConfigError, Fault, Found, Origin, Secret, Source, document, environment, paths, schema, secret};

/// Where the admin server listens, and who may use its API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    /// Address and port; port 0 is any free one.
    pub listen: SocketAddr,
    /// What `/api/v1` and the console ask for. Always there if `listen` is not a loopback address, or `upload` is on.
    /// 1 to 1024 visible ASCII characters.
    pub token: Option<Secret>,
    /// Whether the API takes components.
    pub upload: bool,
}

impl Admin {
    /// `[admin]` of a file, or of none, with the process environment. What is wrong elsewhere is of no matter: whoever
    /// asks wants to reach a host whose handlers are just being changed.
    ///
    /// # Errors
    /// With all that is wrong with it.
    pub fn load(file: Option<&Path>) -> Result<Admin, ConfigError> {
        let (text, name) = match file {
            Some(file) => (Source::read(file)?.text().to_owned(), file.display().to_string()),
            None => (String::new(), "the environment".to_owned()),
        };
        let context = Context::new(file.and_then(Path::parent).unwrap_or(Path::new("")));
        let admin = match document::parse(&text) {
            Ok(mut document) => {
                // Of these, only what means a key of this section can be wrong here.
                let variables = std::env::vars_os();
                let own = variables.filter(|(name, _)| name.to_string_lossy().starts_with("SANDBUS_ADMIN__"));
                environment::overlay(&mut document, own, &context);
                let mut document = Section::new(&context, "", Origin::Nowhere, document);
                let mut section = document.section("admin");
                let admin = read(&mut section);
                schema::reject_rest(section, "admin");
                admin
            }
            Err(faults) => {
                faults.into_iter().for_each(|fault| context.add(fault));
                None
            }
        };
        let (faults, _) = context.into_faults();
        admin.filter(|_| faults.is_empty()).ok_or(ConfigError { source_name: name, faults })
    }
}

const TOKEN: SecretText = SecretText {
    allowed: "1 to 1024 visible ASCII characters without spaces",
    is_right: |text| text.len() <= 1024 && text.bytes().all(|byte| byte.is_ascii_graphic()),
};

keys! {
    /// `[admin]`, as it is read.
    AdminKeys {
        listen: SocketAddr = Text {
            allowed: "an IP address with a port, such as \"127.0.0.1:9464\" or \"[::]:9464\"",
            parse: |text| text.parse::<SocketAddr>().map_err(|_| String::new()),
        }, "\"127.0.0.1:9464\"", "Where `/metrics`, `/healthz`, `/readyz`, `/api/v1` and the console are served. Port 0 is any free port.";
        token: Option<Secret> = TOKEN, "\"\"", "What `/api/v1` and the console ask for. Required when `listen` is not a loopback address. Empty is none.";
        token_file: PathBuf = paths::FILE, "", "File that holds the token, instead of `token`. Its last line break is not part of it.";
        upload: bool = Flag, "false", "Whether `/api/v1` takes components (`PUT /api/v1/handlers/NAME/component`). Needs a token, on a loopback address too: whoever has it can replace handlers' code.";
    }
}

/// Reads `[admin]`. `None` if something is wrong, which has been noted.
pub(super) fn read(section: &mut Section<'_>) -> Option<Admin> {
    let keys = AdminKeys::read(section, Absent::Default);
    let token = secret::either(section, &keys.token, &keys.token_file, &TOKEN);
    let listen = *keys.listen.value()?;
    let token = token?;
    let upload = *keys.upload.value()?;
    let needed = if !listen.ip().to_canonical().is_loopback() {
        let why = format!("admin.listen = \"{listen}\" is not a loopback address");
        Some((keys.listen.reading().map(|at| &at.origin), why, "listen on 127.0.0.1"))
    } else if upload {
        let origin = keys.upload.reading().map(|at| &at.origin);
        Some((origin, "admin.upload = true lets whoever reaches it replace handlers".to_owned(), "leave upload out"))
    } else {
        None
    };
    if let (None, Some((origin, why, otherwise))) = (&token, needed) {
        section.context.add(Fault {
            path: section.path_of("token"),
            origin: origin.cloned().unwrap_or(Origin::Nowhere),
            found: Found::Missing,
            expected: format!("a token, because {why}"),
            hint: Some(format!("set token_file, token or SANDBUS_ADMIN__TOKEN, or {otherwise}")),
        });
        return None;
    }
    Some(Admin { listen, token, upload })
}
