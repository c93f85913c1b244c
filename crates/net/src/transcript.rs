//! Recorded exchanges, so that rails are tested against what real nodes said.
//!
//! A transcript is a text of questions and answers:
//!
//! ```text
//! # lines like this one, and empty lines, are comments
//! > {"method":"eth_chainId","params":[]}
//! < {"result":"0x1"}
//! > [{"method":"a","params":[]},{"method":"b","params":[]}]
//! < [{"result":1},{"error":{"code":-32000,"message":"nonce too low"}}]
//! > POST /wallet/getnowblock {}
//! < 200 {"blockID":"00..."}
//! > GET /api/v3/masterchainInfo?limit=1
//! < 404 {"error":
//!     "indented lines continue the line before"}
//! > {"method":"eth_sendRawTransaction","params":["0x02"]}
//! ! connection lost
//! > GETTEXT /blocks/tip/height
//! < 200 "812345"
//! > POSTTEXT /tx "0200"
//! < 400 "dust"
//! ```
//!
//! Texts are written as JSON strings. A line with `!` stands for an unreachable node. Ids and versions of JSON-RPC are left out: they
//! are the client's affair and are put back on replay.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use url::form_urlencoded;

use crate::transport::{Answer, BoxFuture, Question, Transport, Unreachable};

/// Replays a transcript in its order and notices every difference.
#[derive(Debug)]
pub struct Transcript {
    state: Mutex<Replay>,
}

#[derive(Debug)]
struct Replay {
    exchanges: VecDeque<Exchange>,
    difference: Option<String>,
}

#[derive(Debug)]
struct Exchange {
    line: usize,
    question: Question,
    answer: Result<Answer, Unreachable>,
}

impl Transcript {
    /// Reads a transcript; the error names the line that is not understood.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut lines = logical_lines(text).into_iter();
        let mut exchanges = VecDeque::new();
        while let Some((line, asked)) = lines.next() {
            let (_, answered) = lines.next().ok_or(format!("line {line}: no answer follows"))?;
            let exchange = parse_exchange(line, &asked, &answered)
                .ok_or(format!("line {line}: not a question with its answer"))?;
            exchanges.push_back(exchange);
        }
        Ok(Self { state: Mutex::new(Replay { exchanges, difference: None }) })
    }

    /// Whether all was asked as written. Call it at the end of the test: while it runs, a question
    /// that differs is merely unreachable, and so is every question after it.
    pub fn finish(&self) -> Result<(), String> {
        let state = lock(&self.state);
        if let Some(difference) = &state.difference {
            return Err(difference.clone());
        }
        match state.exchanges.front() {
            None => Ok(()),
            Some(next) => Err(format!("line {}: never asked", next.line)),
        }
    }

    fn answer(&self, question: &Question) -> Result<Answer, Unreachable> {
        let mut state = lock(&self.state);
        if let Some(difference) = &state.difference {
            return Err(Unreachable(difference.clone()));
        }
        let asked = without_ids(question);
        let difference = match state.exchanges.pop_front() {
            Some(exchange) if exchange.question == asked => {
                return exchange.answer.map(|answer| with_ids(question, answer));
            }
            Some(Exchange { line, question: expected, .. }) => format!(
                "line {line}: expected {}, asked {}",
                question_line(&expected),
                question_line(&asked)
            ),
            None => format!("after the end: asked {}", question_line(&asked)),
        };
        state.difference = Some(difference.clone());
        Err(Unreachable(difference))
    }
}

impl Transport for Transcript {
    fn send<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Result<Answer, Unreachable>> {
        Box::pin(std::future::ready(self.answer(question)))
    }
}

/// Hands every question on and writes down what happened.
pub struct Recorder {
    inner: Arc<dyn Transport>,
    text: Mutex<String>,
}

impl Recorder {
    /// Records what goes to `inner`.
    pub fn new(inner: Arc<dyn Transport>) -> Self {
        Self { inner, text: Mutex::new(String::new()) }
    }

    /// The transcript so far. It holds bodies, paths and queries of the questions, but no URL and
    /// no header.
    pub fn text(&self) -> String {
        lock(&self.text).clone()
    }
}

impl Transport for Recorder {
    fn send<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Result<Answer, Unreachable>> {
        Box::pin(async move {
            let outcome = self.inner.send(question).await;
            let asked = question_line(&without_ids(question));
            let answered = match &outcome {
                Ok(answer) => answer_line(question, answer),
                Err(Unreachable(why)) => format!("! {}", why.replace('\n', " ")),
            };
            let exchange = ["> ", &asked, "\n", &answered, "\n"].concat();
            lock(&self.text).push_str(&exchange);
            outcome
        })
    }
}

/// A test that panicked elsewhere must not hide what this one has to say.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lines without comments, continuations joined, with the number of their first line.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        match lines.last_mut() {
            Some((_, before)) if line.starts_with(' ') => before.push_str(line.trim_start()),
            Some(_) | None => lines.push((index + 1, line.to_owned())),
        }
    }
    lines
}

fn parse_exchange(line: usize, asked: &str, answered: &str) -> Option<Exchange> {
    let question = parse_question(asked.strip_prefix("> ")?)?;
    let answer = if let Some(why) = answered.strip_prefix("! ") {
        Err(Unreachable(why.to_owned()))
    } else {
        Ok(parse_answer(&question, answered.strip_prefix("< ")?)?)
    };
    Some(Exchange { line, question, answer })
}

fn parse_question(text: &str) -> Option<Question> {
    if let Some(target) = text.strip_prefix("GET ") {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let query = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        return Some(Question::Get { path: path.to_owned(), query });
    }
    if let Some(rest) = text.strip_prefix("POST ") {
        let (path, body) = rest.split_once(' ')?;
        let body = serde_json::from_str(body).ok()?;
        return Some(Question::Post { path: path.to_owned(), body });
    }
    if let Some(path) = text.strip_prefix("GETTEXT ") {
        return Some(Question::GetText { path: path.to_owned() });
    }
    if let Some(rest) = text.strip_prefix("POSTTEXT ") {
        let (path, text) = rest.split_once(' ')?;
        let text = serde_json::from_str(text).ok()?;
        return Some(Question::PostText { path: path.to_owned(), text });
    }
    Some(Question::JsonRpc(serde_json::from_str(text).ok()?))
}

fn parse_answer(question: &Question, text: &str) -> Option<Answer> {
    if matches!(question, Question::JsonRpc(_)) {
        return Some(Answer { status: 200, body: serde_json::from_str(text).ok()? });
    }
    let (status, body) = text.split_once(' ')?;
    Some(Answer { status: status.parse().ok()?, body: serde_json::from_str(body).ok()? })
}

fn question_line(question: &Question) -> String {
    match question {
        Question::JsonRpc(body) => body.to_string(),
        Question::Post { path, body } => format!("POST {path} {body}"),
        Question::Get { path, query } if query.is_empty() => format!("GET {path}"),
        Question::Get { path, query } => {
            let query =
                form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
            format!("GET {path}?{query}")
        }
        Question::GetText { path } => format!("GETTEXT {path}"),
        Question::PostText { path, text } => {
            format!("POSTTEXT {path} {}", Value::from(text.as_str()))
        }
    }
}

fn answer_line(question: &Question, answer: &Answer) -> String {
    let Question::JsonRpc(request) = question else {
        return format!("< {} {}", answer.status, answer.body);
    };
    format!("< {}", without_envelope(&in_order_of(request, &answer.body)))
}

/// The answers of a batch in the order of its calls, as replay needs them.
fn in_order_of(request: &Value, response: &Value) -> Value {
    let (Value::Array(calls), Value::Array(answers)) = (request, response) else {
        return response.clone();
    };
    let answer_to =
        |call: &Value| answers.iter().find(|answer| answer.get("id") == call.get("id")).cloned();
    calls.iter().map(answer_to).collect::<Option<_>>().unwrap_or_else(|| response.clone())
}

fn without_ids(question: &Question) -> Question {
    match question {
        Question::JsonRpc(body) => Question::JsonRpc(without_envelope(body)),
        Question::Post { .. }
        | Question::Get { .. }
        | Question::GetText { .. }
        | Question::PostText { .. } => question.clone(),
    }
}

fn without_envelope(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(without_envelope).collect(),
        Value::Object(fields) => {
            let mut fields = fields.clone();
            fields.retain(|name, _| name != "id" && name != "jsonrpc");
            Value::Object(fields)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

fn with_ids(question: &Question, mut answer: Answer) -> Answer {
    match (question, &mut answer.body) {
        (Question::JsonRpc(Value::Array(calls)), Value::Array(answers)) => {
            for (call, answer) in calls.iter().zip(answers) {
                set_id(call, answer);
            }
        }
        (Question::JsonRpc(call), body) => set_id(call, body),
        (
            Question::Post { .. }
            | Question::Get { .. }
            | Question::GetText { .. }
            | Question::PostText { .. },
            _,
        ) => {}
    }
    answer
}

fn set_id(call: &Value, answer: &mut Value) {
    if let (Some(id), Value::Object(fields)) = (call.get("id"), answer) {
        fields.insert("id".to_owned(), id.clone());
    }
}
