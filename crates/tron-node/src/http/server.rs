//! HTTP/1.1 over plain sockets, so that answers can be lost in every way.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use serde_json::{Value, json};

use super::{Failure, Params};
use crate::{
    chain::Chain,
    faults::{Fault, Faults, Hook},
};

/// The longest body: far more than a transaction may be.
const BODY_MAX: usize = 8 * 1_024 * 1_024;

/// The longest line of a head, and the most lines of it.
const LINE_MAX: u64 = 64 * 1_024;
const LINES_MAX: usize = 100;

/// Contracts call each other, 64 deep.
const STACK: usize = 16 * 1_024 * 1_024;

/// What the node's threads share.
#[derive(Debug)]
pub(crate) struct Shared {
    /// Nodes of one network have this in common.
    pub(crate) chain: Arc<Mutex<Chain>>,
    pub(crate) faults: Mutex<Faults>,
    pub(crate) api_key: Option<String>,
    pub(crate) stopped: AtomicBool,
    /// The connections, by number.
    streams: Mutex<BTreeMap<u64, TcpStream>>,
}

impl Shared {
    pub(crate) fn new(chain: Arc<Mutex<Chain>>, api_key: Option<String>) -> Self {
        Self {
            chain,
            faults: Mutex::default(),
            api_key,
            stopped: AtomicBool::new(false),
            streams: Mutex::default(),
        }
    }

    /// A test that failed while it held something does not keep others from it.
    pub(crate) fn lock<T>(it: &Mutex<T>) -> MutexGuard<'_, T> {
        it.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes all connections.
    pub(crate) fn hang_up(&self) {
        for stream in std::mem::take(&mut *Self::lock(&self.streams)).into_values() {
            // Gone already is gone too.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

/// Accepts connections until the node stops.
pub(crate) fn serve(listener: &TcpListener, shared: &Arc<Shared>) {
    for (stream, number) in listener.incoming().zip(0..) {
        if shared.stopped.load(Ordering::SeqCst) {
            return;
        }
        let Ok(stream) = stream else { continue };
        if let Ok(copy) = stream.try_clone() {
            Shared::lock(&shared.streams).insert(number, copy);
        }
        let shared = Arc::clone(shared);
        // Without a thread the connection is closed, which clients must cope with.
        let _ = thread::Builder::new().stack_size(STACK).spawn(move || {
            talk(&stream, &shared);
            Shared::lock(&shared.streams).remove(&number);
            let _ = stream.shutdown(Shutdown::Both);
        });
    }
}

/// Answers the requests of a connection, until either side has had enough.
fn talk(stream: &TcpStream, shared: &Shared) {
    let _ = stream.set_nodelay(true);
    let mut reader = BufReader::new(stream);
    while let Some(request) = Request::read(&mut reader, stream) {
        if shared.stopped.load(Ordering::SeqCst) {
            return;
        }
        let fault = Shared::lock(&shared.faults).next(&request.path);
        let (status, body) = match fault {
            Some(Fault::LostBefore) => return,
            Some(Fault::Status(status)) => (status, too_much(status)),
            Some(Fault::LostAfter) => {
                carry_out(&request, shared);
                return;
            }
            Some(Fault::Silent) => {
                carry_out(&request, shared);
                continue;
            }
            None => carry_out(&request, shared),
        };
        let text = body.to_string();
        let head = format!(
            "HTTP/1.1 {status} -\r\ncontent-type: application/json; charset=utf-8\r\n\
             content-length: {}\r\n\r\n",
            text.len() + 1
        );
        let mut to = stream;
        if to.write_all(format!("{head}{text}\n").as_bytes()).is_err() || !request.stays {
            return;
        }
    }
}

/// What is said to who asks too often: with 200 by a node itself
/// ([RateLimiterServlet](https://github.com/tronprotocol/java-tron/blob/develop/framework/src/main/java/org/tron/core/services/http/RateLimiterServlet.java)),
/// with others by `TronGrid` ([rate limits](https://developers.tron.network/reference/rate-limits)).
fn too_much(status: u16) -> Value {
    let text = match status {
        200 => "class java.lang.IllegalAccessException : lack of computing resources",
        403 => "The key exceeds the frequency limit(15), and the query server is suspended for 30s",
        _ => "request rate exceeded the allowed_rps(10), and the query server is suspended for 5 s",
    };
    json!({ "Error": text })
}

fn carry_out(request: &Request, shared: &Shared) -> (u16, Value) {
    if let Some(key) = &shared.api_key {
        match &request.api_key {
            Some(given) if given == key => {}
            Some(_) => return (401, json!({ "Error": "ApiKey not exists" })),
            None => {
                return (403, json!({ "Error": "API key is required" }));
            }
        }
    }
    let params = request.params();
    let hook = Shared::lock(&shared.faults).next_hook(&request.path);
    let answered = catch_unwind(AssertUnwindSafe(|| {
        let mut chain = Shared::lock(&shared.chain);
        if let Some(Hook(hook)) = hook {
            hook(&mut chain);
        }
        super::answer(&mut chain, &request.path, &params)
    }));
    match answered {
        Ok(Some(answer)) => (200, answer),
        Ok(None) => (404, json!({ "Error": "Not Found" })),
        Err(_) => {
            (500, json!({ "Error": "class java.lang.RuntimeException : the node is broken" }))
        }
    }
}

/// A request.
struct Request {
    is_get: bool,
    path: String,
    query: String,
    is_form: bool,
    api_key: Option<String>,
    body: Vec<u8>,
    /// Whether more requests may follow.
    stays: bool,
}

impl Request {
    fn params(&self) -> Result<Params, Failure> {
        if self.is_get {
            return Ok(Params::of_query(&self.query));
        }
        match Params::of_body(&self.body) {
            Err(_) if self.is_form => Ok(Params::of_query(&String::from_utf8_lossy(&self.body))),
            other => other,
        }
    }

    /// Reads one; `None` if there is none, or something else.
    fn read(reader: &mut BufReader<&TcpStream>, mut to: &TcpStream) -> Option<Self> {
        let line = line(reader)?;
        let mut words = line.split(' ');
        let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let mut it = Self {
            is_get: method == "GET",
            path: path.to_owned(),
            query: query.to_owned(),
            is_form: false,
            api_key: None,
            body: vec![],
            stays: true,
        };
        let (mut length, mut chunked) = (0, false);
        for _ in 0..LINES_MAX {
            let header = self::line(reader)?;
            let Some((name, value)) = header.split_once(':') else { break };
            let value = value.trim();
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.parse().ok()?,
                "transfer-encoding" => chunked = value.eq_ignore_ascii_case("chunked"),
                "content-type" => it.is_form = value.contains("x-www-form-urlencoded"),
                "tron-pro-api-key" => it.api_key = Some(value.to_owned()),
                "connection" => it.stays = !value.eq_ignore_ascii_case("close"),
                "expect" => to.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").ok()?,
                _ => {}
            }
        }
        it.body = if chunked { chunks(reader)? } else { bytes(reader, length)? };
        Some(it)
    }
}

/// A line without its end.
fn line(reader: &mut BufReader<&TcpStream>) -> Option<String> {
    let mut line = String::new();
    let count = reader.by_ref().take(LINE_MAX).read_line(&mut line).ok()?;
    (count > 0).then(|| line.trim_end().to_owned())
}

fn bytes(reader: &mut BufReader<&TcpStream>, length: usize) -> Option<Vec<u8>> {
    if length > BODY_MAX {
        return None;
    }
    let mut bytes = vec![0; length];
    reader.read_exact(&mut bytes).ok()?;
    Some(bytes)
}

/// A body in chunks.
fn chunks(reader: &mut BufReader<&TcpStream>) -> Option<Vec<u8>> {
    let mut all = vec![];
    loop {
        let line = line(reader)?;
        let size = usize::from_str_radix(line.split(';').next()?.trim(), 16).ok()?;
        let chunk = bytes(reader, size.min(BODY_MAX + 1))?;
        all.extend(chunk);
        if all.len() > BODY_MAX {
            return None;
        }
        self::line(reader)?;
        if size == 0 {
            return Some(all);
        }
    }
}
