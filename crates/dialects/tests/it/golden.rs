//! Every `golden/*.txt` is a conversation: requests as they come off the wire, what they were
//! understood as, why they were refused, and the answers and webhooks byte for byte.
//!
//! A file has sections that begin with `== NAME`. `given` and `request` are written by people, the
//! others by the test: `UPDATE_GOLDEN=1 cargo test -p dialects` writes them again. Lines of
//! `given`: `poor` (owns nothing), `new` (never owned anything), `balance ASSET AMOUNT`,
//! `inventory ASSET AMOUNT` (of the house), `fee ASSET AMOUNT` (of its network), `forget ASSET` (its network fee) or `forget CURRENCY` (its
//! price, and what sources told), `approvals URL` (agreed with the merchant), `deliver RESULT` (the
//! last payout's first delivery is tried), `pause`, `lenient`, `refuse WORD` (instead of looking at the
//! next request), `state WORD DETAIL` (of the last payout) and `webhook` (about that state, or
//! about the earlier one that `WORD TXID` says).
//!
//! The signatures of the requests were made by Python's `hashlib` and `hmac`, not by this crate:
//! `hashlib.md5(base64.b64encode(body) + key).hexdigest()` and
//! `hmac.new(key, body, hashlib.sha256).hexdigest()`.

use std::{collections::BTreeSet, fmt::Write, fs, path::PathBuf};

use dialects::{Action, DIALECTS, Dialect, Message, Request};
use domain::{
    command::{Asked, CreatePayout, Least, Refusal, Source},
    ids::DialectId,
    payout::{Priority, Status},
};

use crate::world::{Answered, World};

/// What every dialect must show how it refuses.
const REFUSALS: [&str; 22] = [
    "Amount(Malformed)",
    "Amount(TooLarge)",
    "Amount(TooPrecise)",
    "AmountTooLarge",
    "AmountTooSmall",
    "BodyTooLarge",
    "Destination(Address",
    "InsufficientFunds",
    "InvalidField",
    "Malformed",
    "MerchantPaused",
    "MethodNotAllowed",
    "MissingField",
    "RateLimited",
    "RefReused",
    "Unauthenticated",
    "Unavailable",
    "UnknownAsset",
    "UnknownNetwork",
    "UnknownPath",
    "UnsupportedMediaType",
    "NotFound",
];

/// Refusals that a dialect has no way to produce.
const IMPOSSIBLE: [(&str, &str); 2] =
    [("cryptocloud", "NotFound"), ("cryptocloud", "UnknownNetwork")];

/// Dialects that are another's twin, and have no conversations of their own.
const TWINS: [(&str, &str); 2] = [("heleket", "cryptomus"), ("apollo", "onchainpay")];

/// The dialects that have conversations.
pub(crate) fn spoken() -> impl Iterator<Item = &'static dyn Dialect> {
    let is_twin = |name: &str| TWINS.iter().any(|it| it.0 == name);
    DIALECTS.iter().copied().filter(move |it| !is_twin(it.name()))
}

/// What follows a line `== NAME`.
pub(crate) struct Section {
    pub(crate) name: String,
    pub(crate) text: String,
}

/// Splits a conversation into what stands before its first section, and its sections.
pub(crate) fn sections(file: &str) -> (String, Vec<Section>) {
    let mut preamble = String::new();
    let mut sections: Vec<Section> = Vec::new();
    for line in file.split_inclusive('\n') {
        match (line.strip_prefix("== "), sections.last_mut()) {
            (Some(name), _) => {
                let name = name.trim_end().to_owned();
                sections.push(Section { name, text: String::new() });
            }
            (None, Some(section)) => section.text.push_str(line),
            (None, None) => preamble.push_str(line),
        }
    }
    (preamble, sections)
}

fn run(file: &str, mut world: World) -> String {
    let (mut out, sections) = sections(file);
    let mut refusal = None;
    for section in sections {
        if !matches!(section.name.as_str(), "given" | "request") {
            continue;
        }
        push(&mut out, &section.name, section.text.trim_end_matches('\n'));
        if section.name == "request" {
            ask(&mut world, &section.text, refusal.take(), &mut out);
            continue;
        }
        for line in section.text.lines() {
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            match word {
                "balance" => {
                    let (asset, amount) = rest.split_once(' ').expect("an asset and an amount");
                    world.set_balance(asset, amount);
                }
                "inventory" => {
                    let (asset, amount) = rest.split_once(' ').expect("an asset and an amount");
                    world.set_inventory(asset, amount);
                }
                "fee" => {
                    let (asset, amount) = rest.split_once(' ').expect("an asset and an amount");
                    world.set_fee(asset, amount);
                }
                "poor" => world.be_poor(),
                "new" => world.be_new(),
                "forget" => world.forget(rest),
                "approvals" => world.ask_approvals_at(rest),
                "deliver" => world.deliver_last(rest),
                "pause" => world.pause(),
                "lenient" => world.be_lenient(),
                "refuse" => refusal = Some(refusal_by_word(rest)),
                "state" => world.move_last(rest),
                "webhook" => {
                    let told = world.tell_last(rest).map(|it| message("POST", &it));
                    push(&mut out, "webhook", &told.unwrap_or_else(|| "none".to_owned()));
                }
                other => panic!("nobody understands {other:?}"),
            }
        }
    }
    out
}

fn push(out: &mut String, name: &str, text: &str) {
    writeln!(out, "== {name}\n{text}").expect("a String takes everything");
}

fn refusal_by_word(word: &str) -> Refusal {
    match word {
        "BodyTooLarge" => Refusal::BodyTooLarge,
        "RateLimited" => Refusal::RateLimited { retry_after_ms: 11_001 },
        "Unavailable" => Refusal::Unavailable("the ledger did not answer; ask again"),
        "AssetUnavailable" => Refusal::AssetUnavailable,
        other => panic!("no refusal is called {other}"),
    }
}

fn ask(world: &mut World, text: &str, refusal: Option<Refusal>, out: &mut String) {
    let (head, body) = text.split_once("\n\n").unwrap_or((text.trim_end(), ""));
    let mut lines = head.lines();
    let (method, target) = lines.next().and_then(|it| it.split_once(' ')).expect("a first line");
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let header = |line: &str| {
        let (name, value) = line.split_once(": ").expect("a header");
        (name.to_ascii_lowercase(), value.to_owned())
    };
    let headers: Vec<_> = lines.map(header).collect();
    let body = body.strip_suffix('\n').unwrap_or(body).as_bytes();
    let request = Request { method, path, query, headers: &headers, body, client: None };
    let answered = match refusal {
        Some(refusal) => world.refused(None, refusal, &request),
        None => world.ask(&request),
    };
    let Answered { action, refusal, message: answer } = answered;
    if let Some(action) = action {
        push(out, "call", &describe(&action));
    }
    if let Some(refusal) = refusal {
        push(out, "refusal", &format!("{refusal:?}"));
    }
    push(out, "answer", &message(&format!("HTTP {}", answer.status), &answer));
}

fn message(first: &str, message: &Message) -> String {
    let mut text = first.to_owned();
    for (name, value) in &message.headers {
        write!(text, "\n{name}: {value}").expect("a String takes everything");
    }
    let body = std::str::from_utf8(&message.body).expect("bodies are UTF-8");
    assert!(serde_json::from_str::<serde_json::Value>(body).is_ok(), "{body}");
    format!("{text}\n\n{body}")
}

fn describe(action: &Action) -> String {
    match action {
        Action::Create(create) => describe_create("Create", create),
        Action::Quote(create) => describe_create("Quote", create),
        Action::Answer(_) => "Answer".to_owned(),
        Action::TestWebhook { about, url, message: posted } => {
            format!("TestWebhook to {url} about {about:?}\n{}", message("POST", posted))
        }
        Action::Cancel(_)
        | Action::Judge(..)
        | Action::Show(_)
        | Action::ShowAll(_)
        | Action::List(_)
        | Action::Balances
        | Action::Transfer { .. }
        | Action::ShowDelivery(..) => format!("{action:?}"),
    }
}

fn describe_create(word: &str, create: &CreatePayout) -> String {
    let CreatePayout {
        id: _,
        public_ids,
        merchant: _,
        dialect,
        key,
        merchant_ref,
        idempotency_key,
        on_other_content,
        nonce,
        asset,
        asked,
        bearer,
        source,
        course,
        insured,
        priority,
        least,
        locked,
        approval,
        address,
        memo,
        webhook,
        note,
    } = create;
    let unusual = unusual(&[
        ("source", *source != Source::Own, format!("{source:?}")),
        ("course", course.is_some(), format!("{course:?}")),
        ("insured", *insured, insured.to_string()),
        ("priority", *priority != Priority::default(), priority.word().to_owned()),
        ("least", *least != Least::default(), format!("{least:?}")),
        ("locked", locked.is_some(), format!("{locked:?}")),
        ("approval", approval.is_some(), format!("{approval:?}")),
    ]);
    let asked = match asked {
        Asked::Exact(amount) => format!("{} units", amount.units()),
        Asked::Worth { currency, amount } => format!("the worth of {amount} {currency}"),
        Asked::Spend(amount) => format!("what {amount} buys"),
    };
    let told = webhook.as_ref().map(|it| {
        let words: Vec<_> = it.on.iter().map(|status: &Status| status.word()).collect();
        format!("{} on {}", it.url, words.join(" "))
    });
    format!(
        "{word} {asked} of {asset} to {address:?} memo {memo:?}, fees: {bearer:?}\n\
         by {dialect} key {}, ref {merchant_ref:?}, idempotency key {idempotency_key:?}, nonce {:?}\n\
         on other content: {on_other_content:?}\n\
         one of {}\n\
         webhook {}\n\
         note {}{unusual}",
        key.map_or(0, |it| it.0),
        nonce.as_ref().map(|it| &it.text),
        public_ids.join(" "),
        told.unwrap_or_else(|| "none".to_owned()),
        if note.is_empty() { "none" } else { note },
    )
}

/// What is not as usual, a line each.
fn unusual(facts: &[(&str, bool, String)]) -> String {
    let unusual = facts.iter().filter(|it| it.1);
    unusual.fold(String::new(), |text, (name, _, value)| format!("{text}\n{name} {value}"))
}

fn folder(dialect: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src").join(dialect).join("golden")
}

/// All conversations of a dialect.
pub(crate) fn files(dialect: &str) -> Vec<(PathBuf, String)> {
    let entries = fs::read_dir(folder(dialect)).expect("every dialect has a golden folder");
    let mut paths: Vec<_> = entries.map(|it| it.expect("it can be listed").path()).collect();
    paths.sort();
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).expect("it can be read");
        (path, text)
    };
    paths.into_iter().map(read).collect()
}

#[test]
fn conversations_go_as_written() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut differing = Vec::new();
    for dialect in spoken() {
        for (path, expected) in files(dialect.name()) {
            let found = run(&expected, World::new());
            if found == expected {
                continue;
            }
            if update {
                fs::write(&path, found).expect("it can be written");
            } else {
                differing.push(format!("{}:\n{found}", path.display()));
            }
        }
    }
    assert!(differing.is_empty(), "UPDATE_GOLDEN=1 writes these:\n{}", differing.join("\n"));
}

/// A merchant of a twin brand gets the same answers and webhooks, byte for byte.
#[test]
fn twins_speak_alike() {
    for (twin, brand) in TWINS {
        for (path, expected) in files(brand) {
            let mut world = World::new();
            world.callers.retain(|it| it.key.dialect.as_str() != twin);
            for caller in &mut world.callers {
                if caller.key.dialect.as_str() == brand {
                    caller.key.dialect = DialectId::new(twin);
                }
            }
            let spoken = run(&expected, world)
                .replace(&format!("by {twin} key"), &format!("by {brand} key"));
            assert_eq!(spoken, expected, "{twin}: {}", path.display());
        }
    }
}

#[test]
fn every_dialect_shows_every_refusal() {
    for dialect in spoken() {
        let mut shown = BTreeSet::new();
        for (_, text) in files(dialect.name()) {
            let (_, sections) = sections(&text);
            let refusals = sections.into_iter().filter(|it| it.name == "refusal");
            shown.extend(refusals.map(|it| it.text));
        }
        for refusal in REFUSALS {
            let possible = !IMPOSSIBLE.contains(&(dialect.name(), refusal));
            let found = shown.iter().any(|it| it.starts_with(refusal));
            assert_eq!(found, possible, "{} has a golden for {refusal}", dialect.name());
        }
    }
}
