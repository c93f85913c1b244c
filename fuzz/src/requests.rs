//! Requests of any content, signed or not: none is too much for a dialect, every answer is one that
//! is described, and no digit of an amount is lost.

use dialects::{Action, Message, Request};
use domain::command::{Asked, CreatePayout, Refusal};
use serde_json::Value;

use crate::{
    gateway::{Gateway, with_fresh},
    numbers::Numbers,
    signing,
    world::Answered,
};

/// What stands between the requests of one input.
const BETWEEN: &str = "== request\n";

/// How many requests of one input are made.
const REQUESTS_MAX: usize = 8;

/// Makes the requests of an input. Its first byte says by whom: an even one leaves them as they
/// are, and an odd one has them signed by one of those who can speak to the dialect.
///
/// The rest is text as in the goldens: first line, headers, an empty line, body.
pub fn check(dialect: &str, input: &[u8]) {
    let Some((first, rest)) = input.split_first() else { return };
    let signer = (first % 2 == 1).then_some(usize::from(first / 2));
    with_fresh(|gateway| {
        for text in split(rest, BETWEEN.as_bytes()).take(REQUESTS_MAX) {
            ask(gateway, dialect, text, signer);
        }
    });
}

fn split<'a>(mut rest: &'a [u8], between: &'static [u8]) -> impl Iterator<Item = &'a [u8]> {
    let mut ended = false;
    std::iter::from_fn(move || {
        if ended {
            return None;
        }
        let at = rest.windows(between.len()).position(|it| it == between);
        let (found, left) =
            at.map_or((rest, &[][..]), |at| (&rest[..at], &rest[at + between.len()..]));
        (rest, ended) = (left, at.is_none());
        Some(found)
    })
}

fn ask(gateway: &mut Gateway, dialect: &str, text: &[u8], signer: Option<usize>) {
    let at = text.windows(2).position(|it| it == b"\n\n");
    let (head, body) = at.map_or((text, &[][..]), |at| (&text[..at], &text[at + 2..]));
    let body = body.strip_suffix(b"\n").unwrap_or(body);
    let head = String::from_utf8_lossy(head);
    let mut lines = head.lines();
    let first = lines.next().and_then(|it| it.split_once(' '));
    let Some((method, target)) = first else { return };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let Some(serving) = dialects::owners(path).next() else { return };
    if serving.name() != dialect {
        return;
    }
    let headers = lines.filter_map(|it| it.split_once(": "));
    let headers = headers.map(|it| (it.0.to_ascii_lowercase(), it.1.to_owned()));
    let mut headers: Vec<_> = headers.collect();
    if let Some(number) = signer {
        let speaks = |name: &str| dialects::owners(path).any(|it| it.name() == name);
        let callers = gateway.world.callers.iter();
        let callers: Vec<_> = callers.filter(|it| speaks(it.key.dialect.as_str())).collect();
        signing::sign(&mut headers, body, callers[number % callers.len()]);
    }
    let request = Request { method, path, query, headers: &headers, body, client: None };
    let before = gateway.world.payout_count();
    let answered = gateway.world.ask(&request);
    check_answer(gateway, &request, &answered);
    if let Some(Action::Create(create)) = &answered.action {
        let is_new = gateway.world.payout_count() > before;
        check_amount(gateway, body, create, is_new.then_some(&answered.message.body));
    }
}

fn check_answer(gateway: &mut Gateway, request: &Request<'_>, answered: &Answered) {
    let Answered { action: _, refusal, message: Message { status, headers, body } } = answered;
    let value: Value = serde_json::from_slice(body).expect("every answer is JSON");
    let plain = |it: &str| it.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    assert!(headers.iter().all(|it| plain(&it.0) && plain(&it.1)), "{headers:?}");
    let (method, path) = (request.method, request.path);
    match refusal {
        Some(Refusal::UnknownPath | Refusal::MethodNotAllowed) => {
            assert!((400..500).contains(status), "{status}");
        }
        // What a provider has and we do not is described where it is a list of calls, and not where
        // it is everything below a path.
        Some(Refusal::NotSupported(_)) if !gateway.description.has(method, path) => {
            assert_eq!(*status, 404);
        }
        _ => gateway.description.check_answer(method, path, *status, &value),
    }
}

/// No digit is lost on the way in, nor on the way out if the payout was just made.
fn check_amount(gateway: &Gateway, body: &[u8], create: &CreatePayout, answer: Option<&Vec<u8>>) {
    let asked = asked(gateway, create);
    assert!(Numbers::of(body).has(&asked), "{asked} is not what was asked for");
    let exact = answer.filter(|_| matches!(create.asked, Asked::Exact(_)));
    if let Some(answer) = exact {
        let text = String::from_utf8_lossy(answer);
        assert!(Numbers::of(answer).has(&asked), "{asked} is not what is answered: {text}");
    }
}

fn asked(gateway: &Gateway, create: &CreatePayout) -> String {
    match &create.asked {
        Asked::Exact(amount) => {
            let asset = gateway.world.catalog.asset(create.asset.as_str());
            asset.expect("the dialect knows the catalog").text(*amount)
        }
        Asked::Worth { amount, .. } | Asked::Spend(amount) => amount.to_string(),
    }
}
