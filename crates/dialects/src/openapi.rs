//! The description of all APIs as `OpenAPI` 3.1.0 (<https://spec.openapis.org/oas/v3.1.0>), made of
//! the tables that route requests, the types that are written, and the refusals that dialects
//! write.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    Timestamp,
    catalog::{Catalog, Destination, DestinationError, Network},
    command::Refusal,
    ids::PayoutId,
    ports::AddressRules,
    quote::PriceBook,
};
use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use crate::{
    About, Context, DIALECTS, Dialect, Message, Request, Settings,
    about::{self, Credential},
    endpoint::Endpoint,
    example, owners, request_form,
};

/// Where schemars puts definitions, as references say it.
const DEFINITIONS: &str = "#/$defs/";

const INTRODUCTION: &str = "\
A self-hosted crypto payout gateway. The path chooses the API; a program that was written for one \
of these providers changes the base URL and nothing else. Any other path of an API answers 404 in \
its own shape, and another method of a path 405 with the header `Allow`.";

/// Describes all APIs, as they are served at an address.
pub fn openapi(server_url: &str) -> Value {
    let mut document = Document::default();
    for dialect in DIALECTS.iter().copied() {
        let about = dialect.about();
        if leader(&about) == Some(dialect.name()) {
            document.add(dialect, &about);
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Vyplata",
            "version": env!("CARGO_PKG_VERSION"),
            "description": INTRODUCTION,
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": server_url }],
        "tags": document.tags,
        "paths": document.paths,
        "webhooks": document.webhooks,
        "components": {
            "schemas": document.schemas,
            "responses": document.responses,
            "securitySchemes": document.security_schemes,
        },
    })
}

/// The dialect that is described in the place of all twins that have the same paths.
fn leader(about: &About) -> Option<&'static str> {
    let path = about.endpoints.first()?.path;
    owners(path).next().map(Dialect::name)
}

/// Other brands of the same API.
fn twins(name: &str) -> Vec<&'static str> {
    let others = DIALECTS.iter().filter(|it| it.name() != name).map(|it| it.about());
    others.filter(|it| leader(it) == Some(name)).map(|it| it.title).collect()
}

#[derive(Default)]
struct Document {
    tags: Vec<Value>,
    paths: Map<String, Value>,
    webhooks: Map<String, Value>,
    schemas: Map<String, Value>,
    responses: Map<String, Value>,
    security_schemes: Map<String, Value>,
}

impl Document {
    fn add(&mut self, dialect: &'static dyn Dialect, about: &About) {
        let twins = twins(dialect.name());
        let brands: Vec<&str> = [about.title].into_iter().chain(twins.iter().copied()).collect();
        let tag = brands.join(" and ");
        let speaks =
            |it| format!("{it} speaks it too: the same calls, with credentials of its own.");
        let twins = twins.iter().map(speaks);
        let text: Vec<String> = [about.text.to_owned()].into_iter().chain(twins).collect();
        let text = text.join(" ");
        self.tags.push(json!({ "name": tag, "description": text }));
        let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
        let mut section = Section { dialect, about, tag, generator, responses: vec![] };
        let security = section.security(&mut self.security_schemes);
        let mut paths = Map::new();
        for endpoint in &about.endpoints {
            for (number, path) in endpoint.paths().enumerate() {
                let operation = section.operation(endpoint, number, path, &security);
                let item = paths.entry(path).or_insert_with(|| json!({}));
                item[endpoint.method.to_ascii_lowercase()] = operation;
            }
        }
        let webhook = section.webhook();
        let Section { mut generator, responses, .. } = section;
        let mut parts = json!({
            "paths": paths,
            "webhooks": { dialect.name(): webhook },
            "responses": responses.into_iter().collect::<Map<_, _>>(),
            "schemas": Map::from_iter(generator.take_definitions(true)),
        });
        rename(&mut parts, about.title);
        self.paths.extend(taken(&mut parts, "paths"));
        self.webhooks.extend(taken(&mut parts, "webhooks"));
        self.responses.extend(taken(&mut parts, "responses"));
        let schemas = taken(&mut parts, "schemas").into_iter();
        self.schemas.extend(schemas.map(|(name, it)| (format!("{}.{name}", about.title), it)));
    }
}

fn taken(parts: &mut Value, name: &str) -> Map<String, Value> {
    match parts[name].take() {
        Value::Object(map) => map,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Map::new()
        }
    }
}

/// Makes references lead to where an API's definitions are put.
fn rename(value: &mut Value, title: &str) {
    match value {
        Value::Object(map) => {
            let reference = map.get_mut("$ref");
            let name = reference.as_ref().and_then(|it| it.as_str()?.strip_prefix(DEFINITIONS));
            let target = name.map(|name| format!("#/components/schemas/{title}.{name}"));
            if let Some((reference, target)) = reference.zip(target) {
                *reference = target.into();
            }
            map.values_mut().for_each(|it| rename(it, title));
        }
        Value::Array(list) => list.iter_mut().for_each(|it| rename(it, title)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// One API.
struct Section<'a> {
    dialect: &'static dyn Dialect,
    about: &'a About,
    /// What it is called: all its brands.
    tag: String,
    generator: SchemaGenerator,
    /// Answers that several calls have, by their names.
    responses: Vec<(String, Value)>,
}

impl Section<'_> {
    /// Adds what proves who asks, and returns what a call needs of it: all.
    fn security(&self, schemes: &mut Map<String, Value>) -> Value {
        let mut needed = Map::new();
        for credential in self.about.credentials {
            let (name, scheme) = match credential {
                Credential::Bearer { about } => {
                    ("token", json!({ "type": "http", "scheme": "bearer", "description": about }))
                }
                Credential::Header { name, about } => (
                    *name,
                    json!({ "type": "apiKey", "in": "header", "name": name, "description": about }),
                ),
            };
            let name = format!("{}.{name}", self.dialect.name());
            schemes.insert(name.clone(), scheme);
            needed.insert(name, json!([]));
        }
        json!([needed])
    }

    fn operation(
        &mut self,
        endpoint: &Endpoint<String>,
        number: usize,
        path: &str,
        security: &Value,
    ) -> Value {
        let mut operation = Map::new();
        let mut id = format!("{}.{}", self.dialect.name(), endpoint.call);
        let mut text = endpoint.detail.to_owned();
        if number > 0 {
            id = format!("{id}.{number}");
            text = format!("Another path of `{}`. {text}", endpoint.path);
            operation.insert("deprecated".to_owned(), true.into());
        }
        operation.insert("tags".to_owned(), json!([self.tag]));
        operation.insert("operationId".to_owned(), id.into());
        operation.insert("summary".to_owned(), endpoint.summary.into());
        operation.insert("description".to_owned(), text.into());
        let security = if endpoint.open { json!([]) } else { security.clone() };
        operation.insert("security".to_owned(), security);
        let parameters = request_form::parameters(endpoint, path);
        operation.insert("parameters".to_owned(), parameters.into());
        if let Some(body) = request_form::body(endpoint) {
            operation.insert("requestBody".to_owned(), body);
        }
        operation.insert("responses".to_owned(), self.answers(endpoint).into());
        operation.into()
    }

    /// The answers of a call, by HTTP status.
    fn answers(&mut self, endpoint: &Endpoint<String>) -> Map<String, Value> {
        let mut answers = Map::new();
        for status in endpoint.statuses {
            let schema = (endpoint.answer)(&mut self.generator);
            let mut content = json!({ "application/json": { "schema": schema } });
            if let Some(example) = example::success(endpoint, *status) {
                content["application/json"]["example"] = example;
            }
            let answer = json!({ "description": "Success.", "content": content });
            answers.insert(status.to_string(), answer);
        }
        let mut refused: BTreeMap<u16, Vec<(&str, Message)>> = BTreeMap::new();
        for refusal in about::refusals(endpoint, self.about.broken) {
            let message = self.refuse(endpoint, &refusal);
            refused.entry(message.status).or_default().push((about::title(&refusal), message));
        }
        for (status, messages) in refused {
            let answer = self.refused(status, &messages);
            let answer = json!({ "$ref": self.shared(status, answer) });
            answers.insert(status.to_string(), answer);
        }
        answers
    }

    /// Lets the dialect refuse a request for a call.
    fn refuse(&self, endpoint: &Endpoint<String>, refusal: &Refusal) -> Message {
        let (method, path) = (endpoint.method, endpoint.path);
        let request = Request { method, path, query: "", headers: &[], body: b"", client: None };
        let context = Context {
            catalog: &Catalog::default(),
            book: &PriceBook::default(),
            rules: &NoRules,
            wallets: &BTreeSet::new(),
            settings: &Settings::default(),
            now: Timestamp(0),
            payout_id: PayoutId(0),
            random: &[0; 64],
        };
        self.dialect.refuse(&request, refusal, &context)
    }

    /// The answer with an HTTP status that these refusals are written with.
    fn refused(&mut self, status: u16, messages: &[(&str, Message)]) -> Value {
        let mut titles: Vec<&str> = vec![];
        let (mut examples, mut headers) = (Map::new(), Map::new());
        for (title, message) in messages {
            titles.push(title);
            let name = title.to_ascii_lowercase().replace(|it: char| !it.is_alphanumeric(), "-");
            let body: Value =
                serde_json::from_slice(&message.body).expect("dialects write JSON bodies");
            examples.insert(name, json!({ "summary": title, "value": body }));
            let described = message.headers.iter().filter(|it| it.0 != "content-type");
            headers.extend(described.map(|(name, value)| {
                let header = json!({ "schema": { "type": "string" }, "example": value });
                (name.clone(), header)
            }));
        }
        let schema = (self.about.error)(status, &mut self.generator);
        let content = json!({ "application/json": { "schema": schema, "examples": examples } });
        let mut answer = json!({ "description": titles.join("; ") + "." });
        if !headers.is_empty() {
            answer["headers"] = headers.into();
        }
        answer["content"] = content;
        answer
    }

    /// Refers to an answer, which is the same for many calls.
    fn shared(&mut self, status: u16, answer: Value) -> String {
        let found = self.responses.iter().find(|it| it.1 == answer).map(|it| it.0.clone());
        let name = found.unwrap_or_else(|| {
            let name = format!("{}.{status}.{}", self.about.title, self.responses.len() + 1);
            self.responses.push((name.clone(), answer));
            name
        });
        format!("#/components/responses/{name}")
    }

    fn webhook(&mut self) -> Value {
        let webhook = &self.about.webhook;
        let schema = (webhook.body)(&mut self.generator);
        let header = |(name, about): &(&str, &str)| {
            json!({
                "name": name,
                "in": "header",
                "required": true,
                "description": about,
                "schema": { "type": "string" },
            })
        };
        let parameters: Vec<Value> = webhook.headers.iter().map(header).collect();
        let example = example::webhook(webhook.golden);
        let title = self.about.title;
        json!({
            "post": {
                "tags": [self.tag],
                "operationId": format!("{}.webhook", self.dialect.name()),
                "summary": format!("Webhook of {title}"),
                "description": webhook.text,
                "parameters": parameters,
                "requestBody": {
                    "required": true,
                    "content": { "application/json": { "schema": schema, "example": example } },
                },
                "responses": {
                    webhook.acknowledgement: { "description": "It arrived; it is not sent again." },
                },
            },
        })
    }
}

/// Rules of no network: a refusal is written without them.
struct NoRules;

impl AddressRules for NoRules {
    fn parse(
        &self,
        _network: &Network,
        _address: &str,
        _memo: Option<&str>,
    ) -> Result<Destination, DestinationError> {
        Err(DestinationError::Address(String::new()))
    }
}
