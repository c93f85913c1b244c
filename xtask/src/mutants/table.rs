//! The bugs. Each is one that somebody could make; the list grows with every real one.

use super::Mutant;

const ACCEPT: &str = "crates/domain/src/accept.rs";
const BATCH: &str = "crates/domain/src/batch.rs";
const PRICING: &str = "crates/domain/src/pricing.rs";
const FOLLOW: &str = "crates/domain/src/follow.rs";
const LEDGER: &str = "crates/domain/src/ledger.rs";
const PAYOUT: &str = "crates/domain/src/payout.rs";
const DELIVERY: &str = "crates/domain/src/delivery.rs";
const ADVANCE: &str = "crates/engine/src/advance.rs";
const TOGETHER: &str = "crates/engine/src/sign_together.rs";
const RECONCILE: &str = "crates/engine/src/reconcile.rs";
const STORE: &str = "crates/sim/src/store/write.rs";

/// What could go wrong on a payout's way.
pub(crate) const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "silence-is-death",
        file: BATCH,
        old: "Observation::Missing => AttemptStatus::Signed,",
        new: "Observation::Missing => AttemptStatus::Dead,",
    },
    Mutant {
        name: "forget-to-rebroadcast",
        file: BATCH,
        old: "Observation::Missing => AttemptStatus::Signed,",
        new: "Observation::Missing => AttemptStatus::Broadcast,",
    },
    Mutant {
        name: "one-block-is-enough",
        file: BATCH,
        old: "                    self.hold = None;\n                    \
              AttemptStatus::InBlock",
        new: "                    self.hold = None;\n                    \
              AttemptStatus::Final",
    },
    Mutant {
        name: "broadcast-before-store",
        file: ADVANCE,
        old: "    let lane = used(&view.lane, replaces, &unsigned);\n",
        new: "    let _ = world.rail.broadcast(&tx).await;\n    \
              let lane = used(&view.lane, replaces, &unsigned);\n",
    },
    Mutant {
        name: "left-out-counts-as-paid",
        file: FOLLOW,
        old: "if settled.unpaid.contains(&place) {",
        new: "if settled.unpaid.contains(&place) && place == u32::MAX {",
    },
    Mutant {
        name: "one-fails-all",
        file: FOLLOW,
        old: "    let is_single = payouts.len() == 1;",
        new: "    let is_single = !payouts.is_empty();",
    },
    Mutant {
        name: "poison-travels-on",
        file: FOLLOW,
        old: "payout.travels_alone |= alone;",
        new: "payout.travels_alone &= alone;",
    },
    Mutant {
        name: "carriage-loses-the-rest",
        file: "crates/domain/src/money.rs",
        old: "Self(share + u128::from(it < left))",
        new: "Self(share + u128::from(it > left) * 0)",
    },
    Mutant {
        name: "one-shortage-is-answered-twice",
        file: "crates/engine/src/refuel.rs",
        old: "from.chores().next().is_some() || arriving",
        new: "from.chores().count() > 1 && arriving",
    },
    Mutant {
        name: "coins-brought-are-not-counted",
        file: "crates/engine/src/refuel.rs",
        old: "let since = Timestamp(now.0.saturating_sub(DAY_MS));",
        new: "let since = now;",
    },
    Mutant {
        name: "coins-brought-are-not-booked",
        file: FOLLOW,
        old: "change.postings.extend(ledger::top_up(&batch, top_up, now));",
        new: "drop(ledger::top_up(&batch, top_up, now));",
    },
    Mutant {
        name: "store-ignores-versions",
        file: STORE,
        old: "version == before + 1",
        new: "version + before > 0",
    },
    Mutant {
        name: "settle-forgets-the-fee",
        file: LEDGER,
        old: "        to(LedgerAccount::ServiceFee, quote.service_fee),\n",
        new: "",
    },
    Mutant {
        name: "number-not-committed",
        file: ADVANCE,
        old: "change.lanes.extend(lane);",
        new: "drop(lane);",
    },
    Mutant {
        name: "replacement-takes-new-number",
        file: ADVANCE,
        old: "    let draft = Draft {",
        new: "    let replaces = None;\n    let draft = Draft {",
    },
    Mutant {
        name: "nonce-not-used-up",
        file: ACCEPT,
        old: "self.change.claims.push((claim, None));",
        new: "drop(claim);",
    },
    Mutant {
        name: "name-not-claimed",
        file: ACCEPT,
        old: "self.change.claims.push((name, Some(payout.id)));",
        new: "drop(name);",
    },
    Mutant {
        name: "name-forgotten-within-a-slice",
        file: ACCEPT,
        old: "            self.view.claims.insert(name.clone(), Some(payout.id));\n",
        new: "",
    },
    Mutant {
        name: "balance-before-repetition",
        file: ACCEPT,
        old: "        if let Some(existing) = self.existing(create)? {\n",
        new: "        let line = LedgerAccount::Available(create.merchant);\n        \
              let is_own = create.source == Source::Own;\n        \
              if is_own && self.balance(&line, &create.asset).units() < 60 {\n            \
              return Err(Refusal::InsufficientFunds);\n        }\n        \
              if let Some(existing) = self.existing(create)? {\n",
    },
    Mutant {
        name: "overdraft-not-refused",
        file: PRICING,
        old: "        if !left.is_zero() {\n            let first",
        new: "        if !left.is_zero() && !conversions.is_empty() {\n            let first",
    },
    Mutant {
        name: "balance-forgotten-within-a-slice",
        file: ACCEPT,
        old: "                *line = line.saturating_add(change);\n",
        new: "                *line = line.saturating_add(change.max(0));\n",
    },
    Mutant {
        name: "cancel-does-not-release",
        file: ACCEPT,
        old: "        self.post(ledger::release(&payout, now));\n",
        new: "",
    },
    Mutant {
        name: "withdrawal-strands-the-others",
        file: ACCEPT,
        old: "batch.payouts.iter().filter(|it| **it != payout.id)",
        new: "batch.payouts.iter().filter(|_| false)",
    },
    Mutant {
        name: "cancel-while-sending",
        file: PAYOUT,
        old: "            Self::AwaitingApproval | Self::Queued => Ok(Self::Cancelled),\n            \
              Self::Sending { .. } | Self::Paid",
        new: "            Self::AwaitingApproval | Self::Queued | Self::Sending { .. } => {\n                \
              Ok(Self::Cancelled)\n            }\n            \
              Self::Paid",
    },
    Mutant {
        name: "failure-does-not-release",
        file: FOLLOW,
        old: "        change.postings.extend(ledger::release(&payout, now));\n",
        new: "",
    },
    Mutant {
        name: "failure-releases-twice",
        file: FOLLOW,
        old: "        change.postings.extend(ledger::release(&payout, now));\n",
        new: "        change.postings.extend(ledger::release(&payout, now));\n        \
              change.postings.extend(ledger::release(&payout, now));\n",
    },
    Mutant {
        name: "webhook-lost-on-settle",
        file: FOLLOW,
        old: "EventKind::Final, txid.to_string(), now, &mut change);\n        \
              enter(&mut payout, state, now, &mut change);",
        new: "EventKind::Final, txid.to_string(), now, &mut change);\n        \
              payout.state = state;",
    },
    Mutant {
        name: "webhook-number-used-twice",
        file: FOLLOW,
        old: "    payout.delivery_count = payout.delivery_count.saturating_add(1);\n",
        new: "",
    },
    Mutant {
        name: "delivered-although-refused",
        file: DELIVERY,
        old: "if receipt.acknowledged {",
        new: "if receipt.acknowledged || receipt.retry_after_ms.is_some() {",
    },
    Mutant {
        name: "network-fee-booked-twice",
        file: FOLLOW,
        old: "for fee in batch.attempts.iter().filter_map(|it| it.fee) {",
        new: "for fee in batch.attempts.iter().chain(&batch.attempts).filter_map(|it| it.fee) {",
    },
    Mutant {
        name: "network-fee-not-booked",
        file: FOLLOW,
        old: "for fee in batch.attempts.iter().filter_map(|it| it.fee) {",
        new: "for fee in batch.attempts.iter().skip(1).filter_map(|it| it.fee) {",
    },
    Mutant {
        name: "settle-in-a-block",
        file: BATCH,
        old: "self.attempts.iter().find(|it| it.status == AttemptStatus::Final) {",
        new: "self.attempts.iter().find(|it| it.status.is_included()) {",
    },
    Mutant {
        name: "one-death-is-enough",
        file: BATCH,
        old: "let Some(newest) = self.live().next_back() else {",
        new: "let all_live = self.attempts.iter().all(|it| it.status.is_live());\n        \
              let Some(newest) = self.live().next_back().filter(|_| all_live) else {",
    },
    Mutant {
        name: "underpriced-is-death",
        file: BATCH,
        old: "                self.replace_at = now;\n                \
              let _ = self.set(&txid, AttemptStatus::Broadcast);",
        new: "                self.replace_at = now;\n                \
              let _ = self.set(&txid, AttemptStatus::Dead);",
    },
    Mutant {
        name: "not-relayed-is-death",
        file: BATCH,
        old: "        let _ = self.set(txid, AttemptStatus::Broadcast);\n",
        new: "        let _ = self.set(txid, AttemptStatus::Dead);\n",
    },
    Mutant {
        name: "undone-counts-as-paid",
        file: BATCH,
        old: "                    self.charge(txid, *fee);\n                    \
              AttemptStatus::Reverted",
        new: "                    self.charge(txid, *fee);\n                    \
              AttemptStatus::Final",
    },
    Mutant {
        name: "view-loaded-torn",
        file: ADVANCE,
        old: "if view.batch.version == batch.version { Ok(view) } else { Err(CommitError::Conflict) }",
        new: "Ok(view)",
    },
    Mutant {
        name: "coins-of-others-not-known",
        file: ADVANCE,
        old: "others.iter().flat_map(|it| it.spends.clone()).collect()\n",
        new: "others.iter().flat_map(|it| it.spends.clone()).take(0).collect()\n",
    },
    Mutant {
        name: "coins-chosen-by-two-at-once",
        file: ADVANCE,
        old: "unsigned.spends.iter().any(is_new).then(",
        new: "(false && unsigned.spends.iter().any(is_new)).then(",
    },
    Mutant {
        name: "signed-together-with-one-number",
        file: TOGETHER,
        old: "next_sequence.checked_add(u64::try_from(place).ok()?)?;",
        new: "next_sequence;",
    },
    Mutant {
        name: "reconcile-has-the-wrong-sign",
        file: RECONCILE,
        old: ".map(|it| (it.asset, -it.units))",
        new: ".map(|it| (it.asset, it.units))",
    },
];
