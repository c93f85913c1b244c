//! Questions of merchants, and what must be answered to them.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use serde_json::Value;

use super::{
    history::History,
    load::Source,
    shops::{self, Shop},
};
use crate::explain;

/// How long an answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(30);
/// Among how many payouts those are that were accepted of late.
const LATE: usize = 10_000;
/// How many payouts a page has, and how many one of those that were withdrawn.
const PAGE: usize = 20;
const PAGE_WITHDRAWN: usize = 10;

/// An answer.
pub(super) struct Answer {
    /// Its HTTP status.
    pub(super) status: u16,
    body: String,
}

/// Asks once.
///
/// # Errors
/// If nobody answers.
pub(super) fn ask(address: SocketAddr, path: &str, token: Option<&str>) -> anyhow::Result<Answer> {
    send(address, &format!("GET {path} HTTP/1.1"), token, "")
}

/// Asks for something to be done.
///
/// # Errors
/// If nobody answers.
pub(super) fn post(
    address: SocketAddr,
    path: &str,
    token: &str,
    body: &str,
) -> anyhow::Result<Answer> {
    send(address, &format!("POST {path} HTTP/1.1"), Some(token), body)
}

fn send(
    address: SocketAddr,
    begin: &str,
    token: Option<&str>,
    body: &str,
) -> anyhow::Result<Answer> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(ANSWER_MAX))?;
    let proof = token.map_or_else(String::new, |it| format!("authorization: Bearer {it}\r\n"));
    let length = body.len();
    let head = format!(
        "{begin}\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n\
         {proof}content-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(head.as_bytes())?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let (head, body) = text.split_once("\r\n\r\n").context("the answer is not HTTP")?;
    let status = head.split(' ').nth(1).and_then(|it| it.parse().ok());
    let status = status.context("the answer has no status")?;
    Ok(Answer { status, body: body.to_owned() })
}

impl Answer {
    /// What it says.
    ///
    /// # Errors
    /// If it is not JSON.
    pub(super) fn json(&self) -> anyhow::Result<Value> {
        serde_json::from_str(&self.body).with_context(|| format!("not JSON: {}", self.body))
    }
}

/// The kinds of questions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Question {
    /// One of the newest payouts.
    Get,
    /// Any payout.
    GetAny,
    /// Any payout, by its merchant's reference.
    ReferenceAny,
    /// The newest page.
    List,
    /// A page far down.
    ListOlder,
    /// The newest page of those before a day long ago.
    ListUntil,
    /// The newest page of those that were withdrawn.
    ListWithdrawn,
    /// What a merchant has.
    Balances,
    /// The figures for the operator.
    Metrics,
}

impl Question {
    pub(super) const ALL: [Self; 9] = [
        Self::Get,
        Self::GetAny,
        Self::ReferenceAny,
        Self::List,
        Self::ListOlder,
        Self::ListUntil,
        Self::ListWithdrawn,
        Self::Balances,
        Self::Metrics,
    ];

    /// What it is called in figures.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::GetAny => "get_any",
            Self::ReferenceAny => "reference_any",
            Self::List => "list",
            Self::ListOlder => "list_older",
            Self::ListUntil => "list_until",
            Self::ListWithdrawn => "list_withdrawn",
            Self::Balances => "balances",
            Self::Metrics => "metrics",
        }
    }

    /// How the body of a good answer begins.
    pub(super) fn begins(self) -> &'static [u8] {
        match self {
            Self::Get | Self::GetAny | Self::ReferenceAny => br#"{"id":"po_"#,
            Self::List | Self::ListOlder | Self::ListUntil | Self::ListWithdrawn => {
                br#"{"payouts":[{"id":"po_"#
            }
            Self::Balances => br#"{"balances":[{"#,
            Self::Metrics => b"#",
        }
    }

    /// What is asked: about the payout of this number, or whose it is, as far as it matters.
    fn path(self, history: &History, run: &str, number: usize) -> String {
        let payouts = "/vyplata/v1/payouts";
        match self {
            Self::Get | Self::GetAny => format!("{payouts}/{}", history.payout(number)),
            Self::ReferenceAny => format!("{payouts}/ref:{run}-{number}"),
            Self::List => format!("{payouts}?limit={PAGE}"),
            Self::ListOlder => format!("{payouts}?limit={PAGE}&before={}", history.payout(number)),
            Self::ListUntil => {
                let moment = explain::moment(history.at(number));
                format!("{payouts}?limit={PAGE}&created_until={moment}")
            }
            Self::ListWithdrawn => format!("{payouts}?limit={PAGE_WITHDRAWN}&status=cancelled"),
            Self::Balances => "/vyplata/v1/balances".to_owned(),
            Self::Metrics => "/metrics".to_owned(),
        }
    }

    /// Which payout is asked about: any of those that it may be.
    fn number(self, history: &History, any: usize) -> usize {
        let count = history.count;
        match self {
            Self::Get => count - 1 - any % LATE.min(count),
            // Older than half of all, and with whole pages behind them.
            Self::ListOlder | Self::ListUntil => count / 4 + any % (count / 4).max(1),
            Self::GetAny
            | Self::ReferenceAny
            | Self::List
            | Self::ListWithdrawn
            | Self::Balances
            | Self::Metrics => any % count,
        }
    }
}

/// Questions of one kind, each about another payout.
pub(super) struct Questions {
    kind: Question,
    history: History,
    shops: Vec<Shop>,
    run: String,
    next: usize,
}

impl Questions {
    /// Questions from some beginning on.
    pub(super) fn new(
        kind: Question,
        history: History,
        shops: &[Shop],
        run: &str,
        next: usize,
    ) -> Self {
        Self { kind, history, shops: shops.to_vec(), run: run.to_owned(), next }
    }
}

impl Source for Questions {
    fn write(&mut self, into: &mut Vec<u8>) {
        let number = self.kind.number(&self.history, mixed(self.next));
        self.next += 1;
        let token = &self.shops[number % self.shops.len()].secret;
        let path = self.kind.path(&self.history, &self.run, number);
        let head = format!(
            "GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {token}\r\n\r\n"
        );
        into.extend_from_slice(head.as_bytes());
    }
}

/// Numbers that look drawn, the same in each run.
fn mixed(number: usize) -> usize {
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ (mixed >> 29)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 16
}

/// Whom to ask.
pub(super) struct Asked<'a> {
    /// Where.
    pub(super) address: SocketAddr,
    /// Who asks.
    pub(super) shops: &'a [Shop],
}

impl Asked<'_> {
    fn get(&self, place: usize, path: &str) -> anyhow::Result<Value> {
        let token = self.shops[place].secret.as_str();
        let answer = ask(self.address, path, Some(token))?;
        ensure!(answer.status == 200, "HTTP {} to {path}: {}", answer.status, answer.body);
        answer.json()
    }

    /// Compares a payout with what was written of it.
    pub(super) fn check_payout(
        &self,
        history: &History,
        run: &str,
        number: usize,
    ) -> anyhow::Result<()> {
        let place = number % self.shops.len();
        let found = self.get(place, &Question::GetAny.path(history, run, number))?;
        let is_withdrawn = History::is_withdrawn(number, self.shops.len());
        let status = if is_withdrawn { "cancelled" } else { "paid" };
        let is_right = found["merchant_ref"] == format!("{run}-{number}")
            && found["status"] == status
            && found["txid"].is_string() != is_withdrawn
            && found["timeline"]
                .as_array()
                .is_some_and(|it| it.len() > 2 - usize::from(is_withdrawn));
        ensure!(is_right, "the payout of number {number} is {found}");
        Ok(())
    }

    /// Compares the page of a merchant before the payout of a number with what was written.
    pub(super) fn check_page(
        &self,
        history: &History,
        place: usize,
        before: usize,
    ) -> anyhow::Result<()> {
        let path = Question::ListOlder.path(history, "", before);
        let found = self.get(place, &path)?;
        let found = found["payouts"].as_array().context("a page has payouts")?;
        let found: Vec<&str> = found.iter().filter_map(|it| it["id"].as_str()).collect();
        let shops = self.shops.len();
        let expected = (0..before).rev().filter(|it| it % shops == place).take(PAGE);
        let expected: Vec<String> = expected.map(|it| history.payout(it).to_string()).collect();
        ensure!(found == expected, "{path} answers {found:?}, and {expected:?} were written");
        Ok(())
    }

    /// Compares what a merchant has left with what its payouts cost.
    pub(super) fn check_balance(&self, history: &History, place: usize) -> anyhow::Result<()> {
        let shops = self.shops.len();
        let own = || (place..history.count).step_by(shops);
        let is_paid = |it: &usize| !History::is_withdrawn(*it, shops);
        let paid = own().filter(is_paid).count() + usize::from(place == 0);
        let one = own().find(is_paid).context("a merchant has a payout that was paid")?;
        let one = self.get(place, &Question::GetAny.path(history, "", one))?;
        let price = millionths(one["price"].as_str().unwrap_or(""))?;
        let found = self.get(place, "/vyplata/v1/balances")?;
        let lines = found["balances"].as_array().context("a list of balances")?;
        let line = lines.iter().find(|it| it["asset_id"] == shops::ASSET);
        let line = line.context("the merchant has a balance")?;
        let left = millionths(line["available"].as_str().unwrap_or(""))?;
        let expected = shops::COINS * 1_000_000 - price * u128::try_from(paid)?;
        ensure!(left == expected, "merchant {place} has {left} left, not {expected}");
        Ok(())
    }
}

/// A decimal number in millionths.
fn millionths(text: &str) -> anyhow::Result<u128> {
    let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
    ensure!(rest.len() <= 6, "{text:?} has more than six places");
    format!("{whole}{rest:0<6}").parse().with_context(|| format!("{text:?} is no amount"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_exactly() {
        assert_eq!(millionths("26.25").unwrap(), 26_250_000);
        assert_eq!(millionths("1000000000000").unwrap(), 1_000_000_000_000_000_000);
        assert!(millionths("1.0000001").is_err() && millionths("x").is_err());
    }

    #[test]
    fn questions_are_about_payouts_that_there_are() {
        let history = History { count: 800, until_ms: 1_700_000_000_000 };
        for kind in Question::ALL {
            for any in (0..2_000).map(mixed) {
                assert!(kind.number(&history, any) < history.count, "{kind:?}");
            }
        }
    }
}
