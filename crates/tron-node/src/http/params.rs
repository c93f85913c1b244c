//! What a client asks for.

use serde_json::{Map, Value};

use crate::Address;

/// An answer that is `{"Error": …}`: Java's class and message.
#[derive(Debug)]
pub(crate) struct Failure(pub(crate) String);

impl Failure {
    pub(crate) fn new(class: &str, message: &str) -> Self {
        Self(format!("class {class} : {message}"))
    }

    fn parse(message: &str) -> Self {
        Self::new("org.tron.core.services.http.JsonFormat$ParseException", message)
    }
}

/// The parameters: of the query of a `GET`, of the JSON of a `POST`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Params {
    map: Map<String, Value>,
    /// Whether addresses are `T…`.
    pub(crate) visible: bool,
}

impl Params {
    /// Reads the query of a `GET`, or a form.
    pub(crate) fn of_query(query: &str) -> Self {
        let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (unescape(key), Value::String(unescape(value)))
        });
        Self::of_map(pairs.collect())
    }

    /// Reads the body of a `POST`.
    pub(crate) fn of_body(body: &[u8]) -> Result<Self, Failure> {
        if body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self::default());
        }
        match serde_json::from_slice(body) {
            Ok(Value::Object(map)) => Ok(Self::of_map(map)),
            Ok(_) => Err(Failure::new("java.lang.ClassCastException", "not a JSON object")),
            Err(error) => {
                let message = error.to_string();
                Err(Failure::new("com.alibaba.fastjson.JSONException", &message))
            }
        }
    }

    pub(crate) fn of_map(map: Map<String, Value>) -> Self {
        let visible = match map.get("visible") {
            Some(Value::Bool(visible)) => *visible,
            Some(Value::String(text)) => text.eq_ignore_ascii_case("true"),
            Some(Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_)) | None => {
                false
            }
        };
        Self { map, visible }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        self.map.get(key)
    }

    /// The object of this name, with the same `visible`.
    pub(crate) fn inner(&self, key: &str) -> Option<Self> {
        let map = self.map.get(key)?.as_object()?.clone();
        Some(Self { map, visible: self.visible })
    }

    pub(crate) fn list(&self, key: &str) -> Vec<Self> {
        let list = self.map.get(key).and_then(Value::as_array);
        let objects = list.into_iter().flatten().filter_map(Value::as_object);
        objects.map(|map| Self { map: map.clone(), visible: self.visible }).collect()
    }

    /// A text; empty if it is not there.
    pub(crate) fn text(&self, key: &str) -> String {
        match self.map.get(key) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            Some(Value::Bool(flag)) => flag.to_string(),
            Some(Value::Null | Value::Array(_) | Value::Object(_)) | None => String::new(),
        }
    }

    pub(crate) fn flag(&self, key: &str) -> bool {
        self.text(key).eq_ignore_ascii_case("true")
    }

    /// A number, also as a text; zero if it is not there.
    pub(crate) fn int(&self, key: &str) -> Result<i64, Failure> {
        let text = self.text(key);
        if text.is_empty() {
            return Ok(0);
        }
        let error = |_| {
            let message = format!("For input string: \"{text}\"");
            Failure::new("java.lang.NumberFormatException", &message)
        };
        text.parse().map_err(error)
    }

    /// Bytes of hexadecimal digits; none if it is not there.
    pub(crate) fn bytes(&self, key: &str) -> Result<Vec<u8>, Failure> {
        from_hex(&self.text(key)).ok_or_else(|| Failure::parse("INVALID hex String"))
    }

    /// The bytes of an address.
    pub(crate) fn address(&self, key: &str) -> Result<Vec<u8>, Failure> {
        let text = self.text(key);
        if self.visible && !text.is_empty() {
            let none = || Failure::parse("INVALID base58 String, INVALID hex String");
            let address = Address::parse(&text).filter(|_| text.starts_with('T'));
            return Ok(address.ok_or_else(none)?.bytes().to_vec());
        }
        self.bytes(key)
    }
}

/// As java-tron reads it: with `0x` or without, and with an odd number of digits.
fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    if digits.len().is_multiple_of(2) {
        hex::decode(digits)
    } else {
        hex::decode(format!("0{digits}"))
    }
    .ok()
}

/// Takes `%41` and `+` out of a query.
fn unescape(text: &str) -> String {
    let mut bytes = vec![];
    let mut rest = text.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        let escaped = more.get(..2).filter(|_| *first == b'%');
        let byte =
            escaped.and_then(|it| u8::from_str_radix(std::str::from_utf8(it).ok()?, 16).ok());
        rest = if byte.is_some() { &more[2..] } else { more };
        bytes.push(byte.unwrap_or(if *first == b'+' { b' ' } else { *first }));
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
