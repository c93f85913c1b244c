//! What is there before time is taken: payouts that wait, or webhooks that are due, decided and
//! written as requests for them are.

use anyhow::{Context as _, anyhow, bail};
use domain::{
    command::{Accepted, Asked, Command, CreatePayout},
    ids::{AssetId, DialectId, KeyId, MerchantId, PayoutId},
    money::Amount,
    payout::{Status, Webhook},
};
use rail_sim::SimChain;
use uuid::Uuid;

use super::{
    gateway::{Plan, Prepared},
    lives,
    shops::{ADDRESS, ASSET},
};
use crate::{app::App, clock};

/// How many are decided together.
const SLICE: usize = 512;
/// What is paid, in millionths of a coin.
const MILLIONTHS: u128 = 25_000_000;

/// Prepares what the plan says.
///
/// # Errors
/// If something is refused.
pub(super) async fn all(
    app: &App,
    chains: &[SimChain],
    plan: &Plan,
    merchants: &[(MerchantId, KeyId)],
) -> anyhow::Result<()> {
    let (count, is_told) = match plan.prepared {
        Prepared::Nothing => return Ok(()),
        Prepared::Payouts(count) => (count, false),
        Prepared::Webhooks(count) => (count, true),
        Prepared::History(history) => {
            let chain = chains.first().context("the network has a chain")?;
            return lives::write(app, chain, plan, &history, merchants).await;
        }
    };
    let numbers: Vec<usize> = (0..count).collect();
    for slice in numbers.chunks(SLICE) {
        let mut creates = vec![];
        for number in slice {
            let create = create(plan, merchants, *number, is_told)?;
            creates.push(Command::Create(Box::new(create)));
        }
        let accepted = decide(app, &creates).await?;
        if is_told {
            let cancels = accepted.iter().filter_map(Accepted::changed);
            let cancel = |it: &domain::payout::Payout| Command::Cancel {
                merchant: it.merchant,
                payout: it.id,
            };
            decide(app, &cancels.map(cancel).collect::<Vec<_>>()).await?;
        }
    }
    Ok(())
}

/// Decides about commands, none of which may be refused.
pub(super) async fn decide(app: &App, commands: &[Command]) -> anyhow::Result<Vec<Accepted>> {
    let book = app.book();
    let outcomes = engine::accept(&*app.store, &app.desk(&book), commands, clock::now()).await;
    let mut accepted = vec![];
    for outcome in outcomes.map_err(|why| anyhow!("payouts were not decided: {why:?}"))? {
        match outcome {
            Ok(it) => accepted.push(it),
            Err(why) => bail!("a payout was refused: {why:?}"),
        }
    }
    Ok(accepted)
}

/// A request like those over HTTP.
pub(super) fn create(
    plan: &Plan,
    merchants: &[(MerchantId, KeyId)],
    number: usize,
    is_told: bool,
) -> anyhow::Result<CreatePayout> {
    let place = number % merchants.len();
    let (merchant, key) = merchants[place];
    let id = PayoutId(clock::uuid_v7(clock::now()));
    let amount = Amount::from_units(MILLIONTHS).context("the amount can be represented")?;
    let dialect = DialectId::new(plan.speech.name());
    let asset = AssetId::new(ASSET);
    let asked = Asked::Exact(amount);
    let create = CreatePayout::new(id, merchant, dialect, asset, asked, ADDRESS.to_owned());
    let receiver = plan.receivers.get(place % plan.receivers.len().max(1)).filter(|_| is_told);
    let webhook = receiver.map(|it| Webhook {
        // The receiver is told whose secret signs.
        url: format!("http://{it}/{place}"),
        on: vec![Status::Cancelled],
    });
    let public_id = Uuid::from_u128(u128::from_be_bytes(clock::random())).to_string();
    Ok(CreatePayout {
        public_ids: vec![public_id],
        key: Some(key),
        merchant_ref: Some(format!("{}-{number}", plan.run)),
        webhook,
        ..create
    })
}
