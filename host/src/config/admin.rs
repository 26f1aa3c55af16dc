//! `[admin]`, checked: where the admin server listens and who may use its API.

use std::net::SocketAddr;

use super::Secret;

/// Where the admin server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    /// Address and port; port 0 is any free one.
    pub listen: SocketAddr,
    /// What `/api/v1` and the console ask for. Always there if `listen` is not a loopback address.
    /// 1 to 1024 visible ASCII characters.
    pub token: Option<Secret>,
}
