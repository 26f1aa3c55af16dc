//! Which addresses are the public internet's, and which networks a grant adds.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// Reads a network or a single address. The error says what to do.
pub(super) fn parse(text: &str) -> Result<IpNet, String> {
    let network = match text.parse::<IpAddr>() {
        Ok(address) => IpNet::from(address),
        Err(_) => text.parse::<IpNet>().map_err(|_| "write address/bits, such as 10.0.0.0/8".to_owned())?,
    };
    if network.trunc() != network {
        return Err(format!("the network is {}", network.trunc()));
    }
    match network {
        IpNet::V6(v6) if v6.addr().to_ipv4_mapped().is_some() => {
            Err("write a network of IPv4 addresses as IPv4".to_owned())
        }
        _ => Ok(network),
    }
}

/// Whether an address belongs to the public internet: to no machine, no private network, and no provider's own.
///
/// What is not known to be public is not.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// IANA's registry of special addresses, and multicast.
fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !matches!(
        (a, b, c),
        (0 | 10 | 127, ..)                            // this network, private, loopback
            | (100, 64..=127, _)                      // carriers' own
            | (169, 254, _)                           // link-local, cloud metadata
            | (172, 16..=31, _)
            | (192, 168, _)                           // private
            | (192, 0, 0 | 2)                         // protocols, documentation
            | (192, 88, 99)                           // relays of 6to4
            | (198, 18..=19, _)                       // benchmarks
            | (198, 51, 100)
            | (203, 0, 113)                           // documentation
            | (224.., ..) // multicast, reserved, broadcast
    )
}

/// Of what is assigned to unicast, but without what carries other addresses inside, or none.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, c, d, e, f, high, low] = address.segments();
    match (a, b) {
        // What a translator makes of IPv4.
        (0x64, 0xff9b) if [c, d, e, f] == [0; 4] => {
            is_public_v4(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)))
        }
        // Protocols (Teredo among them), documentation, 6to4.
        (0x2001, 0..=0x01ff | 0x0db8) | (0x2002, _) | (0x3fff, 0..=0x0fff) => false,
        (0x2000..=0x3fff, _) => true,
        _ => false,
    }
}
