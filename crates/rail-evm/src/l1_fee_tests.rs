//! Fees for the parent chain against the formulas of the OP stack's specification.

use alloy_primitives::{B256, U64};

use super::*;

/// A receipt of 50,000 gas at 7 wei and a fee of 900 wei for the bytes.
fn receipt() -> Receipt {
    Receipt {
        transaction_hash: B256::ZERO,
        block_hash: B256::ZERO,
        block_number: U64::ZERO,
        status: U64::from(1),
        gas_used: U64::from(50_000),
        effective_gas_price: U128::from(7),
        l1_fee: Some(U128::from(900)),
        operator_fee_scalar: None,
        operator_fee_constant: None,
        da_footprint_gas_scalar: None,
        logs: vec![],
    }
}

#[test]
fn receipts_are_charged_as_the_specification_says() {
    assert_eq!(charged(&Receipt { l1_fee: None, ..receipt() }), Some(350_000));
    assert_eq!(charged(&receipt()), Some(350_900));
    let with = |scalar: u128, constant: u128, jovian: Option<u64>| {
        charged(&Receipt {
            operator_fee_scalar: Some(U128::from(scalar)),
            operator_fee_constant: Some(U128::from(constant)),
            da_footprint_gas_scalar: jovian.map(U64::from),
            ..receipt()
        })
    };
    // Isthmus: gas * scalar / 10^6 + constant, rounded down.
    assert_eq!(with(1_000_000, 0, None), Some(400_900));
    assert_eq!(with(399, 5, None), Some(350_900 + 19 + 5));
    assert_eq!(with(0, 11, None), Some(350_911));
    // Jovian: gas * scalar * 100 + constant.
    assert_eq!(with(3, 11, Some(400)), Some(350_900 + 50_000 * 300 + 11));
    assert_eq!(with(0, 0, Some(400)), Some(350_900));
}

#[test]
fn receipts_of_nonsense_are_charged_nothing_at_all() {
    let most = U128::MAX;
    assert_eq!(charged(&Receipt { effective_gas_price: most, ..receipt() }), None);
    assert_eq!(charged(&Receipt { l1_fee: Some(most), ..receipt() }), None);
    assert_eq!(charged(&Receipt { operator_fee_scalar: Some(most), ..receipt() }), None);
    assert_eq!(charged(&Receipt { operator_fee_constant: Some(most), ..receipt() }), None);
}

#[test]
fn fields_of_receipts_are_read_by_their_names() {
    let text = r#"{
        "transactionHash": "0x1111111111111111111111111111111111111111111111111111111111111111",
        "blockHash": "0x2222222222222222222222222222222222222222222222222222222222222222",
        "blockNumber": "0x1", "status": "0x1", "gasUsed": "0x5208", "effectiveGasPrice": "0x2",
        "l1Fee": "0x8", "operatorFeeScalar": "0xe", "operatorFeeConstant": "0xd",
        "daFootprintGasScalar": "0x190", "logs": []
    }"#;
    let receipt: Receipt = serde_json::from_str(text).unwrap();
    assert_eq!(charged(&receipt), Some(21_000 * 2 + 8 + 21_000 * 14 * 100 + 13));
}

#[test]
fn room_is_left_for_prices_of_the_parent_chain_that_double() {
    let fee = OpFee { data: 1_000, operator: 7 };
    assert_eq!((fee.most(), fee.expected()), (2_007, 1_257));
    let fee = OpFee { data: u128::MAX, operator: 7 };
    assert_eq!((fee.most(), fee.expected()), (u128::MAX, u128::MAX));
}

#[test]
fn questions_are_encoded_as_the_contracts_say() {
    let selectors = [
        (GasPriceOracle::getL1FeeCall::SELECTOR, [0x49, 0x94, 0x8e, 0x0e]),
        (GasPriceOracle::isIsthmusCall::SELECTOR, [0xb5, 0x45, 0x01, 0xbc]),
        (GasPriceOracle::getOperatorFeeCall::SELECTOR, [0x27, 0x5a, 0xed, 0xd2]),
        (NodeInterface::gasEstimateL1ComponentCall::SELECTOR, [0x77, 0xd4, 0x88, 0xa2]),
    ];
    for (found, expected) in selectors {
        assert_eq!(found, expected);
    }
}
