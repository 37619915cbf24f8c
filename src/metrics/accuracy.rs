//! Unsupervised accuracy: the share of samples whose cluster is matched with their class, under
//! the best one-to-one matching of clusters and classes.

use super::contingency::Cell;
use super::{Contingency, Error};

/// The largest table of clusters and classes that is solved: 800 MB of counts.
const LARGEST_TABLE: usize = 100_000_000;
/// The most steps that are taken for one, smaller side squared times larger side: some minutes.
const MOST_STEPS: f64 = 2e11;

/// Unsupervised clustering accuracy, 0 to 1, higher is better.
///
/// `max over one-to-one m of |{i : class(i) = m(cluster(i))}| / n`, found by the Hungarian
/// algorithm in integers. With more clusters than classes the surplus clusters count as wrong:
/// compare it only for as many clusters as classes.
///
/// Time and memory grow with the number of clusters and classes: ask [`check_size`] about labels that may not be
/// any.
///
/// Reference: Xie, Girshick and Farhadi, *Unsupervised deep embedding for clustering analysis*
/// (ICML 2016), equation 10.
#[must_use]
pub fn accuracy(contingency: &Contingency) -> f64 {
    let matched = best_cells(contingency).into_iter().map(|cell| cell.count);
    matched.sum::<u64>() as f64 / contingency.samples() as f64
}

/// The matching behind [`accuracy`]: pairs of cluster label and class label that share samples, in the order of
/// the clusters.
#[must_use]
pub fn matching(contingency: &Contingency) -> Vec<(u32, u32)> {
    let (clusters, classes) = (contingency.clusters(), contingency.classes());
    let cells = best_cells(contingency).into_iter();
    let pairs = cells.map(|cell| (clusters[cell.cluster], classes[cell.class]));
    let mut pairs: Vec<(u32, u32)> = pairs.collect();
    pairs.sort_unstable();
    pairs
}

/// Whether [`accuracy`] can be computed with reasonable time and memory.
///
/// # Errors
/// [`Error::TooManyGroups`] with the sizes of the part of the table that is too large.
pub fn check_size(contingency: &Contingency) -> Result<(), Error> {
    for part in parts(contingency) {
        let (clusters, classes) = (part.clusters.len(), part.classes.len());
        let (short, long) = (clusters.min(classes), clusters.max(classes));
        let steps = (short as f64).powi(2) * long as f64;
        if short.saturating_mul(long) > LARGEST_TABLE || steps > MOST_STEPS {
            return Err(Error::TooManyGroups {
                predictions: clusters,
                classes,
            });
        }
    }
    Ok(())
}

/// The cells of the best matching that hold samples.
fn best_cells(contingency: &Contingency) -> Vec<Cell> {
    let parts = parts(contingency);
    parts.iter().flat_map(Part::best_cells).collect()
}

/// Clusters and classes that are connected by samples. Those of different parts share none, so that each part is
/// matched by itself: labels of which most occur once are a thousand small problems, not a large one.
#[derive(Debug, Default)]
struct Part {
    /// Ascending.
    clusters: Vec<usize>,
    /// Ascending.
    classes: Vec<usize>,
    /// By cluster, then class.
    cells: Vec<Cell>,
}

fn parts(contingency: &Contingency) -> Vec<Part> {
    let clusters = contingency.clusters().len();
    let mut forest = Forest::new(clusters + contingency.classes().len());
    for cell in contingency.cells() {
        forest.join(cell.cluster, clusters + cell.class);
    }
    let mut parts: Vec<Part> = Vec::new();
    let mut part_of = vec![None; forest.len()];
    for &cell in contingency.cells() {
        let place = *part_of[forest.root(cell.cluster)].get_or_insert_with(|| {
            parts.push(Part::default());
            parts.len() - 1
        });
        let part = &mut parts[place];
        part.clusters.push(cell.cluster);
        part.classes.push(cell.class);
        part.cells.push(cell);
    }
    for part in &mut parts {
        part.clusters.dedup();
        part.classes.sort_unstable();
        part.classes.dedup();
    }
    parts
}

impl Part {
    fn best_cells(&self) -> Vec<Cell> {
        if let [alone] = self.cells[..] {
            return vec![alone];
        }
        let (counts, rows_are_classes) = self.counts();
        let best = counts.best_columns();
        let is_chosen = |cell: &&Cell| {
            let [row, column] = self.place(cell, rows_are_classes);
            best[row] == column
        };
        self.cells.iter().filter(is_chosen).copied().collect()
    }

    /// Where a cell stands in [`Counts`].
    fn place(&self, cell: &Cell, rows_are_classes: bool) -> [usize; 2] {
        let cluster = self.clusters.partition_point(|&one| one < cell.cluster);
        let class = self.classes.partition_point(|&one| one < cell.class);
        if rows_are_classes {
            [class, cluster]
        } else {
            [cluster, class]
        }
    }

    /// As a dense matrix with no more rows than columns, and whether its rows are the classes.
    fn counts(&self) -> (Counts, bool) {
        let (clusters, classes) = (self.clusters.len(), self.classes.len());
        let rows_are_classes = classes <= clusters;
        let (rows, columns) = (clusters.min(classes), clusters.max(classes));
        let mut values = vec![0; rows * columns];
        for cell in &self.cells {
            let [row, column] = self.place(cell, rows_are_classes);
            values[row * columns + column] = cell.count as i64;
        }
        let counts = Counts {
            rows,
            columns,
            values,
        };
        (counts, rows_are_classes)
    }
}

/// Sets that are joined step by step (union-find with halved paths).
struct Forest {
    parents: Vec<usize>,
}

impl Forest {
    fn new(size: usize) -> Self {
        Self {
            parents: (0..size).collect(),
        }
    }

    fn len(&self) -> usize {
        self.parents.len()
    }

    fn root(&mut self, mut one: usize) -> usize {
        while self.parents[one] != one {
            self.parents[one] = self.parents[self.parents[one]];
            one = self.parents[one];
        }
        one
    }

    fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.root(one), self.root(other));
        self.parents[one.max(other)] = one.min(other);
    }
}

/// A table of counts with no more rows than columns, as the assignment needs it. Padding it to a square would
/// change nothing: the rows added would be zero.
struct Counts {
    rows: usize,
    columns: usize,
    values: Vec<i64>,
}

impl Counts {
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

    /// Labels of which many occur once, and some are shared: as the whole table says, and as itself in parts.
    #[test]
    fn parts_that_share_no_samples_are_matched_as_the_whole_table_is() {
        let mut random = Lcg(11);
        for _ in 0..300 {
            let label = |random: &mut Lcg| random.below(14);
            let (clusters, classes): (Vec<u32>, Vec<u32>) = (0..12)
                .map(|_| (label(&mut random), label(&mut random)))
                .unzip();
            let table = Contingency::new(&clusters, &classes).unwrap();
            let whole = Part {
                clusters: (0..table.clusters().len()).collect(),
                classes: (0..table.classes().len()).collect(),
                cells: table.cells().to_vec(),
            };
            let (counts, _) = whole.counts();
            let best = counts.best_columns();
            let sum: i64 = (0..counts.rows).map(|row| counts.get(row, best[row])).sum();
            assert_eq!(accuracy(&table), sum as f64 / 12.0);
            let covered = parts(&table)
                .iter()
                .map(|part| part.cells.len())
                .sum::<usize>();
            assert_eq!(covered, table.cells().len());
        }
    }

    #[test]
    fn as_many_groups_as_samples_take_no_square_table() {
        let labels: Vec<u32> = (0..70_000).collect();
        let table = Contingency::new(&labels, &labels).unwrap();
        assert!(check_size(&table).is_ok());
        assert_eq!(accuracy(&table), 1.0);
        // A chain: each cluster shares a class with the next, so that all are one part.
        let (clusters, classes): (Vec<u32>, Vec<u32>) =
            (0..70_000_u32).map(|i| (i / 2, i.div_ceil(2))).unzip();
        let chain = Contingency::new(&clusters, &classes).unwrap();
        assert!(matches!(
            check_size(&chain),
            Err(Error::TooManyGroups {
                predictions: 35_000,
                classes: 35_001
            })
        ));
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
