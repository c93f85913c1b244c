//! The suite for sources of prices takes good fakes and finds out bad ones.

use domain::{
    BoxFuture,
    money::Rate,
    ports::{RateSource, Unreachable},
};
use sim::conformance::{rates, ready};

/// Says always the same.
struct Fake(&'static str, Result<&'static [&'static str], Unreachable>);

impl RateSource for Fake {
    fn name(&self) -> &str {
        self.0
    }

    fn fetch(&self) -> BoxFuture<'_, Result<Vec<(String, Rate)>, Unreachable>> {
        let price = |code: &&str| ((*code).to_owned(), Rate::ONE);
        let prices = self.1.map(|codes| codes.iter().map(price).collect());
        Box::pin(std::future::ready(prices))
    }
}

#[test]
fn good_fakes_pass() {
    let prices = ready(rates::answers(&Fake("some1", Ok(&["B", "A1"]))));
    assert_eq!(prices.into_iter().map(|it| it.0).collect::<Vec<_>>(), ["A1", "B"]);
    ready(rates::is_unreachable(&Fake("some1", Err(Unreachable)), "nobody"));
}

#[test]
#[should_panic(expected = "is a word in small letters")]
fn a_name_in_capitals_is_found_out() {
    ready(rates::answers(&Fake("Some", Ok(&[]))));
}

#[test]
#[should_panic(expected = "A is priced twice")]
fn a_price_twice_is_found_out() {
    ready(rates::answers(&Fake("some", Ok(&["A", "A"]))));
}

#[test]
#[should_panic(expected = "is a code in capitals")]
fn a_code_in_small_letters_is_found_out() {
    ready(rates::answers(&Fake("some", Ok(&["a"]))));
}

#[test]
#[should_panic(expected = "some: silence")]
fn an_answer_that_cannot_be_is_found_out() {
    ready(rates::is_unreachable(&Fake("some", Ok(&[])), "silence"));
}
