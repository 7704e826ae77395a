//! Rows that belong together by any of their groupings: what a resampling must not tear apart.

use std::collections::HashMap;

use crate::labelled::Grouping;

/// The cluster of each of `points` rows, numbered in the order of their first rows. Two rows that
/// share a group, of whatever clustered grouping, are in one cluster: for groups within groups
/// (lesions of patients) that is the strictest grouping each row has. Rows without any are alone.
/// Nearly O(points * groupings).
pub(crate) fn clusters(points: usize, groupings: &[Grouping]) -> Vec<usize> {
    let mut parents: Vec<usize> = (0..points).collect();
    for grouping in groupings.iter().filter(|grouping| grouping.clustered) {
        let mut first_of = HashMap::new();
        for (row, group) in grouping.of.iter().enumerate().take(points) {
            if let Some(group) = group {
                let first = *first_of.entry(*group).or_insert(row);
                join(&mut parents, first, row);
            }
        }
    }
    let mut numbers = HashMap::new();
    let roots = (0..points).map(|row| root(&mut parents, row));
    let number = |root| {
        let next = numbers.len();
        *numbers.entry(root).or_insert(next)
    };
    roots.map(number).collect()
}

/// Union-find with paths halved.
fn root(parents: &mut [usize], mut row: usize) -> usize {
    while parents[row] != row {
        parents[row] = parents[parents[row]];
        row = parents[row];
    }
    row
}

fn join(parents: &mut [usize], one: usize, other: usize) {
    let (one, other) = (root(parents, one), root(parents, other));
    // The smaller root stays, so that no chain grows against the order of the rows.
    parents[one.max(other)] = one.min(other);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grouping(of: &[Option<u32>]) -> Grouping {
        Grouping { name: String::new(), of: of.to_vec(), excluded: false, clustered: true }
    }

    #[test]
    fn any_shared_group_joins_and_missing_joins_nothing() {
        let lesions = grouping(&[Some(1), None, Some(1), Some(2), Some(3), None]);
        let patients = grouping(&[None, None, Some(9), Some(9), Some(8), None]);
        assert_eq!(clusters(6, &[lesions, patients]), [0, 1, 0, 0, 2, 3]);
        assert_eq!(clusters(3, &[]), [0, 1, 2]);
        let site = Grouping { clustered: false, ..grouping(&[Some(1); 3]) };
        assert_eq!(clusters(3, &[site]), [0, 1, 2]);
    }
}
