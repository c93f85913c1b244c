//! What must happen so that a crash point is reached, and which deaths are to be died. Pure.

use crate::kill::{
    chain::{Manner, Repertoire},
    random::Random,
    workload::Reply,
};

/// How a point is brought about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scene<Act> {
    /// The gateway starts for the first time.
    FirstStart,
    /// Payouts that are paid.
    Plain,
    /// Payouts of which the merchant's end does not want to hear at first.
    Deaf,
    /// Payouts that somebody must approve.
    Approval(Reply),
    /// The merchant sets money apart.
    SetApart,
    /// Something that is played on this chain and no other.
    Own(Act),
}

/// The name of what a point is before or after.
fn act_of(point: &str) -> &str {
    point.rsplit_once('.').map_or(point, |(act, _)| act)
}

/// The scene of a point. One that is not known here is looked for where payouts are paid.
pub(crate) fn of<R: Repertoire>(plays: &R, point: &str) -> Scene<R::Act> {
    let act = act_of(point);
    if let Some(own) = plays.act(act) {
        return Scene::Own(own);
    }
    match act {
        "commit.lane" => Scene::FirstStart,
        "commit.put_off" => Scene::Deaf,
        "commit.approval_asked" | "commit.approved" => Scene::Approval(Reply::Approve),
        "commit.declined" => Scene::Approval(Reply::Decline),
        "commit.cancelled" => Scene::Approval(Reply::Cancel),
        "commit.approval_expired" => Scene::Approval(Reply::Silence),
        "commit.other" => Scene::SetApart,
        _ => Scene::Plain,
    }
}

/// Points that cannot be reached in a test on any chain, and why.
const OUT_OF_REACH: [(&str, &str); 1] =
    [("commit.delivery_given_up", "the last try of a webhook comes after days")];

/// Why a point cannot be reached, if it cannot.
pub(crate) fn out_of_reach<R: Repertoire>(plays: &R, point: &str) -> Option<&'static str> {
    let act = act_of(point);
    let everywhere = OUT_OF_REACH.iter().find(|(it, _)| *it == act).map(|(_, why)| *why);
    everywhere.or_else(|| plays.out_of_reach(act))
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

fn manner<R: Repertoire>(scene: &Scene<R::Act>) -> Manner {
    match scene {
        Scene::Own(act) => R::manner(*act),
        Scene::FirstStart | Scene::Plain | Scene::Deaf | Scene::Approval(_) | Scene::SetApart => {
            Manner::Together
        }
    }
}

/// The deaths at each of the points: at the first time it is reached, then at the second or third,
/// so many in all, or always at the first if there is only one at a time (of chores' only every second
/// one, for the time that they take). What happens at the first
/// start only comes first, once; then the first preparation, at one stage after the other; the rest
/// in an order drawn from the seed.
pub(crate) fn deaths<R: Repertoire>(
    plays: &R,
    points: &[String],
    times: usize,
    seed: u64,
) -> Vec<Death> {
    let mut random = Random::new(seed ^ 0x706f_696e_7473);
    let (first, later): (Vec<&String>, Vec<&String>) =
        points.iter().partition(|it| of(plays, it) == Scene::FirstStart);
    let mut all = Vec::new();
    for time in 0..times {
        for point in &later {
            let manner = manner::<R>(&of(plays, point));
            let is_chore = matches!(manner, Manner::Chore | Manner::FirstChore);
            let drawn = 2 + usize::from(random.next().is_multiple_of(2));
            // Chores take long: of the later deaths, one half is enough.
            if time > 0 && is_chore && drawn == 2 {
                continue;
            }
            let count = if time == 0 || manner != Manner::Together { 1 } else { drawn };
            let place = random.next();
            let is_first = time == 0 && manner == Manner::FirstChore;
            let place = if is_first { 0 } else { place.max(1) };
            all.push((place, Death { point: (*point).clone(), count }));
        }
    }
    all.sort_by_key(|(place, _)| *place);
    let first = first.into_iter().map(|point| Death { point: point.clone(), count: 1 });
    first.chain(all.into_iter().map(|(_, death)| death)).collect()
}

#[cfg(test)]
#[path = "scene_tests.rs"]
mod tests;
