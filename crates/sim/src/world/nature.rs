//! What happens by itself: time, blocks, fees, and everything that networks do to us.

use domain::ids::{AssetId, NetworkId};
use rail_sim::{Payload, SimChain, Uses};

use super::{Arc, Fault, Trap, Violation, World, scene};

impl World {
    /// Some time passes, and the networks do something.
    pub(super) fn elapse(&mut self) -> Result<(), Violation> {
        self.now = self.now.plus_ms(200 + self.faults.below(4_000));
        let networks: Vec<NetworkId> = self.ports.rails.keys().cloned().collect();
        for network in networks {
            if self.faults.is_active() {
                self.disturb(&network);
            }
            if network.as_str() == "fast" || self.faults.chance(60) {
                self.chain(network.as_str()).mine();
            }
        }
        Arc::make_mut(&mut self.market).pass(&self.faults, self.now);
        self.faults.note(|| format!("{:>9} time passes", self.now.0));
        self.look()
    }

    /// Every network makes a block.
    pub fn mine(&mut self) {
        for rail in self.ports.rails.values() {
            rail.node().chain().mine();
        }
    }

    fn disturb(&mut self, network: &NetworkId) {
        let faults = self.faults.clone();
        let rail = &self.ports.rails[network];
        let chain = rail.node().chain().clone();
        let (waiting, included) = chain.unsettled();
        if included > 0 && faults.strikes(Fault::Reorganisation) {
            chain.reorg(usize::try_from(1 + faults.below(3)).unwrap_or_default());
            if faults.chance(60) {
                // What the undone blocks held is not in the new ones either.
                chain.forget_mempool();
            }
        }
        if waiting > 0 && faults.strikes(Fault::MempoolForgotten) {
            chain.forget_mempool();
        }
        let limbo = chain.limbo();
        if !limbo.is_empty() && faults.strikes(Fault::BackFromLimbo) {
            faults.pick(&limbo).map(|it| chain.recall(it));
        }
        if faults.chance(30) && faults.strikes(Fault::FeeJump) {
            let level = scene::FEE_LEVEL + u128::from(faults.below(500));
            chain.set_fee_level(scene::amount(level));
        } else if faults.chance(8) {
            chain.set_fee_level(scene::amount(scene::FEE_LEVEL));
        }
        if faults.chance(25) {
            rail.let_arrive();
        }
        if faults.chance(15) {
            rail.catch_up();
        }
        if faults.chance(15) && faults.strikes(Fault::OutsideUse) {
            self.use_outside(network, &chain);
        }
    }

    /// Somebody else who has a lane's key uses a number or a coin that is ours, or would be next.
    fn use_outside(&mut self, network: &NetworkId, chain: &SimChain) {
        let lanes: Vec<_> = self
            .store
            .look(|it| it.lanes.values().filter(|it| it.network == *network).cloned().collect());
        let Some(lane) = self.faults.pick(&lanes) else { return };
        // Coins have the lowest numbers that are free.
        let number = if chain.is_of_coins() {
            self.faults.below(12)
        } else {
            lane.next_sequence.saturating_sub(self.faults.below(3))
        };
        self.take_number(network, chain, lane, number);
    }

    /// Somebody else uses this number or coin of a lane, for nothing. Whether that was possible.
    pub fn take_number(
        &mut self,
        network: &NetworkId,
        chain: &SimChain,
        lane: &domain::lane::Lane,
        sequence: u64,
    ) -> bool {
        let payload = Payload {
            network: network.clone(),
            lane: lane.id.clone(),
            uses: if chain.is_of_coins() {
                Uses::Coins(vec![sequence])
            } else {
                Uses::Sequence(sequence)
            },
            fee_max: scene::amount(scene::FEE_CAP),
            payments: vec![],
        };
        let Some((txid, waits)) = chain.spend_outside(&payload) else { return false };
        self.auditor.expect_outside(txid);
        waits
    }

    /// Makes a destination a trap.
    pub fn lay(&mut self, trap: &Trap) {
        let chain = |asset: &AssetId| {
            let asset = asset.as_str();
            self.chain(asset.split('@').nth(1).unwrap_or_default())
        };
        match trap {
            Trap::Reverts(asset, address) => chain(asset).revert_payments_to(address),
            Trap::Skips(asset, address) => chain(asset).skip_payments_to(address),
            Trap::Refuses(asset, address) => chain(asset).refuse_payments_to(address),
        }
    }
}
