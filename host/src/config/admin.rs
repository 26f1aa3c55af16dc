//! `[admin]`: where the admin server listens and who may use its API.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::check::{SecretText, Text};
use super::key::keys;
use super::section::{Absent, Section};
use super::{Fault, Found, Origin, Secret, paths, secret};

/// Where the admin server listens, and who may use its API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    /// Address and port; port 0 is any free one.
    pub listen: SocketAddr,
    /// What `/api/v1` and the console ask for. Always there if `listen` is not a loopback address.
    /// 1 to 1024 visible ASCII characters.
    pub token: Option<Secret>,
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
    }
}

/// Reads `[admin]`. `None` if something is wrong, which has been noted.
pub(super) fn read(section: &mut Section<'_>) -> Option<Admin> {
    let keys = AdminKeys::read(section, Absent::Default);
    let token = secret::either(section, &keys.token, &keys.token_file, &TOKEN);
    let listen = *keys.listen.value()?;
    let token = token?;
    if token.is_none() && !listen.ip().to_canonical().is_loopback() {
        section.context.add(Fault {
            path: section.path_of("token"),
            origin: keys.listen.reading().map_or(Origin::Nowhere, |at| at.origin.clone()),
            found: Found::Missing,
            expected: format!("a token, because admin.listen = \"{listen}\" is not a loopback address"),
            hint: Some("set token_file, token or SANDBUS_ADMIN__TOKEN, or listen on 127.0.0.1".to_owned()),
        });
        return None;
    }
    Some(Admin { listen, token })
}
