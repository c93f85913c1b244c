//! The currencies that anybody here asks for.

use std::collections::BTreeSet;

/// The codes whose prices are kept; exchanges list thousands more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    coins: BTreeSet<String>,
    fiat: BTreeSet<String>,
}

impl Wanted {
    /// Coins by ticker and fiat currencies by their ISO 4217 code, in any case.
    pub fn new<C: AsRef<str>, F: AsRef<str>>(
        coins: impl IntoIterator<Item = C>,
        fiat: impl IntoIterator<Item = F>,
    ) -> Self {
        Self {
            coins: coins.into_iter().map(|it| it.as_ref().to_ascii_uppercase()).collect(),
            fiat: fiat.into_iter().map(|it| it.as_ref().to_ascii_uppercase()).collect(),
        }
    }

    /// Whether a code, in capitals, is wanted.
    pub fn has(&self, code: &str) -> bool {
        self.coins.contains(code) || self.fiat.contains(code)
    }

    /// All codes, each once.
    pub fn codes(&self) -> impl Iterator<Item = &str> {
        self.coins.union(&self.fiat).map(String::as_str)
    }

    /// The fiat currencies.
    pub fn fiat(&self) -> impl Iterator<Item = &str> {
        self.fiat.iter().map(String::as_str)
    }
}
