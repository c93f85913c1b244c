//! The market of energy, by its documentation.

use std::sync::Arc;

use domain::{ids::TxId, ports::Unreachable};
use net::{Rest, Transcript};
use rail_tron::energy::{Market, Offer, Order, Taken, tronsave::TronSave};

#[tokio::test]
async fn energy_is_offered_and_rented_as_the_market_describes_it() {
    let transcript = Transcript::parse(include_str!("../data/tronsave.txt")).unwrap();
    let transcript = Arc::new(transcript);
    let market = TronSave::new(Rest::new(transcript.clone()));
    let txid = TxId::new("ab");
    let order = Order { txid: &txid, receiver: "TWallet", energy: 64_285, unit_sun_max: 30 };
    let offer = Ok(Some(Offer { sun: 1_931_460, unit_sun: 30 }));
    assert_eq!(market.offer("TWallet", 64_285).await, offer);
    assert_eq!(market.rent(order).await, Ok(Taken::Yes));
    let other = TxId::new("ac");
    assert_eq!(market.rent(Order { txid: &other, ..order }).await, Ok(Taken::Yes));
    assert_eq!(market.offer("TWallet", 64_285).await, Ok(None), "it has not so much");
    assert_eq!(market.offer("TWallet", 1).await, Ok(None));
    assert_eq!(market.rent(order).await, Ok(Taken::No));
    assert_eq!(market.offer("TWallet", 64_285).await, Err(Unreachable));
    assert_eq!(market.rent(order).await, Err(Unreachable));
    transcript.finish().unwrap();
}
