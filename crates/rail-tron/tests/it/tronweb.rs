//! `TronWeb`, as a client of the test node, sees what was paid.
//!
//! Runs only with `RUN_NODE_TESTS=1` and `TRONWEB` set to a folder whose `node_modules` has
//! `tronweb@6.5.1`.

use std::{path::Path, process::Command};

use domain::payout::PayoutState;
use serde_json::json;

use crate::house::{House, SOLID, coin, somebody};

#[tokio::test]
async fn tronweb_sees_what_was_paid() {
    if std::env::var_os("RUN_NODE_TESTS").is_none_or(|wanted| wanted != "1") {
        return;
    }
    let folder = std::env::var_os("TRONWEB");
    let folder = folder.expect("RUN_NODE_TESTS=1 needs TRONWEB, a folder with node_modules");
    let house = House::new().await;
    let mut ids = vec![];
    for number in 0..3_u8 {
        let recipient = somebody(number.into());
        ids.push(house.ask(&coin(), &recipient, 1_000 + u128::from(number)).await);
        ids.push(house.ask(&house.token, &recipient, 7 + u128::from(number)).await);
        ids.push(house.ask(&house.token, &recipient, 1).await);
    }
    house.end(&ids).await;
    house.all(|chain| chain.mine_many(SOLID));
    let seen = |id: &domain::ids::PayoutId| {
        let payout = house.payout(*id);
        let PayoutState::Paid { txid, .. } = payout.state else { panic!("{:?}", payout.state) };
        json!({
            "txid": txid.as_str(),
            "to": payout.destination.address,
            "units": payout.quote.amount.units().to_string(),
            "isToken": payout.asset == house.token.id,
        })
    };
    let payouts: Vec<_> = ids.iter().map(seen).collect();
    let (payer, token) = (house.wallet.to_string(), house.contract.to_string());
    let words = json!({"payer": payer, "token": token, "payouts": payouts});
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/sees.mjs");
    let mut node = Command::new("node");
    node.arg(script).args([house.node().url(), words.to_string()]).current_dir(folder);
    let output = tokio::task::spawn_blocking(move || node.output()).await.unwrap().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
}
