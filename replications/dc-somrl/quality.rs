//! What the paper says of its prototypes, as numbers: classes they stand for, their nearest samples, and the
//! classes that their connections join.

use std::collections::{BTreeMap, BTreeSet};

use tch::{Kind, Tensor};

/// Samples nearest to a prototype that are looked at.
pub(super) const NEAREST: i64 = 10;

/// Nodes that win rows, and their classes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Majorities {
    /// The class that most of a node's rows have, the lowest of equal ones; `None` for nodes without a row.
    pub classes: Vec<Option<u8>>,
    /// Rows won by each node.
    pub wins: Vec<usize>,
}

impl Majorities {
    pub fn of(winners: &[u32], labels: &[u8], nodes: usize, classes: usize) -> Self {
        let mut counts = vec![vec![0_usize; classes]; nodes];
        for (&winner, &label) in winners.iter().zip(labels) {
            counts[winner as usize][usize::from(label)] += 1;
        }
        let most = |counts: &Vec<usize>| {
            let best = counts.iter().copied().max().filter(|&most| most > 0)?;
            let class = counts.iter().position(|&count| count == best)?;
            u8::try_from(class).ok()
        };
        Self {
            classes: counts.iter().map(most).collect(),
            wins: counts.iter().map(|counts| counts.iter().sum()).collect(),
        }
    }

    /// How many classes are the majority of a node.
    pub fn covered(&self) -> usize {
        self.classes.iter().flatten().collect::<BTreeSet<_>>().len()
    }
}

/// For each node the rows of highest activation `[rows, nodes]`, `[nodes, 10]`, the highest first.
pub(super) fn nearest_rows(activation: &Tensor) -> Tensor {
    let count = NEAREST.min(activation.size()[0]);
    let (_, rows) = activation.topk(count, 0, true, true);
    rows.transpose(0, 1)
}

/// The mean, over the nodes that win rows, of the share of a node's ten nearest rows that have its class.
pub(super) fn nearest_share(rows: &Tensor, labels: &[u8], majorities: &Majorities) -> f64 {
    let rows: Vec<Vec<i64>> = rows.try_into().unwrap_or_default();
    let shares: Vec<f64> = rows
        .iter()
        .zip(&majorities.classes)
        .filter_map(|(rows, class)| {
            let same = rows
                .iter()
                .filter(|&&row| Some(labels[row as usize]) == *class);
            class.map(|_| same.count() as f64 / rows.len().max(1) as f64)
        })
        .collect();
    shares.iter().sum::<f64>() / shares.len() as f64
}

/// All pairs of nodes that win rows, with the distance of their relevances `[nodes, features]`, the closest
/// first.
pub(super) fn all_pairs(relevance: &Tensor, majorities: &Majorities) -> Vec<([usize; 2], f64)> {
    // Distances by matrix products would lose the small ones.
    let distances = Tensor::cdist(relevance, relevance, 2.0, 2).to_kind(Kind::Double);
    let distances: Vec<Vec<f64>> = distances.try_into().unwrap_or_default();
    let mut pairs = Vec::new();
    for (one, row) in distances.iter().enumerate() {
        for (other, &distance) in row.iter().enumerate().skip(one + 1) {
            if majorities.wins[one] > 0 && majorities.wins[other] > 0 {
                pairs.push(([one, other], distance));
            }
        }
    }
    pairs.sort_by(|one, other| one.1.total_cmp(&other.1));
    pairs
}

/// Those of [`all_pairs`] that are less than `within` apart.
pub(super) fn by_relevance(pairs: &[([usize; 2], f64)], within: f64) -> Vec<[usize; 2]> {
    let close = pairs.iter().filter(|(_, distance)| *distance < within);
    close.map(|(pair, _)| *pair).collect()
}

/// Pairs of nodes that are the first and the second of some row, `activation` being `[rows, nodes]`
/// (competitive Hebbian learning, Martinetz & Schulten 1991), those of the most rows first.
pub(super) fn by_activation(activation: &Tensor, majorities: &Majorities) -> Vec<[usize; 2]> {
    if activation.size()[1] < 2 {
        return Vec::new();
    }
    let (_, first) = activation.topk(2, -1, true, true);
    let pairs: Vec<Vec<i64>> = first.try_into().unwrap_or_default();
    let mut rows: BTreeMap<[usize; 2], usize> = BTreeMap::new();
    for pair in pairs {
        let (one, other) = (pair[0] as usize, pair[1] as usize);
        if majorities.wins[one] > 0 && majorities.wins[other] > 0 {
            *rows.entry([one.min(other), one.max(other)]).or_default() += 1;
        }
    }
    let mut edges: Vec<([usize; 2], usize)> = rows.into_iter().collect();
    edges.sort_by_key(|&(_, rows)| std::cmp::Reverse(rows));
    edges.into_iter().map(|(edge, _)| edge).collect()
}

/// How often a clustering confuses two classes: of all pairs of rows, one of each class, the share that lies
/// in the same cluster. `[classes][classes]`, symmetric; NaN of classes without a row.
pub(super) fn confusion(clusters: &[u32], labels: &[u8], classes: usize) -> Vec<Vec<f64>> {
    let count = clusters.iter().max().map_or(0, |&most| most as usize + 1);
    let mut counts = vec![vec![0.0_f64; classes]; count];
    for (&cluster, &label) in clusters.iter().zip(labels) {
        counts[cluster as usize][usize::from(label)] += 1.0;
    }
    let total = |class: usize| counts.iter().map(|counts| counts[class]).sum::<f64>();
    let shared = |a: usize, b: usize| -> f64 {
        let pairs = counts.iter().map(|counts| counts[a] * counts[b]);
        pairs.sum::<f64>() / (total(a) * total(b))
    };
    (0..classes)
        .map(|a| (0..classes).map(|b| shared(a, b)).collect())
        .collect()
}

/// As many pairs of classes count as those that are confused: a fifth of the 45 of ten classes, which has 4 and 9,
/// 7 and 9, 3 and 5 among them on MNIST.
pub(super) const MOST_CONFUSED: usize = 9;

/// What connections join.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Joined {
    /// Connections between nodes.
    pub edges: usize,
    /// Those between nodes of different classes.
    pub across: usize,
    /// Of these, where both classes have rows, the mean rank of their pair of classes by its confusion, from 0 for the
    /// pair that is confused the least to 1; equal ones share theirs. NaN without any. 0.5 is chance.
    pub rank: f64,
    /// Of these the share that joins one of the [`MOST_CONFUSED`] pairs, none of which is never confused. NaN without
    /// any.
    pub confused: f64,
}

/// What `edges` join, by the classes of their nodes.
pub(super) fn joined(
    edges: &[[usize; 2]],
    majorities: &Majorities,
    confusion: &[Vec<f64>],
) -> Joined {
    let mut all = Vec::new();
    for (a, row) in confusion.iter().enumerate() {
        // Classes without a row are confused with none, and count with none.
        let row = row.iter().skip(a + 1).copied();
        all.extend(row.filter(|value| !value.is_nan()));
    }
    let rank = |value: f64| {
        let below = all.iter().filter(|&&other| other < value).count() as f64;
        let equal = all
            .iter()
            .filter(|other| other.total_cmp(&value).is_eq())
            .count() as f64;
        (below + (equal - 1.0) / 2.0) / (all.len() as f64 - 1.0)
    };
    let above = |value: f64| all.iter().filter(|&&other| other > value).count();
    let across: Vec<f64> = edges
        .iter()
        .filter_map(|&[one, other]| {
            let (a, b) = (majorities.classes[one]?, majorities.classes[other]?);
            (a != b).then(|| confusion[usize::from(a)][usize::from(b)])
        })
        .collect();
    let known: Vec<f64> = across.iter().copied().filter(|one| !one.is_nan()).collect();
    let count = known.len() as f64;
    let confused = known
        .iter()
        .filter(|&&value| value > 0.0 && above(value) < MOST_CONFUSED);
    Joined {
        edges: edges.len(),
        across: across.len(),
        rank: known.iter().map(|&value| rank(value)).sum::<f64>() / count,
        confused: confused.count() as f64 / count,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]
    use super::*;

    fn majorities() -> Majorities {
        // Node 0: classes 0 0 1. Node 1: 2 1. Node 2: nothing. Node 3: 1.
        Majorities::of(&[0, 0, 0, 1, 1, 3], &[0, 0, 1, 2, 1, 1], 4, 3)
    }

    #[test]
    fn nodes_have_the_class_of_most_of_their_rows() {
        let found = majorities();
        assert_eq!(found.classes, [Some(0), Some(1), None, Some(1)]);
        assert_eq!(found.wins, [3, 2, 0, 1]);
        assert_eq!(found.covered(), 2);
    }

    #[test]
    fn the_nearest_rows_are_compared_with_the_node_s_class() {
        // Twelve rows, rising and falling activations of two nodes.
        let rising = Tensor::arange(12, (Kind::Float, tch::Device::Cpu));
        let rows = nearest_rows(&Tensor::stack(&[&rising, &-&rising], 1));
        assert_eq!(rows.size(), [2, 10]);
        assert_eq!(
            (rows.int64_value(&[0, 0]), rows.int64_value(&[1, 0])),
            (11, 0)
        );
        // Node 0 looks at rows 2 to 11, node 1 at rows 0 to 9.
        let labels = [1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
        let majorities = Majorities {
            classes: vec![Some(0), Some(1)],
            wins: vec![6, 6],
        };
        let share = nearest_share(&rows, &labels, &majorities);
        assert!((share - f64::midpoint(0.9, 0.2)).abs() < 1e-12, "{share}");
    }

    #[test]
    fn connections_are_those_of_close_relevances_or_of_first_and_second() {
        let relevance =
            Tensor::from_slice(&[0.0_f32, 0.0, 0.3, 0.0, 0.3, 0.1, 1.0, 1.0]).view([4, 2]);
        // Node 2 wins nothing: never connected, though closest to node 1.
        let pairs = all_pairs(&relevance, &majorities());
        let order: Vec<[usize; 2]> = pairs.iter().map(|(pair, _)| *pair).collect();
        assert_eq!(order, [[0, 1], [1, 3], [0, 3]]);
        assert!((pairs[2].1 - 2.0_f64.sqrt()).abs() < 1e-6);
        assert_eq!(by_relevance(&pairs, 0.5), [[0, 1]]);
        assert_eq!(by_relevance(&pairs, 2.0), order);
        let activation = [
            0.9_f32, 0.8, 0.0, 0.1, //
            0.8, 0.9, 0.0, 0.1, //
            0.1, 0.2, 0.9, 0.8, //
            0.1, 0.7, 0.0, 0.8, //
            0.1, 0.8, 0.0, 0.7, //
            0.1, 0.9, 0.0, 0.7,
        ];
        let activation = Tensor::from_slice(&activation).view([6, 4]);
        let edges = by_activation(&activation, &majorities());
        // Three rows and two.
        assert_eq!(edges, [[1, 3], [0, 1]]);
    }

    #[test]
    fn confusion_and_ranks_are_those_counted_by_hand() {
        // Cluster 0: classes 0 0 1; cluster 1: 1 2 2 2.
        let table = confusion(&[0, 0, 0, 1, 1, 1, 1], &[0, 0, 1, 1, 2, 2, 2], 3);
        assert_eq!([table[0][1], table[1][2], table[0][2]], [0.5, 0.5, 0.0]);
        let table = [[0.0, 0.5, 0.1], [0.5, 0.0, 0.3], [0.1, 0.3, 0.0]].map(|row| row.to_vec());
        let majorities = Majorities {
            classes: vec![Some(0), Some(1), Some(2), Some(1)],
            wins: vec![1; 4],
        };
        // 0-1 is confused the most, 0-2 the least; 1-3 joins one class.
        let found = joined(&[[0, 1], [0, 2], [1, 3], [1, 2]], &majorities, &table);
        assert_eq!((found.edges, found.across), (4, 3));
        assert!((found.rank - 0.5).abs() < 1e-12);
        // Three pairs in all: each is among the nine most confused.
        assert_eq!(found.confused, 1.0);
        assert_eq!(joined(&[[0, 3]], &majorities, &table).rank, 1.0);
        assert!(joined(&[], &majorities, &table).rank.is_nan());
    }

    #[test]
    fn connections_of_the_most_confused_pairs_are_counted() {
        // Six classes, a node each; classes a < b are confused the more, the larger 6 a + b: of the 15 pairs the nine
        // with a of 1 and more but for 1-2, and no pair of class 0.
        let confusion: Vec<Vec<f64>> = (0..6)
            .map(|a: usize| {
                (0..6)
                    .map(|b: usize| (6 * a.min(b) + a.max(b)) as f64)
                    .collect()
            })
            .collect();
        let majorities = Majorities {
            classes: (0..6).map(Some).collect(),
            wins: vec![1; 6],
        };
        let found = joined(&[[0, 5], [2, 1], [1, 3], [4, 5]], &majorities, &confusion);
        assert_eq!((found.across, found.confused), (4, 0.5));
        let pairs: Vec<[usize; 2]> = (0..6)
            .flat_map(|a| (a + 1..6).map(move |b| [a, b]))
            .collect();
        assert_eq!(joined(&pairs, &majorities, &confusion).confused, 0.6);
        assert!(joined(&[], &majorities, &confusion).confused.is_nan());
    }
}
