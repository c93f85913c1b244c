//! What a day's payouts of a token cost, by where the energy comes from, beside the cheapest that there
//! could be: `cargo test -p rail-tron --test it cost_table -- --nocapture`.
//!
//! The day is made up: 2,000 payouts, of which a quarter go to somebody who has none yet, at the prices of
//! the main network; energy that was staked grows back over 24 hours.

use rail_tron::plan::{Need, Plan, Prices, Resources, Source, plan};

const PRICES: Prices = Prices {
    energy_sun: 100,
    byte_sun: 1_000,
    create_account_sun: 100_000,
    new_account_sun: 1_000_000,
    memo_sun: 1_000_000,
    fee_limit_max_sun: 15_000_000_000,
};
const DAY_SEC: u64 = 86_400;
const PAYOUTS: u64 = 2_000;
/// Tether's payment to a holder, and to somebody who has none, as the main network has it.
const ENERGY: (u64, u64) = (64_285, 130_285);
const BYTES: u64 = 345;

/// A wallet's resources, which grow back as java-tron has it.
struct Wallet {
    energy_limit: u64,
    energy_used: u64,
    bytes_limit: u64,
    bytes_used: u64,
    rent_sun: Option<u64>,
}

impl Wallet {
    fn rest(&mut self, seconds: u64) {
        for used in [&mut self.energy_used, &mut self.bytes_used] {
            *used -= *used * seconds.min(DAY_SEC) / DAY_SEC;
        }
    }

    /// Pays once; returns how, and how much of the wallet's own energy that takes.
    fn pay(&mut self, need: &Need) -> (Plan, u64) {
        let resources = Resources {
            staked_bytes: self.bytes_limit - self.bytes_used,
            free_bytes: 0,
            energy: self.energy_limit - self.energy_used,
        };
        let plan = plan(need, &resources, &PRICES, |energy| {
            // A market lends from some 32,000 on.
            self.rent_sun.map(|unit| energy.max(32_000) * unit)
        });
        let own = need.energy.min(resources.energy);
        self.energy_used += own;
        if resources.staked_bytes >= need.bytes {
            self.bytes_used += need.bytes;
        }
        (plan, own)
    }
}

fn payment(energy: u64) -> Need {
    let energy_max = ENERGY.1;
    Need { bytes: BYTES, energy, energy_max, is_coins: false, activates: false, has_memo: false }
}

/// The payouts of a day, each with the seconds since the one before: many in the morning, few at night.
fn day() -> Vec<(u64, Need)> {
    let mut state = 7_u64;
    let mut random = move |below: u64| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut all = vec![];
    for number in 0..PAYOUTS {
        let mean = DAY_SEC / PAYOUTS;
        let is_busy = (number * 24 / PAYOUTS) % 24 < 12;
        let pause = random(if is_busy { mean } else { mean * 3 });
        let energy = if random(4) == 0 { ENERGY.1 } else { ENERGY.0 };
        all.push((pause, payment(energy)));
    }
    all
}

/// What a payout costs, the wallet's own energy in all, and how many had theirs from where.
fn average(wallet: &mut Wallet) -> (u64, u64, [u64; 3]) {
    let (mut sum, mut all_own, mut counts) = (0, 0, [0; 3]);
    for (pause, need) in day() {
        wallet.rest(pause);
        let (plan, own) = wallet.pay(&need);
        sum += plan.expected_sun;
        all_own += own;
        let place = match plan.source {
            Source::Own => 0,
            Source::Rented { .. } => 1,
            Source::Burnt => 2,
        };
        counts[place] += 1;
    }
    (sum / PAYOUTS, all_own, counts)
}

#[test]
fn cost_table() {
    let wallet = |energy_limit, bytes_limit, rent_sun| Wallet {
        energy_limit,
        energy_used: 0,
        bytes_limit,
        bytes_used: 0,
        rent_sun,
    };
    let all_energy: u64 = day().iter().map(|(_, need)| need.energy).sum();
    let rows = [
        ("nothing staked, nothing rented", wallet(0, 0, None)),
        ("rented at 30 sun", wallet(0, 0, Some(30))),
        ("rented at 120 sun: dearer than coins", wallet(0, 0, Some(120))),
        ("half of the day's energy staked", wallet(all_energy / 2, PAYOUTS * BYTES, None)),
        (
            "half staked, the rest rented at 30 sun",
            wallet(all_energy / 2, PAYOUTS * BYTES, Some(30)),
        ),
        ("all of it staked", wallet(all_energy, PAYOUTS * BYTES, Some(30))),
    ];
    println!("| energy | TRX a payout | own, rented, burnt | the cheapest there is |");
    println!("|---|---|---|---|");
    for (name, mut wallet) in rows {
        let (staked, rent) = (wallet.energy_limit, wallet.rent_sun);
        let has_bytes = wallet.bytes_limit > 0;
        let (cost, own, counts) = average(&mut wallet);
        // Energy that is used at once grows back soonest, so nobody can use more of the own; and
        // everything else is had at the lower price, to the last unit.
        let lacking = all_energy - own;
        let price = rent.map_or(PRICES.energy_sun, |it| it.min(PRICES.energy_sun));
        let bytes = if has_bytes { 0 } else { BYTES * PRICES.byte_sun };
        let least = lacking * price / PAYOUTS + bytes;
        let trx = |sun: u64| format!("{}.{:03}", sun / 1_000_000, sun % 1_000_000 / 1_000);
        let [own, rented, burnt] = counts;
        println!("| {name} | {} | {own}, {rented}, {burnt} | {} |", trx(cost), trx(least));
        assert!(cost >= least, "{name}: {cost} is less than there is");
        let burnt_alone = all_energy * PRICES.energy_sun / PAYOUTS + BYTES * PRICES.byte_sun;
        assert!(cost <= burnt_alone, "{name}: {cost}, and burning costs {burnt_alone}");
        // A market does not lend little.
        let margin = if staked == 0 { least / 1_000 } else { 50_000 };
        assert!(cost <= least + margin, "{name}: {cost} for {least}");
    }
}
