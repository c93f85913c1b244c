//! `getblock` and its like.

use serde_json::{Value, json};

use super::{Answer, Failure, Params, print};
use crate::{
    block::Block,
    chain::{Chain, Constant},
};

/// The most blocks of one answer.
const RANGE_MAX: i64 = 100;

pub(super) fn newest(chain: &Chain, view: Constant, params: &Params) -> Value {
    print::block(chain.newest(view), true, params.visible)
}

pub(super) fn by_number(chain: &Chain, view: Constant, params: &Params) -> Answer {
    let number = params.int("num")?;
    Ok(print(visible_block(chain, view, number), true, params))
}

pub(super) fn by_id(chain: &Chain, view: Constant, params: &Params) -> Answer {
    let id = params.bytes("value")?;
    let top = chain.newest(view).header.number;
    let block = chain.block_by_id(&id).filter(|block| block.header.number <= top);
    Ok(print(block, true, params))
}

pub(super) fn block(chain: &Chain, view: Constant, params: &Params) -> Answer {
    let (which, detail) = (params.text("id_or_num"), params.flag("detail"));
    if which.is_empty() {
        return Ok(print(Some(chain.newest(view)), detail, params));
    }
    let top = chain.newest(view).header.number;
    if let Ok(number) = which.parse::<i64>() {
        if number < 0 {
            return Err(Failure("num must be non-positive number.".to_owned()));
        }
        return Ok(print(visible_block(chain, view, number), detail, params));
    }
    let illegal = || Failure("id must be legal block hash.".to_owned());
    let id = hex::decode(&which).ok().filter(|id| id.len() == 32).ok_or_else(illegal)?;
    let number = id.iter().take(8).fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
    if i64::try_from(number).ok().is_none_or(|number| number > top) {
        return Err(illegal());
    }
    Ok(print(chain.block_by_id(&id), detail, params))
}

pub(super) fn range(chain: &Chain, view: Constant, params: &Params) -> Answer {
    let (start, end) = (params.int("startNum")?, params.int("endNum")?);
    if end <= 0 || end <= start || end.saturating_sub(start) > RANGE_MAX {
        return Ok(json!({}));
    }
    let blocks = (start..end).filter_map(|number| visible_block(chain, view, number));
    let blocks: Vec<_> = blocks.map(|it| print::block(it, true, params.visible)).collect();
    Ok(json!({ "block": blocks }))
}

fn visible_block(chain: &Chain, view: Constant, number: i64) -> Option<&Block> {
    let top = chain.newest(view).header.number;
    chain.block(number).filter(|block| block.header.number <= top)
}

fn print(block: Option<&Block>, detail: bool, params: &Params) -> Value {
    block.map_or_else(|| json!({}), |block| print::block(block, detail, params.visible))
}
