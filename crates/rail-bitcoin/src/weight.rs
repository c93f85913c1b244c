//! How large a transaction will be once it is signed.

use bitcoin::{Script, VarInt, transaction::InputWeightPrediction};

use crate::lock::LaneKind;

/// The most that a transaction may weigh for nodes to relay it, in weight units
/// (`MAX_STANDARD_TX_WEIGHT` in Bitcoin Core's and Litecoin Core's `policy/policy.h`).
///
/// Their limit of signature operations (16,000) is never met first: an output to a public key's hash
/// counts 4 of them and weighs 136, any other output counts none, and an input at most 1.
pub const WEIGHT_MAX: u64 = 400_000;

/// Weight units of a byte that is not in a witness (BIP-141).
const OF_BYTE: u64 = 4;

/// An input beside its signature: outpoint, length of an empty script and sequence; the length is
/// part of the prediction.
const OUTPOINT_AND_SEQUENCE_BYTES: u64 = 32 + 4 + 4;

/// A transaction whose inputs are counted later; all of them are of one lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    input_wu: u64,
    output_count: u64,
    outputs_wu: u64,
}

impl Shape {
    /// A transaction of a lane with these outputs.
    pub fn new<'a>(kind: LaneKind, outputs: impl IntoIterator<Item = &'a Script>) -> Self {
        let prediction: InputWeightPrediction = kind.input();
        let input_wu = OUTPOINT_AND_SEQUENCE_BYTES * OF_BYTE + prediction.weight().to_wu();
        let empty = Self { input_wu, output_count: 0, outputs_wu: 0 };
        outputs.into_iter().fold(empty, Self::with)
    }

    /// The same with one output more.
    #[must_use]
    pub fn with(self, output: &Script) -> Self {
        let length = output.len() as u64;
        let bytes = 8 + size_of_count(length) + length;
        Self {
            output_count: self.output_count + 1,
            outputs_wu: self.outputs_wu + bytes * OF_BYTE,
            ..self
        }
    }

    /// What it weighs at the most with so many inputs, signed, in weight units.
    pub fn weight(&self, inputs: usize) -> u64 {
        let inputs = inputs as u64;
        // Version, lock time and the two counts; the two flags of a transaction with witnesses.
        let beside = 4 + 4 + size_of_count(inputs) + size_of_count(self.output_count);
        beside * OF_BYTE + 2 + self.outputs_wu + inputs * self.input_wu
    }

    /// Its size at the most with so many inputs, signed, in virtual bytes.
    pub fn vsize(&self, inputs: usize) -> u64 {
        self.weight(inputs).div_ceil(OF_BYTE)
    }

    /// How many inputs it can have.
    pub fn inputs_max(&self) -> usize {
        let left = WEIGHT_MAX.saturating_sub(self.weight(0));
        let most = usize::try_from(left / self.input_wu).unwrap_or(usize::MAX);
        // The count itself may take up to four bytes more.
        (most.saturating_sub(1)..=most).rev().find(|it| self.weight(*it) <= WEIGHT_MAX).unwrap_or(0)
    }

    /// What an input weighs at the most, in weight units.
    pub fn input_wu(&self) -> u64 {
        self.input_wu
    }
}

fn size_of_count(count: u64) -> u64 {
    VarInt(count).size() as u64
}

#[cfg(test)]
mod tests {
    use bitcoin::{ScriptBuf, transaction::predict_weight};

    use super::*;

    #[test]
    fn equals_the_prediction_of_the_library() {
        for kind in [LaneKind::P2wpkh, LaneKind::P2tr] {
            for inputs in [1, 2, 252, 253, 1_400] {
                for outputs in [1_usize, 2, 251, 252, 253, 2_000, 70_000] {
                    let scripts: Vec<ScriptBuf> =
                        (0..outputs).map(|at| ScriptBuf::from(vec![0; 22 + at % 13])).collect();
                    let shape = Shape::new(kind, scripts.iter().map(ScriptBuf::as_script));
                    let lengths = scripts.iter().map(|it| it.len());
                    let known = predict_weight(vec![kind.input(); inputs], lengths).to_wu();
                    assert_eq!(shape.weight(inputs), known, "{kind:?} {inputs} {outputs}");
                }
            }
        }
    }

    #[test]
    fn as_many_inputs_as_the_limit_has_room_for() {
        for kind in [LaneKind::P2wpkh, LaneKind::P2tr] {
            for outputs in 0..=3_300_usize {
                let script = ScriptBuf::from(vec![0; 22]);
                let shape = Shape::new(kind, (0..outputs).map(|_| script.as_script()));
                let most = shape.inputs_max();
                assert!(shape.weight(most + 1) > WEIGHT_MAX, "{kind:?} {outputs}");
                assert!(most == 0 || shape.weight(most) <= WEIGHT_MAX, "{kind:?} {outputs}");
            }
        }
    }
}
