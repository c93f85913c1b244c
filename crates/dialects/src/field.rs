//! What a call takes, described once: the decoder reads only what is described here, and the
//! description of the API is made of it.

/// How long a text is, in characters, where nothing else is said.
pub(crate) const TEXT_CHARACTERS_MAX: usize = 255;

/// How many texts a list may have.
pub(crate) const TEXTS_MAX: usize = 100;

/// A field of a body, or a parameter of a path or query.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    /// Its name on the wire.
    pub(crate) name: &'static str,
    /// What it holds.
    pub(crate) kind: Kind,
    /// Whether it must be there.
    pub(crate) required: bool,
    /// How many characters its text may have.
    pub(crate) characters_max: usize,
    /// The only texts it may hold; empty where there are too many to list.
    pub(crate) words: &'static [&'static str],
    /// What it means, in Markdown.
    pub(crate) about: &'static str,
    /// A value, as it is written in a form or between the quotes of a JSON text. Empty where no
    /// example helps.
    pub(crate) example: &'static str,
}

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A text.
    Text,
    /// A list of texts, or one alone. In a form its name comes once for each of them, also with
    /// brackets.
    Texts,
    /// A whole number.
    Number,
    /// A number or a text: amounts, nonces, references.
    TextOrNumber,
    /// Yes or no.
    Bool,
    /// Yes or no, also as 1 or 0 and as `"1"` or `"0"`.
    Flag,
}

impl Field {
    /// A field that may be left out, until [`Self::required`] says otherwise.
    const fn new(name: &'static str, kind: Kind, example: &'static str) -> Self {
        Self {
            name,
            kind,
            required: false,
            characters_max: TEXT_CHARACTERS_MAX,
            words: &[],
            about: "",
            example,
        }
    }

    /// A text.
    pub(crate) const fn text(name: &'static str, example: &'static str) -> Self {
        Self::new(name, Kind::Text, example)
    }

    /// A list of texts, or one alone; the example is one of them.
    pub(crate) const fn texts(name: &'static str, example: &'static str) -> Self {
        Self::new(name, Kind::Texts, example)
    }

    /// A whole number.
    pub(crate) const fn number(name: &'static str, example: &'static str) -> Self {
        Self::new(name, Kind::Number, example)
    }

    /// A number or a text.
    pub(crate) const fn text_or_number(name: &'static str, example: &'static str) -> Self {
        Self::new(name, Kind::TextOrNumber, example)
    }

    /// Yes or no.
    pub(crate) const fn bool(name: &'static str, example: &'static str) -> Self {
        Self::new(name, Kind::Bool, example)
    }

    /// Yes or no in any of the spellings of [`Kind::Flag`].
    pub(crate) const fn flag(name: &'static str, example: &'static str) -> Self {
        Self::new(name, Kind::Flag, example)
    }

    /// It must be there.
    pub(crate) const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// How many characters its text may have.
    pub(crate) const fn at_most(mut self, characters_max: usize) -> Self {
        self.characters_max = characters_max;
        self
    }

    /// The only texts it may hold.
    pub(crate) const fn one_of(mut self, words: &'static [&'static str]) -> Self {
        self.words = words;
        self
    }

    /// What it means.
    pub(crate) const fn about(mut self, about: &'static str) -> Self {
        self.about = about;
        self
    }
}
