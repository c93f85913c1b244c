//! Cryptomus's lists as its clients walk through them, and its calls with hostile fields.

use std::cell::RefCell;

use dialects::Request;
use domain::command::Refusal;
use proptest::prelude::*;
use serde_json::Value;

use crate::{
    hostile::{check, json_value, runner},
    vectors::{cryptomus_signature, post},
    world::{Answered, World},
};

const NUMBER: &str = "8b03432e-385b-4670-8d06-064591096795";
const TRON: &str = "TNPeeaaFB7K9cmo4uQpcU32zGK8G1NYqeL";

fn ask(world: &mut World, path: &str, query: &str, body: &str) -> Answered {
    let sign = cryptomus_signature(body.as_bytes(), "payout-key-1");
    let headers = [("merchant", NUMBER), ("sign", &sign), ("content-type", "application/json")];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let body = body.as_bytes();
    world.ask(&Request { method: "POST", path, query, headers: &headers, body, client: None })
}

/// A page: the payouts on it, and the cursors of the one after and the one before.
fn page(world: &mut World, cursor: &str) -> (Vec<String>, Option<String>, Option<String>) {
    let message = ask(world, "/v1/payout/list", &format!("cursor={cursor}"), "{}").message;
    let answer: Value = serde_json::from_slice(&message.body).expect("answers are JSON");
    let (items, paginate) = (&answer["result"]["items"], &answer["result"]["paginate"]);
    let items = items.as_array().expect("there is a list").iter();
    let uuids: Vec<String> =
        items.filter_map(|it| it["uuid"].as_str().map(str::to_owned)).collect();
    assert_eq!(paginate["count"], uuids.len());
    let cursor = |name: &str| paginate[name].as_str().map(str::to_owned);
    let (next, previous) = (cursor("nextCursor"), cursor("previousCursor"));
    assert_eq!(paginate["hasPages"], next.is_some() || previous.is_some());
    (uuids, next, previous)
}

/// Page after page there, each payout once, and back over the same pages.
#[test]
fn lists_are_walked_there_and_back() {
    for count in [0usize, 1, 15, 16, 30, 31] {
        let mut world = World::new();
        for number in 0..count {
            let body = format!(
                r#"{{"amount":"1","currency":"USDT","network":"TRON","order_id":"{number}","address":"{TRON}","is_subtract":true}}"#
            );
            assert_eq!(ask(&mut world, "/v1/payout", "", &body).refusal, None);
        }
        let mut pages = vec![page(&mut world, "")];
        while let Some(next) = pages.last().and_then(|it| it.1.clone()) {
            pages.push(page(&mut world, &next));
        }
        assert_eq!(pages.len(), usize::max(count.div_ceil(15), 1), "{count}");
        let mut seen: Vec<&String> = pages.iter().flat_map(|it| &it.0).collect();
        assert_eq!(seen.len(), count);
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), count);
        assert_eq!(pages[0].2, None);
        for at in (1..pages.len()).rev() {
            let back = page(&mut world, pages[at].2.as_ref().expect("there is one before"));
            assert_eq!(back.0, pages[at - 1].0);
            assert_eq!(back.1.is_some(), pages[at - 1].1.is_some());
            assert_eq!(back.2.is_some(), at > 1);
        }
    }
}

const PATHS: [&str; 9] = [
    "/v1/payout",
    "/v1/payout/info",
    "/v1/payout/list",
    "/v1/payout/services",
    "/v1/payout/calc",
    "/v1/payout/calculate",
    "/v1/transfer/to-personal",
    "/v1/transfer/to-business",
    "/v1/test-webhook/payout",
];

const FIELDS: [&str; 18] = [
    "amount",
    "currency",
    "order_id",
    "address",
    "is_subtract",
    "network",
    "url_callback",
    "to_currency",
    "course_source",
    "from_currency",
    "priority",
    "memo",
    "uuid",
    "date_from",
    "date_to",
    "data_from",
    "status",
    "other",
];

fn value() -> impl Strategy<Value = String> {
    let known = prop::sample::select(
        &["EUR", "USDT", "Kucoin", "paid", "2026-01-02 03:04:05", "9999-12-31 23:59:59", "1e-30"][..],
    );
    prop_oneof![json_value(), known.prop_map(|it| format!("\"{it}\""))]
}

#[test]
fn any_fields_of_any_call_get_an_answer() {
    let world = RefCell::new(World::new());
    let fields = prop::collection::btree_map(prop::sample::select(&FIELDS[..]), value(), 0..13);
    let strategy = (prop::sample::select(&PATHS[..]), "[ -~]{0,40}", fields);
    let result = runner(2_000).run(&strategy, |(path, query, fields)| {
        let fields: Vec<_> = fields.iter().map(|(name, it)| format!("\"{name}\":{it}")).collect();
        let body = format!("{{{}}}", fields.join(","));
        let answered = ask(&mut world.borrow_mut(), path, &query, &body);
        check(&answered.message);
        prop_assert_ne!(answered.refusal, Some(Refusal::Unauthenticated));
        Ok(())
    });
    result.unwrap();
}

/// What needs no credential does not look at one.
#[test]
fn rates_are_for_everybody() {
    let ask = |headers: &[(&str, &str)]| {
        let mut headers: Vec<_> =
            headers.iter().map(|it| (it.0.to_owned(), it.1.to_owned())).collect();
        headers.push(("accept".to_owned(), "*/*".to_owned()));
        let path = "/v1/exchange-rate/BTC/list";
        let request =
            Request { method: "GET", path, query: "", headers: &headers, body: b"", client: None };
        World::new().ask(&request).message
    };
    let open = ask(&[]);
    assert_eq!(open.status, 200);
    assert_eq!(ask(&[("merchant", NUMBER), ("sign", "none")]), open);
    assert_eq!(ask(&[("merchant", "nobody")]), open);
    let answered = post(&mut World::new(), "/v1/payment", &[], "{}");
    assert!(matches!(answered.refusal, Some(Refusal::NotSupported(_))));
    assert_eq!(answered.message.status, 404);
}
