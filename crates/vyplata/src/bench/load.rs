//! The load: connections that are kept, one request under way on each, the next as soon as the answer
//! is there. It shares the machine with what it measures, so it does as little as it can: requests are
//! written and signed before, answers are read as far as needed to know that they are good.

use std::{
    cell::RefCell,
    net::SocketAddr,
    ops::Range,
    sync::{
        Barrier,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::{Context as _, anyhow, bail};
use futures_util::{StreamExt as _, stream::FuturesUnordered};
use governor::clock::Clock as _;
use hdrhistogram::Histogram;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    runtime,
    task::unconstrained,
};

use super::{latency, machine};
use crate::clock::Uptime;

/// How long a mark of the progress is, in milliseconds.
pub(crate) const MARK_MS: u64 = 250;
/// How much is read of an answer at once, in bytes.
const READ_BYTES: usize = 8 * 1_024;
/// How much of an answer that is not good is shown, in bytes.
const SHOWN_BYTES: usize = 300;
/// How many headers an answer may have.
const HEADERS_MAX: usize = 32;
/// How many requests are written before they are needed at most, on all threads: about 100 MB.
const WRITTEN_BEFORE_MAX: usize = 200_000;

/// What is asked, and what a good answer looks like.
#[derive(Clone, Copy)]
pub(crate) struct Target<'a> {
    /// Where: connections go to each of them in turn.
    pub(crate) addresses: &'a [SocketAddr],
    /// The HTTP status of a good answer.
    pub(crate) status: u16,
    /// How its body begins.
    pub(crate) begins: &'static [u8],
    /// Whether a request may be sent that was sent before.
    pub(crate) again: bool,
}

impl Target<'_> {
    /// Where a connection goes.
    fn address(self, connection: usize) -> anyhow::Result<SocketAddr> {
        let place = connection.checked_rem(self.addresses.len());
        place.map(|it| self.addresses[it]).context("nobody is measured")
    }
}

/// What writes requests, one after another, as bytes that can be sent.
pub(crate) trait Source: Send {
    /// Appends the next request.
    fn write(&mut self, into: &mut Vec<u8>);
}

/// The requests of one thread.
pub(crate) struct Requests {
    source: Box<dyn Source>,
    bytes: Vec<u8>,
    ends: Vec<usize>,
    next: usize,
    late: u64,
}

impl Requests {
    /// No requests yet; `source` writes them.
    pub(crate) fn new(source: impl Source + 'static) -> Self {
        Self { source: Box::new(source), bytes: vec![], ends: vec![], next: 0, late: 0 }
    }

    /// Writes `count` requests, and forgets those of before.
    fn write(&mut self, count: usize) {
        self.bytes.clear();
        self.ends.clear();
        self.next = 0;
        for _ in 0..count {
            self.source.write(&mut self.bytes);
            self.ends.push(self.bytes.len());
        }
    }

    /// Puts the next request into a buffer: one from the beginning, if all were sent and that may be,
    /// or else one that is written now.
    fn take(&mut self, again: bool, into: &mut Vec<u8>) {
        into.clear();
        if again && self.next == self.ends.len() {
            self.next = 0;
        }
        let Some(end) = self.ends.get(self.next).copied() else {
            self.late += 1;
            return self.source.write(into);
        };
        let begin = self.next.checked_sub(1).map_or(0, |before| self.ends[before]);
        into.extend_from_slice(&self.bytes[begin..end]);
        self.next += 1;
    }
}

/// The requests of all threads.
pub(crate) struct Supply(Vec<Requests>);

impl Supply {
    /// One part for each thread; `source` is told its number.
    pub(crate) fn new<S: Source + 'static>(source: impl Fn(usize) -> S) -> Self {
        Self((0..machine::cores()).map(|it| Requests::new(source(it))).collect())
    }

    /// Writes about `count` requests, evenly, or as many as are written before at most.
    pub(crate) fn write(&mut self, count: u64) {
        let count = usize::try_from(count).unwrap_or(usize::MAX).min(WRITTEN_BEFORE_MAX);
        let each = count.div_ceil(self.0.len());
        thread::scope(|scope| {
            for part in &mut self.0 {
                scope.spawn(move || part.write(each));
            }
        });
    }

    /// From here on, requests are sent from the beginning of what was written.
    pub(crate) fn rewind(&mut self) {
        self.0.iter_mut().for_each(|it| it.next = 0);
    }

    /// How many requests had to be written while time was taken, since it was asked last.
    pub(crate) fn take_late(&mut self) -> u64 {
        self.0.iter_mut().map(|it| std::mem::take(&mut it.late)).sum()
    }
}

/// What was seen.
pub(crate) struct Seen {
    /// The good answers.
    pub(crate) answered: u64,
    /// Those that came in time.
    pub(crate) in_time: u64,
    /// How long each took, in microseconds.
    pub(crate) times: Histogram<u64>,
    /// How many came in each [`MARK_MS`].
    pub(crate) marks: Vec<u64>,
}

impl Seen {
    /// Before anything was asked.
    pub(crate) fn nothing() -> Self {
        Self { answered: 0, in_time: 0, times: latency::empty(), marks: vec![] }
    }

    fn took(&mut self, since: Duration, time: Duration, lasts: Duration) {
        self.answered += 1;
        if since <= lasts {
            self.in_time += 1;
            let mark = u64::try_from(since.as_millis()).unwrap_or(u64::MAX) / MARK_MS;
            let mark = usize::try_from(mark).unwrap_or(usize::MAX);
            if self.marks.len() <= mark {
                self.marks.resize(mark + 1, 0);
            }
            self.marks[mark] += 1;
        }
        self.times.saturating_record(latency::us(time));
    }

    /// Adds what was seen elsewhere.
    ///
    /// # Errors
    /// If times are longer than can be told.
    pub(crate) fn add(&mut self, other: &Self) -> anyhow::Result<()> {
        self.answered += other.answered;
        self.in_time += other.in_time;
        self.times.add(&other.times).map_err(|error| anyhow!("{error}"))?;
        if self.marks.len() < other.marks.len() {
            self.marks.resize(other.marks.len(), 0);
        }
        self.marks.iter_mut().zip(&other.marks).for_each(|(mine, its)| *mine += its);
        Ok(())
    }
}

/// Asks over `connections` for as long as it lasts, and waits for the answers that are missing then.
///
/// # Errors
/// With the first answer that is not good.
pub(crate) fn run(
    target: Target<'_>,
    connections: usize,
    lasts: Duration,
    supply: &mut Supply,
    stop: &AtomicBool,
) -> anyhow::Result<Seen> {
    let threads = supply.0.len().min(connections);
    let barrier = Barrier::new(threads);
    let seen: Vec<anyhow::Result<Seen>> = thread::scope(|scope| {
        let parts = supply.0.iter_mut().take(threads).enumerate();
        let started: Vec<_> = parts
            .map(|(number, requests)| {
                let own = share(connections, threads, number);
                let (barrier, round) = (&barrier, Round { target, lasts, stop });
                scope.spawn(move || round.thread(own, requests, barrier))
            })
            .collect();
        let ended = started.into_iter().map(thread::ScopedJoinHandle::join);
        ended.map(|it| it.unwrap_or_else(|_| Err(anyhow!("a thread of the load died")))).collect()
    });
    let mut all = Seen::nothing();
    for part in seen {
        all.add(&part?)?;
    }
    Ok(all)
}

/// Which connections one of several threads has: as many as the others, or one more or less.
fn share(connections: usize, threads: usize, number: usize) -> Range<usize> {
    connections * number / threads..connections * (number + 1) / threads
}

#[derive(Clone, Copy)]
struct Round<'a> {
    target: Target<'a>,
    lasts: Duration,
    stop: &'a AtomicBool,
}

/// What the connections of a thread share.
struct Desk<'a> {
    requests: &'a mut Requests,
    seen: Seen,
}

impl Round<'_> {
    fn thread(
        self,
        connections: Range<usize>,
        requests: &mut Requests,
        barrier: &Barrier,
    ) -> anyhow::Result<Seen> {
        let runtime = runtime::Builder::new_current_thread().enable_io().build();
        let opened = runtime.context("a thread of the load").and_then(|runtime| {
            let streams = runtime.block_on(self.open(connections))?;
            Ok((runtime, streams))
        });
        // All begin at once, and nobody waits for one that cannot.
        barrier.wait();
        let (runtime, streams) = opened?;
        let desk = RefCell::new(Desk { requests, seen: Seen::nothing() });
        let begun = Uptime.now();
        runtime.block_on(unconstrained(async {
            let mut talks: FuturesUnordered<_> =
                streams.into_iter().map(|it| self.talk(it, &desk, begun)).collect();
            while let Some(ended) = talks.next().await {
                ended?;
            }
            anyhow::Ok(())
        }))?;
        Ok(desk.into_inner().seen)
    }

    async fn open(self, connections: Range<usize>) -> anyhow::Result<Vec<TcpStream>> {
        let mut streams = vec![];
        for connection in connections {
            let stream = TcpStream::connect(self.target.address(connection)?).await;
            let stream = stream.context("cannot connect to what is measured")?;
            stream.set_nodelay(true)?;
            streams.push(stream);
        }
        Ok(streams)
    }

    /// One connection.
    async fn talk(
        self,
        mut stream: TcpStream,
        desk: &RefCell<Desk<'_>>,
        begun: Duration,
    ) -> anyhow::Result<()> {
        let mut request = vec![];
        let mut answer = Vec::with_capacity(READ_BYTES);
        loop {
            let asked = Uptime.now();
            if asked.saturating_sub(begun) >= self.lasts || self.stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            desk.borrow_mut().requests.take(self.target.again, &mut request);
            let asked = Uptime.now();
            stream.write_all(&request).await.context("the connection broke")?;
            self.read(&mut stream, &mut answer).await?;
            let now = Uptime.now();
            let (since, time) = (now.saturating_sub(begun), now.saturating_sub(asked));
            desk.borrow_mut().seen.took(since, time, self.lasts);
        }
    }

    /// Reads one answer, and checks that it is good.
    async fn read(self, stream: &mut TcpStream, answer: &mut Vec<u8>) -> anyhow::Result<()> {
        answer.clear();
        loop {
            let more = stream.read_buf(answer).await.context("the connection broke")?;
            anyhow::ensure!(more > 0, "the connection was closed");
            let Some((status, body, length)) = head(answer)? else { continue };
            if answer.len() < body + length {
                continue;
            }
            let text = &answer[body..];
            if status != self.target.status || !text.starts_with(self.target.begins) {
                let shown = String::from_utf8_lossy(&text[..text.len().min(SHOWN_BYTES)]);
                bail!("not accepted: HTTP {status} {shown}");
            }
            return Ok(());
        }
    }
}

/// Reads the head of an answer, if it is whole: its status, where its body begins, and how long that
/// is.
fn head(answer: &[u8]) -> anyhow::Result<Option<(u16, usize, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut parsed = httparse::Response::new(&mut headers);
    let Ok(httparse::Status::Complete(body)) = parsed.parse(answer) else {
        anyhow::ensure!(answer.len() < READ_BYTES, "the answer is not HTTP");
        return Ok(None);
    };
    let length = parsed.headers.iter().find(|it| it.name.eq_ignore_ascii_case("content-length"));
    let length = length.and_then(|it| std::str::from_utf8(it.value).ok()?.parse().ok());
    let status = parsed.code.context("the answer has no status")?;
    Ok(Some((status, body, length.context("the answer does not say how long it is")?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_spread_evenly_over_threads_and_gateways() {
        let addresses = [1, 2, 3].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        for (connections, threads) in [(1, 1), (2, 2), (7, 2), (64, 3), (512, 5)] {
            let shares: Vec<_> = (0..threads).map(|it| share(connections, threads, it)).collect();
            let all: Vec<usize> = shares.iter().cloned().flatten().collect();
            assert_eq!(all, (0..connections).collect::<Vec<_>>());
            let each = connections / threads;
            assert!(shares.iter().all(|it| (each..=each + 1).contains(&it.len())));
            let target = Target { addresses: &addresses, status: 200, begins: b"", again: false };
            let asked: Vec<_> = all.iter().map(|it| target.address(*it).unwrap()).collect();
            for address in addresses {
                let count = asked.iter().filter(|it| **it == address).count();
                assert!((connections / 3..=connections / 3 + 1).contains(&count));
            }
        }
        let nobody = Target { addresses: &[], status: 200, begins: b"", again: false };
        assert!(nobody.address(0).is_err());
    }
}
