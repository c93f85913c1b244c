//! Tells the code of a Rust file from its comments and its string literals.
//!
//! A full parser would be exact and slow to build; the checks only need to know that a brace or a
//! word is neither in a comment nor in a literal.

/// A source text taken apart. Both parts have as many lines as the original.
pub(crate) struct Parts {
    /// The code, with comments and the insides of literals blanked.
    pub(crate) code: String,
    /// The comments, with everything else blanked.
    pub(crate) comments: String,
}

/// Takes a source text apart.
pub(crate) fn split(text: &str) -> Parts {
    let mut lexer = Lexer {
        text: text.chars().collect(),
        at: 0,
        parts: Parts { code: String::new(), comments: String::new() },
    };
    while lexer.at < lexer.text.len() {
        lexer.token();
    }
    lexer.parts
}

#[derive(Clone, Copy)]
enum Kind {
    Code,
    Comment,
    Literal,
}

struct Lexer {
    text: Vec<char>,
    at: usize,
    parts: Parts,
}

impl Lexer {
    fn token(&mut self) {
        if self.sees("//") {
            self.take_until(Kind::Comment, |lexer| lexer.peek(0) == Some('\n'));
        } else if self.sees("/*") {
            self.block_comment();
        } else if let Some(hashes) = self.raw_string_hashes() {
            self.raw_string(hashes);
        } else if self.peek(0) == Some('"') {
            self.quoted('"');
        } else if self.peek(0) == Some('\'') && self.is_char_literal() {
            self.quoted('\'');
        } else {
            self.take(Kind::Code);
        }
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.text.get(self.at + ahead).copied()
    }

    fn sees(&self, word: &str) -> bool {
        word.chars().enumerate().all(|(ahead, letter)| self.peek(ahead) == Some(letter))
    }

    fn take(&mut self, kind: Kind) {
        let Some(letter) = self.peek(0) else { return };
        let blank = if letter == '\n' { '\n' } else { ' ' };
        let (code, comment) = match kind {
            Kind::Code => (letter, blank),
            Kind::Comment => (blank, letter),
            Kind::Literal => (blank, blank),
        };
        self.parts.code.push(code);
        self.parts.comments.push(comment);
        self.at += 1;
    }

    fn take_until(&mut self, kind: Kind, is_end: fn(&Self) -> bool) {
        while self.at < self.text.len() && !is_end(self) {
            self.take(kind);
        }
    }

    fn block_comment(&mut self) {
        let mut depth = 0_usize;
        while self.at < self.text.len() {
            let (opens, closes) = (self.sees("/*"), self.sees("*/"));
            if opens || closes {
                self.take(Kind::Comment);
            }
            self.take(Kind::Comment);
            depth = if opens { depth + 1 } else { depth - usize::from(closes) };
            if depth == 0 {
                return;
            }
        }
    }

    /// The number of `#` of the raw string that starts here, if one does.
    fn raw_string_hashes(&self) -> Option<usize> {
        let in_word = self.at > 0 && is_word(self.text[self.at - 1]);
        if self.peek(0) != Some('r') || (in_word && !matches!(self.text[self.at - 1], 'b' | 'c')) {
            return None;
        }
        let hashes = self.text[self.at + 1..].iter().take_while(|it| **it == '#').count();
        (self.peek(1 + hashes) == Some('"')).then_some(hashes)
    }

    fn raw_string(&mut self, hashes: usize) {
        let end: String = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
        for _ in 0..hashes + 2 {
            self.take(Kind::Literal);
        }
        while self.at < self.text.len() && !self.sees(&end) {
            self.take(Kind::Literal);
        }
        for _ in 0..=hashes {
            self.take(Kind::Literal);
        }
    }

    fn quoted(&mut self, quote: char) {
        self.take(Kind::Literal);
        while let Some(letter) = self.peek(0) {
            if letter == '\\' {
                self.take(Kind::Literal);
            }
            self.take(Kind::Literal);
            if letter == quote {
                return;
            }
        }
    }

    /// Tells `'a'` from the lifetime `'a`.
    fn is_char_literal(&self) -> bool {
        self.peek(1) == Some('\\') || self.peek(2) == Some('\'')
    }
}

/// Whether a character can be part of a Rust word.
pub(crate) fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

#[cfg(test)]
mod tests {
    use super::split;

    fn code(text: &str) -> String {
        split(text).code.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn literals_and_comments_are_not_code() {
        assert_eq!(code(r#"let a = "}\"}"; // }"#), "let a = ;");
        assert_eq!(code("let a = r#\"}\"}\"#; b"), "let a = ; b");
        assert_eq!(code("a /* } /* } */ } */ b"), "a b");
        assert_eq!(code("match c { '{' | '\\'' => 1 }"), "match c { | => 1 }");
        assert_eq!(code("fn f<'a>(x: &'a str) {}"), "fn f<'a>(x: &'a str) {}");
        assert_eq!(code("r#fn + br\"}\""), "r#fn + b");
    }

    #[test]
    fn comments_are_found_and_lines_kept() {
        let parts = split("a // one\n/* two\n */ \"// three\"\n");
        let words: Vec<_> = parts.comments.split_whitespace().collect();
        assert_eq!(words, ["//", "one", "/*", "two", "*/"]);
        assert_eq!(parts.comments.lines().count(), 3);
        assert_eq!(parts.code.lines().count(), 3);
    }
}
