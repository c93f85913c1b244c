//! JSON as java-tron prints protobufs
//! ([JsonFormat](https://github.com/tronprotocol/java-tron/blob/develop/framework/src/main/java/org/tron/core/services/http/JsonFormat.java)):
//! what is zero or empty is left out, bytes are hexadecimal digits, and with `visible` addresses
//! are `T…` and some texts are texts.

use serde_json::{Map, Value, json};

use crate::Address;

/// An object that is written.
#[derive(Debug, Default)]
pub(crate) struct Fields(Map<String, Value>);

impl Fields {
    pub(crate) fn int(mut self, key: &str, value: i64) -> Self {
        if value != 0 {
            self.0.insert(key.to_owned(), json!(value));
        }
        self
    }

    pub(crate) fn flag(mut self, key: &str, value: bool) -> Self {
        if value {
            self.0.insert(key.to_owned(), json!(true));
        }
        self
    }

    pub(crate) fn bytes(self, key: &str, value: &[u8]) -> Self {
        self.text(key, &hex::encode(value))
    }

    pub(crate) fn text(mut self, key: &str, value: &str) -> Self {
        if !value.is_empty() {
            self.0.insert(key.to_owned(), json!(value));
        }
        self
    }

    /// Bytes that are an address.
    pub(crate) fn address(self, key: &str, value: &[u8], visible: bool) -> Self {
        self.text(key, &address_text(value, visible))
    }

    /// Bytes that are a text.
    pub(crate) fn message(self, key: &str, value: &str, visible: bool) -> Self {
        if visible { self.text(key, value) } else { self.bytes(key, value.as_bytes()) }
    }

    /// A message, which is written even if there is nothing in it.
    pub(crate) fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.0.insert(key.to_owned(), value.into());
        self
    }

    /// A list, unless it is empty.
    pub(crate) fn list(mut self, key: &str, values: Vec<Value>) -> Self {
        if !values.is_empty() {
            self.0.insert(key.to_owned(), Value::Array(values));
        }
        self
    }
}

impl From<Fields> for Value {
    fn from(fields: Fields) -> Self {
        Self::Object(fields.0)
    }
}

/// An address as clients want it.
pub(crate) fn address_text(bytes: &[u8], visible: bool) -> String {
    match Address::from_bytes(bytes) {
        Some(address) if visible => address.to_string(),
        Some(_) | None => hex::encode(bytes),
    }
}
