//! Makes transactions: what is to be paid, whether it can be, and what it may cost.

use domain::{
    catalog::{Asset, Destination},
    chore::Chore,
    ids::AssetId,
    money::Amount,
    ports::{BuildError, Draft, Hold, HoldReason, UnsignedTx},
};

use futures_util::future::join_all;

use crate::{
    abi,
    address::{self, Address},
    energy::NOBODY,
    node::{As, Block, Call, Node},
    nodes::Member,
    plan::{self, Need, Prices, Resources},
    rail::Tron,
    tokens,
    tx::{FORMAT, Payment, Tx},
};

/// How far a lane's number may be behind the newest block and still be used, in milliseconds.
const NUMBER_AGE_MS_MAX: i64 = 60_000;
/// How many milliseconds a number that begins anew, and the life of a transaction, may be longer for.
const SALT_OF_NUMBER: i64 = 60_000;
const SALT_OF_LIFE: i64 = 2_003;
/// How many blocks may wait to become final for a transaction to be made: all of them are read if it is
/// lost. Half an hour of them; a healthy network has twenty.
const SOLID_LAG_BLOCKS_MAX: u64 = 600;

/// What is to be paid to whom.
struct Wish<'a> {
    asset: &'a Asset,
    destination: &'a Destination,
    amount: Amount,
}

impl Tron {
    /// Makes what a draft asks for.
    pub(crate) async fn make(&self, draft: Draft<'_>) -> Result<UnsignedTx, BuildError> {
        let wish = self.wish(&draft)?;
        let owner = own(&draft.lane.address)?;
        let to = address::parse(&wish.destination.address).map_err(refused)?;
        if let Some(what) = self.never_paid.get(&to).filter(|_| draft.chore.is_none()) {
            return Err(refused(&format!("the recipient is {what}")));
        }
        if let Some(detail) = self.disputed() {
            return Err(hold(HoldReason::NodesDisagree, detail));
        }
        let (member, head) = self.nodes.current().await?;
        let node = &member.node;
        let reference = node.head(As::Solid).await?;
        if head.number.saturating_sub(reference.number) > SOLID_LAG_BLOCKS_MAX {
            let (head, solid) = (head.number, reference.number);
            let detail = format!(
                "no block becomes final: the newest is {head}, and the newest final one {solid}"
            );
            return Err(hold(HoldReason::NotEstimated, detail));
        }
        let prices = node.prices().await?;
        let memo = wish.destination.memo.clone().unwrap_or_default();
        let salt = salt(&draft);
        let number = number(draft.lane.next_sequence, &head, salt)?;
        let mut tx = Tx {
            owner,
            payment: self.payment(&wish, to)?,
            memo,
            // One that is not undone any more: the transaction stays valid whatever else is.
            ref_block: reference.as_reference(),
            expires_ms: head.time_ms.saturating_add(self.expires_after_ms() + salt % SALT_OF_LIFE),
            timestamp_ms: number,
            fee_limit_sun: 0,
        };
        let need = self.agreed_need(member, &wish, &tx).await?;
        let plan = plan::plan(&need, &Resources::default(), &prices, |_| None);
        self.check_cost(plan.most_sun, plan.fee_limit_sun, &prices)?;
        if need.energy > 0 {
            tx.fee_limit_sun = i64::try_from(plan.fee_limit_sun).map_err(|_| costs_too_much())?;
        }
        self.check_means(node, &draft, &wish, &owner, plan.most_sun).await?;
        Ok(UnsignedTx {
            format: FORMAT,
            payload: tx.encode(),
            sequence: u64::try_from(number).ok(),
            sequences_used: 1,
            spends: vec![],
            fee_max: sun(plan.most_sun),
        })
    }

    fn wish<'a>(&'a self, draft: &Draft<'a>) -> Result<Wish<'a>, BuildError> {
        let asset = |id: &AssetId| {
            self.assets.get(id).ok_or_else(|| refused(&format!("{id} is no asset of the network")))
        };
        match (draft.chore, draft.payouts) {
            (None, [payout]) => Ok(Wish {
                asset: asset(&payout.asset)?,
                destination: &payout.destination,
                amount: payout.quote.amount,
            }),
            (Some(Chore::TopUp(it)), []) => Ok(Wish {
                asset: asset(&it.asset)?,
                destination: &it.destination,
                amount: it.amount,
            }),
            _ => Err(refused("a transaction makes one payment here")),
        }
    }

    fn payment(&self, wish: &Wish<'_>, to: Address) -> Result<Payment, BuildError> {
        match self.contracts.get(&wish.asset.id) {
            Some(contract) => Ok(Payment::Token { contract: *contract, to, units: wish.amount }),
            None => {
                let sun = i64::try_from(wish.amount.units());
                let sun = sun.map_err(|_| refused("the amount is more than there can be"))?;
                Ok(Payment::Coins { to, sun })
            }
        }
    }

    /// What a transaction takes of the network. That it would never pay must be said by as many nodes
    /// as the quorum: a refusal ends the payout.
    async fn agreed_need(
        &self,
        member: &Member,
        wish: &Wish<'_>,
        tx: &Tx,
    ) -> Result<Need, BuildError> {
        let refused = match self.need(&member.node, wish, tx).await {
            Err(BuildError::Refused(why)) => why,
            other => return other,
        };
        let others = self.nodes.right().await.into_iter().filter(|it| it.name != member.name);
        let asked = others.map(|it| self.need(&it.node, wish, tx));
        let told = join_all(asked).await;
        let agree = told.iter().filter(|it| matches!(it, Err(BuildError::Refused(_)))).count();
        if agree + 1 >= self.nodes.quorum {
            return Err(BuildError::Refused(refused));
        }
        let name = &member.name;
        let detail = format!("{name} says that {refused}; not enough of the others say so");
        Err(hold(HoldReason::NodesDisagree, detail))
    }

    /// What one node says that a transaction takes; looks whether it would pay.
    async fn need(&self, node: &Node, wish: &Wish<'_>, tx: &Tx) -> Result<Need, BuildError> {
        let has_memo = !tx.memo.is_empty();
        // The limit is not known yet; ten bytes are the most that it takes.
        let bytes = tx.bandwidth() + 10;
        let (contract, to, units) = match &tx.payment {
            Payment::Coins { to, .. } => {
                let account = node.account(As::Newest, to).await?;
                if account.is_some_and(|it| it.is_contract) {
                    return Err(refused(
                        "the recipient is a contract, which the network pays no TRX",
                    ));
                }
                let activates = account.is_none();
                return Ok(Need {
                    bytes,
                    energy: 0,
                    energy_max: 0,
                    is_coins: true,
                    activates,
                    has_memo,
                });
            }
            Payment::Token { contract, to, units } => (contract, to, *units),
        };
        self.tokens.check(node, wish.asset, contract).await?;
        if tokens::is_blacklisted(node, contract, &tx.owner, to).await? {
            return Err(refused(&format!("{} has the recipient on its blacklist", wish.asset.id)));
        }
        let energy = self.energy_of(node, wish, tx, to).await?;
        // He may have none of the token any more when it is included, and then it takes more.
        let cold = abi::transfer(&NOBODY, units);
        let energy_max = match node.call(As::Newest, &tx.owner, contract, &cold).await? {
            Call::Done { energy, .. } => energy,
            // Not every token pays anybody.
            Call::Undone(_) | Call::Failed(_) => energy,
        };
        Ok(Need { bytes, energy, energy_max, is_coins: false, activates: false, has_memo })
    }

    /// How much energy a token's payment takes now.
    async fn energy_of(
        &self,
        node: &Node,
        wish: &Wish<'_>,
        tx: &Tx,
        to: &Address,
    ) -> Result<u64, BuildError> {
        let Payment::Token { contract, units, .. } = &tx.payment else { return Ok(0) };
        let data = abi::transfer(to, *units);
        let mut is_covered = false;
        loop {
            let simulated = match node.call(As::Newest, &tx.owner, contract, &data).await? {
                Call::Done { energy, .. } => return Ok(energy.max(1)),
                Call::Undone(why) => Ok(why),
                Call::Failed(why) => Err(why),
            };
            // It is asked for afterwards: what has left meanwhile is why it would be undone.
            if node.token_balance(As::Newest, contract, &tx.owner).await? < *units {
                return Err(lacks_funds(wish.asset, "less than the payment"));
            }
            match simulated {
                // What has come meanwhile may be why: it is tried once more.
                Ok(_) if !is_covered => is_covered = true,
                Ok(why) => {
                    return Err(tokens::explain(node, wish.asset, contract, &tx.owner, &why).await);
                }
                Err(why) => {
                    let detail = format!("the node cannot try the payment: {why}");
                    return Err(hold(HoldReason::NotEstimated, detail));
                }
            }
        }
    }

    fn check_cost(
        &self,
        most_sun: u64,
        fee_limit_sun: u64,
        prices: &Prices,
    ) -> Result<(), BuildError> {
        let cap_sun = self.settings.fee_max_sun;
        if most_sun <= cap_sun && fee_limit_sun <= prices.fee_limit_max_sun {
            return Ok(());
        }
        let (most, cap) = (self.trx(most_sun), self.trx(cap_sun));
        let limit = self.trx(prices.fee_limit_max_sun);
        let detail = format!(
            "it may cost {most}: fee_max allows for {cap} a transaction, and the network for {limit} \
             of energy"
        );
        Err(hold(HoldReason::FeeAboveCap, detail))
    }

    /// Looks whether the wallet has what is to be paid and what that may cost, beside what its other
    /// transactions may still take. What is not solid yet counts as neither gone nor there: those of
    /// ours are among the others.
    async fn check_means(
        &self,
        node: &Node,
        draft: &Draft<'_>,
        wish: &Wish<'_>,
        owner: &Address,
        most_sun: u64,
    ) -> Result<(), BuildError> {
        let taken = |id: &AssetId| draft.committed.get(id).copied().unwrap_or_default();
        let account = node.account(As::Solid, owner).await?;
        let coins = sun(account.map_or(0, |it| it.balance_sun));
        let coins = coins.checked_sub(taken(&self.coin.id)).unwrap_or_default();
        let fee = sun(most_sun);
        let Some(contract) = self.contracts.get(&wish.asset.id) else {
            let needed = wish.amount.checked_add(fee).unwrap_or(Amount::MAX);
            if coins >= needed {
                return Ok(());
            }
            let (needed, coins) = (wish.asset.text(needed), wish.asset.text(coins));
            return Err(lacks_funds(
                wish.asset,
                &format!("{coins} that is not spoken for, and {needed} is needed with the fee"),
            ));
        };
        let tokens = node.token_balance(As::Solid, contract, owner).await?;
        let tokens = tokens.checked_sub(taken(&wish.asset.id)).unwrap_or_default();
        if tokens < wish.amount {
            let (tokens, needed) = (wish.asset.text(tokens), wish.asset.text(wish.amount));
            return Err(lacks_funds(
                wish.asset,
                &format!("{tokens} that is not spoken for, and {needed} is needed"),
            ));
        }
        if coins < fee {
            let lacks = fee.checked_sub(coins).unwrap_or_default();
            let (coins, fee) = (self.coin.text(coins), self.coin.text(fee));
            let detail = format!(
                "the wallet has {coins} TRX that is not spoken for, and the payment may burn {fee}"
            );
            return Err(BuildError::AwaitingGas { lacks, detail });
        }
        Ok(())
    }

    fn expires_after_ms(&self) -> i64 {
        i64::try_from(self.settings.expires_after_ms).unwrap_or(i64::MAX)
    }

    /// An amount of the network's coin, for people.
    pub(crate) fn trx(&self, units: u64) -> String {
        format!("{} TRX", self.coin.text(sun(units)))
    }
}

/// The lane's number for its next transaction, in milliseconds: the next one, or the newest block's
/// moment and something more if it is long past.
fn number(next: u64, head: &Block, salt: i64) -> Result<i64, BuildError> {
    let next = i64::try_from(next).map_err(|_| refused("the lane's numbers are used up"))?;
    let is_old = next < head.time_ms.saturating_sub(NUMBER_AGE_MS_MAX);
    Ok(if is_old { head.time_ms.saturating_add(salt % SALT_OF_NUMBER) } else { next })
}

/// Something that another gateway with the same key does not come upon, of which a payout has its own:
/// two transactions with the same bytes are one, and would pay once for two.
fn salt(draft: &Draft<'_>) -> i64 {
    let id = draft.payouts.first().map_or(0, |it| it.id.0);
    let folded = id ^ (id >> 64);
    i64::try_from(folded & 0x3fff_ffff).unwrap_or(0)
}

fn own(lane: &str) -> Result<Address, BuildError> {
    address::parse(lane).map_err(|what| refused(&format!("the lane's address: {what}")))
}

/// An amount of sun.
pub(crate) fn sun(sun: u64) -> Amount {
    Amount::from_units(sun.into()).unwrap_or(Amount::MAX)
}

fn refused(what: &str) -> BuildError {
    BuildError::Refused(what.to_owned())
}

fn costs_too_much() -> BuildError {
    refused("it costs more than there can be")
}

fn lacks_funds(asset: &Asset, what: &str) -> BuildError {
    hold(HoldReason::AwaitingFunds, format!("{}: the wallet has {what}", asset.id))
}

fn hold(reason: HoldReason, detail: String) -> BuildError {
    BuildError::Hold(Hold { reason, detail })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_rise_and_are_near_the_newest_block() {
        let head = Block { number: 1, id: [0; 32], parent: [0; 32], time_ms: 1_000_000 };
        let of = |next| number(next, &head, 60_007).unwrap();
        assert_eq!(of(0), 1_000_007);
        assert_eq!(of(939_999), 1_000_007);
        assert_eq!(of(940_000), 940_000);
        assert_eq!(of(1_000_001), 1_000_001);
        assert_eq!(of(9_000_000), 9_000_000, "never one that was used");
        assert!(number(u64::MAX, &head, 0).is_err());
    }
}
