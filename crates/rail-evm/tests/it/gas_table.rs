//! What a payout takes, alone and with others, measured on a real node beside what the protocol's
//! own prices add up to:
//!
//! `RUN_NODE_TESTS=1 ANVIL=... cargo test -p rail-evm --test it gas_table -- --nocapture`

use std::collections::BTreeSet;

use alloy_primitives::{Bytes, U256};
use domain::ports::Rail;
use rail_evm::{
    contract,
    pay_call::{Method, PayCall, Payment},
    tx::Kind,
};

use crate::{
    bulk::{Bulk, data, lane, payments, word},
    house::settings,
    scene::{self, LANE},
};

/// A byte of data that is not zero, or zero (EIP-2028).
const BYTE: u64 = 16;
const BYTE_ZERO: u64 = 4;
/// An account or a slot of storage that the transaction has not touched, and one that it has
/// (EIP-2929).
const COLD_ACCOUNT: u64 = 2_600;
const COLD_SLOT: u64 = 2_100;
const WARM: u64 = 100;
/// A slot that gets another value (EIP-2200 as EIP-2929 changed it), and one that was zero.
const SLOT_CHANGED: u64 = 2_900;
const SLOT_NEW: u64 = 20_000;
/// A call that carries coins, less what the recipient gets of it and does not use; and what it
/// takes more if nobody has the account yet (EIP-150, EIP-161).
const CALL_WITH_COINS: u64 = 9_000 - 2_300;
const ACCOUNT_NEW: u64 = 25_000;
/// `Transfer`: a log with three topics and one word of data.
const TRANSFER_LOG: u64 = 375 + 3 * 375 + 8 * 32;
/// What a unit of data costs at the least, and the transaction itself (EIP-7623).
const FLOOR_PER_UNIT: u64 = 10;
const TRANSACTION: u64 = 21_000;

/// The most that the contract's own code may take per payment, beyond the prices above, and the
/// token's.
const CODE_MAX: u64 = 500;
const TOKEN_CODE_MAX: u64 = 1_500;

/// How many payments a measured transaction makes.
const COUNTS: [u64; 2] = [10, 100];

#[derive(Clone, Copy)]
struct Row {
    token: bool,
    method: Method,
    /// Whether the recipients hold something of it already.
    holders: bool,
}

impl Row {
    /// What the protocol charges for one payment more in a call, whatever the code.
    fn least(self) -> u64 {
        // The recipient, 3 bytes of amount, and zeros.
        let data = 23 * BYTE + 9 * BYTE_ZERO;
        let new = |price| if self.holders { 0 } else { price };
        if !self.token {
            return data + CALL_WITH_COINS + COLD_ACCOUNT + new(ACCOUNT_NEW);
        }
        // The recipient's balance, the payer's (read and written, warm and changed before), and
        // for `transferFrom` the allowance, which has no end and is only read.
        let recipient = COLD_SLOT + if self.holders { SLOT_CHANGED } else { SLOT_NEW };
        let allowance = match self.method {
            Method::Contract => WARM,
            Method::Delegate => 0,
        };
        data + WARM + recipient + 2 * WARM + allowance + TRANSFER_LOG + Self::of_this_token()
    }

    /// What the token of the tests does besides: it looks whether the recipient is barred, and
    /// which habit it has. Tokens in use do as much (USDT), or go through a proxy (USDC).
    fn of_this_token() -> u64 {
        COLD_SLOT + WARM
    }

    fn name(self) -> String {
        let what = if self.token { "token" } else { "coin" };
        let whom = if self.holders { "holders" } else { "new holders" };
        format!("{what} to {whom}")
    }
}

/// The gas of one payment that travels alone, to somebody new and again.
async fn alone(bulk: &Bulk, token: bool) -> [u64; 2] {
    let Payment { recipient, amount } = payments("alone", 1)[0];
    let amount = U256::from(amount);
    let (to, value, data) = if token {
        let data = data("transfer(address,uint256)", &[word(recipient), amount]);
        (bulk.token, U256::ZERO, data)
    } else {
        (recipient, amount, Bytes::new())
    };
    let new = bulk.call(LANE, to, value, data.clone()).await;
    let again = bulk.call(LANE, to, value, data).await;
    assert!(new.succeeded() && again.succeeded());
    [new.gas(), again.gas()]
}

/// The gas of one call, which must pay everybody.
async fn together(bulk: &Bulk, row: Row, count: u64) -> u64 {
    let name = format!("{:?} {} {count}", row.method, row.token);
    let token = row.token.then_some(bulk.token);
    let call: PayCall = bulk.by(row.method, token, payments(&name, count)).await;
    let receipt = bulk.pay(Kind::Eip1559, &call, bulk.estimate(&call).await).await;
    let made = vec![true; call.payments().len()];
    assert_eq!(call.outcome(lane(), &receipt.logs), Ok(made));
    // What the data alone would have to cost is never what counts.
    let input = call.input();
    let zeros = input.iter().map(|byte| u64::from(*byte == 0)).sum::<u64>();
    let units = zeros + 4 * (input.len() as u64 - zeros);
    assert!(receipt.gas() > TRANSACTION + FLOOR_PER_UNIT * units);
    receipt.gas()
}

#[tokio::test]
async fn gas_table() {
    let Some(bulk) = Bulk::start().await else { return };
    let alone = [alone(&bulk, false).await, alone(&bulk, true).await];
    println!(
        "| payout of | alone | by | 10 together, each | 100 together, each | one more | protocol's part |"
    );
    println!("|---|---|---|---|---|---|---|");
    for (token, alone) in [(false, alone[0]), (true, alone[1])] {
        for method in [Method::Contract, Method::Delegate] {
            for (holders, alone) in [(false, alone[0]), (true, alone[1])] {
                let row = Row { token, method, holders };
                let [few, many] =
                    [together(&bulk, row, COUNTS[0]).await, together(&bulk, row, COUNTS[1]).await];
                let more = (many - few) / (COUNTS[1] - COUNTS[0]);
                let least = row.least();
                println!(
                    "| {} | {alone} | {method:?} | {} | {} | {more} | {least} |",
                    row.name(),
                    few / COUNTS[0],
                    many / COUNTS[1],
                );
                let code_max = CODE_MAX + if token { TOKEN_CODE_MAX } else { 0 };
                assert!((least..least + code_max).contains(&more), "{more} is not {least}");
                assert!(many / COUNTS[1] < few / COUNTS[0]);
                // A transaction makes a new account for nothing, a call within one does not.
                let saves = token || holders;
                assert_eq!(few / COUNTS[0] < alone, saves);
            }
        }
    }
    assert_eq!(bulk.coins(contract::ADDRESS).await, 0);
    let [to_put, to_delegate] = [bulk.deployment_gas, bulk.delegation_gas.get()];
    println!("| putting the contract there | {to_put} | | | | | |");
    println!("| delegating | {to_delegate} | | | | | |");
    assert!(to_put < 700_000 && to_delegate < 60_000);
}

/// From how many payouts on the rail puts them into one transaction, once the lane is prepared:
/// coins, and tokens.
async fn minimums(bulk: &Bulk, method: Method) -> [u64; 2] {
    if method == Method::Delegate && bulk.code(lane()).await.is_empty() {
        assert!(bulk.delegate().await.succeeded());
    }
    bulk.anvil.mine(3).await;
    let assets = [scene::coin(), scene::token(&bulk.token.to_string())];
    let endpoints = scene::alone(bulk.anvil.client());
    let rail = scene::over(endpoints, &assets, settings(Some(method)));
    let lane = scene::lane(bulk.count().await);
    assert_eq!(Rail::chore(&rail, &lane, &BTreeSet::new()).await, Ok(None));
    assets.map(|asset| {
        let size = Rail::batch_size(&rail, &lane, &asset.id);
        assert!(size.max > 1);
        size.min.into()
    })
}

/// The least number of payouts that cost less together is the one from which on the rail puts them
/// together. Coins for new accounts never do, and travel alone.
#[tokio::test]
async fn payouts_travel_together_from_where_it_costs_less() {
    let Some(bulk) = Bulk::start().await else { return };
    let alone = [alone(&bulk, false).await, alone(&bulk, true).await];
    println!("| payout of | by | alone, each | 2, 3, 4 together, each | less from |");
    println!("|---|---|---|---|---|");
    for method in [Method::Contract, Method::Delegate] {
        let minimums = minimums(&bulk, method).await;
        for (token, minimum, alone) in
            [(false, minimums[0], alone[0]), (true, minimums[1], alone[1])]
        {
            let mut each = [vec![], vec![]];
            for count in 2..=4 {
                for holders in [false, true] {
                    let row = Row { token, method, holders };
                    let gas = together(&bulk, row, count).await;
                    each[usize::from(holders)].push((count, gas.div_ceil(count)));
                }
            }
            for (holders, each) in [(false, &each[0]), (true, &each[1])] {
                let row = Row { token, method, holders };
                let alone = alone[usize::from(holders)];
                let from = each.iter().find(|it| it.1 < alone).map(|it| it.0);
                let gas: Vec<u64> = each.iter().map(|it| it.1).collect();
                println!("| {} | {method:?} | {alone} | {gas:?} | {from:?} |", row.name());
                let expected = (token || holders).then_some(minimum);
                assert_eq!(from, expected, "{method:?} {}", row.name());
            }
        }
    }
}
