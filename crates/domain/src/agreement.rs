//! What several nodes conclude together about one transaction. Pure.
//!
//! An end (final, reverted, dead) needs as many nodes as the quorum that conclude exactly the same, and
//! nobody who contradicts it. Whoever says less may only lag.
//!
//! A rail whose ends rest on blocks and numbers, which must be the same at all nodes, too, concludes
//! by itself.

use crate::batch::Observation;

/// What follows from what nodes, by name, said.
///
/// # Errors
/// If two conclude different ends; who says what.
pub fn agreed(said: &[(&str, &Observation)], quorum: usize) -> Result<Observation, String> {
    let is_included = said.iter().any(|(_, it)| is_in(it));
    let mut ends = said.iter().filter(|(_, it)| is_end(it));
    if let Some((name, first)) = ends.next() {
        let mut count = 1;
        for (other_name, other) in ends {
            if other != first {
                let (first, other) = (words(first), words(other));
                return Err(format!("{name} says {first}; {other_name} says {other}"));
            }
            count += 1;
        }
        let is_contradicted = **first == Observation::Dead && is_included;
        if count >= quorum && !is_contradicted {
            return Ok((*first).clone());
        }
    }
    let is_said = |what| said.iter().any(|(_, it)| **it == what);
    let most = if is_included {
        Observation::InBlock
    } else if is_said(Observation::Pending) {
        Observation::Pending
    } else if is_said(Observation::Missing) || said.is_empty() {
        Observation::Missing
    } else {
        // Dead, by too few: nobody takes it, and nobody else bears that out.
        Observation::Pending
    };
    Ok(most)
}

/// Whether it ends what it is about.
pub fn is_end(observation: &Observation) -> bool {
    match observation {
        Observation::Final { .. } | Observation::Reverted { .. } | Observation::Dead => true,
        Observation::InBlock | Observation::Pending | Observation::Missing => false,
    }
}

/// Whether it says that the transaction is in a block.
fn is_in(observation: &Observation) -> bool {
    match observation {
        Observation::InBlock | Observation::Final { .. } | Observation::Reverted { .. } => true,
        Observation::Pending | Observation::Missing | Observation::Dead => false,
    }
}

fn words(observation: &Observation) -> String {
    match observation {
        Observation::Final { fee, unpaid } if unpaid.is_empty() => {
            format!("that it is in a final block for a fee of {} units", fee.units())
        }
        Observation::Final { fee, unpaid } => {
            let (fee, unpaid) = (fee.units(), unpaid.len());
            format!("that it is in a final block for a fee of {fee} units, {unpaid} left out")
        }
        Observation::Reverted { fee } => {
            format!("that it was undone in a final block for a fee of {} units", fee.units())
        }
        Observation::Dead => "that it can never be included".to_owned(),
        Observation::InBlock => "that it is in a block".to_owned(),
        Observation::Pending => "that it waits".to_owned(),
        Observation::Missing => "that it is nowhere".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Amount;

    const FINAL: Observation = Observation::Final { fee: Amount::MAX, unpaid: vec![] };
    const CHEAP: Observation = Observation::Final { fee: Amount::ZERO, unpaid: vec![] };
    const UNDONE: Observation = Observation::Reverted { fee: Amount::MAX };

    #[test]
    fn an_end_needs_a_quorum_and_no_contradiction() {
        use Observation::{Dead, InBlock, Missing, Pending};
        for (said, quorum, expected) in [
            (vec![FINAL], 1, Some(FINAL)),
            (vec![FINAL, InBlock], 1, Some(FINAL)),
            (vec![FINAL, InBlock], 2, Some(InBlock)),
            (vec![FINAL, FINAL, Missing], 2, Some(FINAL)),
            (vec![FINAL, Dead], 1, None),
            (vec![FINAL, CHEAP, FINAL], 2, None),
            (vec![FINAL, UNDONE], 1, None),
            (vec![UNDONE, Pending], 1, Some(UNDONE)),
            (vec![UNDONE, Pending], 2, Some(InBlock)),
            (vec![Dead, Missing], 1, Some(Dead)),
            (vec![Dead, Missing], 2, Some(Missing)),
            (vec![Dead], 2, Some(Pending)),
            (vec![Dead, Dead], 3, Some(Pending)),
            (vec![Dead, Dead, InBlock], 2, Some(InBlock)),
            (vec![Missing, Pending], 1, Some(Pending)),
            (vec![Missing, Missing], 1, Some(Missing)),
            (vec![], 1, Some(Missing)),
        ] {
            let all: Vec<(&str, &Observation)> = said.iter().map(|it| ("#", it)).collect();
            assert_eq!(agreed(&all, quorum).ok(), expected, "{said:?} of which {quorum}");
        }
    }

    #[test]
    fn who_contradicts_whom_is_told() {
        let said = [("#1", &Observation::Pending), ("#2", &CHEAP), ("#3", &Observation::Dead)];
        assert_eq!(
            agreed(&said, 1).unwrap_err(),
            "#2 says that it is in a final block for a fee of 0 units; #3 says that it can never be \
             included"
        );
    }
}
