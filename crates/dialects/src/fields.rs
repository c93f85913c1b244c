//! The named values of a request's body, read so that nothing is lost: numbers keep their source
//! text, and a name that comes twice is refused instead of guessed about.

use std::{collections::BTreeMap, fmt};

use domain::{
    command::Refusal,
    money::{Amount, AmountError},
};
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor},
};
use serde_json::value::RawValue;
use url::form_urlencoded;

use crate::decimal;

/// One value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// Nothing, said explicitly.
    Null,
    /// Yes or no.
    Bool(bool),
    /// A number, as it was written.
    Number(String),
    /// A text.
    Text(String),
    /// A list or an object; no dialect takes one.
    Nested,
}

impl Value {
    /// Reads the value as an amount of an asset of `decimals` places.
    ///
    /// # Errors
    /// Refuses everything but a plain decimal that the asset can represent; exponents, which some
    /// languages print for small numbers, are expanded exactly.
    pub(crate) fn amount(&self, decimals: u8) -> Result<Amount, Refusal> {
        match self {
            Self::Number(text) | Self::Text(text) => {
                let plain = decimal::expand(text).map_err(Refusal::Amount)?;
                Amount::parse(&plain, decimals).map_err(Refusal::Amount)
            }
            Self::Null | Self::Bool(_) | Self::Nested => {
                Err(Refusal::Amount(AmountError::Malformed))
            }
        }
    }
}

/// The values of one body, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fields(BTreeMap<String, Value>);

impl Fields {
    /// Reads a JSON object.
    ///
    /// # Errors
    /// Says what is wrong with the body and where.
    pub(crate) fn json(body: &[u8]) -> Result<Self, Refusal> {
        serde_json::from_slice(body)
            .map_err(|error| Refusal::Malformed { detail: error.to_string() })
    }

    /// Reads `name=value` pairs, all of them texts.
    ///
    /// # Errors
    /// Names what is there twice.
    pub(crate) fn form(body: &[u8]) -> Result<Self, Refusal> {
        let mut fields = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(body) {
            if fields.insert(name.to_string(), Value::Text(value.into_owned())).is_some() {
                return Err(Refusal::Malformed { detail: format!("{name:?} is there twice") });
            }
        }
        Ok(Self(fields))
    }

    /// Returns a value; one that is null counts as absent.
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|it| **it != Value::Null)
    }

    /// Returns a text of at most `characters_max` characters.
    ///
    /// # Errors
    /// Names the field that holds something else or too much.
    pub(crate) fn text(
        &self,
        name: &'static str,
        characters_max: usize,
    ) -> Result<Option<&str>, Refusal> {
        let wrong = |detail: String| Err(Refusal::InvalidField { field: name, detail });
        match self.get(name) {
            None => Ok(None),
            Some(Value::Text(text)) if text.chars().count() <= characters_max => Ok(Some(text)),
            Some(Value::Text(_)) => wrong(format!("longer than {characters_max} characters")),
            Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Nested) => {
                wrong("must be a string".to_owned())
            }
        }
    }

    /// Like [`Self::text`], in APIs where an empty text means that there is none.
    ///
    /// # Errors
    /// Names the field that holds something else or too much.
    pub(crate) fn filled(
        &self,
        name: &'static str,
        characters_max: usize,
    ) -> Result<Option<&str>, Refusal> {
        Ok(self.text(name, characters_max)?.filter(|it| !it.is_empty()))
    }

    /// Returns the first name that is not one of `known`.
    pub(crate) fn unknown(&self, known: &[&str]) -> Option<&str> {
        self.0.keys().map(String::as_str).find(|it| !known.contains(it))
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Object)
    }
}

struct Object;

impl<'de> Visitor<'de> for Object {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
        let mut fields = BTreeMap::new();
        while let Some((name, raw)) = map.next_entry::<String, Box<RawValue>>()? {
            let value = value(raw.get()).map_err(A::Error::custom)?;
            if fields.insert(name.clone(), value).is_some() {
                return Err(A::Error::custom(format!("{name:?} is there twice")));
            }
        }
        Ok(Fields(fields))
    }
}

fn value(source: &str) -> serde_json::Result<Value> {
    Ok(match source.as_bytes().first() {
        Some(b'"') => Value::Text(serde_json::from_str(source)?),
        Some(b'n') => Value::Null,
        Some(b't') => Value::Bool(true),
        Some(b'f') => Value::Bool(false),
        Some(b'{' | b'[') => Value::Nested,
        _ => Value::Number(source.to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_source_text_of_numbers() {
        let body = br#" {"a": 0.10, "b": 1e-05, "c": "x\u0041", "d": null, "e": [1], "f": true}"#;
        let fields = Fields::json(body).unwrap();
        assert_eq!(fields.get("a"), Some(&Value::Number("0.10".to_owned())));
        assert_eq!(fields.get("b"), Some(&Value::Number("1e-05".to_owned())));
        assert_eq!(fields.get("c"), Some(&Value::Text("xA".to_owned())));
        assert_eq!(fields.get("d"), None);
        assert_eq!(fields.get("e"), Some(&Value::Nested));
        assert_eq!(fields.get("f"), Some(&Value::Bool(true)));
        assert_eq!(fields.unknown(&["a", "b", "c", "d", "e"]), Some("f"));
    }

    #[test]
    fn refuses_what_could_be_read_in_two_ways() {
        let deep = "[".repeat(100_000);
        for body in [
            r#"{"amount": 1, "amount": 2}"#,
            r#"{"amount": 1,}"#,
            r#"{"amount": NaN}"#,
            r#"{"amount": "\ud800"}"#,
            r#"{"amount": 1} x"#,
            r#"["amount"]"#,
            &format!("{{\"amount\": {deep}"),
            "",
        ] {
            assert!(matches!(Fields::json(body.as_bytes()), Err(Refusal::Malformed { .. })));
        }
        assert!(Fields::json(b"{\"a\": \"\xff\"}").is_err());
        assert!(Fields::form(b"amount=1&amount=2").is_err());
    }

    #[test]
    fn bounds_texts_by_characters() {
        let fields = Fields::form("a=%D0%B6%D0%B6&b=".as_bytes()).unwrap();
        assert_eq!(fields.text("a", 2).unwrap(), Some("жж"));
        assert!(fields.text("a", 1).is_err());
        assert_eq!(
            (fields.text("b", 1).unwrap(), fields.filled("b", 1).unwrap()),
            (Some(""), None)
        );
    }
}
