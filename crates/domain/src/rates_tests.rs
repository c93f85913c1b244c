//! Prices that are late, wrong, or nobody else's.

use proptest::{collection::vec, prelude::*};

use super::*;

const NOW: Timestamp = Timestamp(1_000_000);

fn rate(text: &str) -> Rate {
    Rate::parse(text).unwrap()
}

fn told(texts: &[(&str, &str)]) -> RateBook {
    let mut book = RateBook::default();
    for (source, usd) in texts {
        book.observe(source, &[("COIN".to_owned(), rate(usd))], NOW);
    }
    book
}

fn answer(book: &RateBook, source: Option<&str>) -> Result<String, RateError> {
    book.price("COIN", source, NOW).map(|it| format!("{} {}", it.source, it.usd))
}

#[test]
fn the_dollar_is_one_and_the_operator_goes_first() {
    let mut book = told(&[("a", "2")]);
    let dollar = Priced { usd: Rate::ONE, source: "fixed".to_owned(), at: NOW };
    assert_eq!(book.price("usd", None, NOW), Ok(dollar.clone()));
    assert_eq!(RateBook::default().price("USD", Some("a"), NOW), Ok(dollar));
    book.fix("coin", rate("3"));
    let later = NOW.plus_ms(1_000_000_000);
    let own = Priced { usd: rate("3"), source: "fixed".to_owned(), at: later };
    assert_eq!(book.price("Coin", Some("a"), later), Ok(own.clone()));
    assert_eq!(book.price("Coin", None, later), Ok(own));
}

#[test]
fn names_are_taken_in_any_case() {
    let mut book = told(&[("Some", "2")]);
    assert_eq!(answer(&book, Some("SOME")).unwrap(), "some 2");
    book.observe("SOME", &[("coin".to_owned(), rate("5"))], NOW);
    assert_eq!(answer(&book, None).unwrap(), "some 5");
    assert_eq!(book.sources().collect::<Vec<_>>(), ["some"]);
}

#[test]
fn what_nobody_told_is_unknown_and_what_is_late_is_stale() {
    let book = told(&[("a", "2")]);
    let ask = |currency, source, at| book.price(currency, source, Timestamp(at)).map(|it| it.at);
    assert_eq!(ask("OTHER", None, NOW.0), Err(RateError::Unknown));
    assert_eq!(ask("COIN", Some("b"), NOW.0), Err(RateError::Unknown));
    assert_eq!(ask("COIN", Some("fixed"), NOW.0), Err(RateError::Unknown));
    assert_eq!(ask("COIN", None, NOW.0 + 120_000), Ok(NOW));
    assert_eq!(ask("COIN", None, NOW.0 + 120_001), Err(RateError::Stale));
    assert_eq!(ask("COIN", Some("a"), NOW.0 + 120_001), Err(RateError::Stale));
    assert_eq!(ask("COIN", None, NOW.0 - 120_000), Ok(NOW));
    assert_eq!(ask("COIN", None, NOW.0 - 120_001), Err(RateError::Stale));
    assert_eq!(ask("COIN", None, 0), Err(RateError::Stale));
    assert_eq!(ask("COIN", None, u64::MAX), Err(RateError::Stale));
}

#[test]
fn a_stale_source_has_no_vote() {
    let mut book = told(&[("a", "100"), ("b", "200")]);
    assert_eq!(answer(&book, None), Err(RateError::Disagreement));
    let later = NOW.plus_ms(120_001);
    book.observe("b", &[("COIN".to_owned(), rate("200"))], later);
    let priced = book.price("COIN", None, later).unwrap();
    assert_eq!((priced.source.as_str(), priced.at), ("b", later));
    assert_eq!(book.price("COIN", Some("a"), later), Err(RateError::Stale));
}

#[test]
fn one_stands_and_two_must_agree() {
    assert_eq!(answer(&told(&[("a", "100")]), None).unwrap(), "a 100");
    let agree = told(&[("a", "105"), ("b", "100")]);
    assert_eq!(answer(&agree, None).unwrap(), "b 100");
    assert_eq!(answer(&agree, Some("a")).unwrap(), "a 105");
    let differ = told(&[("a", "105.000000000000001"), ("b", "100")]);
    for source in [None, Some("a"), Some("b")] {
        assert_eq!(answer(&differ, source), Err(RateError::Disagreement));
    }
}

#[test]
fn the_one_that_stands_apart_is_left_out() {
    let book = told(&[("a", "100"), ("b", "101"), ("c", "0.000000000000000001")]);
    assert_eq!(answer(&book, None).unwrap(), "a 100");
    assert_eq!(answer(&book, Some("c")), Err(RateError::Disagreement));
    assert_eq!(answer(&book, Some("b")).unwrap(), "b 101");
    let book = told(&[("a", "100"), ("b", "101"), ("c", "999999999999999999")]);
    assert_eq!(answer(&book, None).unwrap(), "a 100");
    assert_eq!(answer(&book, Some("c")), Err(RateError::Disagreement));
    // Two against two: nobody knows.
    let split = told(&[("a", "100"), ("b", "101"), ("c", "200"), ("d", "201")]);
    assert_eq!(answer(&split, None), Err(RateError::Disagreement));
    // All apart from each other: the middle one has nobody against it on both sides.
    let apart = told(&[("a", "1"), ("b", "2"), ("c", "3")]);
    assert_eq!(answer(&apart, None).unwrap(), "b 2");
}

#[test]
fn time_does_not_go_back() {
    let mut book = told(&[("a", "100")]);
    book.observe("a", &[("COIN".to_owned(), rate("90"))], Timestamp(NOW.0 - 1));
    assert_eq!(answer(&book, None).unwrap(), "a 100");
    book.observe("a", &[("OTHER".to_owned(), rate("7"))], Timestamp(NOW.0 - 1));
    assert_eq!(book.price("OTHER", None, NOW).unwrap().usd, rate("7"));
    assert_eq!(answer(&book, None).unwrap(), "a 100");
}

#[test]
fn a_source_cannot_fill_the_memory() {
    let mut book = told(&[("a", "100")]);
    let many = (0..CURRENCIES_PER_SOURCE_MAX * 2).map(|it| (format!("X{it}"), Rate::ONE));
    let many: Vec<_> = many.collect();
    book.observe("a", &many, NOW);
    // The first, all that found room beside it, and the dollar.
    assert_eq!(book.currencies(NOW).len(), CURRENCIES_PER_SOURCE_MAX + 1);
    book.observe("a", &[("COIN".to_owned(), rate("101"))], NOW);
    assert_eq!(answer(&book, None).unwrap(), "a 101");
}

#[test]
fn the_list_holds_what_can_be_priced() {
    let mut book = told(&[("a", "100"), ("b", "200")]);
    book.observe("b", &[("Other".to_owned(), rate("7"))], NOW);
    book.observe("b", &[("LATE".to_owned(), rate("7"))], Timestamp(1));
    book.fix("mine", rate("1"));
    assert_eq!(book.currencies(NOW), ["MINE", "OTHER", "USD"]);
}

fn any_rate() -> impl Strategy<Value = Rate> {
    (1u64..1_000_000_000_000_000_000, 0usize..=18).prop_map(|(units, scale)| {
        let digits = format!("{units:0>width$}", width = scale + 1);
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        rate(&if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") })
    })
}

proptest! {
    #[test]
    fn the_order_of_observations_does_not_matter(
        told in vec((0usize..4, 0u64..6, any_rate()), 0..20),
        seed in any::<u64>(),
    ) {
        // A source says one thing at one moment.
        let told: BTreeMap<(usize, u64), Rate> =
            told.into_iter().map(|(source, at, usd)| ((source, at), usd)).collect();
        let mut shuffled: Vec<_> = told.iter().collect();
        shuffled.sort_by_key(|((source, at), _)| {
            (*source as u64 * 7 + at + 1).wrapping_mul(seed | 1) >> 7
        });
        let read = |all: &[(&(usize, u64), &Rate)]| {
            let mut book = RateBook::default();
            for ((source, at), usd) in all {
                let at = Timestamp(at * 60_000);
                book.observe(&format!("s{source}"), &[("COIN".to_owned(), **usd)], at);
            }
            book
        };
        let (one, other) = (read(&told.iter().collect::<Vec<_>>()), read(&shuffled));
        prop_assert_eq!(&one, &other);
    }

    #[test]
    fn a_single_liar_takes_nobody_along(
        honest in vec(1_000_000u64..=1_050_000, 2..6),
        lie in any_rate(),
        place in 0usize..6,
    ) {
        let price = |units: &u64| rate(&format!("{}.{:06}", units / 1_000_000, units % 1_000_000));
        let mut book = RateBook::default();
        for (index, units) in honest.iter().enumerate() {
            let name = format!("h{}", if index < place { index } else { index + 1 });
            book.observe(&name, &[("COIN".to_owned(), price(units))], NOW);
        }
        let names: Vec<String> = book.sources().map(str::to_owned).collect();
        book.observe(&format!("h{place}"), &[("COIN".to_owned(), lie)], NOW);
        for name in &names {
            prop_assert!(book.price("COIN", Some(name), NOW).is_ok(), "{} is left out", name);
        }
        let answer = book.price("COIN", None, NOW).unwrap();
        // Even a lie that is taken moves the price within what honest sources may differ by.
        prop_assert!(answer.usd >= rate("0.95") && answer.usd <= rate("1.1025"));
    }

    #[test]
    fn the_answer_is_what_some_source_said(
        told in vec((any_rate(), 0u64..400_000), 1..7),
        asked in proptest::option::of(0usize..7),
    ) {
        let mut book = RateBook::default();
        for (index, (usd, at)) in told.iter().enumerate() {
            book.observe(&format!("s{index}"), &[("COIN".to_owned(), *usd)], Timestamp(*at));
        }
        let now = Timestamp(200_000);
        let asked = asked.map(|it| format!("s{it}"));
        if let Ok(priced) = book.price("COIN", asked.as_deref(), now) {
            let index: usize = priced.source[1..].parse().unwrap();
            prop_assert_eq!((priced.usd, priced.at), (told[index].0, Timestamp(told[index].1)));
            prop_assert!(priced.at.0.abs_diff(now.0) <= 120_000);
            prop_assert!(asked.is_none_or(|it| it == priced.source));
        }
    }
}

#[test]
fn everything_that_was_said_can_be_looked_at_whether_or_not_it_is_used() {
    let mut book = told(&[("b", "2"), ("a", "1"), ("c", "2.01")]);
    book.fix("own", rate("3"));
    let said: Vec<String> =
        book.said("coin").iter().map(|it| format!("{} {}", it.source, it.usd)).collect();
    assert_eq!(said, ["a 1", "b 2", "c 2.01"]);
    assert!(book.said("own").is_empty());
    assert_eq!(book.known().into_iter().collect::<Vec<_>>(), ["COIN", "OWN"]);
}
