//! Both ways: what the source lists and we do not hold, and what we hold and the source does not list.

use std::collections::BTreeSet;

use clyra_evidence::def::census_day::{CensusGap, CensusGapCode};
use clyra_evidence::digest::{Sha256Digest, Sha256Hasher};
use clyra_evidence::id::SourceId;

/// The difference between two sets of runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Listed and not held: to be filled in.
    pub missing: Vec<SourceId>,
    /// Held and not listed any more.
    pub vanished: Vec<SourceId>,
    /// Listed and held.
    pub both: u64,
}

/// Compares the runs that the source lists with those that are held.
#[must_use]
pub fn difference(listed: &BTreeSet<SourceId>, held: &BTreeSet<SourceId>) -> Difference {
    Difference {
        missing: listed.difference(held).cloned().collect(),
        vanished: held.difference(listed).cloned().collect(),
        both: listed.intersection(held).count() as u64,
    }
}

/// What a list can show about the runs that stand on one side only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reach {
    /// The list was read to its end and ties out.
    pub complete: bool,
    /// The source still keeps the day.
    pub kept: bool,
}

/// The gaps that stay: what could not be filled, and what vanished.
#[must_use]
pub fn gaps(unfilled: &[SourceId], vanished: &[SourceId], reach: Reach) -> Vec<CensusGap> {
    let gap = |code: CensusGapCode| move |run_id: &SourceId| CensusGap { run_id: run_id.clone(), code };
    let mut gaps: Vec<CensusGap> = unfilled.iter().map(gap(CensusGapCode::UnexplainedGap)).collect();
    // Only a list that was read to its end can show that something vanished from it.
    if !reach.kept {
        gaps.extend(vanished.iter().map(gap(CensusGapCode::SourceWindowLost)));
    } else if reach.complete {
        gaps.extend(vanished.iter().map(gap(CensusGapCode::VanishedAtSource)));
    }
    gaps.sort_by(|a, b| (&a.run_id, a.code).cmp(&(&b.run_id, b.code)));
    gaps
}

/// SHA-256 over the ids in ascending numeric order, each followed by LF.
#[must_use]
pub fn digest_of_ids<'a>(ids: impl IntoIterator<Item = &'a SourceId>) -> Sha256Digest {
    let mut ids: Vec<&SourceId> = ids.into_iter().collect();
    ids.sort_by_key(|id| numeric(id));
    let mut hasher = Sha256Hasher::new();
    for id in ids {
        hasher.update(id.as_str().as_bytes());
        hasher.update(b"\n");
    }
    hasher.finish()
}

/// A run id in its numeric order.
pub(crate) fn numeric(id: &SourceId) -> (usize, &str) {
    (id.as_str().len(), id.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(of: &[u64]) -> BTreeSet<SourceId> {
        of.iter().map(|id| (*id).into()).collect()
    }

    #[test]
    fn both_directions_are_compared() {
        let found = difference(&ids(&[1, 2, 3]), &ids(&[2, 3, 4]));
        assert_eq!((found.missing, found.vanished, found.both), (vec![1.into()], vec![4.into()], 2));
    }

    #[test]
    fn a_list_shows_as_vanished_only_what_it_would_have_listed() {
        let vanished = [SourceId::from(4)];
        let codes = |complete, kept| {
            let found = gaps(&[1.into()], &vanished, Reach { complete, kept });
            found.into_iter().map(|gap| gap.code).collect::<Vec<_>>()
        };
        let unfilled = CensusGapCode::UnexplainedGap;
        assert_eq!(codes(true, true), [unfilled, CensusGapCode::VanishedAtSource]);
        assert_eq!(codes(false, true), [unfilled], "it broke off");
        assert_eq!(codes(true, false), [unfilled, CensusGapCode::SourceWindowLost]);
        assert_eq!(codes(false, false), [unfilled, CensusGapCode::SourceWindowLost]);
    }

    #[test]
    fn ids_are_hashed_as_numbers_sort() {
        let text = Sha256Digest::of(b"9\n10\n");
        assert_eq!(digest_of_ids(&ids(&[10, 9])), text);
    }
}
