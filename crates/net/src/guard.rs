//! The SSRF guard: which URLs may be asked, and which addresses may be connected to.
//!
//! Two checks, because neither is enough. A host spelled as an address never reaches a resolver,
//! so [`Guard::check_url`] judges it; a name means nothing until it is resolved, so the resolver
//! of the connection itself judges every address of the answer.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use crate::address::not_public;

/// How far a client may reach without being permitted more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Addresses of the public internet: for URLs that come from merchants.
    Public,
    /// Every address: for URLs that the operator configured.
    Anywhere,
}

/// What the operator permits beyond [`Reach::Public`].
#[derive(Clone, Debug)]
enum Permit {
    /// Every address of a network, on every port, spelled in the URL or resolved from a name.
    Network(IpNet),
    /// Exactly this spelling of the host, on one port or on all. A name may resolve to anything.
    Host { host: Host<String>, port: Option<u16> },
}

/// Why the guard said no. The text names hosts and addresses, never the path of a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal(pub String);

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Refusal {}

/// The policy of one client.
#[derive(Clone, Debug)]
pub struct Guard {
    reach: Reach,
    permits: Vec<Permit>,
}

impl Guard {
    /// A guard of `reach` that also lets through what `permitted` lists.
    ///
    /// An entry is a network (`10.0.0.0/8`), an address (`10.1.2.3`, `fd00::5`), an address with
    /// a port (`127.0.0.1:9000`, `[::1]:9000`), a name (`hooks.internal`) or a name with a port.
    /// Networks and addresses without a port also permit names that resolve to them; an entry with
    /// a port permits only URLs that spell that host. A listed name is trusted: it may resolve to
    /// any address, on the ports listed and no other.
    pub fn new(reach: Reach, permitted: &[&str]) -> Result<Self, Refusal> {
        let permits =
            permitted.iter().map(|entry| parse_permit(entry)).collect::<Result<_, _>>()?;
        Ok(Self { reach, permits })
    }

    /// Checks all that can be known before a name is resolved.
    ///
    /// Refused: schemes but http and https, user names and passwords, hosts spelled as an address
    /// that is neither public nor permitted (in every spelling that the URL standard knows), and
    /// permitted names on a port that is not.
    pub fn check_url(&self, url: &Url) -> Result<(), Refusal> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Refusal("the scheme must be http or https".to_owned()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refusal("user name or password in the URL".to_owned()));
        }
        let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
            return Err(Refusal("no host in the URL".to_owned()));
        };
        match host {
            Host::Domain(name) => self.check_name(name, port),
            Host::Ipv4(address) => self.check_literal(address.into(), port),
            Host::Ipv6(address) => self.check_literal(address.into(), port),
        }
    }

    fn check_name(&self, name: &str, port: u16) -> Result<(), Refusal> {
        if self.reach == Reach::Anywhere {
            return Ok(());
        }
        let ports: BTreeSet<Option<u16>> = self.ports_of(name).collect();
        if ports.is_empty() || ports.contains(&None) || ports.contains(&Some(port)) {
            return Ok(());
        }
        Err(Refusal(format!("{name} is permitted, but not on port {port}")))
    }

    fn check_literal(&self, address: IpAddr, port: u16) -> Result<(), Refusal> {
        let spelled = self.permits.iter().any(|permit| match permit {
            Permit::Network(_) => false,
            Permit::Host { host, port: permitted } => {
                is_address(host, address) && permitted.is_none_or(|permitted| permitted == port)
            }
        });
        if spelled {
            return Ok(());
        }
        self.check_address(address)
    }

    /// Checks one address, wherever it came from.
    fn check_address(&self, address: IpAddr) -> Result<(), Refusal> {
        if self.reach == Reach::Anywhere {
            return Ok(());
        }
        let Some(why) = not_public(address) else { return Ok(()) };
        let permitted = self.permits.iter().any(|permit| match permit {
            Permit::Network(network) => network.contains(&address.to_canonical()),
            Permit::Host { .. } => false,
        });
        if permitted {
            return Ok(());
        }
        Err(Refusal(format!("{address} is not a public address ({why})")))
    }

    /// Checks what `name` resolved to. One bad address refuses the whole answer: a mixed answer is
    /// how a name is made to pass a check and then lead elsewhere.
    fn check_answer(&self, name: &str, addresses: &[SocketAddr]) -> Result<(), Refusal> {
        if self.ports_of(name).next().is_some() {
            return Ok(());
        }
        for address in addresses {
            self.check_address(address.ip())
                .map_err(|Refusal(why)| Refusal(format!("{name} resolves badly: {why}")))?;
        }
        Ok(())
    }

    /// The ports permitted for a name; `None` stands for all.
    fn ports_of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = Option<u16>> + 'a {
        let name = name.trim_end_matches('.');
        self.permits.iter().filter_map(move |permit| match permit {
            Permit::Host { host: Host::Domain(listed), port }
                if listed.eq_ignore_ascii_case(name) =>
            {
                Some(*port)
            }
            Permit::Host { .. } | Permit::Network(_) => None,
        })
    }
}

fn is_address(host: &Host<String>, address: IpAddr) -> bool {
    match host {
        Host::Domain(_) => false,
        Host::Ipv4(listed) => IpAddr::V4(*listed) == address.to_canonical(),
        Host::Ipv6(listed) => IpAddr::V6(*listed) == address,
    }
}

fn parse_permit(entry: &str) -> Result<Permit, Refusal> {
    let bad = || Refusal(format!("not a network, address or host[:port]: {entry:?}"));
    if let Ok(network) = entry.parse::<IpNet>() {
        return Ok(Permit::Network(network.trunc()));
    }
    if let Ok(address) = entry.parse::<IpAddr>() {
        return Ok(Permit::Network(address.into()));
    }
    let (host, port) = match entry.rsplit_once(':') {
        Some((host, port)) if !entry.ends_with(']') => {
            (host, Some(port.parse().map_err(|_| bad())?))
        }
        Some(_) | None => (entry, None),
    };
    let host = Host::parse(host.trim_end_matches('.')).map_err(|_| bad())?;
    Ok(Permit::Host { host, port })
}

/// The operating system's resolver.
#[derive(Debug)]
pub(crate) struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// A resolver that hands on only answers that the guard accepts.
pub(crate) struct GuardedResolver {
    pub(crate) guard: Arc<Guard>,
    pub(crate) inner: Arc<dyn Resolve>,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = Arc::clone(&self.guard);
        let host = name.as_str().to_owned();
        let answer = self.inner.resolve(name);
        Box::pin(async move {
            let addresses: Vec<SocketAddr> = answer.await?.collect();
            guard.check_answer(&host, &addresses)?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests;
