//! Transactions: handing them over, and looking at them.

use serde_json::{Value, json};

use super::{Answer, Failure, Params, fields::Fields, pack, print};
use crate::{
    Code,
    chain::{Chain, Constant, TxId},
    transaction::Transaction,
    transfer, wire,
};

pub(super) fn broadcast_hex(chain: &mut Chain, params: &Params) -> Answer {
    let bytes = params.bytes("transaction").map_err(|_| {
        let message = "exception decoding Hex string";
        Failure::new("org.bouncycastle.util.encoders.DecoderException", message)
    })?;
    let Some((code, text)) = chain.broadcast(&bytes) else {
        let class = "com.google.protobuf.InvalidProtocolBufferException";
        let message = "Protocol message contained an invalid tag (zero).";
        return Err(Failure::new(class, message));
    };
    let tx = Transaction::read(&bytes).map_err(Failure)?;
    let printed = Value::from(print::transaction(&tx, None, true)).to_string();
    Ok(json!({
        "result": code == Code::Success,
        "code": code.name(),
        "txid": tx.id_hex(),
        "message": text,
        "transaction": printed,
    }))
}

pub(super) fn broadcast(chain: &mut Chain, params: &Params) -> Answer {
    let tx = pack::transaction(params)?;
    let id = tx.id_hex();
    let (code, text) = chain.hand_over(&tx.encode(), tx);
    let success = code == Code::Success;
    let answer = Fields::default()
        .flag("result", success)
        .text("code", if success { "" } else { code.name() })
        .message("message", &text, params.visible)
        .text("txid", &id);
    Ok(answer.into())
}

/// `createtransaction`: a transfer that the node builds.
pub(super) fn create(chain: &mut Chain, params: &Params) -> Answer {
    let transfer = wire::Transfer {
        owner_address: params.address("owner_address")?,
        to_address: params.address("to_address")?,
        amount: params.int("amount")?,
    };
    let parameters = &chain.parameters;
    let (fee, forbid) = (parameters.new_account_fee, parameters.forbid_transfer_to_contract);
    transfer::validate(&transfer, chain.pending_state(), fee, forbid)
        .map_err(|text| Failure::new("org.tron.core.exception.ContractValidateException", &text))?;
    let tx = pack::build(chain, pack::any_transfer(&transfer), params, 0)?;
    Ok(print::transaction(&tx, None, params.visible).with("visible", params.visible).into())
}

/// In the newest view also what only waits.
pub(super) fn by_id(chain: &Chain, view: Constant, params: &Params) -> Answer {
    let id = id(params)?;
    if let Some((block, place)) = seen(chain, view, id) {
        let included = &block.transactions[place];
        let ended = Some(included.receipt.ended);
        return Ok(print::transaction(&included.tx, ended, params.visible).into());
    }
    match view {
        Constant::Newest => waiting(chain, params),
        Constant::Solid => Ok(json!({})),
    }
}

pub(super) fn waiting(chain: &Chain, params: &Params) -> Answer {
    let id = id(params)?;
    let found = chain.pool().iter().find(|it| Some(it.tx.id) == id);
    Ok(found.map_or_else(
        || json!({}),
        |it| print::transaction(&it.tx, Some(it.receipt.ended), params.visible).into(),
    ))
}

pub(super) fn all_waiting(chain: &Chain) -> Value {
    let ids = chain.pool().iter().map(|it| it.tx.id_hex().into()).collect();
    Fields::default().list("txId", ids).into()
}

pub(super) fn info(chain: &Chain, view: Constant, params: &Params) -> Answer {
    let found = seen(chain, view, id(params)?);
    Ok(found.map_or_else(
        || json!({}),
        |(block, place)| {
            let included = &block.transactions[place];
            print::info(&included.tx, &included.receipt, block, params.visible)
        },
    ))
}

pub(super) fn infos(chain: &Chain, view: Constant, params: &Params) -> Answer {
    let number = params.int("num")?;
    if number <= 0 {
        return Ok(json!({}));
    }
    let top = chain.newest(view).header.number;
    let block = chain.block(number).filter(|block| block.header.number <= top);
    let infos = block.into_iter().flat_map(|block| {
        let all = block.transactions.iter();
        all.map(move |it| print::info(&it.tx, &it.receipt, block, params.visible))
    });
    Ok(infos.collect::<Vec<_>>().into())
}

fn id(params: &Params) -> Result<Option<TxId>, Failure> {
    Ok(params.bytes("value")?.try_into().ok())
}

fn seen(chain: &Chain, view: Constant, id: Option<TxId>) -> Option<(&crate::block::Block, usize)> {
    let top = chain.newest(view).header.number;
    chain.place(&id?).filter(|(block, _)| block.header.number <= top)
}
