//! What calls take: parameters and bodies, made of their fields.

use serde_json::{Map, Value, json};

use crate::{
    endpoint::{Body, Endpoint},
    field::{Field, Kind, TEXTS_MAX},
};

/// Describes what path, query and headers of a call hold.
pub(super) fn parameters<R>(endpoint: &Endpoint<R>, path: &str) -> Vec<Value> {
    let described = endpoint.parameters.iter().map(|it| parameter(it, path));
    described.chain(endpoint.idempotency_key.then(idempotency_key)).collect()
}

fn parameter(field: &Field, path: &str) -> Value {
    let is_in_path = path.contains(&format!("{{{}}}", field.name));
    let mut parameter = json!({
        "name": field.name,
        "in": if is_in_path { "path" } else { "query" },
        "required": field.required,
        "description": field.about,
        "schema": schema(field, false),
    });
    if let Some(example) = example(field) {
        parameter["example"] = example;
    }
    parameter
}

fn idempotency_key() -> Value {
    json!({
        "name": "Idempotency-Key",
        "in": "header",
        "required": false,
        "description": "Names the request itself: at most one payout ever comes of it.",
        "schema": { "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$" },
        "example": "order-17",
    })
}

/// Describes the body of a call, if it has one.
pub(super) fn body<R>(endpoint: &Endpoint<R>) -> Option<Value> {
    let schema = object(endpoint.fields, endpoint.body == Body::StrictJson);
    let fields = endpoint.fields.iter().map(|it| (it.name, it));
    let examples = fields.filter_map(|(name, it)| Some((name.to_owned(), example(it)?)));
    let example: Value = examples.collect::<Map<_, _>>().into();
    let json = json!({ "schema": schema, "example": example });
    let (required, content) = match endpoint.body {
        Body::Ignored => return None,
        Body::StrictJson | Body::Json => (true, json!({ "application/json": json })),
        Body::JsonOrNothing => (false, json!({ "application/json": json })),
        Body::JsonOrForm => {
            let form = json.clone();
            let forms = "application/x-www-form-urlencoded";
            (true, json!({ "application/json": json, forms: form }))
        }
    };
    Some(json!({ "required": required, "content": content }))
}

/// The form of an object of these fields; a strict one has no others.
fn object(fields: &[Field], is_strict: bool) -> Value {
    let properties = fields.iter().map(|it| {
        let mut property = schema(it, !it.required);
        if !it.about.is_empty() {
            property["description"] = it.about.into();
        }
        (it.name.to_owned(), property)
    });
    let required: Vec<&str> = fields.iter().filter(|it| it.required).map(|it| it.name).collect();
    let mut object = json!({ "type": "object", "properties": properties.collect::<Map<_, _>>() });
    if !required.is_empty() {
        object["required"] = required.into();
    }
    if is_strict {
        object["additionalProperties"] = false.into();
    }
    object
}

/// The form of a value; null counts as absent in bodies.
fn schema(field: &Field, nullable: bool) -> Value {
    let mut schema = outline(field, nullable);
    if field.kind == Kind::Texts {
        schema["items"] = json!({ "type": "string", "maxLength": field.characters_max });
        schema["maxItems"] = TEXTS_MAX.into();
    }
    schema
}

fn outline(field: &Field, nullable: bool) -> Value {
    let types: &[&str] = match field.kind {
        Kind::Text => &["string"],
        Kind::Texts => &["array", "string"],
        Kind::Number => &["integer"],
        Kind::TextOrNumber => &["string", "number"],
        Kind::Bool => &["boolean"],
        Kind::Flag => &["boolean", "integer", "string"],
    };
    let types: Vec<&str> = types.iter().copied().chain(nullable.then_some("null")).collect();
    let mut schema = match *types.as_slice() {
        [only] => json!({ "type": only }),
        _ => json!({ "type": types }),
    };
    let words = match field.kind {
        Kind::Flag => vec![json!(true), json!(false), json!(1), json!(0), json!("1"), json!("0")],
        Kind::Text | Kind::Number | Kind::TextOrNumber | Kind::Bool | Kind::Texts => {
            field.words.iter().map(|it| json!(it)).collect()
        }
    };
    if !words.is_empty() {
        schema["enum"] = words.into_iter().chain(nullable.then_some(Value::Null)).collect();
    } else if matches!(field.kind, Kind::Text | Kind::TextOrNumber) {
        schema["maxLength"] = field.characters_max.into();
    }
    if field.kind == Kind::Texts {
        schema["items"] = json!({ "type": "string", "maxLength": field.characters_max });
    }
    schema
}

/// The example of a field, as JSON.
fn example(field: &Field) -> Option<Value> {
    if field.example.is_empty() {
        return None;
    }
    Some(match field.kind {
        Kind::Text | Kind::TextOrNumber | Kind::Flag => field.example.into(),
        Kind::Texts => json!([field.example]),
        Kind::Number | Kind::Bool => {
            serde_json::from_str(field.example).unwrap_or_else(|_| field.example.into())
        }
    })
}
