//! Asks for payouts as fast as the gateway takes them.

use std::{
    io::BufReader,
    net::{SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Instant,
};

use anyhow::{Context as _, Result, anyhow, ensure};
use serde_json::json;

use super::Asset;
use crate::kill::{api::Api, evm::coins, http::Message};

/// How many connections ask at once.
const CONNECTIONS: usize = 32;

/// What one payout pays: in wei, and in the smallest units of the token.
pub(crate) const AMOUNT_WEI: u128 = 1_000_000_000_000;
pub(crate) const AMOUNT_TOKEN: u128 = 10_000;

/// Asks for payouts, on a thread of its own; it tells how many were accepted in a second.
pub(crate) fn start(
    api: &Api,
    asset: Asset,
    recipients: &Arc<Vec<String>>,
    payouts: u64,
) -> JoinHandle<Result<u64>> {
    let (api, recipients) = (api.clone(), Arc::clone(recipients));
    thread::spawn(move || {
        let next = Arc::new(AtomicU64::new(0));
        let begun = Instant::now();
        let ask = |_| {
            let (api, recipients, next) = (api.clone(), Arc::clone(&recipients), Arc::clone(&next));
            thread::spawn(move || ask_all(&api, asset, &recipients, &next, payouts))
        };
        let threads: Vec<_> = (0..CONNECTIONS).map(ask).collect();
        for thread in threads {
            thread.join().map_err(|_| anyhow!("a client died"))??;
        }
        let ms = u64::try_from(begun.elapsed().as_millis())?.max(1);
        Ok(payouts * 1_000 / ms)
    })
}

fn ask_all(
    api: &Api,
    asset: Asset,
    recipients: &[String],
    next: &AtomicU64,
    payouts: u64,
) -> Result<()> {
    let stream = connect(api.gateway)?;
    let mut answers = BufReader::new(stream.try_clone()?);
    let mut stream = stream;
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= payouts {
            return Ok(());
        }
        let place = usize::try_from(number)? % recipients.len().max(1);
        let recipient = recipients.get(place).context("no recipients")?;
        let (id, amount) = match asset {
            Asset::Coin => ("ETH@ethereum", coins(AMOUNT_WEI)),
            Asset::Token => ("USDT@ethereum", format!("0.{AMOUNT_TOKEN:06}")),
        };
        let body = json!({
            "asset": id,
            "amount": amount,
            "address": recipient,
            "merchant_ref": format!("throughput-{number}"),
        });
        let request = Message::post("/vyplata/v1/payouts", body.to_string());
        request
            .with("authorization", &format!("Bearer {}", api.token))
            .write(&mut stream)
            .context("asking for a payout")?;
        let answer = Message::read(&mut answers)?.context("the gateway hung up")?;
        let text = String::from_utf8_lossy(&answer.body);
        ensure!(matches!(answer.status(), Some(200 | 201)), "{} {text}", answer.start);
    }
}

fn connect(gateway: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect(gateway)?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
