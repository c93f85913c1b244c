//! As much of HTTP/1.1 as the harness needs: messages with a body, one after another.

use std::{
    io::{self, BufRead, BufReader, ErrorKind, Read as _, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    thread,
    time::Duration,
};

/// How long one exchange may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A request or a response.
#[derive(Clone, Debug, Default)]
pub(crate) struct Message {
    /// The request line or the status line.
    pub(crate) start: String,
    /// Headers as they came, names in small letters.
    pub(crate) headers: Vec<(String, String)>,
    /// The body.
    pub(crate) body: Vec<u8>,
}

impl Message {
    /// A request with a JSON body.
    pub(crate) fn post(path: &str, body: impl Into<Vec<u8>>) -> Self {
        let start = format!("POST {path} HTTP/1.1");
        Self { start, body: body.into(), ..Self::default() }
            .with("host", "127.0.0.1")
            .with("content-type", "application/json")
    }

    /// A request without a body.
    pub(crate) fn get(path: &str) -> Self {
        let start = format!("GET {path} HTTP/1.1");
        Self { start, ..Self::default() }.with("host", "127.0.0.1")
    }

    /// A response with a status line's code and reason.
    pub(crate) fn answer(status: &str) -> Self {
        Self { start: format!("HTTP/1.1 {status}"), ..Self::default() }
    }

    /// Adds a header.
    #[must_use]
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The path of a request.
    pub(crate) fn path(&self) -> Option<&str> {
        self.start.split(' ').nth(1)
    }

    /// The status of a response.
    pub(crate) fn status(&self) -> Option<u16> {
        self.start.split(' ').nth(1)?.parse().ok()
    }

    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(it, _)| it == name).map(|(_, value)| value.as_str())
    }

    /// Reads one message; `None` if the other side has closed the connection.
    ///
    /// # Errors
    /// If the connection breaks within the message.
    pub(crate) fn read(stream: &mut impl BufRead) -> io::Result<Option<Self>> {
        let mut start = String::new();
        if stream.read_line(&mut start)? == 0 {
            return Ok(None);
        }
        let mut message = Self { start: start.trim_end().into(), ..Self::default() };
        loop {
            let line = read_line(stream)?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').ok_or(ErrorKind::InvalidData)?;
            message.headers.push((name.to_lowercase(), value.trim().into()));
        }
        message.body = message.read_body(stream)?;
        Ok(Some(message))
    }

    fn read_body(&self, stream: &mut impl BufRead) -> io::Result<Vec<u8>> {
        if self.header("transfer-encoding").is_some_and(|it| it.contains("chunked")) {
            return read_chunks(stream);
        }
        let length = match self.header("content-length") {
            Some(length) => length.parse().map_err(|_| ErrorKind::InvalidData)?,
            None => 0,
        };
        let mut body = vec![0; length];
        stream.read_exact(&mut body)?;
        Ok(body)
    }

    /// Writes the message with the length of its body.
    ///
    /// # Errors
    /// If the connection breaks.
    pub(crate) fn write(&self, stream: &mut impl Write) -> io::Result<()> {
        let mut bytes = format!("{}\r\n", self.start).into_bytes();
        let framing = ["content-length", "transfer-encoding", "connection"];
        for (name, value) in self.headers.iter().filter(|(it, _)| !framing.contains(&it.as_str())) {
            write!(bytes, "{name}: {value}\r\n")?;
        }
        write!(bytes, "content-length: {}\r\n\r\n", self.body.len())?;
        bytes.extend_from_slice(&self.body);
        stream.write_all(&bytes)
    }
}

fn read_line(stream: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    if stream.read_line(&mut line)? == 0 {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    Ok(line.trim_end().into())
}

fn read_chunks(stream: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = read_line(stream)?;
        let size = line.split(';').next().unwrap_or_default();
        let size = u64::from_str_radix(size, 16).map_err(|_| ErrorKind::InvalidData)?;
        let read = stream.take(size).read_to_end(&mut body)?;
        if read as u64 != size {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        read_line(stream)?;
        if size == 0 {
            return Ok(body);
        }
    }
}

/// Sends a request over a connection of its own and returns the response.
///
/// # Errors
/// If there is no whole response within the time limit.
pub(crate) fn exchange(address: SocketAddr, request: &Message) -> io::Result<Message> {
    exchange_within(address, request, TIMEOUT)
}

/// The same with a time limit of its own.
///
/// # Errors
/// If there is no whole response within it.
pub(crate) fn exchange_within(
    address: SocketAddr,
    request: &Message,
    limit: Duration,
) -> io::Result<Message> {
    let mut stream = TcpStream::connect_timeout(&address, limit)?;
    stream.set_read_timeout(Some(limit))?;
    stream.set_nodelay(true)?;
    request.write(&mut stream)?;
    let response = Message::read(&mut BufReader::new(stream))?;
    response.ok_or_else(|| ErrorKind::UnexpectedEof.into())
}

/// Answers requests on a free port of this machine until the program ends. The connection is
/// closed without an answer where `handle` has none.
///
/// # Errors
/// If there is no port.
pub(crate) fn serve(
    handle: impl Fn(Message) -> Option<Message> + Send + Sync + 'static,
) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let address = listener.local_addr()?;
    let handle = Arc::new(handle);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let handle = Arc::clone(&handle);
            // A connection that breaks is the client's affair.
            thread::spawn(move || drop(answer_all(stream, &*handle)));
        }
    });
    Ok(address)
}

fn answer_all(stream: TcpStream, handle: &impl Fn(Message) -> Option<Message>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut writer = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    while let Some(request) = Message::read(&mut reader)? {
        let Some(response) = handle(request) else { break };
        response.write(&mut writer)?;
    }
    Ok(())
}

/// A port that is free at the moment.
///
/// # Errors
/// If there is none.
pub(crate) fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind(("127.0.0.1", 0))?.local_addr()
}

#[cfg(test)]
mod tests {
    use super::{Message, exchange, serve};

    #[test]
    fn messages_are_read_one_after_another() {
        let text = b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nabHTTP/1.1 200 OK\r\n\
            Transfer-Encoding: chunked\r\n\r\n2;x\r\ncd\r\n1\r\ne\r\n0\r\n\r\n";
        let mut stream = &text[..];
        let first = Message::read(&mut stream).unwrap().unwrap();
        assert_eq!(
            (first.body.as_slice(), first.header("content-length")),
            (&b"ab"[..], Some("2"))
        );
        let second = Message::read(&mut stream).unwrap().unwrap();
        assert_eq!((second.body.as_slice(), second.status()), (&b"cde"[..], Some(200)));
        assert!(Message::read(&mut stream).unwrap().is_none());
        assert!(Message::read(&mut &text[..30]).is_err());
    }

    #[test]
    fn a_server_answers_or_hangs_up() {
        let address = serve(|request| {
            (request.body == b"hello")
                .then(|| Message { body: request.body, ..Message::answer("201 Created") })
        })
        .unwrap();
        let response = exchange(address, &Message::post("/", "hello")).unwrap();
        assert_eq!((response.status(), response.body.as_slice()), (Some(201), &b"hello"[..]));
        assert!(exchange(address, &Message::post("/", "other")).is_err());
    }
}
