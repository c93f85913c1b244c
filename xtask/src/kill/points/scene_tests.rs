//! Scenes and deaths, on the chain that has most kinds of them.

use std::collections::BTreeSet;

use super::{Death, Scene, deaths, of, out_of_reach};
use crate::kill::{
    evm::points::{Act, Plays},
    workload::Reply,
};

fn points() -> Vec<String> {
    let acts = ["sign", "commit.lane", "commit.held", "commit.new_in_the_table"];
    let acts = [&acts[..], &["commit.prepare_begun", "commit.prepare_signed"]].concat();
    let both = acts.iter().flat_map(|it| [format!("{it}.before"), format!("{it}.after")]);
    both.collect()
}

#[test]
fn both_sides_of_an_act_have_its_scene_and_what_is_new_has_one_too() {
    let of = |point| of(&Plays, point);
    assert_eq!(of("commit.undone.before"), Scene::Own(Act::Reorganisation));
    assert_eq!(of("commit.undone.after"), Scene::Own(Act::Reorganisation));
    assert_eq!(of("commit.new_in_the_table.after"), Scene::Plain);
    assert_eq!(of("commit.declined.after"), Scene::Approval(Reply::Decline));
    assert_eq!(of(""), Scene::Plain);
    assert_eq!(of("commit.fill_ended.after"), Scene::Own(Act::Gap { is_taken: false }));
    assert_eq!(of("commit.fill_failed.after"), Scene::Own(Act::Gap { is_taken: true }));
    assert!(out_of_reach(&Plays, "commit.delivery_given_up.after").is_some());
    assert!(out_of_reach(&Plays, "commit.delivered.after").is_none());
}

#[test]
fn every_point_is_died_at_so_many_times_and_the_first_start_comes_first() {
    let deaths = |seed| deaths(&Plays, &points(), 3, seed);
    let all = deaths(7);
    assert_eq!(all, deaths(7));
    assert_ne!(all, deaths(8));
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
