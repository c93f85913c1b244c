//! What must happen so that a crash point is reached, and which deaths are to be died. Pure.

use crate::kill::{random::Random, workload::Reply};

/// How a point is brought about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scene {
    /// The gateway starts for the first time.
    FirstStart,
    /// Payouts that are paid.
    Plain,
    /// Payouts of which the merchant's end does not want to hear at first.
    Deaf,
    /// Payouts to programs that accept nothing: the node's estimate says so.
    Hostile,
    /// Payouts whose recipients become such programs while the transactions are on their way.
    TurnedHostile,
    /// The base fee rises above what the transactions on their way offer.
    FeeJump,
    /// The base fee rises above the operator's cap.
    AboveCap,
    /// A block is undone.
    Reorganisation,
    /// Somebody else uses the wallet's key, and its numbers are gone: in a block that may still be
    /// undone, or for good.
    Taken {
        /// For good.
        is_final: bool,
    },
    /// Payouts that somebody must approve.
    Approval(Reply),
    /// The merchant sets money apart.
    SetApart,
    /// Some of several payouts cannot be paid with the others: so it is found before the transaction
    /// is signed, or they are left out on the chain.
    Requeued,
    /// The wallet prepares itself for payments of many: the contract is put onto the chain, or
    /// approved anew.
    Preparation {
        /// Whether it can.
        is_possible: bool,
    },
    /// The wallet is short of coins until it is brought some.
    Shortage {
        /// Whether it accepts them.
        is_mended: bool,
    },
    /// The wallet's next number is left out.
    Gap {
        /// Whether somebody else uses it first.
        is_taken: bool,
    },
}

impl Scene {
    /// The scene of a point. One that is not known here is looked for where payouts are paid.
    pub(crate) fn of(point: &str) -> Self {
        let act = point.rsplit_once('.').map_or(point, |(act, _)| act);
        match act {
            "commit.lane" => Self::FirstStart,
            "commit.put_off" => Self::Deaf,
            "commit.refused" | "commit.failed" => Self::Hostile,
            "commit.seen_reverted" => Self::TurnedHostile,
            "commit.replaced" | "commit.underpriced" => Self::FeeJump,
            "commit.held" => Self::AboveCap,
            "commit.undone" => Self::Reorganisation,
            "commit.not_relayed" => Self::Taken { is_final: false },
            "commit.dead" => Self::Taken { is_final: true },
            "commit.approval_asked" | "commit.approved" => Self::Approval(Reply::Approve),
            "commit.declined" => Self::Approval(Reply::Decline),
            "commit.cancelled" => Self::Approval(Reply::Cancel),
            "commit.approval_expired" => Self::Approval(Reply::Silence),
            "commit.other" => Self::SetApart,
            "commit.requeued" => Self::Requeued,
            "commit.prepare_failed" => Self::Preparation { is_possible: false },
            "commit.top_up_failed" => Self::Shortage { is_mended: false },
            "commit.fill_failed" => Self::Gap { is_taken: true },
            it if it.starts_with("commit.prepare_") => Self::Preparation { is_possible: true },
            it if it.starts_with("commit.top_up_") => Self::Shortage { is_mended: true },
            it if it.starts_with("commit.fill_") => Self::Gap { is_taken: false },
            _ => Self::Plain,
        }
    }
}

/// Points that cannot be reached in a test, and why.
const OUT_OF_REACH: [(&str, &str); 1] =
    [("commit.delivery_given_up", "the last try of a webhook comes after days")];

/// Why a point cannot be reached, if it cannot.
pub(crate) fn out_of_reach(point: &str) -> Option<&'static str> {
    let act = point.rsplit_once('.').map_or(point, |(act, _)| act);
    OUT_OF_REACH.iter().find(|(it, _)| *it == act).map(|(_, why)| *why)
}

/// One death: at a point, when it is reached for the `count`-th time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Death {
    /// The point.
    pub(crate) point: String,
    /// How many times it is reached.
    pub(crate) count: usize,
}

impl Death {
    /// Whether what the point is named after was done before the death.
    pub(crate) fn is_after(&self) -> bool {
        self.point.rsplit_once('.').is_some_and(|(_, side)| side == "after")
    }
}

impl Scene {
    /// Whether there is only one at a time of what leads to the point. Of payouts that wait for a
    /// lower fee the first holds up the others, and so does a chore.
    fn is_alone(self) -> bool {
        self.is_chore() || self == Self::AboveCap
    }

    fn is_chore(self) -> bool {
        matches!(self, Self::Preparation { .. } | Self::Shortage { .. } | Self::Gap { .. })
    }
}

/// The deaths at each of the points: at the first time it is reached, then at the second or third,
/// so many in all, or always at the first if there is only one at a time (of chores' only every second
/// one, for the time that they take). What happens at the first
/// start only comes first, once; then the first preparation, at one stage after the other; the rest
/// in an order drawn from the seed.
pub(crate) fn deaths(points: &[String], times: usize, seed: u64) -> Vec<Death> {
    let mut random = Random::new(seed ^ 0x706f_696e_7473);
    let (first, later): (Vec<&String>, Vec<&String>) =
        points.iter().partition(|it| Scene::of(it) == Scene::FirstStart);
    let mut all = Vec::new();
    for time in 0..times {
        for point in &later {
            let (scene, drawn) =
                (Scene::of(point), 2 + usize::from(random.next().is_multiple_of(2)));
            // Chores take long: of the later deaths, one half is enough.
            if time > 0 && scene.is_chore() && drawn == 2 {
                continue;
            }
            let count = if time == 0 || scene.is_alone() { 1 } else { drawn };
            let place = random.next();
            let is_first = time == 0 && scene == (Scene::Preparation { is_possible: true });
            let place = if is_first { 0 } else { place.max(1) };
            all.push((place, Death { point: (*point).clone(), count }));
        }
    }
    all.sort_by_key(|(place, _)| *place);
    let first = first.into_iter().map(|point| Death { point: point.clone(), count: 1 });
    first.chain(all.into_iter().map(|(_, death)| death)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Death, Scene, deaths, out_of_reach};

    fn points() -> Vec<String> {
        let acts = ["sign", "commit.lane", "commit.held", "commit.new_in_the_table"];
        let acts = [&acts[..], &["commit.prepare_begun", "commit.prepare_signed"]].concat();
        let both = acts.iter().flat_map(|it| [format!("{it}.before"), format!("{it}.after")]);
        both.collect()
    }

    #[test]
    fn both_sides_of_an_act_have_its_scene_and_what_is_new_has_one_too() {
        assert_eq!(Scene::of("commit.undone.before"), Scene::Reorganisation);
        assert_eq!(Scene::of("commit.undone.after"), Scene::Reorganisation);
        assert_eq!(Scene::of("commit.new_in_the_table.after"), Scene::Plain);
        assert_eq!(Scene::of(""), Scene::Plain);
        assert_eq!(Scene::of("commit.fill_ended.after"), Scene::Gap { is_taken: false });
        assert_eq!(Scene::of("commit.fill_failed.after"), Scene::Gap { is_taken: true });
        assert!(out_of_reach("commit.delivery_given_up.after").is_some());
        assert!(out_of_reach("commit.delivered.after").is_none());
    }

    #[test]
    fn every_point_is_died_at_so_many_times_and_the_first_start_comes_first() {
        let all = deaths(&points(), 3, 7);
        assert_eq!(all, deaths(&points(), 3, 7));
        assert_ne!(all, deaths(&points(), 3, 8));
        let at = |point: &str| all.iter().filter(|it| it.point == point).collect::<Vec<_>>();
        for point in points() {
            let counts: BTreeSet<usize> = at(&point).iter().map(|it| it.count).collect();
            assert!(counts.contains(&1) && counts.iter().all(|it| (1..=3).contains(it)));
            let alone = ["commit.lane", "commit.held", "commit.prepare"];
            let is_alone = alone.iter().any(|it| point.starts_with(it));
            assert_eq!(counts.len() == 1, is_alone, "{point}");
            let expected = match point.as_str() {
                it if it.starts_with("commit.lane") => 1..=1,
                it if it.starts_with("commit.prepare") => 1..=3,
                _ => 3..=3,
            };
            assert!(expected.contains(&at(&point).len()), "{point}");
        }
        let first = Death { point: "commit.lane.before".into(), count: 1 };
        assert_eq!((&all[0], all[1].point.as_str()), (&first, "commit.lane.after"));
        let stages: Vec<&str> = all[2..6].iter().map(|it| it.point.as_str()).collect();
        assert_eq!(
            stages,
            ["begun.before", "begun.after", "signed.before", "signed.after"]
                .map(|it| format!("commit.prepare_{it}"))
        );
    }
}
