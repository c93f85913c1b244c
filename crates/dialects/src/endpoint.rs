//! The calls of an API, described once: requests are routed by a dialect's table of endpoints, and
//! the description of the API is made of it.

use std::fmt;

use domain::command::Refusal;
use schemars::{Schema, SchemaGenerator};

use crate::{
    about::Subject,
    field::Field,
    fields::{Fields, Value},
    http,
    wire::{Message, Request},
};

/// One call of an API. `R` is the dialect's own enum of calls.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Endpoint<R: 'static> {
    /// Which call it is.
    pub(crate) call: R,
    /// The method, in capitals.
    pub(crate) method: &'static str,
    /// The path. A segment in braces, like `{id}`, stands for any text that is not empty.
    pub(crate) path: &'static str,
    /// Other paths of the same call.
    pub(crate) aliases: &'static [&'static str],
    /// What it does, in a few words.
    pub(crate) summary: &'static str,
    /// What else there is to know, in Markdown.
    pub(crate) detail: &'static str,
    /// What its path (those named in it) and its query take.
    pub(crate) parameters: &'static [Field],
    /// How the body comes.
    pub(crate) body: Body,
    /// What the body holds.
    pub(crate) fields: &'static [Field],
    /// Whether it is answered without a credential.
    pub(crate) open: bool,
    /// Whether it reads the header `Idempotency-Key`.
    pub(crate) idempotency_key: bool,
    /// What its refusals can be about, beside the request itself and who asks.
    pub(crate) subjects: &'static [Subject],
    /// The HTTP statuses of successes.
    pub(crate) statuses: &'static [u16],
    /// The form of the body of a success.
    pub(crate) answer: fn(&mut SchemaGenerator) -> Schema,
    /// A conversation of `golden/` in which the call succeeds, for an example; empty where there is
    /// none.
    pub(crate) golden: &'static str,
}

/// How the body of a request comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    /// There is none: what is sent is not looked at.
    Ignored,
    /// A JSON object, and the content type must say so.
    StrictJson,
    /// A JSON object, unless the content type says otherwise.
    Json,
    /// Like [`Self::Json`]; `[]` and nothing count as an object without fields.
    JsonOrNothing,
    /// Like [`Self::Json`], or a form, if the content type says so; nothing is either without fields.
    JsonOrForm,
}

impl<R> Endpoint<R> {
    /// A call that asks for something, without a body.
    pub(crate) const fn get(
        call: R,
        path: &'static str,
        answer: fn(&mut SchemaGenerator) -> Schema,
    ) -> Self {
        Self {
            call,
            method: "GET",
            path,
            aliases: &[],
            summary: "",
            detail: "",
            parameters: &[],
            body: Body::Ignored,
            fields: &[],
            open: false,
            idempotency_key: false,
            subjects: &[],
            statuses: &[200],
            answer,
            golden: "",
        }
    }

    /// A call with a body.
    pub(crate) const fn post(
        call: R,
        path: &'static str,
        body: Body,
        answer: fn(&mut SchemaGenerator) -> Schema,
    ) -> Self {
        let mut endpoint = Self::get(call, path, answer);
        endpoint.method = "POST";
        endpoint.body = body;
        endpoint
    }

    /// Its path and its other paths.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &'static str> {
        [self.path].into_iter().chain(self.aliases.iter().copied())
    }

    /// The same, with the call's name in the place of the call.
    pub(crate) fn named(&self) -> Endpoint<String>
    where
        R: fmt::Debug,
    {
        Endpoint {
            call: format!("{:?}", self.call),
            method: self.method,
            path: self.path,
            aliases: self.aliases,
            summary: self.summary,
            detail: self.detail,
            parameters: self.parameters,
            body: self.body,
            fields: self.fields,
            open: self.open,
            idempotency_key: self.idempotency_key,
            subjects: self.subjects,
            statuses: self.statuses,
            answer: self.answer,
            golden: self.golden,
        }
    }

    /// What a path has in the places of braces; `None` if it is not a path of this call.
    pub(crate) fn variables<'a>(&self, path: &'a str) -> Option<Vec<&'a str>> {
        self.paths().find_map(|pattern| variables(pattern, path))
    }
}

fn variables<'a>(pattern: &str, path: &'a str) -> Option<Vec<&'a str>> {
    let mut found = vec![];
    let mut segments = path.split('/');
    for expected in pattern.split('/') {
        let segment = segments.next()?;
        if is_variable(expected) && !segment.is_empty() {
            found.push(segment);
        } else if expected != segment {
            return None;
        }
    }
    segments.next().is_none().then_some(found)
}

/// Whether a segment of a pattern stands for any text.
fn is_variable(segment: &str) -> bool {
    segment.starts_with('{') && segment.ends_with('}')
}

/// A request's endpoint, and what its path has in the places of braces.
#[derive(Clone, Debug)]
pub(crate) struct Found<'a, R: 'static> {
    /// The endpoint.
    pub(crate) endpoint: &'static Endpoint<R>,
    /// The texts, in the order of the path, percent-decoding not applied.
    pub(crate) variables: Vec<&'a str>,
}

impl<R: Copy> Found<'_, R> {
    /// Which call it is.
    pub(crate) fn call(&self) -> R {
        self.endpoint.call
    }

    /// Reads the query.
    ///
    /// # Errors
    /// Names what is there twice.
    pub(crate) fn query(&self, request: &Request<'_>) -> Result<Fields, Refusal> {
        Fields::form(request.query.as_bytes(), self.endpoint.parameters)
    }

    /// Names all that must be there and is not, where `first` was found missing. Null and an empty
    /// text count as absent.
    pub(crate) fn missing(&self, request: &Request<'_>, first: &str) -> Vec<&'static str> {
        let fields = self.fields(request).ok();
        let is_absent = |name: &str| {
            let value = fields.as_ref().and_then(|fields| fields.get(name));
            value.is_none_or(|it| *it == Value::Text(String::new()))
        };
        let is_missing = |it: &&Field| it.name == first || (it.required && is_absent(it.name));
        self.endpoint.fields.iter().filter(is_missing).map(|it| it.name).collect()
    }

    /// Reads the body as the endpoint says it comes.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub(crate) fn fields(&self, request: &Request<'_>) -> Result<Fields, Refusal> {
        let (body, fields) = (request.body, self.endpoint.fields);
        match self.endpoint.body {
            Body::Ignored => Ok(Fields::none(fields)),
            Body::JsonOrNothing if matches!(body.trim_ascii(), b"" | b"[]") => {
                Ok(Fields::none(fields))
            }
            Body::JsonOrForm if http::is_form(request) => Fields::form(body, fields),
            Body::JsonOrForm if body.trim_ascii().is_empty() => Ok(Fields::none(fields)),
            Body::StrictJson | Body::Json | Body::JsonOrNothing | Body::JsonOrForm => {
                Fields::json(body, fields)
            }
        }
    }
}

/// Finds the endpoint of a method and path. Slashes at the end of a path do not count.
///
/// # Errors
/// If the path has no endpoint, or none with this method.
pub(crate) fn find<'a, R>(
    table: &'static [Endpoint<R>],
    method: &str,
    path: &'a str,
) -> Result<Found<'a, R>, Refusal> {
    let mut refusal = Refusal::UnknownPath;
    for endpoint in table {
        match endpoint.variables(path.trim_end_matches('/')) {
            Some(variables) if endpoint.method == method => {
                return Ok(Found { endpoint, variables });
            }
            Some(_) => refusal = Refusal::MethodNotAllowed,
            None => {}
        }
    }
    Err(refusal)
}

/// Finds the endpoint of a request, and checks what is the same for all calls: the headers, and
/// the content type of the body.
///
/// # Errors
/// Says what is wrong.
pub(crate) fn route<'a, R>(
    table: &'static [Endpoint<R>],
    request: &Request<'a>,
) -> Result<Found<'a, R>, Refusal> {
    let found = find(table, request.method, request.path)?;
    http::check_headers(request)?;
    let media_type = http::media_type(request);
    let fits = match (found.endpoint.body, media_type.as_deref()) {
        (Body::Ignored, _) | (_, Some("application/json")) => true,
        (Body::StrictJson, _) => false,
        (Body::Json | Body::JsonOrNothing | Body::JsonOrForm, None) => true,
        (Body::JsonOrForm, Some(_)) => http::is_form(request),
        (Body::Json | Body::JsonOrNothing, Some(_)) => false,
    };
    if fits { Ok(found) } else { Err(Refusal::UnsupportedMediaType) }
}

impl Message {
    /// Adds the headers that a refusal asks for: when to come back, and which methods a path has.
    pub(crate) fn explaining<R>(
        self,
        refusal: &Refusal,
        table: &'static [Endpoint<R>],
        path: &str,
    ) -> Self {
        if *refusal != Refusal::MethodNotAllowed {
            return self.wait_for(refusal);
        }
        let path = path.trim_end_matches('/');
        let mut methods: Vec<&str> = vec![];
        for endpoint in table.iter().filter(|it| it.variables(path).is_some()) {
            if !methods.contains(&endpoint.method) {
                methods.push(endpoint.method);
            }
        }
        self.with("allow", methods.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nothing(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<()>()
    }

    const TABLE: &[Endpoint<u8>] = &[
        Endpoint::get(1, "/a", nothing),
        Endpoint::post(2, "/a", Body::Json, nothing),
        Endpoint { aliases: &["/old/{x}/c"], ..Endpoint::get(3, "/a/{x}/c", nothing) },
        Endpoint::get(4, "/a/{x}", nothing),
    ];

    #[track_caller]
    fn check(method: &str, path: &str, call: u8, variables: &[&str]) {
        let found = find(TABLE, method, path).expect("the table has it");
        assert_eq!((found.call(), &*found.variables), (call, variables), "{method} {path}");
    }

    #[track_caller]
    fn check_refused(method: &str, path: &str, expected: &Refusal) {
        assert_eq!(find(TABLE, method, path).err().as_ref(), Some(expected), "{method} {path}");
    }

    #[test]
    fn finds_calls_by_method_and_path() {
        check("GET", "/a", 1, &[]);
        check("POST", "/a//", 2, &[]);
        check("GET", "/a/b/c", 3, &["b"]);
        check("GET", "/old/%2F/c/", 3, &["%2F"]);
        check("GET", "/a/{x}", 4, &["{x}"]);
        check_refused("PUT", "/a", &Refusal::MethodNotAllowed);
        check_refused("POST", "/a/b/c", &Refusal::MethodNotAllowed);
        for path in ["", "/", "/A", "a", "/a//c", "/a/b/d", "/a/b/c/d", "//a"] {
            check_refused("GET", path, &Refusal::UnknownPath);
        }
    }

    #[test]
    fn says_which_methods_a_path_has() {
        let answer = http::json(405, &()).explaining(&Refusal::MethodNotAllowed, TABLE, "/a/");
        assert_eq!(answer.headers.last().unwrap(), &("allow".to_owned(), "GET, POST".to_owned()));
    }
}
