//! What the description of the APIs promises of answers and webhooks.

use std::collections::HashMap;

use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::Value;

const DOCUMENT: &str = "https://gateway.example/openapi.json";

/// The description, and whatever checks JSON against its parts.
pub(crate) struct Description {
    document: Value,
    schemas: Schemas,
    compiler: Compiler,
    /// Schemas that were needed, by their places.
    compiled: HashMap<String, SchemaIndex>,
}

impl Description {
    /// Reads it.
    pub(crate) fn new() -> Self {
        let document = dialects::openapi("/");
        let mut compiler = Compiler::new();
        compiler.add_resource(DOCUMENT, document.clone()).expect("it is JSON");
        Self { document, schemas: Schemas::new(), compiler, compiled: HashMap::new() }
    }

    /// Whether a call is described.
    pub(crate) fn has(&self, method: &str, path: &str) -> bool {
        self.operation(method, path).is_some()
    }

    /// Checks that a call is described, and with it this answer.
    pub(crate) fn check_answer(&mut self, method: &str, path: &str, status: u16, body: &Value) {
        let operation = self.operation(method, path);
        let operation = operation.unwrap_or_else(|| panic!("{method} {path} is not described"));
        let mut response = format!("{operation}/responses/{status}");
        let found = self.document.pointer(&response);
        let found = found.unwrap_or_else(|| panic!("{method} {path}: {status} is not described"));
        if let Some(reference) = found["$ref"].as_str() {
            reference.trim_start_matches('#').clone_into(&mut response);
        }
        self.check(&format!("{response}/content/application~1json/schema"), body);
    }

    /// Checks that a webhook is described.
    pub(crate) fn check_webhook(&mut self, dialect: &str, body: &Value) {
        let content = format!("/webhooks/{dialect}/post/requestBody/content");
        self.check(&format!("{content}/application~1json/schema"), body);
    }

    fn check(&mut self, place: &str, body: &Value) {
        let schema = self.schema(place);
        if let Err(error) = self.schemas.validate(body, schema) {
            panic!("{place}: {error:#}\n{body}");
        }
    }

    fn schema(&mut self, place: &str) -> SchemaIndex {
        if let Some(schema) = self.compiled.get(place) {
            return *schema;
        }
        let fragment = place.replace('{', "%7B").replace('}', "%7D");
        let schema = self.compiler.compile(&format!("{DOCUMENT}#{fragment}"), &mut self.schemas);
        let schema = schema.unwrap_or_else(|error| panic!("{place}: {error:#}"));
        self.compiled.insert(place.to_owned(), schema);
        schema
    }

    /// Finds where an operation is described.
    fn operation(&self, method: &str, path: &str) -> Option<String> {
        let method = method.to_ascii_lowercase();
        let wanted: Vec<_> = path.trim_end_matches('/').split('/').collect();
        let matches = |pattern: &str| {
            let pattern: Vec<_> = pattern.split('/').collect();
            let same = |(one, other): (&&str, &&str)| one == other || one.starts_with('{');
            pattern.len() == wanted.len() && pattern.iter().zip(&wanted).all(same)
        };
        let paths = self.document["paths"].as_object()?.iter();
        let found = paths.filter(|it| it.1.get(&method).is_some() && matches(it.0));
        // What is written out goes before what has variables.
        let pattern = found.map(|it| it.0).min_by_key(|it| it.matches('{').count())?;
        Some(format!("/paths/{}/{method}", pattern.replace('~', "~0").replace('/', "~1")))
    }
}
