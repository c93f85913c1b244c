//! What the operator may set, and what the catalog's parameters of the network mean.

use domain::catalog::Network;

/// What the operator may set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The most that one transaction may cost, in sun: what needs more waits.
    pub fee_max_sun: u64,
    /// How long a transaction may wait for a block before a new one is made, in milliseconds.
    pub expires_after_ms: u64,
    /// How many transactions of one lane may be in no block yet.
    pub in_flight_max: u32,
    /// How many transactions may be signed for one payout.
    pub attempts_max: u32,
    /// How long to wait between looks at a transaction, in milliseconds.
    pub poll_ms: u64,
    /// How long to wait after a failure to reach the network, in milliseconds.
    pub retry_ms: u64,
    /// How much energy a token's payment is taken to need where nobody can tell, for quotes.
    pub quote_energy: u64,
    /// How many nodes must conclude the same before anything ends. By default two, or one if there
    /// is only one.
    pub quorum: Option<u32>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            fee_max_sun: 100_000_000,
            expires_after_ms: 120_000,
            in_flight_max: 64,
            // One that is lost costs nothing, and nodes may be away for long.
            attempts_max: 1_000,
            poll_ms: 3_000,
            retry_ms: 3_000,
            // Tether's payment to somebody who has none yet.
            quote_energy: 130_285,
            quorum: None,
        }
    }
}

/// The longest life of a transaction that can be set, in milliseconds. The network takes a day; but
/// all blocks of it are read before another one is made.
const EXPIRES_AFTER_MS_MAX: u64 = 3_600_000;
/// The shortest: the newest block that is not undone any more is a minute old.
const EXPIRES_AFTER_MS_MIN: u64 = 15_000;

impl Settings {
    pub(crate) fn check(&self) -> Result<(), String> {
        let wrong = |what: &str| Err(format!("setting {what}"));
        if self.in_flight_max == 0 || self.attempts_max == 0 {
            return wrong("in_flight_max and attempts_max must be at least 1");
        }
        if !(EXPIRES_AFTER_MS_MIN..=EXPIRES_AFTER_MS_MAX).contains(&self.expires_after_ms) {
            return Err(format!(
                "setting expires_after_ms must be from {EXPIRES_AFTER_MS_MIN} to \
                 {EXPIRES_AFTER_MS_MAX}"
            ));
        }
        Ok(())
    }
}

/// The identifier of the network's first block, which the catalog has as `genesis`.
///
/// # Errors
/// If it is missing or none.
pub(crate) fn genesis(network: &Network) -> Result<[u8; 32], String> {
    let wrong = |what: &str| format!("network {}: parameter genesis {what}", network.id);
    let text = network.parameters.get("genesis").ok_or_else(|| wrong("is missing"))?;
    let mut id = [0; 32];
    hex::decode_to_slice(text, &mut id).map_err(|_| wrong("is no block's identifier"))?;
    Ok(id)
}

/// Checks that a network can be paid on as its catalog row describes it.
///
/// # Errors
/// Says what it lacks.
pub fn check_network(network: &Network) -> Result<(), String> {
    genesis(network).map(drop)
}
