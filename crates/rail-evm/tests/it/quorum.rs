//! Endpoints that lag, forget, lie and disagree about what became of transactions.

use std::sync::{
    Arc, LazyLock,
    atomic::{AtomicUsize, Ordering},
};

use domain::{
    batch::Observation,
    money::Amount,
    ports::{BuildError, HoldReason, Rail},
};
use net::JsonRpc;
use proptest::prelude::*;
use rail_evm::{Evm, Settings};
use serde_json::{Value, json};

use crate::{
    actor::Actor,
    fake::Fake,
    lagging::{ATTEMPTS, DELEGATE, NONCE, View, Winner, block_on, view, whole},
    lost::plenty,
    scene::{self, RECIPIENT},
};

/// The final block of most scenes, and the one in which the number was used.
const HEAD: u64 = 20;
const BLOCK: u64 = 18;

/// What the first attempt was charged if all is as it should be.
fn fee() -> Amount {
    Amount::from_units(21_000).unwrap()
}

/// One endpoint: the nodes behind it, whose turn it is, and up to where it shares its blocks with
/// everybody.
#[derive(Clone, Debug)]
struct Behind {
    views: Vec<View>,
    turns: Vec<usize>,
    shared: u64,
}

impl Behind {
    fn client(self) -> JsonRpc {
        let turn = AtomicUsize::new(0);
        JsonRpc::new(Arc::new(Fake::new(move |method: &str, params: &Value| {
            let turn = turn.fetch_add(1, Ordering::Relaxed);
            let view = self.turns[turn % self.turns.len()] % self.views.len();
            self.views[view].answer(self.shared, method, params)
        })))
    }
}

#[derive(Clone, Debug)]
struct World {
    winner: Winner,
    endpoints: Vec<Behind>,
    quorum: u32,
}

fn honest(final_head: u64, winner: Winner) -> impl Strategy<Value = Behind> {
    let views = proptest::collection::vec(view(final_head, winner), 1..4);
    let everything = Just(vec![View { winner, ..whole(final_head, 0, 0) }]);
    let turns = proptest::collection::vec(0..4_usize, 1..12);
    (prop_oneof![views, everything], turns).prop_map(move |(views, turns)| Behind {
        views,
        turns,
        shared: final_head,
    })
}

prop_compose! {
    /// One that has everything and makes up what it likes, in itself without contradiction.
    fn liar(final_head: u64)(
        height in 0..final_head + 9,
        ahead in 0..9_u64,
        branch in 0..3_u64,
        shared in 0..=final_head,
        winner in proptest::option::of((0..4_usize, 1..final_head + 9)),
        price in 1..3_u64,
        status in any::<bool>(),
    ) -> Behind {
        let view = View {
            height,
            branch,
            winner,
            receipt: (price, status),
            ..whole(height.saturating_sub(ahead), 0, 0)
        };
        let view = View { height: height.max(view.final_head), ..view };
        Behind { views: vec![view], turns: vec![0], shared }
    }
}

/// Fewer liars than the quorum, at any place.
fn world() -> impl Strategy<Value = World> {
    (1..30_u64, 1..=3_usize)
        .prop_flat_map(|(final_head, quorum)| {
            let winner = proptest::option::of((0..4_usize, 1..=final_head));
            (Just(final_head), Just(quorum), winner, 0..quorum)
        })
        .prop_flat_map(|(final_head, quorum, winner, liars)| {
            let liars = proptest::collection::vec(liar(final_head), liars);
            let count = quorum..=4;
            let honest = proptest::collection::vec(honest(final_head, winner), count);
            (Just(quorum), Just(winner), liars, honest)
        })
        .prop_flat_map(|(quorum, winner, liars, honest)| {
            let endpoints = Just([liars, honest].concat()).prop_shuffle();
            (Just(quorum), Just(winner), endpoints)
        })
        .prop_map(|(quorum, winner, endpoints)| World {
            winner,
            endpoints,
            quorum: u32::try_from(quorum).unwrap(),
        })
}

fn rail(endpoints: impl IntoIterator<Item = JsonRpc>, quorum: Option<u32>) -> Evm {
    let settings = Settings { quorum, ..Settings::default() };
    scene::over(scene::several(endpoints), &[scene::coin()], settings)
}

fn observe(rail: &Evm) -> Option<Vec<Observation>> {
    block_on(Rail::observe(rail, &scene::lane(NONCE + 1), &ATTEMPTS, &[])).ok()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn fewer_liars_than_the_quorum_end_nothing(world in world()) {
        let winner = world.winner.map(|(contender, _)| contender);
        let rail = rail(world.endpoints.into_iter().map(Behind::client), Some(world.quorum));
        for _ in 0..4 {
            for (position, seen) in observe(&rail).into_iter().flatten().enumerate() {
                match seen {
                    Observation::Final { fee: charged, .. } => {
                        prop_assert_eq!(winner, Some(position));
                        prop_assert_eq!(charged, fee());
                    }
                    Observation::Dead => {
                        prop_assert!(winner.is_some_and(|it| it != position && it != DELEGATE));
                    }
                    Observation::Reverted { .. } => prop_assert!(false, "none was undone"),
                    Observation::Missing | Observation::Pending | Observation::InBlock => {}
                }
            }
        }
    }
}

/// What a node shows of the chain when it is asked for blocks and transactions, and what a lane with
/// plenty needs otherwise.
fn showing(
    view: View,
    shared: u64,
) -> impl Fn(&str, &Value) -> Result<Value, Value> + Send + 'static {
    let latest = json!(format!("{:#x}", view.height));
    move |method, params| match method {
        "eth_feeHistory" => {
            let base = ["0x64", "0x64"];
            Ok(json!({"oldestBlock": latest, "baseFeePerGas": base, "reward": [["0xa"]]}))
        }
        "eth_getBalance" | "eth_estimateGas" => plenty(method, params),
        "eth_getTransactionCount" if params[1] == latest => Ok(json!(format!("{:#x}", NONCE + 1))),
        _ => view.answer(shared, method, params),
    }
}

fn truth() -> View {
    whole(HEAD, 0, BLOCK)
}

fn nothing() -> View {
    View { winner: None, ..truth() }
}

fn plays(actor: &Actor, view: View) {
    actor.plays(showing(view, u64::MAX));
}

fn cast(views: &[View]) -> (Vec<Arc<Actor>>, Evm) {
    let actors: Vec<Arc<Actor>> =
        views.iter().map(|view| Actor::new(showing(view.clone(), u64::MAX))).collect();
    let rail = rail(actors.iter().map(Actor::client), None);
    (actors, rail)
}

/// What a node that has everything says: the first attempt is final, and the other dead.
static ENDED: LazyLock<Option<Vec<Observation>>> = LazyLock::new(|| {
    let (_, rail) = cast(&[truth()]);
    observe(&rail)
});

fn ends(seen: Option<&Vec<Observation>>) -> bool {
    let is_end = |it: &Observation| match it {
        Observation::Final { .. } | Observation::Reverted { .. } | Observation::Dead => true,
        Observation::Missing | Observation::Pending | Observation::InBlock => false,
    };
    seen.is_some_and(|it| it.iter().any(is_end))
}

/// Tries to build the lane's next transaction.
fn build(rail: &Evm) -> Result<u64, BuildError> {
    let payout = scene::payout(&scene::coin(), RECIPIENT, 1);
    let built = block_on(scene::sign(rail, NONCE + 1, &payout, None));
    built.map(|attempt| attempt.sequence.unwrap())
}

#[track_caller]
fn is_paused(rail: &Evm, words: &[&str]) {
    let built = build(rail);
    let Err(BuildError::Hold(hold)) = built else { panic!("{built:?}") };
    assert_eq!(hold.reason, HoldReason::NodesDisagree);
    assert_eq!(rail.alert().as_ref(), Some(&hold.detail));
    for word in words {
        assert!(hold.detail.contains(word), "{} has no {word}", hold.detail);
    }
}

#[track_caller]
fn goes_on(rail: &Evm) {
    assert_eq!(build(rail), Ok(NONCE + 1));
    assert_eq!(rail.alert(), None);
}

#[test]
fn what_all_say_ends_at_once() {
    assert!(matches!(ENDED.as_deref(), Some([Observation::Final { .. }, Observation::Dead])));
    for count in 1..=3 {
        let (_, rail) = cast(&vec![truth(); count]);
        for _ in 0..10 {
            assert_eq!(observe(&rail), *ENDED, "{count}");
        }
        goes_on(&rail);
    }
}

#[test]
fn an_endpoint_that_lags_holds_up_the_end_and_contradicts_nothing() {
    let (actors, rail) = cast(&[truth(), truth()]);
    let earlier = [(BLOCK - 1, BLOCK - 1), (BLOCK, BLOCK - 1), (HEAD, BLOCK - 1)];
    for lagging in [0, 1] {
        for (height, final_head) in earlier {
            plays(&actors[lagging], View { height, final_head, ..truth() });
            for _ in 0..5 {
                // Only the preferred one is asked each time; what it does not know yet, a round does.
                let seen = observe(&rail).unwrap().swap_remove(0);
                let is_unknown =
                    (lagging, height) == (0, BLOCK - 1) && seen == Observation::Missing;
                assert!(
                    is_unknown || seen == Observation::InBlock,
                    "{lagging} at {height}: {seen:?}"
                );
            }
            goes_on(&rail);
        }
        plays(&actors[lagging], truth());
        assert!((0..20).any(|_| observe(&rail) == *ENDED));
    }
}

#[test]
fn an_end_that_one_endpoint_makes_up_is_none() {
    for made_up in [whole(HEAD, 0, BLOCK), whole(HEAD, 2, BLOCK)] {
        for count in [2, 3] {
            for liar in 0..count {
                let mut views = vec![nothing(); count];
                views[liar] = made_up.clone();
                let (_, rail) = cast(&views);
                for _ in 0..10 {
                    let seen = observe(&rail);
                    assert_eq!(seen, Some(vec![Observation::Missing; 2]), "{liar} of {count}");
                }
            }
        }
    }
}

#[test]
fn a_quorum_of_one_believes_the_preferred_endpoint_and_three_need_three() {
    let views = [truth(), nothing(), truth()];
    let with = |quorum| {
        rail(views.clone().map(|it| Actor::new(showing(it, u64::MAX)).client()), Some(quorum))
    };
    assert_eq!(observe(&with(1)), *ENDED);
    assert_eq!(observe(&with(2)), *ENDED);
    let three = with(3);
    assert!((0..40).all(|_| !ends(observe(&three).as_ref())));
}

#[test]
fn contradictions_pause_the_network_until_a_later_round_agrees() {
    let lies = [
        (View { receipt: (2, true), ..truth() }, "42000"),
        (View { receipt: (1, false), ..truth() }, "Reverted"),
        (whole(HEAD, 2, BLOCK), "by transaction 0x0f0f"),
        (whole(HEAD, 1, BLOCK), "Dead, Final"),
        (whole(HEAD, 0, BLOCK - 1), "by block 17"),
    ];
    for (lie, words) in lies {
        for (count, liar) in [(2, 0), (2, 1), (3, 0), (3, 1), (3, 2)] {
            let mut views = vec![truth(); count];
            views[liar] = lie.clone();
            let (actors, rail) = cast(&views);
            let name = format!("#{} says ", liar + 1);
            for _ in 0..5 {
                let seen = observe(&rail);
                assert!(seen.is_some() && !ends(seen.as_ref()), "{liar} of {count}: {seen:?}");
                is_paused(&rail, &[words, &name]);
            }
            plays(&actors[liar], truth());
            assert_eq!(observe(&rail), *ENDED);
            goes_on(&rail);
        }
    }
}

#[test]
fn while_they_disagree_all_are_asked_each_time() {
    let (actors, rail) = cast(&[nothing(), truth(), whole(HEAD, 2, BLOCK)]);
    assert!((0..200).any(|_| {
        observe(&rail);
        rail.alert().is_some()
    }));
    is_paused(&rail, &["#2 says", "#3 says"]);
    for _ in 0..5 {
        for lie in [whole(HEAD, 2, BLOCK), View { receipt: (2, true), ..truth() }] {
            plays(&actors[2], truth());
            assert_eq!(observe(&rail), *ENDED);
            goes_on(&rail);
            plays(&actors[2], lie);
            assert!((0..200).any(|_| {
                observe(&rail);
                rail.alert().is_some()
            }));
        }
    }
}

#[test]
fn a_liar_that_falls_silent_does_not_end_the_pause_of_two() {
    let (actors, rail) = cast(&[truth(), whole(HEAD, 2, BLOCK)]);
    assert!(!ends(observe(&rail).as_ref()));
    actors[1].silent(true);
    for _ in 0..5 {
        assert!(!ends(observe(&rail).as_ref()));
        is_paused(&rail, &["#2 says"]);
    }
}

#[test]
fn nodes_on_different_branches_of_final_blocks_pause_the_network() {
    for quorum in [1, 2] {
        let forked = View { branch: 1, ..nothing() };
        let actors = [nothing(), forked].map(|it| Actor::new(showing(it, 5)));
        let rail = rail(actors.iter().map(Actor::client), Some(quorum));
        for _ in 0..5 {
            assert!(!ends(observe(&rail).as_ref()));
            is_paused(&rail, &["final block", "#1 says 0x", "#2 says 0x"]);
        }
        // Whoever builds looks again: there may be nothing to observe.
        actors[1].silent(true);
        is_paused(&rail, &[]);
        actors[1].silent(false);
        actors[1].plays(showing(nothing(), 5));
        assert!((0..10).any(|_| build(&rail).is_ok()), "it is asked again soon");
        goes_on(&rail);
    }
}

#[test]
fn branches_are_found_although_nothing_ends_on_them() {
    let early = |branch| View { branch, winner: Some((0, HEAD + 1)), ..truth() };
    let actors = [early(0), early(0)].map(|it| Actor::new(showing(it, 5)));
    let rail = rail(actors.iter().map(Actor::client), None);
    assert_eq!(observe(&rail).unwrap()[0], Observation::InBlock);
    goes_on(&rail);
    // One that is final up to another height is compared at the lower one.
    actors[1].plays(showing(View { final_head: HEAD - 3, ..early(1) }, 5));
    assert!((0..200).any(|_| {
        observe(&rail);
        rail.alert().is_some()
    }));
    is_paused(&rail, &["final block 17"]);
}

#[test]
fn one_node_that_is_forked_above_its_final_block_is_no_contradiction() {
    let behind = View { final_head: 5, branch: 1, ..truth() };
    let actors = [truth(), behind].map(|it| Actor::new(showing(it, 5)));
    let rail = rail(actors.iter().map(Actor::client), None);
    assert!((0..40).all(|_| !ends(observe(&rail).as_ref())));
    goes_on(&rail);
}

#[test]
fn while_the_network_is_paused_nothing_else_ends() {
    let forked = View { branch: 1, winner: None, ..truth() };
    let actors = [truth(), truth(), forked].map(|it| Actor::new(showing(it, 5)));
    let rail = rail(actors.iter().map(Actor::client), None);
    for _ in 0..5 {
        assert!(!ends(observe(&rail).as_ref()), "two agree, and a third has other final blocks");
    }
    is_paused(&rail, &["#3 says"]);
}

#[test]
fn a_preferred_endpoint_that_stands_still_does_not_hold_up_the_end() {
    let stopped = View { height: 10, final_head: 8, ..truth() };
    let withholding = nothing();
    for lame in [stopped, withholding] {
        let (actors, rail) = cast(&[nothing(), nothing(), nothing()]);
        assert!(!ends(observe(&rail).as_ref()));
        plays(&actors[0], lame);
        plays(&actors[1], truth());
        plays(&actors[2], truth());
        assert!((0..200).any(|_| observe(&rail) == *ENDED));
    }
}

#[test]
fn between_rounds_the_preferred_endpoint_is_asked_alone() {
    let (actors, rail) = cast(&[nothing(), nothing()]);
    let rounds = (0..160).filter(|_| {
        observe(&rail);
        let first = actors[0].was_asked("eth_getTransactionReceipt");
        assert!(first);
        actors[1].was_asked("eth_getTransactionReceipt")
    });
    let rounds = rounds.count();
    assert!((2..32).contains(&rounds), "{rounds}");
}
