//! How values look in the database: one word for each enum variant, canonical decimal text for
//! numbers that need more than 63 bits. Everything that is read is checked to be exactly what
//! would have been written.

use std::{collections::BTreeMap, fmt::Display, str::FromStr};

use domain::{
    Timestamp,
    batch::AttemptStatus,
    catalog::Destination,
    chore::{Chore, TopUp},
    delivery::DeliveryState,
    ids::{AssetId, CoinId, KeyId, LaneId, MerchantId},
    ledger::Cause,
    money::{Amount, Decimal, Rate},
    payout::{FailureCode, Stage, Status},
    ports::{Claim, ClaimScope, HoldReason},
    quote::{Conversion, FeeBearer},
    rates::Priced,
};

/// Both directions between the variants of an enum and their words, from one list.
macro_rules! words {
    ($to:ident, $from:ident, $kind:ident { $($variant:ident => $word:literal,)* }) => {
        pub(crate) fn $to(value: $kind) -> &'static str {
            match value {
                $($kind::$variant => $word,)*
            }
        }

        pub(crate) fn $from(word: &str) -> Option<$kind> {
            match word {
                $($word => Some($kind::$variant),)*
                _ => None,
            }
        }
    };
}

words!(stage_word, stage, Stage {
    Preparing => "preparing",
    Signed => "signed",
    Broadcast => "broadcast",
    InBlock => "in_block",
});

words!(failure_word, failure, FailureCode {
    RefusedByNetwork => "refused_by_network",
    RefusedBySigner => "refused_by_signer",
});

words!(hold_word, hold, HoldReason {
    AwaitingFunds => "awaiting_funds",
    AwaitingGas => "awaiting_gas",
    FeeAboveCap => "fee_above_cap",
    SignerRefused => "signer_refused",
    NotRelayed => "not_relayed",
    NotEstimated => "not_estimated",
    FeesUnknown => "fees_unknown",
    MoreThanHeld => "more_than_held",
    KeyUsedElsewhere => "key_used_elsewhere",
    NodesDisagree => "nodes_disagree",
    AssetStopped => "asset_stopped",
});

words!(attempt_word, attempt, AttemptStatus {
    Signed => "signed",
    Broadcast => "broadcast",
    InBlock => "in_block",
    Final => "final",
    Reverted => "reverted",
    Dead => "dead",
});

words!(delivery_word, delivery, DeliveryState {
    Due => "due",
    Delivered => "delivered",
    GivenUp => "given_up",
});

words!(bearer_word, bearer, FeeBearer {
    Merchant => "merchant",
    Recipient => "recipient",
});

/// The word of a kind of claim; claims are looked up by it and never listed.
pub(crate) fn scope_word(scope: ClaimScope) -> &'static str {
    match scope {
        ClaimScope::MerchantRef => "merchant_ref",
        ClaimScope::IdempotencyKey => "idempotency_key",
        ClaimScope::Nonce => "nonce",
        ClaimScope::Promise => "promise",
    }
}

/// Spells the owner of a claim as the merchant or credential that it is.
pub(crate) fn claim_owner(claim: &Claim) -> String {
    match claim.scope {
        ClaimScope::MerchantRef | ClaimScope::IdempotencyKey | ClaimScope::Promise => {
            MerchantId(claim.owner).to_string()
        }
        ClaimScope::Nonce => KeyId(claim.owner).to_string(),
    }
}

/// A cause as its kind and its text.
pub(crate) fn cause_words(cause: &Cause) -> (&'static str, String) {
    match cause {
        Cause::Payout(id) => ("payout", id.to_string()),
        Cause::Batch(id) => ("batch", id.to_string()),
        Cause::Carriage(batch, payout) => ("carriage", format!("{batch} {payout}")),
        Cause::Merchant(id) => ("merchant", id.to_string()),
        Cause::Manual(text) => ("manual", text.clone()),
    }
}

/// The cause of a kind and a text.
pub(crate) fn cause(kind: &str, text: &str) -> Option<Cause> {
    match kind {
        "payout" => text.parse().ok().map(Cause::Payout),
        "batch" => text.parse().ok().map(Cause::Batch),
        "carriage" => {
            let (batch, payout) = text.split_once(' ')?;
            Some(Cause::Carriage(batch.parse().ok()?, payout.parse().ok()?))
        }
        "merchant" => text.parse().ok().map(Cause::Merchant),
        "manual" => Some(Cause::Manual(text.to_owned())),
        _ => None,
    }
}

/// Statuses in one text, in their order.
pub(crate) fn statuses_text(statuses: &[Status]) -> String {
    let words: Vec<&str> = statuses.iter().map(|it| it.word()).collect();
    words.join(",")
}

/// The statuses of a text.
pub(crate) fn statuses(text: &str) -> Option<Vec<Status>> {
    if text.is_empty() {
        return Some(vec![]);
    }
    text.split(',').map(Status::from_word).collect()
}

/// The number of a text, if it is spelled as this program spells it.
pub(crate) fn canonical<T: FromStr + Display>(text: &str) -> Option<T> {
    let value: T = text.parse().ok()?;
    (value.to_string() == text).then_some(value)
}

/// The amount of a text.
pub(crate) fn amount(text: &str) -> Option<Amount> {
    canonical(text).and_then(Amount::from_units)
}

/// The rate of a text.
pub(crate) fn rate(text: &str) -> Option<Rate> {
    Rate::parse(text).filter(|it| it.to_string() == text)
}

/// The decimal of a text.
pub(crate) fn decimal(text: &str) -> Option<Decimal> {
    Decimal::parse(text).ok().filter(|it| it.to_string() == text)
}

/// The word of an answer to an approval.
pub(crate) fn verdict_word(approve: bool) -> &'static str {
    if approve { "approved" } else { "declined" }
}

/// The answer of a word.
pub(crate) fn verdict(word: &str) -> Option<bool> {
    match word {
        "approved" => Some(true),
        "declined" => Some(false),
        _ => None,
    }
}

/// Conversions, one to a line: cost, insurance, bought, asset, and price, source and moment.
pub(crate) fn conversions_text(conversions: &[Conversion]) -> String {
    let line = |it: &Conversion| {
        let price = it
            .price
            .as_ref()
            .map_or_else(String::new, |it| format!(" {} {} {}", it.usd, ms(it.at), it.source));
        let (cost, insurance, bought) = (it.cost.units(), it.insurance.units(), it.bought.units());
        format!("{cost} {insurance} {bought} {}{price}", it.from)
    };
    conversions.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// The conversions of a text.
pub(crate) fn conversions(text: &str) -> Option<Vec<Conversion>> {
    let read: Option<Vec<Conversion>> = text.lines().map(conversion).collect();
    read.filter(|it| conversions_text(it) == text)
}

fn conversion(line: &str) -> Option<Conversion> {
    let mut words = line.splitn(7, ' ');
    let (cost, insurance) = (amount(words.next()?)?, amount(words.next()?)?);
    let (bought, from) = (amount(words.next()?)?, AssetId::new(words.next()?));
    let price = match words.next() {
        None => None,
        Some(usd) => {
            let usd = rate(usd)?;
            let at = Timestamp(canonical(words.next()?)?);
            Some(Priced { usd, at, source: words.next()?.to_owned() })
        }
    };
    Some(Conversion { from, cost, insurance, bought, price })
}

/// What a lane does for itself, in one line.
pub(crate) fn chore_text(chore: &Chore) -> String {
    match chore {
        Chore::Fill { sequence } => format!("fill {sequence}"),
        Chore::Prepare(word) => format!("prepare {word}"),
        Chore::TopUp(TopUp { to, destination, asset, amount }) => {
            let memo = destination.memo.as_ref().map_or_else(|| "-".to_owned(), hex::encode);
            format!("top_up {} {asset} {to} {} {memo}", amount.units(), destination.address)
        }
    }
}

/// What a lane does for itself, if the text is what [`chore_text`] writes.
pub(crate) fn chore(text: &str) -> Option<Chore> {
    let (kind, rest) = text.split_once(' ')?;
    let chore = match kind {
        "fill" => Chore::Fill { sequence: canonical(rest)? },
        "prepare" => Chore::Prepare(rest.to_owned()),
        "top_up" => {
            let mut words = rest.split(' ');
            let amount = amount(words.next()?)?;
            let (asset, to) = (AssetId::new(words.next()?), LaneId::new(words.next()?));
            let address = words.next()?.to_owned();
            let memo = match words.next()? {
                "-" => None,
                hex => Some(String::from_utf8(hex::decode(hex).ok()?).ok()?),
            };
            let destination = Destination { address, memo };
            Chore::TopUp(TopUp { to, destination, asset, amount })
        }
        _ => return None,
    };
    (chore_text(&chore) == text).then_some(chore)
}

/// Sums by asset, one to a line.
pub(crate) fn sums_text(sums: &BTreeMap<AssetId, Amount>) -> String {
    let line = |(asset, amount): (&AssetId, &Amount)| format!("{} {asset}", amount.units());
    sums.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// The sums of a text.
pub(crate) fn sums(text: &str) -> Option<BTreeMap<AssetId, Amount>> {
    let line = |line: &str| {
        let (units, asset) = line.split_once(' ')?;
        Some((AssetId::new(asset), amount(units)?))
    };
    let sums: Option<BTreeMap<AssetId, Amount>> = text.lines().map(line).collect();
    sums.filter(|it| sums_text(it) == text)
}

/// Places in a batch, rising, with commas.
pub(crate) fn places_text(places: &[u32]) -> String {
    places.iter().map(u32::to_string).collect::<Vec<_>>().join(",")
}

/// The places of a text.
pub(crate) fn places(text: &str) -> Option<Vec<u32>> {
    if text.is_empty() {
        return Some(vec![]);
    }
    let places: Option<Vec<u32>> = text.split(',').map(canonical).collect();
    places.filter(|it| it.windows(2).all(|pair| pair[0] < pair[1]))
}

/// Coins with blanks between them.
pub(crate) fn coins_text<'a>(coins: impl IntoIterator<Item = &'a CoinId>) -> String {
    coins.into_iter().map(CoinId::as_str).collect::<Vec<_>>().join(" ")
}

/// The coins of a text.
pub(crate) fn coins(text: &str) -> Option<Vec<CoinId>> {
    if text.is_empty() {
        return Some(vec![]);
    }
    let coins = text.split(' ').map(|it| (!it.is_empty()).then(|| CoinId::new(it)));
    coins.collect()
}

/// A moment as `SQLite`'s integer; those beyond [`Timestamp::NEVER`] are that.
pub(crate) fn ms(at: Timestamp) -> i64 {
    i64::try_from(at.0).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_only_as_they_are_written() {
        let largest = Amount::MAX.units().to_string();
        assert_eq!(amount(&largest), Some(Amount::MAX));
        assert_eq!(amount("0"), Some(Amount::ZERO));
        let beyond = (Amount::MAX.units() + 1).to_string();
        for text in ["", "+1", "-1", "01", "1.0", "1e3", " 1", "1\0", beyond.as_str()] {
            assert_eq!(amount(text), None, "{text}");
        }
        assert_eq!(canonical::<i128>("-5"), Some(-5));
        for text in ["-0", "+5", "--5", "-"] {
            assert_eq!(canonical::<i128>(text), None, "{text}");
        }
        assert_eq!(rate("0.05").map(|it| it.to_string()).as_deref(), Some("0.05"));
        assert_eq!((rate("0.050"), rate("00.05")), (None, None));
    }

    #[test]
    fn words_are_exact() {
        assert_eq!(stage("in_block"), Some(Stage::InBlock));
        assert_eq!(stage("In_block"), None);
        assert_eq!(statuses("paid,failed"), Some(vec![Status::Paid, Status::Failed]));
        assert_eq!(statuses(""), Some(vec![]));
        assert_eq!((statuses("paid,"), statuses(","), statuses("lost")), (None, None, None));
        assert_eq!(cause("payout", "ba_0"), None);
        assert_eq!(cause("gift", "x"), None);
        let asset = |name| AssetId::new(name);
        let units = |units| Amount::from_units(units).unwrap();
        let both = [(asset("A@n"), units(7)), (asset("B@n"), units(0))].into();
        assert_eq!(sums_text(&both), "7 A@n\n0 B@n");
        assert_eq!(sums("7 A@n\n0 B@n"), Some(both));
        assert_eq!(sums(""), Some(BTreeMap::new()));
        for text in ["7", "07 A@n", "0 B@n\n7 A@n", "7 A@n\n", "7 A@n\n7 A@n"] {
            assert_eq!(sums(text), None, "{text:?}");
        }
        assert_eq!(places("0,2,11"), Some(vec![0, 2, 11]));
        for text in [",", "0,", "2,1", "1,1", "01", "-1", "4294967296"] {
            assert_eq!(places(text), None, "{text}");
        }
    }

    #[test]
    fn chores_are_read_as_they_are_written() {
        let to = LaneId::new("net/hot");
        let asset = AssetId::new("COIN@net");
        let amount = Amount::from_units(7).unwrap();
        let top_up = |memo: Option<&str>| {
            let destination =
                Destination { address: "somewhere".to_owned(), memo: memo.map(str::to_owned) };
            let (to, asset) = (to.clone(), asset.clone());
            Chore::TopUp(TopUp { to, destination, asset, amount })
        };
        for it in [
            Chore::Fill { sequence: u64::MAX },
            Chore::Prepare("deploy".to_owned()),
            top_up(None),
            top_up(Some("a memo")),
        ] {
            assert_eq!(chore(&chore_text(&it)), Some(it));
        }
        for text in
            ["", "fill", "fill 07", "fill x", "top_up 7 a b c", "top_up 7 a b c -  ", "eat x"]
        {
            assert_eq!(chore(text), None, "{text}");
        }
    }
}
