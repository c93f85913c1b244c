//! Where a request comes from: the peer, or what a proxy that is trusted says of it.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

/// What proxies write into, each behind what it was sent.
const FORWARDED: &str = "x-forwarded-for";

/// The address of the client behind `peer`.
///
/// Each proxy appends whom it was asked by, so the list is believed from its right end, for as long
/// as whoever wrote the entry is trusted. What stands further left is the client's own claim. An
/// entry that is no address ends the list.
pub(crate) fn address(peer: IpAddr, headers: &[(String, String)], trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |it: IpAddr| trusted.iter().any(|network| network.contains(&it));
    let lists = headers.iter().rev().filter(|it| it.0.eq_ignore_ascii_case(FORWARDED));
    let mut entries = lists.flat_map(|it| it.1.rsplit(',')).map(entry);
    let mut client = peer.to_canonical();
    while is_trusted(client) {
        let Some(Some(before)) = entries.next() else { break };
        client = before;
    }
    client
}

/// Reads an entry: an address, which may be in brackets and may have a port. An IPv4 address that
/// is written as IPv6 is the IPv4 address.
fn entry(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|it| it.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().ok();
    let address = address.or_else(|| text.parse().ok().map(|it: SocketAddr| it.ip()));
    address.map(|it: IpAddr| it.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(peer: &str, lists: &[&str], expected: &str) {
        let trusted: Vec<IpNet> = ["127.0.0.1/32", "10.0.0.0/8", "fd00::/8"]
            .into_iter()
            .map(|it| it.parse().unwrap())
            .collect();
        let mut headers = vec![("x-real-ip".to_owned(), "6.6.6.6".to_owned())];
        headers.extend(lists.iter().map(|it| (FORWARDED.to_owned(), (*it).to_owned())));
        let found = address(peer.parse().unwrap(), &headers, &trusted);
        assert_eq!(found, expected.parse::<IpAddr>().unwrap(), "{peer} {lists:?}");
    }

    #[test]
    fn a_stranger_is_not_believed() {
        check("9.9.9.9", &[], "9.9.9.9");
        check("9.9.9.9", &["1.1.1.1"], "9.9.9.9");
        check("9.9.9.9", &["127.0.0.1, 10.0.0.1"], "9.9.9.9");
        check("::ffff:9.9.9.9", &["1.1.1.1"], "9.9.9.9");
        check("2001:db8::1", &["1.1.1.1"], "2001:db8::1");
    }

    #[test]
    fn of_what_a_proxy_passes_on_the_client_wrote_all_but_the_end() {
        check("127.0.0.1", &["1.1.1.1"], "1.1.1.1");
        check("::ffff:127.0.0.1", &["1.1.1.1"], "1.1.1.1");
        check("127.0.0.1", &["6.6.6.6, 1.1.1.1"], "1.1.1.1");
        check("127.0.0.1", &["127.0.0.1, 1.1.1.1"], "1.1.1.1");
        check("127.0.0.1", &["10.1.1.1,6.6.6.6 ,1.1.1.1, 10.0.0.2,fd00::1"], "1.1.1.1");
    }

    #[test]
    fn several_headers_are_one_list() {
        check("127.0.0.1", &["6.6.6.6", "1.1.1.1"], "1.1.1.1");
        check("127.0.0.1", &["6.6.6.6, 1.1.1.1", "10.0.0.2"], "1.1.1.1");
        check("127.0.0.1", &["1.1.1.1", "junk"], "127.0.0.1");
    }

    #[test]
    fn the_last_that_is_known_counts_where_the_list_ends() {
        check("127.0.0.1", &[], "127.0.0.1");
        check("127.0.0.1", &[""], "127.0.0.1");
        check("127.0.0.1", &["10.0.0.3"], "10.0.0.3");
        check("127.0.0.1", &["10.0.0.4, 10.0.0.3"], "10.0.0.4");
        check("127.0.0.1", &["1.1.1.1, unknown, 10.0.0.3"], "10.0.0.3");
        for junk in ["unknown", "1.1.1", "1.1.1.1:", "1.1.1.1:99999", "[::1", "é", "_hidden", ",,"]
        {
            check("127.0.0.1", &[junk], "127.0.0.1");
            check("127.0.0.1", &[&format!("1.1.1.1, {junk}")], "127.0.0.1");
        }
    }

    #[test]
    fn addresses_come_in_several_forms() {
        check("127.0.0.1", &["1.1.1.1:4711"], "1.1.1.1");
        check("127.0.0.1", &["2001:db8::1"], "2001:db8::1");
        check("127.0.0.1", &["[2001:db8::1]"], "2001:db8::1");
        check("127.0.0.1", &["[2001:db8::1]:443"], "2001:db8::1");
        check("127.0.0.1", &["::ffff:1.1.1.1"], "1.1.1.1");
        check("127.0.0.1", &["1.1.1.1, [::ffff:10.0.0.3]:80"], "1.1.1.1");
    }
}
