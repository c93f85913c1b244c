//! The named values of a request's body, read so that nothing is lost: numbers keep their source
//! text, and a name that comes twice is refused instead of guessed about.

use std::{collections::BTreeMap, fmt};

use domain::{
    command::Refusal,
    money::{Amount, AmountError, Decimal},
};
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor},
};
use serde_json::value::RawValue;
use url::form_urlencoded;

use crate::{
    decimal,
    field::{Field, Kind, TEXT_CHARACTERS_MAX, TEXTS_MAX},
};

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
    /// A list of texts.
    Texts(Vec<String>),
    /// Another list, or an object; no dialect takes one.
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
            Self::Null | Self::Bool(_) | Self::Texts(_) | Self::Nested => {
                Err(Refusal::Amount(AmountError::Malformed))
            }
        }
    }
}

impl Value {
    /// Reads the value as a sum of a currency that we do not keep.
    ///
    /// # Errors
    /// Refuses everything but a decimal, as [`Self::amount`] does.
    pub(crate) fn decimal(&self) -> Result<Decimal, Refusal> {
        let (Self::Number(text) | Self::Text(text)) = self else {
            return Err(Refusal::Amount(AmountError::Malformed));
        };
        let plain = decimal::expand(text).map_err(Refusal::Amount)?;
        Decimal::parse(&plain).map_err(Refusal::Amount)
    }
}

/// The values of one body, by name, and the fields that its call has.
#[derive(Clone, Debug)]
pub(crate) struct Fields {
    values: BTreeMap<String, Value>,
    declared: &'static [Field],
}

impl Fields {
    /// A body that holds nothing.
    pub(crate) fn none(declared: &'static [Field]) -> Self {
        Self { values: BTreeMap::new(), declared }
    }

    /// Reads a JSON object.
    ///
    /// # Errors
    /// Says what is wrong with the body and where.
    pub(crate) fn json(body: &[u8], declared: &'static [Field]) -> Result<Self, Refusal> {
        let object: Object = serde_json::from_slice(body)
            .map_err(|error| Refusal::Malformed { detail: error.to_string() })?;
        Ok(Self { values: object.0, declared })
    }

    /// Reads `name=value` pairs, all of them texts.
    ///
    /// # Errors
    /// Names what is there twice and is no list.
    pub(crate) fn form(body: &[u8], declared: &'static [Field]) -> Result<Self, Refusal> {
        let mut values = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(body) {
            let list = list_name(&name);
            if declared.iter().any(|it| it.kind == Kind::Texts && it.name == list) {
                let texts = values.entry(list.to_owned()).or_insert(Value::Texts(vec![]));
                if let Value::Texts(texts) = texts {
                    texts.push(value.into_owned());
                }
                continue;
            }
            if values.insert(name.to_string(), Value::Text(value.into_owned())).is_some() {
                return Err(Refusal::Malformed { detail: format!("{name:?} is there twice") });
            }
        }
        Ok(Self { values, declared })
    }

    /// Returns a value; one that is null counts as absent. The call must have the field.
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        debug_assert!(self.declared.iter().any(|it| it.name == name), "{name} is not declared");
        self.values.get(name).filter(|it| **it != Value::Null)
    }

    /// How many characters the text of a field may have.
    pub(crate) fn characters_max(&self, name: &str) -> usize {
        let declared = self.declared.iter().find(|it| it.name == name);
        declared.map_or(TEXT_CHARACTERS_MAX, |it| it.characters_max)
    }

    /// Returns a text that is not longer than the field may be.
    ///
    /// # Errors
    /// Names the field that holds something else or too much.
    pub(crate) fn text(&self, name: &'static str) -> Result<Option<&str>, Refusal> {
        let characters_max = self.characters_max(name);
        let wrong = |detail: String| Err(Refusal::InvalidField { field: name, detail });
        match self.get(name) {
            None => Ok(None),
            Some(Value::Text(text)) if text.chars().count() <= characters_max => Ok(Some(text)),
            Some(Value::Text(_)) => wrong(format!("longer than {characters_max} characters")),
            Some(
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::Texts(_) | Value::Nested,
            ) => wrong("must be a string".to_owned()),
        }
    }

    /// Returns a list of texts that are not longer than the field may be; a text alone counts as a
    /// list of it.
    ///
    /// # Errors
    /// Names the field that holds something else or too much.
    pub(crate) fn texts(&self, name: &'static str) -> Result<Option<Vec<String>>, Refusal> {
        let characters_max = self.characters_max(name);
        let listed = match self.get(name) {
            None => return Ok(None),
            Some(Value::Texts(texts)) => texts.clone(),
            Some(Value::Text(text)) => vec![text.clone()],
            Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Nested) => {
                let detail = "must be a list of strings".to_owned();
                return Err(Refusal::InvalidField { field: name, detail });
            }
        };
        let is_long = |it: &String| it.chars().count() > characters_max;
        let detail = if listed.len() > TEXTS_MAX {
            format!("must not be more than {TEXTS_MAX}")
        } else if listed.iter().any(is_long) {
            format!("one is longer than {characters_max} characters")
        } else {
            return Ok(Some(listed));
        };
        Err(Refusal::InvalidField { field: name, detail })
    }

    /// Like [`Self::text`], in APIs where an empty text means that there is none.
    ///
    /// # Errors
    /// Names the field that holds something else or too much.
    pub(crate) fn filled(&self, name: &'static str) -> Result<Option<&str>, Refusal> {
        Ok(self.text(name)?.filter(|it| !it.is_empty()))
    }

    /// Like [`Self::filled`], of a field that must be there.
    ///
    /// # Errors
    /// Names the field that holds nothing, something else or too much.
    pub(crate) fn required(&self, name: &'static str) -> Result<&str, Refusal> {
        self.filled(name)?.ok_or(Refusal::MissingField { field: name })
    }

    /// Whether the body has a value of this name, also if the call has no such field.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// Returns the first name that the call does not have.
    pub(crate) fn unknown(&self) -> Option<&str> {
        let is_known = |name: &&str| self.declared.iter().any(|it| it.name == *name);
        self.values.keys().map(String::as_str).find(|it| !is_known(it))
    }
}

/// The values of a JSON object.
struct Object(BTreeMap<String, Value>);

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Object;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
        let mut values = BTreeMap::new();
        while let Some((name, raw)) = map.next_entry::<String, Box<RawValue>>()? {
            let value = value(raw.get()).map_err(A::Error::custom)?;
            if values.insert(name.clone(), value).is_some() {
                return Err(A::Error::custom(format!("{name:?} is there twice")));
            }
        }
        Ok(Object(values))
    }
}

/// The name of a list in a form without its brackets: `ids`, `ids[]` and `ids[0]` are the same.
fn list_name(name: &str) -> &str {
    let Some((list, rest)) = name.split_once('[') else { return name };
    let index = rest.strip_suffix(']');
    let is_index = index.is_some_and(|it| it.bytes().all(|byte| byte.is_ascii_digit()));
    if is_index { list } else { name }
}

fn value(source: &str) -> serde_json::Result<Value> {
    Ok(match source.as_bytes().first() {
        Some(b'"') => Value::Text(serde_json::from_str(source)?),
        Some(b'n') => Value::Null,
        Some(b't') => Value::Bool(true),
        Some(b'f') => Value::Bool(false),
        Some(b'[') => serde_json::from_str(source).map_or(Value::Nested, Value::Texts),
        Some(b'{') => Value::Nested,
        _ => Value::Number(source.to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: &[Field] = &[
        Field::text("a", "").at_most(2),
        Field::text("b", ""),
        Field::text("c", ""),
        Field::text("d", ""),
        Field::text("e", ""),
    ];

    #[test]
    fn keeps_the_source_text_of_numbers() {
        let body = br#" {"a": 0.10, "b": 1e-05, "c": "x\u0041", "d": null, "e": true, "f": [1]}"#;
        let fields = Fields::json(body, FIELDS).unwrap();
        assert_eq!(fields.get("a"), Some(&Value::Number("0.10".to_owned())));
        assert_eq!(fields.get("b"), Some(&Value::Number("1e-05".to_owned())));
        assert_eq!(fields.get("c"), Some(&Value::Text("xA".to_owned())));
        assert_eq!(fields.get("d"), None);
        assert_eq!(fields.get("e"), Some(&Value::Bool(true)));
        assert_eq!(fields.values["f"], Value::Nested, "a list of numbers");
        assert_eq!(fields.unknown(), Some("f"));
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
            assert!(matches!(
                Fields::json(body.as_bytes(), FIELDS),
                Err(Refusal::Malformed { .. })
            ));
        }
        assert!(Fields::json(b"{\"a\": \"\xff\"}", FIELDS).is_err());
        assert!(Fields::form(b"amount=1&amount=2", FIELDS).is_err());
    }

    #[test]
    fn bounds_texts_by_characters() {
        let form = |text: &str| Fields::form(text.as_bytes(), FIELDS).unwrap();
        let fields = form("a=%D0%B6%D0%B6&b=");
        assert_eq!(fields.text("a").unwrap(), Some("жж"));
        assert!(form("a=%D0%B6%D0%B6x").text("a").is_err());
        assert_eq!((fields.text("b").unwrap(), fields.filled("b").unwrap()), (Some(""), None));
        assert_eq!(fields.required("b"), Err(Refusal::MissingField { field: "b" }));
    }

    #[test]
    fn lists_are_of_texts_and_bounded() {
        const LIST: &[Field] = &[Field::texts("ids", "").at_most(2)];
        let json = |text: &str| Fields::json(text.as_bytes(), LIST).unwrap().texts("ids");
        let form = |text: &str| Fields::form(text.as_bytes(), LIST).unwrap().texts("ids");
        let texts = |texts: &[&str]| Ok(Some(texts.iter().map(|it| (*it).to_owned()).collect()));
        assert_eq!(json(r#"{"ids": ["a", "b"]}"#), texts(&["a", "b"]));
        for text in ["ids=a&ids=b", "ids[]=a&ids[]=b", "ids%5B0%5D=a&ids%5B1%5D=b"] {
            assert_eq!(form(text), texts(&["a", "b"]), "{text}");
        }
        assert_eq!(form("ids[x]=a"), Ok(None));
        assert_eq!(json(r#"{"ids": null}"#), Ok(None));
        assert_eq!(json(r#"{"ids": []}"#), texts(&[]));
        assert_eq!(json(r#"{"ids": "a"}"#), texts(&["a"]));
        let many = format!(r#"{{"ids": ["a"{}]}}"#, r#","a""#.repeat(TEXTS_MAX));
        for text in [
            r#"{"ids": [1]}"#,
            r#"{"ids": [["a"]]}"#,
            r#"{"ids": ["abc"]}"#,
            r#"{"ids": {"0": "a"}}"#,
            &many,
        ] {
            assert!(json(text).is_err(), "{text}");
        }
    }

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "f is not declared")]
    fn only_declared_fields_are_read() {
        let _ = Fields::none(FIELDS).get("f");
    }
}
