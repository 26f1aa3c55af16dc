//! Grants that could never hold are faults, not surprises at the first event.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use crate::config::context::Context;
use crate::config::grants::HttpGrant;
use crate::config::handlers::Draft;
use crate::config::key::Reading;
use crate::config::{Fault, Found, IpNet};

/// Looks for grants of topics that are `reserved` (each with what it is), and of this machine without its addresses.
pub(in crate::config) fn check(context: &Context, reserved: &BTreeMap<String, String>, handlers: &[Draft]) {
    for draft in handlers {
        let grants = &draft.layer.grants;
        if let Some(publish) = grants.publish.reading() {
            for topic in publish.value.iter().filter_map(|pattern| pattern.exact()) {
                if let Some(role) = reserved.get(topic) {
                    let expected = "topics that handlers may publish to";
                    note(context, publish, topic, expected, format!("{topic} is {role}: only the host writes there"));
                }
            }
        }
        let (Some(http), Some(networks)) = (grants.http.reading(), grants.networks.value()) else { continue };
        for grant in http.value.iter().filter(|grant| is_this_machine(grant)) {
            if !networks.iter().any(is_loopback) {
                let host = &grant.origin.host;
                let expected = "a server at a public address, unless grants.networks allows another";
                let hint =
                    format!("{host} is this machine; add networks = [\"127.0.0.0/8\", \"::1\"] if that is meant");
                note(context, http, host, expected, hint);
            }
        }
    }
}

fn is_this_machine(grant: &HttpGrant) -> bool {
    let host = &grant.origin.host;
    host == "localhost" || host.ends_with(".localhost")
}

fn is_loopback(network: &IpNet) -> bool {
    let (v4, v6) = (Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into());
    [v4, v6].iter().any(|address: &std::net::IpAddr| network.contains(address))
}

fn note<T>(context: &Context, key: &Reading<T>, found: &str, expected: &str, hint: String) {
    context.add(Fault {
        path: key.path.clone(),
        origin: key.origin.clone(),
        found: Found::Other(format!("has {found:?}")),
        expected: expected.to_owned(),
        hint: Some(hint),
    });
}
