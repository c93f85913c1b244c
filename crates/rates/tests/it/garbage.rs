//! Whatever an exchange answers, nothing breaks and nothing is made up.

use domain::money::Rate;
use proptest::prelude::*;
use rates::{Wanted, binance, binancep2p, exmo, kucoin};

use crate::server::wanted;

const BINANCE: &[u8] = include_bytes!("../data/binance.json");
const BINANCE_P2P: &[u8] = include_bytes!("../data/binancep2p.json");
const EXMO: &[u8] = include_bytes!("../data/exmo.json");
const KUCOIN: &[u8] = include_bytes!("../data/kucoin.json");
const KUCOIN_USDT: &[u8] = include_bytes!("../data/kucoin_usdt.json");

fn check(prices: Option<Vec<(String, Rate)>>) {
    let wanted = wanted();
    let mut codes: Vec<String> = prices.into_iter().flatten().map(|it| it.0).collect();
    assert!(codes.iter().all(|it| wanted.has(it)), "{codes:?}");
    let count = codes.len();
    codes.sort();
    codes.dedup();
    assert_eq!(codes.len(), count, "a currency is priced once");
}

fn read_all(bytes: &[u8]) {
    let wanted = wanted();
    check(binance::parse(bytes, &wanted));
    check(exmo::parse(bytes, &wanted));
    check(kucoin::parse(bytes, KUCOIN_USDT, &wanted));
    check(kucoin::parse(KUCOIN, bytes, &wanted));
    let _ = binancep2p::parse(bytes, "RUB");
}

#[test]
fn what_nobody_wants_is_not_kept() {
    let nothing = Wanted::default();
    assert_eq!(binance::parse(BINANCE, &nothing), Some(vec![]));
    assert_eq!(exmo::parse(EXMO, &nothing), Some(vec![]));
    assert_eq!(kucoin::parse(KUCOIN, KUCOIN_USDT, &nothing), Some(vec![]));
}

#[test]
fn a_coin_without_a_price_of_its_own_is_at_par() {
    let par = kucoin::parse(KUCOIN, br#"{"code":"200000","data":{}}"#, &wanted()).unwrap();
    assert!(par.contains(&("USDT".to_owned(), Rate::ONE)));
    assert!(par.contains(&("BTC".to_owned(), Rate::parse("67192.6").unwrap())));
}

proptest! {
    #[test]
    fn noise_breaks_nothing(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        read_all(&bytes);
    }

    #[test]
    fn a_damaged_answer_breaks_nothing(
        which in 0usize..5,
        at in any::<proptest::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let all = [BINANCE, BINANCE_P2P, EXMO, KUCOIN, KUCOIN_USDT];
        let mut bytes = all[which].to_vec();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        read_all(&bytes);
    }
}
