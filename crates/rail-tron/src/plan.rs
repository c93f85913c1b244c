//! What a transaction costs, and where its energy comes from. Pure.
//!
//! A transaction takes *bandwidth* for its bytes, and a call of a contract *energy* for what it does.
//! An account has some of both for what it staked, a little bandwidth for nothing, and what others lend
//! it; what is lacking is burnt in coins
//! (<https://developers.tron.network/docs/resource-model>). Bandwidth is all or nothing: if what was
//! staked is not enough for all bytes, and what is free neither, all of them are paid for.

/// What the network asks for now, in sun (`getchainparameters`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prices {
    /// A unit of energy (`getEnergyFee`).
    pub energy_sun: u64,
    /// A byte (`getTransactionFee`).
    pub byte_sun: u64,
    /// Bandwidth for the first payment to an account (`getCreateAccountFee`).
    pub create_account_sun: u64,
    /// The first payment to an account itself (`getCreateNewAccountFeeInSystemContract`).
    pub new_account_sun: u64,
    /// A memo (`getMemoFee`).
    pub memo_sun: u64,
    /// The highest limit that a call may have for what it burns (`getMaxFeeLimit`).
    pub fee_limit_max_sun: u64,
}

/// What an account has of both, now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    /// Bandwidth for what it staked or was lent, in bytes.
    pub staked_bytes: u64,
    /// Bandwidth for nothing, in bytes.
    pub free_bytes: u64,
    /// Energy.
    pub energy: u64,
}

/// What a transaction takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// Bandwidth, in bytes.
    pub bytes: u64,
    /// Energy, as a simulation found it.
    pub energy: u64,
    /// Energy at the most: the recipient may empty his account before it is included.
    pub energy_max: u64,
    /// Whether it pays the network's coin: its recipient may be the first time in the network when it
    /// is included.
    pub is_coins: bool,
    /// Whether that is so now.
    pub activates: bool,
    /// Whether there is a memo.
    pub has_memo: bool,
}

/// Where energy comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// None is needed, or the account has enough.
    Own,
    /// What is lacking is rented for so much, in sun.
    Rented {
        /// The price of all of it.
        sun: u64,
    },
    /// What is lacking is paid for in coins.
    Burnt,
}

/// What a transaction will cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Where energy comes from.
    pub source: Source,
    /// What it is expected to cost in coins, rent included, in sun.
    pub expected_sun: u64,
    /// The most that it may burn for energy, in sun.
    pub fee_limit_sun: u64,
    /// The most that the network can charge, in sun, whatever becomes of the account's resources.
    pub most_sun: u64,
}

/// How much more energy is allowed for than a simulation took, in percent: a contract that is called
/// often becomes dearer from one period of six hours to the next, by a fifth at the most
/// (<https://github.com/tronprotocol/tips/blob/master/tip-491.md>).
const ENERGY_MARGIN_PERCENT: u64 = 25;

/// Energy with its margin.
fn with_margin(energy: u64) -> u64 {
    let more = u128::from(energy) * u128::from(100 + ENERGY_MARGIN_PERCENT);
    u64::try_from(more.div_ceil(100)).unwrap_or(u64::MAX)
}

/// Plans a transaction: what is lacking is rented where that is cheaper than to burn, as far as
/// somebody offers it; `rent_sun` tells for how much, all of it together.
pub fn plan(
    need: &Need,
    resources: &Resources,
    prices: &Prices,
    rent_sun: impl FnOnce(u64) -> Option<u64>,
) -> Plan {
    let bandwidth_sun = bandwidth_sun(need, resources, prices);
    let beside_max_sun = beside_sun(need, prices, need.is_coins);
    let beside_sun = beside_sun(need, prices, need.activates);
    let allowed = with_margin(need.energy.max(need.energy_max));
    let fee_limit_sun = allowed.saturating_mul(prices.energy_sun);
    let energy_lacking = need.energy.saturating_sub(resources.energy);
    let burnt_sun = energy_lacking.saturating_mul(prices.energy_sun);
    let rented = if energy_lacking == 0 { None } else { rent_sun(energy_lacking) };
    let (source, energy_sun) = match rented.filter(|sun| *sun < burnt_sun) {
        Some(sun) => (Source::Rented { sun }, sun),
        None if energy_lacking == 0 => (Source::Own, 0),
        None => (Source::Burnt, burnt_sun),
    };
    let worst_bandwidth_sun =
        need.bytes.saturating_mul(prices.byte_sun).max(prices.create_account_sun);
    Plan {
        source,
        expected_sun: bandwidth_sun.saturating_add(beside_sun).saturating_add(energy_sun),
        fee_limit_sun,
        most_sun: fee_limit_sun.saturating_add(worst_bandwidth_sun).saturating_add(beside_max_sun),
    }
}

/// What bandwidth costs.
fn bandwidth_sun(need: &Need, resources: &Resources, prices: &Prices) -> u64 {
    if resources.staked_bytes >= need.bytes {
        return 0;
    }
    // What is free is not for accounts that do not exist yet.
    match need.activates {
        true => prices.create_account_sun,
        false if resources.free_bytes >= need.bytes => 0,
        false => need.bytes.saturating_mul(prices.byte_sun),
    }
}

/// What costs coins whatever the account has.
fn beside_sun(need: &Need, prices: &Prices, activates: bool) -> u64 {
    let new_account = if activates { prices.new_account_sun } else { 0 };
    let memo = if need.has_memo { prices.memo_sun } else { 0 };
    new_account.saturating_add(memo)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRICES: Prices = Prices {
        energy_sun: 100,
        byte_sun: 1_000,
        create_account_sun: 100_000,
        new_account_sun: 1_000_000,
        memo_sun: 1_000_000,
        fee_limit_max_sun: 15_000_000_000,
    };
    const COINS: Need = Need {
        bytes: 270,
        energy: 0,
        energy_max: 0,
        is_coins: true,
        activates: false,
        has_memo: false,
    };
    const TOKEN: Need = Need {
        bytes: 345,
        energy: 64_285,
        energy_max: 64_285,
        is_coins: false,
        activates: false,
        has_memo: false,
    };

    fn none(_: u64) -> Option<u64> {
        None
    }

    #[test]
    fn coins_cost_bandwidth_and_new_accounts_more() {
        let nothing = Resources::default();
        let free = Resources { free_bytes: 600, ..nothing };
        let staked = Resources { staked_bytes: 270, ..nothing };
        let little = Resources { staked_bytes: 200, free_bytes: 200, ..nothing };
        let cost = |need: Need, resources| plan(&need, &resources, &PRICES, none).expected_sun;
        assert_eq!(cost(COINS, nothing), 270_000);
        assert_eq!(cost(COINS, free), 0);
        assert_eq!(cost(COINS, staked), 0);
        assert_eq!(cost(COINS, little), 270_000, "they do not add up");
        let most = plan(&COINS, &staked, &PRICES, none).most_sun;
        assert_eq!(most, 1_270_000, "it may be the first by then, and have no bandwidth");
        let first = Need { activates: true, ..COINS };
        assert_eq!(cost(first, free), 1_100_000);
        assert_eq!(cost(first, staked), 1_000_000);
        assert_eq!(cost(Need { has_memo: true, ..COINS }, free), 1_000_000);
    }

    #[test]
    fn energy_comes_from_where_it_is_cheapest() {
        let free = Resources { free_bytes: 600, ..Resources::default() };
        let burnt = plan(&TOKEN, &free, &PRICES, none);
        assert_eq!((burnt.source, burnt.expected_sun), (Source::Burnt, 6_428_500));
        assert_eq!(burnt.fee_limit_sun, 8_035_700);
        assert_eq!(burnt.most_sun, 8_035_700 + 345_000);
        let cold = Need { energy_max: 130_285, ..TOKEN };
        let cold = plan(&cold, &free, &PRICES, none);
        assert_eq!(cold.expected_sun, burnt.expected_sun);
        assert_eq!(cold.fee_limit_sun, 16_285_700, "what is not used costs nothing");
        let rented = plan(&TOKEN, &free, &PRICES, |energy| Some(energy * 30));
        let sun = 64_285 * 30;
        assert_eq!((rented.source, rented.expected_sun), (Source::Rented { sun }, sun));
        assert_eq!(rented.fee_limit_sun, burnt.fee_limit_sun, "it may still have to be burnt");
        let dear = plan(&TOKEN, &free, &PRICES, |energy| Some(energy * 100));
        assert_eq!(dear.source, Source::Burnt);
        let some = Resources { energy: 60_000, ..free };
        let lacking = plan(&TOKEN, &some, &PRICES, |energy| {
            assert_eq!(energy, 4_285);
            None
        });
        assert_eq!((lacking.source, lacking.expected_sun), (Source::Burnt, 428_500));
        let enough = Resources { energy: 64_285, ..free };
        let own = plan(&TOKEN, &enough, &PRICES, |_| panic!("nothing is lacking"));
        assert_eq!((own.source, own.expected_sun), (Source::Own, 0));
        assert_eq!(own.most_sun, burnt.most_sun, "others may use it first");
    }

    #[test]
    fn nothing_overflows() {
        let need = Need { bytes: u64::MAX, energy: u64::MAX, activates: true, ..COINS };
        let prices = Prices { energy_sun: u64::MAX, byte_sun: u64::MAX, ..PRICES };
        let plan = plan(&need, &Resources::default(), &prices, Some);
        assert_eq!(plan.most_sun, u64::MAX);
    }
}
