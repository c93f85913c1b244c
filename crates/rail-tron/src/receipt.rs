//! What a transaction did, and whether that is what it was made for. Pure.

use domain::money::Amount;

use crate::{
    abi,
    tx::{Payment, Tx},
};

/// What a transaction did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Receipt {
    /// What it was charged, in sun.
    pub(crate) fee_sun: u64,
    /// Why it was undone, if it was.
    pub(crate) undone: Option<String>,
    /// The events that it left.
    pub(crate) logs: Vec<Log>,
}

/// An event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Log {
    /// Of which contract, without the network's prefix.
    pub(crate) account: [u8; 20],
    /// What it is about.
    pub(crate) topics: Vec<abi::Word>,
    /// What else it says.
    pub(crate) data: Vec<u8>,
}

/// What came of a payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Paid {
    /// It was made.
    Yes,
    /// It was not; why.
    No(String),
    /// The token ran, and told of another amount than it was asked to pay; or it told nothing of a
    /// payment, as one does that has a successor pay for it.
    Otherwise,
}

impl Receipt {
    /// What came of the payment of the transaction that it is the receipt of.
    pub(crate) fn paid(&self, tx: &Tx) -> Paid {
        if let Some(why) = &self.undone {
            return Paid::No(why.clone());
        }
        let Payment::Token { contract, to, units } = &tx.payment else { return Paid::Yes };
        let (from, to) = (abi::account_word(&tx.owner), abi::account_word(to));
        let of_it = |log: &&Log| {
            log.account == contract[1..] && log.topics == [abi::TRANSFER_TOPIC, from, to]
        };
        let mut told = self.logs.iter().filter(of_it);
        let sum = told.try_fold(Amount::ZERO, |sum, it| sum.checked_add(abi::amount(&it.data)?));
        if sum == Some(*units) { Paid::Yes } else { Paid::Otherwise }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{address::Address, tx::RefBlock};

    const OWNER: Address = [0x41; 21];
    const TOKEN: Address = [7; 21];
    const TO: Address = [9; 21];

    fn units(number: u128) -> Amount {
        Amount::from_units(number).unwrap()
    }

    fn tx(payment: Payment) -> Tx {
        Tx {
            owner: OWNER,
            payment,
            memo: String::new(),
            ref_block: RefBlock { height: [0; 2], hash: [0; 8] },
            expires_ms: 0,
            timestamp_ms: 0,
            fee_limit_sun: 0,
        }
    }

    fn log(token: u8, from: &Address, to: &Address, amount: u128) -> Log {
        Log {
            account: [token; 20],
            topics: vec![abi::TRANSFER_TOPIC, abi::account_word(from), abi::account_word(to)],
            data: abi::amount_word(units(amount)).to_vec(),
        }
    }

    fn receipt(undone: Option<&str>, logs: Vec<Log>) -> Receipt {
        Receipt { fee_sun: 0, undone: undone.map(str::to_owned), logs }
    }

    #[test]
    fn only_the_token_s_own_word_about_this_payment_counts() {
        let tx = tx(Payment::Token { contract: TOKEN, to: TO, units: units(100) });
        let paid = |logs| receipt(None, logs).paid(&tx);
        assert_eq!(paid(vec![log(7, &OWNER, &TO, 100)]), Paid::Yes);
        assert_eq!(paid(vec![log(7, &OWNER, &TO, 60), log(7, &OWNER, &TO, 40)]), Paid::Yes);
        assert_eq!(paid(vec![log(7, &OWNER, &TO, 99)]), Paid::Otherwise);
        for other in [
            vec![],
            vec![log(8, &OWNER, &TO, 100)],
            vec![log(7, &TO, &TO, 100)],
            vec![log(7, &OWNER, &OWNER, 100)],
        ] {
            assert_eq!(paid(other.clone()), Paid::Otherwise, "{other:?}");
        }
        let mut odd = log(7, &OWNER, &TO, 100);
        odd.data = vec![0xff; 32];
        assert_eq!(paid(vec![odd]), Paid::Otherwise);
    }

    #[test]
    fn what_was_undone_paid_nobody() {
        let tx = tx(Payment::Token { contract: TOKEN, to: TO, units: units(100) });
        let undone = receipt(Some("REVERT"), vec![log(7, &OWNER, &TO, 100)]);
        assert_eq!(undone.paid(&tx), Paid::No("REVERT".to_owned()));
    }

    #[test]
    fn coins_that_are_in_a_block_are_paid() {
        let tx = tx(Payment::Coins { to: TO, sun: 5 });
        assert_eq!(receipt(None, vec![]).paid(&tx), Paid::Yes);
        assert!(matches!(receipt(Some("FAILED"), vec![]).paid(&tx), Paid::No(_)));
    }
}
