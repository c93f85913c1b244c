//! The description of the APIs against what they do: every conversation in `golden/` must be one
//! that the description promises.

use std::collections::BTreeSet;

use boon::{Compiler, Schemas};
use serde_json::{Value, json};

use crate::golden::{OWN, Section, files, sections, spoken};

const DOCUMENT: &str = "https://gateway.example/openapi.json";

/// The description, and whatever checks JSON against its parts.
struct Description {
    document: Value,
    schemas: Schemas,
    compiler: Compiler,
}

impl Description {
    /// The description, made stricter: an answer has nothing that its form does not have.
    fn strict() -> Self {
        let mut document = dialects::openapi("/");
        close(&mut document["components"]["schemas"]);
        close(&mut document["webhooks"]);
        let mut compiler = Compiler::new();
        compiler.add_resource(DOCUMENT, document.clone()).expect("it is JSON");
        Self { document, schemas: Schemas::new(), compiler }
    }

    /// Follows a reference, if there is one at a place.
    fn follow(&self, place: &str) -> String {
        match self.document.pointer(place).and_then(|it| it["$ref"].as_str()) {
            Some(reference) => reference.trim_start_matches('#').to_owned(),
            None => place.to_owned(),
        }
    }

    fn validate(&mut self, place: &str, value: &Value) -> Result<(), String> {
        let fragment = place.replace('{', "%7B").replace('}', "%7D");
        let url = format!("{DOCUMENT}#{fragment}");
        let schema = self.compiler.compile(&url, &mut self.schemas);
        let schema = schema.map_err(|error| format!("{place}: {error:#}"))?;
        self.schemas.validate(value, schema).map_err(|error| format!("{error:#}"))
    }

    /// Finds where an operation is described.
    fn operation(&self, method: &str, path: &str) -> Option<String> {
        let matches = |pattern: &str| {
            let (mut of_pattern, mut of_path) = (pattern.split('/'), path.split('/'));
            let same = |(one, other): (&str, &str)| one == other || one.starts_with('{');
            of_pattern.by_ref().zip(of_path.by_ref()).all(same)
                && pattern.split('/').count() == path.split('/').count()
        };
        let paths = self.document["paths"].as_object().expect("there are paths");
        let found = paths.iter().filter(|(pattern, item)| {
            matches(pattern) && item.get(method.to_ascii_lowercase()).is_some()
        });
        // What is written out goes before what has variables.
        let pattern = found.map(|it| it.0).min_by_key(|it| it.matches('{').count())?;
        let path = pattern.replace('~', "~0").replace('/', "~1");
        Some(format!("/paths/{path}/{}", method.to_ascii_lowercase()))
    }
}

fn close(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            let is_open = map.contains_key("properties") && map["type"] == "object";
            map.values_mut().for_each(close);
            if is_open {
                map.insert("additionalProperties".to_owned(), false.into());
            }
        }
        Value::Array(list) => list.iter_mut().for_each(close),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A message of a conversation: its first line, its headers, and its body.
struct Part<'a> {
    first: &'a str,
    headers: Vec<(String, &'a str)>,
    body: &'a str,
}

fn part(section: &Section) -> Part<'_> {
    let (head, body) = section.text.split_once("\n\n").unwrap_or((section.text.trim_end(), ""));
    let mut lines = head.lines();
    let first = lines.next().unwrap_or_default();
    let headers = lines.filter_map(|it| it.split_once(": "));
    let headers = headers.map(|(name, it)| (name.to_ascii_lowercase(), it)).collect();
    Part { first, headers, body: body.trim_end_matches('\n') }
}

fn check_answer(
    description: &mut Description,
    request: &Part<'_>,
    refusal: Option<&str>,
    answer: &Part<'_>,
) -> Result<(), String> {
    let (method, target) = request.first.split_once(' ').expect("a first line");
    let path = target.split('?').next().expect("there is a first part").trim_end_matches('/');
    let operation = description.operation(method, path);
    if operation.is_none() && refusal.is_some_and(|it| it.starts_with("NotSupported(")) {
        // What a provider has and we do not is described where it is a list of calls, and not where
        // it is everything below a path.
        return Ok(());
    }
    if refusal.is_some_and(|it| matches!(it, "UnknownPath" | "MethodNotAllowed")) {
        let odd = operation.map_or(Ok(()), |it| Err(format!("{it} is described")));
        return odd;
    }
    let operation = operation.ok_or_else(|| format!("{method} {path} is not described"))?;
    let status = answer.first.trim_start_matches("HTTP ");
    let response = description.follow(&format!("{operation}/responses/{status}"));
    let described = description.document.pointer(&response);
    let described = described.ok_or_else(|| format!("{status} is not described"))?;
    for (name, _) in answer.headers.iter().filter(|it| it.0 != "content-type") {
        if described["headers"].get(name).is_none() {
            return Err(format!("{name} is not described"));
        }
    }
    let body = serde_json::from_str(answer.body).map_err(|error| error.to_string())?;
    let content = format!("{response}/content/application~1json/schema");
    description.validate(&content, &body)?;
    let json = serde_json::from_str::<Value>(request.body);
    match (refusal, json) {
        (None, Ok(json)) if json.is_object() && json != json!({}) => {
            let content = format!("{operation}/requestBody/content/application~1json/schema");
            description.validate(&content, &json)
        }
        _ => Ok(()),
    }
}

fn check(description: &mut Description, dialect: &str, text: &str) -> Result<(), String> {
    let (_, sections) = sections(text);
    let (mut request, mut refusal) = (None, None);
    for section in &sections {
        match section.name.as_str() {
            "request" => (request, refusal) = (Some(part(section)), None),
            "refusal" => refusal = Some(section.text.trim_end()),
            "answer" => {
                let request = request.as_ref().expect("an answer follows a request");
                check_answer(description, request, refusal, &part(section))?;
            }
            "webhook" if section.text.trim_end() != "none" => {
                let webhook = part(section);
                let place = format!("/webhooks/{dialect}/post/requestBody/content");
                let body = serde_json::from_str(webhook.body).map_err(|it| it.to_string())?;
                description.validate(&format!("{place}/application~1json/schema"), &body)?;
            }
            _ => {}
        }
    }
    Ok(())
}

#[test]
fn conversations_are_as_described() {
    let mut description = Description::strict();
    let mut wrong = vec![];
    // What a twin has of its own is described with the other's.
    let all = spoken().map(|it| (it.name(), it.name())).chain(OWN);
    for (dialect, described) in all {
        for (path, text) in files(dialect) {
            if let Err(why) = check(&mut description, described, &text) {
                wrong.push(format!("{}: {why}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn each_value<'a>(value: &'a Value, visit: &mut impl FnMut(&'a Value)) {
    visit(value);
    match value {
        Value::Object(map) => map.values().for_each(|it| each_value(it, visit)),
        Value::Array(list) => list.iter().for_each(|it| each_value(it, visit)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn references_lead_somewhere_and_names_are_unique() {
    let document = dialects::openapi("/");
    let (mut names, mut doubles) = (BTreeSet::new(), vec![]);
    each_value(&document, &mut |value| {
        if let Some(reference) = value.get("$ref").and_then(Value::as_str) {
            let place = reference.strip_prefix('#').expect("it leads into the document");
            assert!(document.pointer(place).is_some(), "{reference} leads nowhere");
        }
        if let Some(name) = value.get("operationId").and_then(Value::as_str)
            && !names.insert(name)
        {
            doubles.push(name);
        }
    });
    assert!(doubles.is_empty() && names.len() > 10, "{doubles:?}");
}

/// The examples of requests are what the description says of them.
#[test]
fn examples_fit_their_forms() {
    let mut description = Description::strict();
    let document = description.document.clone();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let place = format!("/paths/{}/{method}/requestBody/content", path.replace('/', "~1"));
            let content = operation["requestBody"]["content"].as_object();
            for (media_type, content) in content.into_iter().flatten() {
                let place = format!("{place}/{}/schema", media_type.replace('/', "~1"));
                let found = description.validate(&place, &content["example"]);
                assert_eq!(found, Ok(()), "{method} {path}");
            }
        }
    }
    for (name, response) in document["components"]["responses"].as_object().unwrap() {
        let content = &response["content"]["application/json"];
        for (title, example) in content["examples"].as_object().unwrap() {
            let place = format!("/components/responses/{name}/content/application~1json/schema");
            let found = description.validate(&place, &example["value"]);
            assert_eq!(found, Ok(()), "{name}: {title}");
        }
    }
}
