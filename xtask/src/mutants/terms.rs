//! Bugs in what things cost, who pays for it, and who approves it.

use super::Mutant;

const ACCEPT: &str = "crates/domain/src/accept.rs";
const PRICING: &str = "crates/domain/src/pricing.rs";
const RATES: &str = "crates/domain/src/rates.rs";
const QUOTE: &str = "crates/domain/src/quote.rs";
const FOLLOW: &str = "crates/domain/src/follow.rs";
const LEDGER: &str = "crates/domain/src/ledger.rs";

/// What could go wrong with prices, the house's money, and approvals.
pub(crate) const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "insurance-not-returned",
        file: LEDGER,
        old: "        postings.push(Posting { asset: it.from.clone(), ..returned });\n",
        new: "        drop(returned);\n",
    },
    Mutant {
        name: "insurance-kept-with-the-cost",
        file: LEDGER,
        old: "LedgerAccount::Inventory, it.cost);",
        new: "LedgerAccount::Inventory, it.set_aside());",
    },
    Mutant {
        name: "inventory-not-promised",
        file: LEDGER,
        old: "        postings.push(post(payout, at, from, to, it.bought));\n",
        new: "        drop((from, to));\n",
    },
    Mutant {
        name: "release-forgets-the-house",
        file: LEDGER,
        old: "        .map(|it| Posting { debit: it.credit, credit: it.debit, ..it })\n",
        new: "        .map(|it| Posting { debit: it.credit, credit: it.debit, ..it })\n        \
              .filter(|it| it.credit != LedgerAccount::Inventory)\n",
    },
    Mutant {
        name: "cost-rounded-down",
        file: PRICING,
        old: "of_price.convert_scaled(amount, of.decimals, into_side, scaled, rounding);",
        new: "of_price\n            \
              .convert_scaled(amount, of.decimals, into_side, scaled, Rounding::Down);",
    },
    Mutant {
        name: "spread-twice",
        file: PRICING,
        old: "MILLION + self.book.conversion.spread_parts_per_million.min(MILLION);",
        new: "MILLION + 2 * self.book.conversion.spread_parts_per_million.min(MILLION);",
    },
    Mutant {
        name: "par-ignores-decimals",
        file: PRICING,
        old: "one.convert(amount, of.decimals, one, into.decimals, rounding);",
        new: "one.convert(amount, of.decimals, one, of.decimals, rounding);",
    },
    Mutant {
        name: "sold-from-the-wrong-asset",
        file: PRICING,
        old: "Ok(Conversion { from: from.id.clone(), cost, insurance, bought, price: price.clone() })",
        new: "let id = &self.create.asset;\n            \
              Ok(Conversion { from: id.clone(), cost, insurance, bought, price: price.clone() })",
    },
    Mutant {
        name: "fees-forgotten-when-spending",
        file: PRICING,
        old: "            FeeBearer::Merchant => {\n                sum.checked_add(\
              self.cost_of(source, asset, price.as_ref(), fees)?)\n            }",
        new: "            FeeBearer::Merchant => Some(sum).filter(|_| fees >= Amount::ZERO),",
    },
    Mutant {
        name: "stale-price-used",
        file: RATES,
        old: "now.0.abs_diff(at.0) <= self.rules.age_ms_max",
        new: "now.0.abs_diff(at.0) <= self.rules.age_ms_max || at <= now",
    },
    Mutant {
        name: "price-that-stands-apart-used",
        file: RATES,
        old: "        if self.deviates(upper.1.usd, median) {\n            return vec![];\n        }\n",
        new: "        if self.deviates(upper.1.usd, median) {\n            return fresh;\n        }\n",
    },
    Mutant {
        name: "stale-network-fee-used",
        file: QUOTE,
        old: "if now.since_ms(found_at) > self.age_ms_max {",
        new: "if now.since_ms(found_at) > self.age_ms_max && now < found_at {",
    },
    Mutant {
        name: "promise-kept-after-its-time",
        file: PRICING,
        old: "if locked.until < self.now {",
        new: "if locked.until < Timestamp(0) {",
    },
    Mutant {
        name: "promise-for-something-else",
        file: PRICING,
        old: "locked.asset != asset.id || locked.priority != self.create.priority;",
        new: "locked.asset != asset.id;",
    },
    Mutant {
        name: "promise-for-another-wish",
        file: PRICING,
        old: "if is_other || is_other_wish {",
        new: "if is_other {",
    },
    Mutant {
        name: "promise-kept-twice",
        file: ACCEPT,
        old: "names(create).into_iter().chain(promise)",
        new: "names(create)",
    },
    Mutant {
        name: "promise-not-kept",
        file: PRICING,
        old: "            return Ok(locked.network_fee);\n",
        new: "",
    },
    Mutant {
        name: "agreed-fee-forgotten",
        file: QUOTE,
        old: "Some(self.merchant(merchant).fee_plans.get(asset).copied().unwrap_or(terms.fee_plan))",
        new: "Some(terms.fee_plan).filter(|_| !merchant.is_empty())",
    },
    Mutant {
        name: "overdraft-without-end",
        file: ACCEPT,
        old: "    book.conversion.overdrafts.get(asset).copied().unwrap_or_default()\n",
        new: "    book.conversion.overdrafts.get(asset).map(|_| Amount::MAX).unwrap_or_default()\n",
    },
    Mutant {
        name: "nothing-lent",
        file: ACCEPT,
        old: "let most = units.saturating_add(self.overdraft.signed());",
        new: "let most = units;",
    },
    Mutant {
        name: "inventory-not-looked-at",
        file: PRICING,
        old: "if given.is_none_or(|it| funds.inventory(&asset.id) < it) {",
        new: "if given.is_none() {",
    },
    Mutant {
        name: "approval-ignored",
        file: FOLLOW,
        old: "    payout.state = PayoutState::AwaitingApproval;\n",
        new: "",
    },
    Mutant {
        name: "expiry-does-not-release",
        file: ACCEPT,
        old: "        Ok(self.withdraw(payout, state, why, String::new(), now))\n",
        new: "        let mut payout = payout;\n        \
              follow::tell(&payout, why, String::new(), now, &mut self.change);\n        \
              follow::enter(&mut payout, state, now, &mut self.change);\n        \
              self.write(&mut payout);\n        \
              Ok(self.answer(payout, true))\n",
    },
    Mutant {
        name: "expired-although-judged",
        file: ACCEPT,
        old: "if payout.state != PayoutState::AwaitingApproval || !is_over {",
        new: "if payout.state != PayoutState::AwaitingApproval && !is_over {",
    },
    Mutant {
        name: "expired-before-its-time",
        file: ACCEPT,
        old: "payout.approval.as_ref().is_some_and(|it| it.until < now);",
        new: "payout.approval.as_ref().is_some_and(|it| it.until < Timestamp::NEVER);",
    },
    Mutant {
        name: "verdict-changed",
        file: ACCEPT,
        old: "        if let Some(before) = &approval.verdict {\n",
        new: "        if payout.state == PayoutState::Queued && !verdict.approve {\n            \
              approval.verdict = Some(verdict.clone());\n            \
              let (state, why) = (PayoutState::Cancelled, EventKind::Cancelled);\n            \
              return Ok(self.withdraw(payout, state, why, String::new(), now));\n        }\n        \
              if let Some(before) = &approval.verdict {\n",
    },
    Mutant {
        name: "approved-too-late",
        file: ACCEPT,
        old: "            (_, Ok(_)) if approval.until < now => \
              return Err(Refusal::NotAwaitingApproval),\n",
        new: "",
    },
    Mutant {
        name: "content-forgets-the-source",
        file: "crates/domain/src/command.rs",
        old: "        self.words(&asked, source)\n",
        new: "        drop(source.to_owned());\n        self.words(&asked, \"anywhere\")\n",
    },
    Mutant {
        name: "moved-before-it-is-enough",
        file: ACCEPT,
        old: "            postings.push(ledger::transfer(merchant, &asset.id, wanted, direction, now));\n",
        new: "            self.post(vec![ledger::transfer(merchant, &asset.id, wanted, direction, now)]);\n            \
              postings.clear();\n",
    },
    Mutant {
        name: "moved-without-looking",
        file: ACCEPT,
        old: "let wanted = left.rescale(most, asset.decimals).min(has);",
        new: "let wanted = left.rescale(most, asset.decimals).min(has.max(left));",
    },
];
