//! What moved a script's coins.

use std::collections::{BTreeMap, BTreeSet};

use bitcoin::Txid;
use rail_bitcoin::chain::{Coin, Movement, Place};

use super::Scene;
use crate::house::keys::{Input, Key};

/// Numbers that look random and are the same each time (xorshift).
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

fn total(inputs: &[Input]) -> i128 {
    inputs.iter().map(|it| i128::from(it.value_sat)).sum()
}

fn moved<'a>(movements: impl Iterator<Item = &'a Movement>) -> i128 {
    movements.map(|it| i128::from(it.received_sat) - i128::from(it.spent_sat)).sum()
}

/// One thing happens: somebody pays the lane, or the lane pays somebody, itself, or both.
async fn happen(scene: &Scene, lane: &Key, dice: &mut Dice) {
    let coins = scene.coins(lane).await;
    let mine = |at: usize| Input {
        outpoint: coins[at].outpoint,
        value_sat: coins[at].value_sat,
        height: 0,
    };
    let wanted = usize::try_from(1 + dice.throw(3)).unwrap();
    let inputs: Vec<Input> = (0..coins.len().min(wanted)).map(mine).collect();
    let sum: u64 = inputs.iter().map(|it| it.value_sat).sum();
    let change = sum.saturating_sub(5_000) / (1 + dice.throw(3));
    match dice.throw(4) {
        0 | 1 => {
            let sat = 20_000 + dice.throw(1_000_000);
            let outputs = vec![(lane.script(), sat); usize::try_from(1 + dice.throw(2)).unwrap()];
            scene.node.fund(&outputs).await;
        }
        2 if change > 10_000 => {
            scene.node.send(&lane.pay(&inputs, &[(lane.script(), sum - 5_000)])).await;
        }
        _ if change > 10_000 => {
            let rest = sum - change - 4_000;
            let mut outputs = vec![(lane.script(), change)];
            if rest > 1_000 {
                outputs.push((scene.recipient(), rest));
            }
            scene.node.send(&lane.pay(&inputs, &outputs)).await;
        }
        _ => {}
    }
}

pub(super) async fn movements_add_up(scene: Scene) {
    let lane = scene.lane().await;
    let mut dice = Dice(0x5eed_0000_0bad_cafe);
    let mut held: BTreeMap<u32, i128> = BTreeMap::new();
    held.insert(scene.node.height().await, 0);
    for round in 0..16 {
        for _ in 0..dice.throw(4) {
            happen(&scene, &lane, &mut dice).await;
        }
        if round % 6 == 5 {
            scene.node.unmine(2).await;
            let newest = scene.node.height().await;
            held.retain(|height, _| *height <= newest);
        }
        scene.node.mine(1).await;
        held.insert(scene.node.height().await, total(&scene.node.scan(&lane.script()).await));
    }
    happen(&scene, &lane, &mut dice).await;
    scene.node.fund(&[(lane.script(), 33_333)]).await;
    let now = *held.last_key_value().unwrap().1;
    assert!(now > 0 && held.len() > 5, "{held:?}");
    assert_eq!(scene.chain.held(&lane.script()).await.map(i128::from), Ok(now));
    for (height, before) in &held {
        let movements = scene.chain.movements_above(&lane.script(), *height).await.unwrap();
        assert!(movements.iter().all(|it| matches!(it.place, Place::Block(at) if at > *height)));
        assert_eq!(before + moved(movements.iter()), now, "{height}");
        let mut txids: Vec<_> = movements.iter().map(|it| it.txid).collect();
        txids.sort();
        txids.dedup();
        assert_eq!(txids.len(), movements.len());
    }
    // What waits: our own, and what others bring.
    let own = scene.chain.waiting(&lane.script(), &BTreeSet::new()).await.unwrap();
    assert!(own.iter().all(|it| it.place == Place::Mempool && it.spent_sat > 0), "{own:?}");
    let coins = scene.coins(&lane).await;
    let is_brought =
        |it: &&Coin| it.height.is_none() && own.iter().all(|own| own.txid != it.outpoint.txid);
    let sum = |coins: Vec<&Coin>| -> i128 { coins.iter().map(|it| i128::from(it.value_sat)).sum() };
    let brought = sum(coins.iter().filter(is_brought).collect());
    assert_eq!(now + moved(own.iter()) + brought, sum(coins.iter().collect()));
    let above = scene.chain.movements_above(&lane.script(), u32::MAX).await.unwrap();
    assert_eq!(above, []);
}

/// Anybody can have as many deposits wait as he likes; a server lists 50 of what waits.
pub(super) async fn what_is_our_own_is_found_among_deposits_that_wait(scene: Scene) {
    let lane = scene.lane().await;
    let (first, second) = (scene.give(&lane, 100_000).await, scene.give(&lane, 200_000).await);
    let crowd = scene.crowd(84, &lane.script(), 10_000).await;
    for tx in &crowd {
        scene.node.send(tx).await;
    }
    let script = lane.script();
    let waiting = async |named: &[Txid]| {
        let named = named.iter().copied().collect();
        let waiting = scene.chain.waiting(&script, &named).await.unwrap();
        let mut found: Vec<_> =
            waiting.into_iter().map(|it| (it.txid, it.spends, it.spent_sat)).collect();
        found.sort();
        found
    };
    assert_eq!(waiting(&[]).await, []);
    assert_eq!(scene.chain.held(&script).await, Ok(300_000));
    // A chain, of whose first nothing is left to be spent.
    let parent = lane.pay(&[first], &[(scene.recipient(), 50_000), (script.clone(), 49_000)]);
    scene.node.send(&parent).await;
    let change = Input::of(&parent, &script);
    let child = lane.pay(&[change], &[(scene.recipient(), 20_000), (script.clone(), 28_000)]);
    scene.node.send(&child).await;
    let mut expected = vec![
        (parent.compute_txid(), vec![first.outpoint], 100_000),
        (child.compute_txid(), vec![change.outpoint], 49_000),
    ];
    expected.sort();
    assert_eq!(waiting(&[]).await, expected);
    // One that leaves nothing is found if it is named.
    let last = lane.pay(&[second], &[(scene.recipient(), 199_000)]);
    scene.node.send(&last).await;
    expected.push((last.compute_txid(), vec![second.outpoint], 200_000));
    expected.sort();
    assert_eq!(waiting(&[last.compute_txid()]).await, expected);
    assert_eq!(scene.chain.held(&script).await, Ok(300_000), "nothing is in a block");
    scene.node.mine(1).await;
    assert_eq!(waiting(&[last.compute_txid()]).await, []);
    assert_eq!(scene.chain.held(&script).await, Ok(28_000 + 840_000));
}

pub(super) async fn pages_of_movements_are_read_to_their_end(scene: Scene) {
    let lane = scene.lane().await;
    let mut crowd = scene.crowd(84, &lane.script(), 10_000).await;
    let last = crowd.split_off(60);
    let start = scene.node.height().await;
    for some in crowd.chunks(20) {
        for tx in some {
            scene.node.send(tx).await;
        }
        scene.node.mine(1).await;
    }
    let above = async |height| {
        let movements = scene.chain.movements_above(&lane.script(), height).await.unwrap();
        movements.len()
    };
    assert_eq!(above(0).await, 60);
    assert_eq!(above(start).await, 60);
    assert_eq!(above(start + 1).await, 40);
    assert_eq!(above(start + 3).await, 0);
    assert_eq!(scene.coins(&lane).await.len(), 60);
    for tx in &last {
        scene.node.send(tx).await;
    }
    assert_eq!(above(start + 3).await, 0, "they wait");
    assert_eq!(scene.coins(&lane).await.len(), 84);
}
