//! Exchanges that tell all their prices on one page.

use domain::{
    BoxFuture,
    ports::{RateSource, Unreachable},
};

use crate::{Prices, Wanted, host::Host};

/// Asks an exchange for its page.
pub struct Page {
    pub(crate) name: &'static str,
    pub(crate) host: Host,
    pub(crate) path: &'static str,
    pub(crate) parse: fn(&[u8], &Wanted) -> Option<Prices>,
    pub(crate) wanted: Wanted,
}

impl RateSource for Page {
    fn name(&self) -> &'static str {
        self.name
    }

    fn fetch(&self) -> BoxFuture<'_, Result<Prices, Unreachable>> {
        Box::pin(async {
            let body = self.host.get(self.path).await?;
            self.host.read((self.parse)(&body, &self.wanted))
        })
    }
}
