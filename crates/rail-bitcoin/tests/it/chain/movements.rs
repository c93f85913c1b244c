//! What moved a script's coins.

use std::collections::BTreeMap;

use rail_bitcoin::chain::{Movement, Place};

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
    for (height, before) in &held {
        let movements = scene.chain.movements_above(&lane.script(), *height).await.unwrap();
        let is_in_block = |it: &&Movement| matches!(it.place, Place::Block(at) if at > *height);
        let in_blocks = movements.iter().filter(is_in_block);
        assert_eq!(before + moved(in_blocks), now, "{height}");
        let with_all: i128 =
            scene.coins(&lane).await.iter().map(|it| i128::from(it.value_sat)).sum();
        assert_eq!(before + moved(movements.iter()), with_all, "{height}");
        let mut txids: Vec<_> = movements.iter().map(|it| it.txid).collect();
        txids.sort();
        txids.dedup();
        assert_eq!(txids.len(), movements.len());
    }
    let above = scene.chain.movements_above(&lane.script(), u32::MAX).await.unwrap();
    assert!(above.iter().all(|it| it.place == Place::Mempool), "{above:?}");
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
    assert_eq!(above(start + 3).await, 24);
    assert_eq!(scene.coins(&lane).await.len(), 84);
}
