//! How many connections an address has open.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use ipnet::IpNet;

use crate::limiter::network;

/// The connections of all addresses, each of which may have so many.
pub(crate) struct Connections {
    most: u32,
    trusted_proxies: Box<[IpNet]>,
    open: Mutex<BTreeMap<IpAddr, u32>>,
}

/// A connection that is open until this is dropped.
pub(crate) struct Open(Option<(Arc<Connections>, IpAddr)>);

impl Connections {
    /// None is open yet. What `trusted_proxies` open is not counted: it is that of many. Zero is no bound.
    pub(crate) fn new(most: u32, trusted_proxies: &[IpNet]) -> Arc<Self> {
        let (trusted_proxies, open) = (trusted_proxies.into(), Mutex::default());
        Arc::new(Self { most, trusted_proxies, open })
    }

    /// One more of an address, unless it has as many as it may have.
    pub(crate) fn open(self: &Arc<Self>, peer: IpAddr) -> Option<Open> {
        let peer = peer.to_canonical();
        if self.most == 0 || self.trusted_proxies.iter().any(|it| it.contains(&peer)) {
            return Some(Open(None));
        }
        let address = network(peer);
        let mut all = self.all();
        let open = all.entry(address).or_default();
        if *open >= self.most {
            return None;
        }
        *open += 1;
        Some(Open(Some((Arc::clone(self), address))))
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<IpAddr, u32>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let Some((connections, address)) = &self.0 else { return };
        let mut all = connections.all();
        if let Some(open) = all.get_mut(address) {
            *open -= 1;
            if *open == 0 {
                all.remove(address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_has_no_more_than_it_may_have_and_gets_back_what_it_gives_up() {
        let all = Connections::new(2, &["10.0.0.0/8".parse().unwrap()]);
        let (first, second) = (all.open(ip("192.0.2.1")).unwrap(), all.open(ip("192.0.2.1")));
        assert!(all.open(ip("192.0.2.1")).is_none());
        assert!(all.open(ip("::ffff:192.0.2.1")).is_none(), "the same address in other words");
        let other = all.open(ip("192.0.2.2"));
        assert!(other.is_some(), "what one has is nothing to another");
        drop(first);
        let again = all.open(ip("192.0.2.1"));
        assert!(again.is_some() && all.open(ip("192.0.2.1")).is_none());
        let proxied: Vec<_> = (0..5).map(|_| all.open(ip("10.1.2.3"))).collect();
        assert!(proxied.iter().all(Option::is_some), "a proxy's are those of many");
        drop((second, other, again, proxied));
        assert!(all.all().is_empty(), "nothing is kept of who is gone");
    }

    #[test]
    fn a_network_of_ipv6_is_one_and_zero_is_no_bound() {
        let all = Connections::new(1, &[]);
        let _one = all.open(ip("2001:db8::1")).unwrap();
        assert!(all.open(ip("2001:db8::2")).is_none());
        assert!(all.open(ip("2001:db8:0:1::1")).is_some());
        let free = Connections::new(0, &[]);
        let many: Vec<_> = (0..5).map(|_| free.open(ip("192.0.2.1"))).collect();
        assert!(many.iter().all(Option::is_some));
    }
}
