//! A server of Esplora's API over the node of a desk.

use std::sync::Arc;

use net::{Client, Guard, Reach, Rest};
use rail_bitcoin::{
    Endpoint,
    chain::{RelayRules, esplora::Esplora},
};

use crate::house::facade::Facade;

/// What the server's node relays, as the operator says.
const RULES: RelayRules = RelayRules {
    fee_rate_min_sat_per_kvb: 1_000,
    increment_sat_per_kvb: 1_000,
    replaces: true,
    replaces_is_assumed: true,
};

/// The server.
pub(crate) struct Server {
    client: Client,
    facade: Facade,
}

impl Server {
    pub(crate) async fn start(node_url: &str) -> Self {
        let client = Client::new(Guard::new(Reach::Anywhere, &[]).unwrap()).unwrap();
        let facade = Facade::start(&client, node_url).await;
        Self { client, facade }
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        let (client, url) = (self.client.clone(), &self.facade.url);
        let endpoint = net::Endpoint::new(client, url, &[], net::Endpoint::LIMITS).unwrap();
        let chain = Esplora::new(Rest::new(Arc::new(endpoint)), RULES);
        Endpoint { name: "server".to_owned(), chain: Box::new(chain) }
    }
}
