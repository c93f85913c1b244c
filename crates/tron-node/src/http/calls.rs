//! Calls that change nothing, and calls that the node builds.

use alloy_primitives::keccak256;
use serde_json::{Value, json};

use super::{Failure, Params, fields::Fields, pack, print};
use crate::{
    Ended,
    chain::{Chain, Constant},
    tvm::Outcome,
    wire::Trigger,
};

/// An answer with `result`: what went wrong.
struct Refused {
    code: &'static str,
    text: String,
}

impl Refused {
    fn validation(text: impl Into<String>) -> Self {
        Self { code: "CONTRACT_VALIDATE_ERROR", text: text.into() }
    }

    fn parameter(text: &str) -> Self {
        let text = format!("class java.security.InvalidParameterException : {text}");
        Self { code: "OTHER_ERROR", text }
    }

    fn print(&self, visible: bool) -> Value {
        let result =
            Fields::default().text("code", self.code).message("message", &self.text, visible);
        Fields::default().with("result", result).into()
    }
}

impl From<Failure> for Refused {
    fn from(Failure(text): Failure) -> Self {
        Self { code: "OTHER_ERROR", text }
    }
}

/// `triggerconstantcontract`.
pub(super) fn constant(chain: &Chain, view: Constant, params: &Params) -> Value {
    let done = read(params).and_then(|trigger| {
        let outcome = chain.constant(&trigger, view, None).map_err(Refused::validation)?;
        match java_class(outcome.ended) {
            None => Ok((trigger, outcome)),
            Some(class) => {
                let text = format!("class {class} : {}", outcome.message.replace('"', "'"));
                Err(Refused { code: "OTHER_ERROR", text })
            }
        }
    });
    let visible = params.visible;
    match done {
        Ok((trigger, outcome)) => print_constant(chain, view, &trigger, &outcome, visible),
        Err(refused) => refused.print(visible),
    }
}

fn print_constant(
    chain: &Chain,
    view: Constant,
    trigger: &Trigger,
    outcome: &Outcome,
    visible: bool,
) -> Value {
    let result =
        Fields::default().flag("result", true).message("message", &outcome.message, visible);
    let reverted = outcome.ended == Ended::Revert;
    let ret = Fields::default().text("ret", if reverted { "FAILED" } else { "" });
    let tx = pack::unsigned(chain, view, pack::any_trigger(trigger));
    let printed = print::transaction(&tx, None, visible)
        .with("ret", json!([Value::from(ret)]))
        .with("visible", visible);
    Fields::default()
        .with("result", result)
        .int("energy_used", outcome.energy)
        .with("constant_result", json!([hex::encode(&outcome.output)]))
        .list("logs", outcome.logs.iter().map(|it| print::log(it, visible)).collect())
        .int("energy_penalty", outcome.penalty)
        .with("transaction", printed)
        .into()
}

/// The exception that a call ends with which neither returns nor reverts.
const fn java_class(ended: Ended) -> Option<&'static str> {
    match ended {
        Ended::Success | Ended::Revert => None,
        Ended::BadJumpDestination => {
            Some("org.tron.core.vm.program.Program$BadJumpDestinationException")
        }
        Ended::OutOfMemory => Some("org.tron.core.vm.program.Program$OutOfMemoryException"),
        Ended::StackTooSmall => Some("org.tron.core.vm.program.Program$StackTooSmallException"),
        Ended::StackTooLarge => Some("org.tron.core.vm.program.Program$StackTooLargeException"),
        Ended::IllegalOperation => {
            Some("org.tron.core.vm.program.Program$IllegalOperationException")
        }
        Ended::OutOfEnergy => Some("org.tron.core.vm.program.Program$OutOfEnergyException"),
        Ended::TransferFailed => Some("org.tron.core.vm.program.Program$TransferException"),
        Ended::InvalidCode => Some("org.tron.core.vm.program.Program$InvalidCodeException"),
        Ended::Unknown => Some("java.lang.RuntimeException"),
    }
}

/// `estimateenergy`: the least fee limit with which the call succeeds, to one TRX
/// (`Wallet.estimateEnergy`).
pub(super) fn estimate(chain: &Chain, view: Constant, params: &Params) -> Value {
    match try_estimate(chain, view, params) {
        Ok(energy) => Fields::default()
            .with("result", Fields::default().flag("result", true))
            .int("energy_required", energy)
            .into(),
        Err(refused) => refused.print(params.visible),
    }
}

fn try_estimate(chain: &Chain, view: Constant, params: &Params) -> Result<i64, Refused> {
    let trigger = read(params)?;
    if !chain.parameters.estimate_energy {
        return Err(Refused::validation("this node does not support estimate energy"));
    }
    let price = chain.parameters.energy_price.max(1);
    let run = |fee_limit: i64| {
        chain.constant(&trigger, view, Some(fee_limit)).map_err(Refused::validation)
    };
    let mut high = chain.parameters.max_fee_limit;
    let first = run(high)?;
    if first.ended != Ended::Success {
        return Err(Refused { code: "CONTRACT_EXE_ERROR", text: first.message });
    }
    let mut low = first.energy.saturating_mul(price);
    let mut probe = low.saturating_mul(2);
    if probe >= high {
        probe = low.midpoint(high);
    }
    while low.saturating_add(1_000_000) < high {
        if run(probe)?.ended == Ended::Success {
            high = probe;
        } else {
            low = probe;
        }
        probe = low.midpoint(high);
    }
    Ok(high / price + i64::from(high % price > 0))
}

/// `triggersmartcontract`: a call that the node builds.
pub(super) fn trigger(chain: &mut Chain, params: &Params) -> Value {
    match build(chain, params) {
        Ok(printed) => printed,
        Err(refused) => refused.print(params.visible),
    }
}

fn build(chain: &mut Chain, params: &Params) -> Result<Value, Refused> {
    for key in ["owner_address", "contract_address"] {
        if params.text(key).is_empty() {
            return Err(Refused::parameter(&format!("{key} isn't set.")));
        }
    }
    let trigger = read(params)?;
    let known = crate::Address::from_bytes(&trigger.contract_address);
    if known.is_none_or(|it| chain.pending_state().contract(&it).is_none()) {
        return Err(Refused::validation("No contract or not a valid smart contract"));
    }
    let fee_limit = params.int("fee_limit")?;
    let tx = pack::build(chain, pack::any_trigger(&trigger), params, fee_limit)?;
    let printed = print::transaction(&tx, None, params.visible).with("visible", params.visible);
    Ok(Fields::default()
        .with("result", Fields::default().flag("result", true))
        .with("transaction", printed)
        .into())
}

/// Reads a call: its data, or the function's signature and the arguments.
fn read(params: &Params) -> Result<Trigger, Refused> {
    let [owner, contract, data] =
        ["owner_address", "contract_address", "data"].map(|key| params.text(key));
    if owner.is_empty() {
        return Err(Refused::parameter("owner_address isn't set."));
    }
    if contract.is_empty() && data.is_empty() {
        let text = "At least one of contract_address and data must be set.";
        return Err(Refused::parameter(text));
    }
    let mut trigger = pack::trigger(params)?;
    let selector = params.text("function_selector");
    if !selector.is_empty() {
        trigger.data = keccak256(selector)[..4].to_vec();
        trigger.data.extend(params.bytes("parameter")?);
    }
    Ok(trigger)
}
