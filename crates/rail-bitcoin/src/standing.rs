//! Where the nodes of a network stand, by the newest blocks that they told at the same time. Pure.

/// By how many blocks a node may be behind the others and still be built with.
const LAG_BLOCKS_MAX: u32 = 1;
/// By how many blocks a node may be from the others and still say which coins there are.
const APART_BLOCKS_MAX: u32 = 6;

/// Where a node stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stand {
    /// Where the others are: it is built with.
    Abreast,
    /// A few blocks behind them.
    Behind,
    /// Too far from them, whoever is right.
    Apart,
    /// It does not answer.
    Silent,
}

/// Tells where nodes stand that told these heights. The highest counts, and of three or more that
/// answer the second highest, so that one that claims to be far ahead does not put the others behind. Of
/// two that are far from each other, nobody can tell which is right.
pub(crate) fn stands(heights: &[Option<u32>]) -> Vec<Stand> {
    let mut known: Vec<u32> = heights.iter().flatten().copied().collect();
    known.sort_unstable_by(|one, other| other.cmp(one));
    let top = match known[..] {
        [] => None,
        [first, second] if first.saturating_sub(second) > APART_BLOCKS_MAX => None,
        [_, second, _, ..] => Some(second),
        [first, ..] => Some(first),
    };
    let stand = |height: &Option<u32>| match (*height, top) {
        (None, _) => Stand::Silent,
        (Some(_), None) => Stand::Apart,
        (Some(height), Some(top)) if height.abs_diff(top) > APART_BLOCKS_MAX => Stand::Apart,
        (Some(height), Some(top)) if height.saturating_add(LAG_BLOCKS_MAX) < top => Stand::Behind,
        (Some(_), Some(_)) => Stand::Abreast,
    };
    heights.iter().map(stand).collect()
}

/// What is known of one node.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    /// Its name.
    pub(crate) name: String,
    /// The newest block that it told last, if it answered.
    pub(crate) height: Option<u32>,
    /// Whether it could say nothing of what lanes did when it was asked last.
    pub(crate) is_mute: bool,
}

/// Who says what, if fewer nodes are of use than have to agree.
pub(crate) fn too_few(told: &[Told], quorum: usize) -> Option<String> {
    let heights: Vec<Option<u32>> = told.iter().map(|it| it.height).collect();
    let stands = stands(&heights);
    let is_useful = |(it, stand): &(&Told, &Stand)| !it.is_mute && **stand == Stand::Abreast;
    let useful = told.iter().zip(&stands).filter(is_useful).count();
    if useful >= quorum {
        return None;
    }
    let say = |it: &Told| match (it.height, it.is_mute) {
        (None, _) => format!("{} is silent", it.name),
        (Some(_), true) => format!("{} does not tell what wallets did", it.name),
        (Some(height), false) => format!("{} is at block {height}", it.name),
    };
    let said: Vec<String> = told.iter().map(say).collect();
    Some(format!("{useful} keep up and {quorum} are needed: {}", said.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::{Stand::*, *};

    #[test]
    fn nobody_is_first_by_a_claim_that_no_other_bears_out() {
        for (heights, expected) in [
            (vec![], vec![]),
            (vec![None], vec![Silent]),
            (vec![Some(7)], vec![Abreast]),
            (vec![Some(7), None], vec![Abreast, Silent]),
            (vec![Some(7), Some(8)], vec![Abreast, Abreast]),
            (vec![Some(7), Some(9)], vec![Behind, Abreast]),
            (vec![Some(13), Some(7)], vec![Abreast, Behind]),
            (vec![Some(14), Some(7)], vec![Apart, Apart]),
            (vec![Some(u32::MAX), Some(7)], vec![Apart, Apart]),
            (vec![Some(u32::MAX), Some(7), Some(7)], vec![Apart, Abreast, Abreast]),
            (vec![Some(7), Some(8), Some(9), None], vec![Abreast, Abreast, Abreast, Silent]),
            (vec![Some(0), Some(8), Some(8)], vec![Apart, Abreast, Abreast]),
            (vec![Some(3), Some(8), Some(8)], vec![Behind, Abreast, Abreast]),
        ] {
            assert_eq!(stands(&heights), expected, "{heights:?}");
        }
    }

    #[test]
    fn who_is_missing_is_named() {
        let told = |heights: &[(Option<u32>, bool)], quorum| {
            let names = ["#1", "#2", "#3"];
            let one = |(name, (height, is_mute)): (&&str, &(Option<u32>, bool))| Told {
                name: (*name).to_owned(),
                height: *height,
                is_mute: *is_mute,
            };
            too_few(&names.iter().zip(heights).map(one).collect::<Vec<_>>(), quorum)
        };
        assert_eq!(told(&[(Some(7), false), (Some(8), false)], 2), None);
        assert_eq!(told(&[(Some(7), false), (None, false)], 1), None);
        let words = told(&[(Some(7), false), (None, false), (Some(7), true)], 2).unwrap();
        assert_eq!(
            words,
            "1 keep up and 2 are needed: #1 is at block 7, #2 is silent, #3 does not tell what \
             wallets did"
        );
        let words = told(&[(Some(7), false), (Some(1_007), false)], 1).unwrap();
        assert!(words.contains("#1 is at block 7, #2 is at block 1007"), "{words}");
    }
}
