//! Which IP addresses are on the public internet.
//!
//! The tables follow the IANA special-purpose address registries (RFC 6890 and its updates):
//! <https://www.iana.org/assignments/iana-ipv4-special-registry> and
//! <https://www.iana.org/assignments/iana-ipv6-special-registry>.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix_bits: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix_bits)
}

const fn v6(head: [u16; 4], prefix_bits: u8) -> Ipv6Net {
    let [a, b, c, d] = head;
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0), prefix_bits)
}

/// IPv4 networks that no webhook may reach, and why.
const NOT_PUBLIC_V4: &[(Ipv4Net, &str)] = &[
    (v4(0, 0, 0, 0, 8), "unspecified"),
    (v4(10, 0, 0, 0, 8), "private"),
    (v4(100, 64, 0, 0, 10), "carrier-grade NAT"),
    (v4(127, 0, 0, 0, 8), "loopback"),
    (v4(169, 254, 0, 0, 16), "link-local, cloud metadata"),
    (v4(172, 16, 0, 0, 12), "private"),
    (v4(192, 0, 0, 0, 24), "protocol assignments"),
    (v4(192, 0, 2, 0, 24), "documentation"),
    (v4(192, 88, 99, 0, 24), "6to4 relay"),
    (v4(192, 168, 0, 0, 16), "private"),
    (v4(198, 18, 0, 0, 15), "benchmarking"),
    (v4(198, 51, 100, 0, 24), "documentation"),
    (v4(203, 0, 113, 0, 24), "documentation"),
    (v4(224, 0, 0, 0, 4), "multicast"),
    (v4(240, 0, 0, 0, 4), "reserved or broadcast"),
    // Azure gives every virtual machine its platform services at this otherwise public address:
    // https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16
    (v4(168, 63, 129, 16, 32), "cloud platform services"),
];

/// The only block from which global IPv6 unicast addresses are assigned (RFC 4291). Loopback,
/// unique local, link-local, site-local, multicast and IPv4-compatible addresses are outside it.
const GLOBAL_V6: Ipv6Net = v6([0x2000, 0, 0, 0], 3);

/// Parts of [`GLOBAL_V6`] that no webhook may reach, and why.
const NOT_PUBLIC_V6: &[(Ipv6Net, &str)] = &[
    (v6([0x2001, 0, 0, 0], 23), "protocol assignments, Teredo"),
    (v6([0x2001, 0xdb8, 0, 0], 32), "documentation"),
    (v6([0x2002, 0, 0, 0], 16), "6to4"),
    (v6([0x3fff, 0, 0, 0], 20), "documentation"),
];

/// The well-known NAT64 prefix (RFC 6052): where DNS64 is in use, every IPv4 site answers with it.
const NAT64: Ipv6Net = v6([0x64, 0xff9b, 0, 0], 96);

/// Why `address` is not on the public internet; `None` if it is.
///
/// IPv4-mapped and NAT64 addresses are judged by the IPv4 address inside. The other forms that
/// carry one (IPv4-compatible, 6to4, Teredo, locally assigned NAT64) are obsolete or local, and
/// never public.
pub(crate) fn not_public(address: IpAddr) -> Option<&'static str> {
    match address.to_canonical() {
        IpAddr::V4(address) => not_public_v4(address),
        IpAddr::V6(address) if NAT64.contains(&address) => {
            let [.., a, b, c, d] = address.octets();
            not_public_v4(Ipv4Addr::new(a, b, c, d))
        }
        IpAddr::V6(address) => not_public_v6(address),
    }
}

fn not_public_v4(address: Ipv4Addr) -> Option<&'static str> {
    NOT_PUBLIC_V4.iter().find(|(network, _)| network.contains(&address)).map(|(_, why)| *why)
}

fn not_public_v6(address: Ipv6Addr) -> Option<&'static str> {
    if !GLOBAL_V6.contains(&address) {
        return Some("not global unicast");
    }
    NOT_PUBLIC_V6.iter().find(|(network, _)| network.contains(&address)).map(|(_, why)| *why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> bool {
        not_public(text.parse().unwrap()).is_some()
    }

    #[test]
    fn special_networks_are_refused_from_first_to_last_address() {
        for (network, why) in NOT_PUBLIC_V4 {
            assert!(not_public(network.network().into()).is_some(), "{network} {why}");
            assert!(not_public(network.broadcast().into()).is_some(), "{network} {why}");
        }
        for (network, why) in NOT_PUBLIC_V6 {
            assert!(not_public(network.network().into()).is_some(), "{network} {why}");
            assert!(not_public(network.broadcast().into()).is_some(), "{network} {why}");
        }
    }

    #[test]
    fn neighbours_of_special_networks_are_public() {
        for text in [
            "1.0.0.0",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "168.63.129.15",
            "2001:200::1",
            "2001:4860:4860::8888",
            "2606:4700::1111",
            "2a00:1450:4001:80b::200e",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
        ] {
            assert!(!refused(text), "{text}");
        }
    }

    #[test]
    fn every_ipv6_form_of_a_private_address_is_refused() {
        for text in [
            "::",
            "::1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "::127.0.0.1",
            "::10.0.0.1",
            "::ffff:0:127.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::127.0.0.1",
            "2002:7f00:1::",
            "2002:a00:1::1",
            "2001:0:7f00:1::",
            "2001:0:53aa:64c:0:0:80ff:fffe",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "ff02::1",
            "100::1",
            "2001:db8::1",
            "3fff::1",
            "5f00::1",
            "2001:2::1",
            "2001:20::1",
        ] {
            assert!(refused(text), "{text}");
        }
    }
}
