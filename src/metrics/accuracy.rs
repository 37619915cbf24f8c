//! Unsupervised accuracy: the share of samples whose cluster is matched with their class, under
//! the best one-to-one matching of clusters and classes.

use super::Contingency;

/// Unsupervised clustering accuracy, 0 to 1, higher is better.
///
/// `max over one-to-one m of |{i : class(i) = m(cluster(i))}| / n`, found by the Hungarian
/// algorithm in integers. With more clusters than classes the surplus clusters count as wrong:
/// compare it only for as many clusters as classes.
///
/// Reference: Xie, Girshick and Farhadi, *Unsupervised deep embedding for clustering analysis*
/// (ICML 2016), equation 10.
#[must_use]
pub fn accuracy(contingency: &Contingency) -> f64 {
    let counts = Counts::new(contingency);
    let matched: i64 = counts
        .best_columns()
        .iter()
        .enumerate()
        .map(|(row, &column)| counts.get(row, column))
        .sum();
    matched as f64 / contingency.samples() as f64
}

/// The matching behind [`accuracy`]: pairs of cluster label and class label, in the order of the
/// clusters. Surplus clusters or classes have no pair; a pair may share no samples.
#[must_use]
pub fn matching(contingency: &Contingency) -> Vec<(u32, u32)> {
    let counts = Counts::new(contingency);
    let mut pairs: Vec<(u32, u32)> = counts
        .best_columns()
        .into_iter()
        .enumerate()
        .map(|(row, column)| {
            let (cluster, class) = if counts.rows_are_classes {
                (column, row)
            } else {
                (row, column)
            };
            (
                contingency.clusters()[cluster],
                contingency.classes()[class],
            )
        })
        .collect();
    pairs.sort_unstable();
    pairs
}

/// The contingency as a dense matrix with no more rows than columns, as the assignment needs it.
/// Padding it to a square would change nothing: the rows added would be zero.
struct Counts {
    rows: usize,
    columns: usize,
    values: Vec<i64>,
    rows_are_classes: bool,
}

impl Counts {
    fn new(contingency: &Contingency) -> Self {
        let clusters = contingency.clusters().len();
        let classes = contingency.classes().len();
        let rows_are_classes = classes <= clusters;
        let rows = clusters.min(classes);
        let columns = clusters.max(classes);
        let mut values = vec![0; rows * columns];
        for cell in contingency.cells() {
            let (row, column) = if rows_are_classes {
                (cell.class, cell.cluster)
            } else {
                (cell.cluster, cell.class)
            };
            values[row * columns + column] = cell.count as i64;
        }
        Self {
            rows,
            columns,
            values,
            rows_are_classes,
        }
    }

    fn get(&self, row: usize, column: usize) -> i64 {
        self.values[row * self.columns + column]
    }

    /// The column of each row in the one-to-one assignment of largest sum, in
    /// O(rows^2 columns).
    ///
    /// Rows enter one at a time, each by the shortest augmenting path over the reduced costs
    /// `-count - row_price - column_price`, which the prices keep non-negative (Jonker and
    /// Volgenant, Computing 1987, section 2).
    fn best_columns(&self) -> Vec<usize> {
        let mut row_price = vec![0; self.rows];
        let mut column_price = vec![0; self.columns];
        let mut column_of = vec![usize::MAX; self.rows];
        let mut row_of: Vec<Option<usize>> = vec![None; self.columns];

        for entering in 0..self.rows {
            let mut distance = vec![i64::MAX; self.columns];
            let mut reached_from = vec![entering; self.columns];
            let mut settled: Vec<usize> = Vec::new();
            let mut open: Vec<usize> = (0..self.columns).collect();
            let mut row = entering;
            let mut length = 0;
            // There are at least as many columns as rows, so a free one is always reached before
            // the open columns run out.
            let free = loop {
                let mut nearest = 0;
                for (index, &column) in open.iter().enumerate() {
                    let reduced = -self.get(row, column) - row_price[row] - column_price[column];
                    if length + reduced < distance[column] {
                        distance[column] = length + reduced;
                        reached_from[column] = row;
                    }
                    if distance[column] < distance[open[nearest]] {
                        nearest = index;
                    }
                }
                let column = open.swap_remove(nearest);
                length = distance[column];
                match row_of[column] {
                    None => break column,
                    Some(next) => {
                        settled.push(column);
                        row = next;
                    }
                }
            };

            row_price[entering] += length;
            for column in settled {
                if let Some(row) = row_of[column] {
                    row_price[row] += length - distance[column];
                }
                column_price[column] -= length - distance[column];
            }

            // Along the path every row moves to the column it was reached by.
            let mut column = free;
            loop {
                let row = reached_from[column];
                row_of[column] = Some(row);
                let previous = std::mem::replace(&mut column_of[row], column);
                if row == entering {
                    break;
                }
                column = previous;
            }
        }
        column_of
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]

    use super::super::tests::Lcg;
    use super::*;

    /// The largest sum over all ways to give each row a column of its own.
    fn exhaustive(counts: &Counts, row: usize, taken: &mut Vec<bool>) -> i64 {
        if row == counts.rows {
            return 0;
        }
        let mut best = 0;
        for column in 0..counts.columns {
            if !taken[column] {
                taken[column] = true;
                best = best.max(counts.get(row, column) + exhaustive(counts, row + 1, taken));
                taken[column] = false;
            }
        }
        best
    }

    #[test]
    fn assignment_is_the_best_of_all_permutations() {
        let mut random = Lcg(7);
        for case in 0..600 {
            let rows = 1 + random.below(6) as usize;
            let columns = rows + random.below(3) as usize;
            // Small ranges give many ties, large ones none.
            let range = if case % 2 == 0 { 4 } else { 100_000 };
            let counts = Counts {
                rows,
                columns,
                values: (0..rows * columns)
                    .map(|_| i64::from(random.below(range)))
                    .collect(),
                rows_are_classes: false,
            };
            let assignment = counts.best_columns();
            let sum: i64 = (0..rows).map(|row| counts.get(row, assignment[row])).sum();
            let mut distinct = assignment.clone();
            distinct.sort_unstable();
            distinct.dedup();
            assert_eq!(distinct.len(), rows, "a column was used twice");
            assert_eq!(sum, exhaustive(&counts, 0, &mut vec![false; columns]));
        }
    }

    #[test]
    fn greedy_matching_would_be_wrong() {
        // Cluster 0 shares 3 samples with class 0 and 2 with class 1, cluster 1 shares 2 with
        // class 0 only: taking the 3 first leaves 3 in all, the best is 4.
        let clusters = [0_u32, 0, 0, 0, 0, 1, 1];
        let classes = [0_u8, 0, 0, 1, 1, 0, 0];
        let table = Contingency::new(&clusters, &classes).unwrap();
        assert_eq!(accuracy(&table), 4.0 / 7.0);
        assert_eq!(matching(&table), [(0, 1), (1, 0)]);
    }

    #[test]
    fn surplus_clusters_have_no_pair() {
        let table = Contingency::new(&[3_u32, 5, 5, 8], &[1_u8, 1, 1, 2]).unwrap();
        assert_eq!(matching(&table), [(5, 1), (8, 2)]);
        assert_eq!(accuracy(&table), 3.0 / 4.0);
    }

    #[test]
    fn surplus_classes_have_no_pair() {
        let table = Contingency::new(&[3_u32, 3, 3, 8], &[1_u8, 2, 2, 3]).unwrap();
        assert_eq!(matching(&table), [(3, 2), (8, 3)]);
        assert_eq!(accuracy(&table), 3.0 / 4.0);
    }
}
