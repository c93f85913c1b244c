//! `cargo xtask bench`: figures of the release binary, measured from outside.
//!
//! Creates per second are measured beside a bare echo endpoint of the same server in the same
//! run, in turn, so that the ratio holds on a noisy machine. Payouts are being paid meanwhile.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crate::process;

/// How long one measurement takes, in milliseconds.
const MEASURE_MS: u64 = 4_000;
/// How many times each pair is measured.
const ROUNDS: usize = 3;
/// How long the start may take.
const READY_TIME_MAX: Duration = Duration::from_mins(1);
const LISTEN: &str = "127.0.0.1:18199";

struct Sandbox(Child);

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What one measurement saw.
struct Seen {
    per_second: u64,
    p50_us: u64,
    p99_us: u64,
}

pub(crate) fn run(root: &Path) -> anyhow::Result<()> {
    process::run(process::cargo(root).args(["build", "--release"]))?;
    measure_all(root).map_err(|error| anyhow::anyhow!(error))
}

fn measure_all(root: &Path) -> Result<(), String> {
    let binary = &root.join("target/release/vyplata");
    let bytes = fs::metadata(binary).map_err(|error| error.to_string())?.len();
    println!("release binary            {:>8} kB", bytes / 1_000);
    let data = &root.join("target/bench-data");
    let _ = fs::remove_dir_all(data);
    let (sandbox, first_ms) = start(binary, data)?;
    drop(sandbox);
    let (sandbox, again_ms) = start(binary, data)?;
    println!("start to ready, new data  {first_ms:>8} ms");
    println!("start to ready, old data  {again_ms:>8} ms");
    thread::sleep(Duration::from_secs(3));
    println!("resident memory, idle     {:>8} kB", resident_kb(sandbox.0.id())?);
    for connections in [1, 64, 256] {
        for round in 1..=ROUNDS {
            let echo =
                measure(connections, &Arc::new(|_: u64| request("/sandbox/echo", "", "{}")))?;
            let tag = format!("{connections}-{round}-{}", std::process::id());
            let create = measure(connections, &Arc::new(move |n: u64| create(&tag, n)))?;
            let percent = create.per_second * 100 / echo.per_second.max(1);
            println!(
                "{connections:>3} connections, round {round}: creates {:>6}/s (p50 {} us, p99 {} us)  echo {:>6}/s (p50 {} us)  {percent} %",
                create.per_second, create.p50_us, create.p99_us, echo.per_second, echo.p50_us
            );
        }
    }
    println!("resident memory, loaded   {:>8} kB", resident_kb(sandbox.0.id())?);
    Ok(())
}

fn start(binary: &Path, data: &Path) -> Result<(Sandbox, u128), String> {
    let begun = Instant::now();
    let child = Command::new(binary)
        .args(["sandbox", "--listen", LISTEN, "--no-examples", "--data"])
        .arg(data)
        .env("RUST_LOG", "error")
        .stdout(Stdio::null())
        .spawn();
    let sandbox = Sandbox(child.map_err(|error| error.to_string())?);
    while begun.elapsed() < READY_TIME_MAX {
        if let Ok(mut stream) = TcpStream::connect(LISTEN) {
            let asked = b"GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
            let mut answer = String::new();
            let sent = stream.write_all(asked).and_then(|()| stream.read_to_string(&mut answer));
            if sent.is_ok() && answer.starts_with("HTTP/1.1 200") {
                return Ok((sandbox, begun.elapsed().as_millis()));
            }
        }
        thread::sleep(Duration::from_millis(2));
    }
    Err("the sandbox was not ready within a minute".to_owned())
}

fn resident_kb(process: u32) -> Result<u64, String> {
    let status = fs::read_to_string(format!("/proc/{process}/status"));
    let status = status.map_err(|error| error.to_string())?;
    let line = status.lines().find(|it| it.starts_with("VmRSS:")).unwrap_or("");
    let digits: String = line.chars().filter(char::is_ascii_digit).collect();
    digits.parse().map_err(|_| "no VmRSS".to_owned())
}

fn request(path: &str, headers: &str, body: &str) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn create(tag: &str, number: u64) -> Vec<u8> {
    let headers = format!(
        "authorization: Bearer sandbox-native-token\r\nidempotency-key: {tag}-{number}\r\n"
    );
    let body = r#"{"asset":"USDT","network":"tron","amount":"0.000001","address":"TDD97yguPESTpcrJMqU6h2ozZbibv4Vaqm"}"#;
    request("/vyplata/v1/payouts", &headers, body)
}

fn measure(
    connections: usize,
    make: &Arc<impl Fn(u64) -> Vec<u8> + Send + Sync + 'static>,
) -> Result<Seen, String> {
    let number = Arc::new(AtomicU64::new(0));
    let over = Arc::new(AtomicBool::new(false));
    let begun = Instant::now();
    let threads: Vec<_> = (0..connections)
        .map(|_| {
            let (number, over, make) = (number.clone(), over.clone(), make.clone());
            thread::spawn(move || one_connection(&number, &over, &*make))
        })
        .collect();
    thread::sleep(Duration::from_millis(MEASURE_MS));
    over.store(true, Ordering::Relaxed);
    let mut times_us = vec![];
    for thread in threads {
        times_us.extend(thread.join().map_err(|_| "a connection's thread died")??);
    }
    let elapsed_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX).max(1);
    times_us.sort_unstable();
    let count = u64::try_from(times_us.len()).unwrap_or(0);
    let at = |percent: usize| times_us.get(times_us.len() * percent / 100).copied().unwrap_or(0);
    Ok(Seen { per_second: count * 1_000 / elapsed_ms, p50_us: at(50), p99_us: at(99) })
}

fn one_connection(
    number: &AtomicU64,
    over: &AtomicBool,
    make: &impl Fn(u64) -> Vec<u8>,
) -> Result<Vec<u64>, String> {
    let mut stream = TcpStream::connect(LISTEN).map_err(|error| error.to_string())?;
    stream.set_nodelay(true).map_err(|error| error.to_string())?;
    let mut times_us = vec![];
    let mut buffer = vec![0; 64 * 1_024];
    while !over.load(Ordering::Relaxed) {
        let bytes = make(number.fetch_add(1, Ordering::Relaxed));
        let begun = Instant::now();
        stream.write_all(&bytes).map_err(|error| error.to_string())?;
        let status = read_answer(&mut stream, &mut buffer)?;
        if !(200..300).contains(&status) {
            return Err(format!("HTTP {status}"));
        }
        times_us.push(u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX));
    }
    Ok(times_us)
}

/// Reads one answer with a content length; returns its status.
fn read_answer(stream: &mut TcpStream, buffer: &mut [u8]) -> Result<u16, String> {
    let mut read = 0;
    loop {
        let more = stream.read(&mut buffer[read..]).map_err(|error| error.to_string())?;
        if more == 0 {
            return Err("the server closed the connection".to_owned());
        }
        read += more;
        let text = String::from_utf8_lossy(&buffer[..read]);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let head = head.to_ascii_lowercase();
        let length = head.lines().find_map(|it| it.strip_prefix("content-length: "));
        let length: usize = length.and_then(|it| it.parse().ok()).ok_or("no content length")?;
        if body.len() >= length {
            let status = head.get(9..12).and_then(|it| it.parse().ok());
            return status.ok_or_else(|| "no status".to_owned());
        }
    }
}
