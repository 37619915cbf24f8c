//! Which rows a step sees.

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use crate::nn::parameters::plain;
use crate::random::{self, Seed};

/// In which order the rows come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// As in the file; a batch that reaches the end goes on at the beginning (Caffe).
    Wrapped,
    /// As in the file; the last batch of an epoch is shorter (Keras).
    File,
    /// In a new random order each epoch, whose last batch is shorter.
    Shuffled,
}

/// The batches of a cohort's training, in the order that its settings name.
#[derive(Debug)]
pub struct Batches {
    rows: i64,
    batch: i64,
    order: Order,
    /// Of each model.
    seeds: Vec<Seed>,
    /// Where the random orders come from.
    purpose: &'static str,
    /// The epoch that was last begun, and its orders, `[models, rows]`.
    shuffled: Option<(u64, Tensor)>,
}

/// The rows of one step.
#[derive(Debug)]
pub enum Batch {
    /// So many from one on.
    Slice(i64, i64),
    /// Those numbered, `[batch]`.
    Chosen(Tensor),
    /// Those numbered for each model, `[models, batch]`.
    Own(Tensor),
}

impl Batches {
    /// Batches of `batch` out of `rows` rows; random orders come from the stream `"{purpose} {epoch}"` of
    /// each model's seed.
    #[must_use]
    pub fn new(rows: i64, batch: i64, order: Order, seeds: &[Seed], purpose: &'static str) -> Self {
        Self {
            rows,
            batch: batch.min(rows),
            order,
            seeds: seeds.to_vec(),
            purpose,
            shuffled: None,
        }
    }

    /// Steps of an epoch.
    fn per_epoch(&self) -> u64 {
        (self.rows as u64).div_ceil(self.batch as u64)
    }

    /// The rows of an epoch, where step `step` is its last one. Batches that go on at the beginning have no epochs.
    #[must_use]
    pub fn rows_if_epoch_ends(&self, step: u64) -> Option<i64> {
        let is_last = self.order != Order::Wrapped && (step + 1).is_multiple_of(self.per_epoch());
        is_last.then_some(self.rows)
    }

    /// The rows of step `step`, from 0; `like` lies where they are used.
    pub fn at(&mut self, step: u64, like: &Tensor) -> Batch {
        let (rows, batch) = (self.rows, self.batch);
        if self.order == Order::Wrapped {
            let start = (u128::from(step) * batch as u128 % rows as u128) as i64;
            if start + batch <= rows {
                return Batch::Slice(start, batch);
            }
            let numbers: Vec<i64> = (start..start + batch).map(|row| row % rows).collect();
            return Batch::Chosen(Tensor::from_slice(&numbers).to_device(like.device()));
        }
        let per_epoch = self.per_epoch();
        let (epoch, start) = (step / per_epoch, (step % per_epoch) as i64 * batch);
        let length = batch.min(rows - start);
        if self.order == Order::File {
            return Batch::Slice(start, length);
        }
        if self
            .shuffled
            .as_ref()
            .is_none_or(|(known, _)| *known != epoch)
        {
            let purpose = format!("{} {epoch}", self.purpose);
            let mut orders = Vec::with_capacity(self.seeds.len() * rows as usize);
            for seed in &self.seeds {
                let mut stream = random::stream(*seed, &purpose);
                let order = random::distinct_indices(&mut stream, rows as usize, rows as usize);
                orders.extend(order.into_iter().map(|row| row as i64));
            }
            let orders = Tensor::from_slice(&orders).view([-1, rows]);
            self.shuffled = Some((epoch, orders.to_device(like.device())));
        }
        let orders = self.shuffled.as_ref().map(|(_, orders)| orders);
        orders.map_or(Batch::Slice(start, length), |orders| {
            Batch::Own(orders.narrow(1, start, length))
        })
    }
}

impl Batch {
    /// How many rows; never none.
    #[must_use]
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> i64 {
        match self {
            Self::Slice(_, length) => *length,
            Self::Chosen(numbers) => numbers.size()[0],
            Self::Own(numbers) => numbers.size()[1],
        }
    }

    /// These rows of `tensor`, `[rows, D]` for all models or `[models, rows, D]` of each: `[batch, D]` where
    /// all models see the same and for one model, else `[models, batch, D]`. A view where they follow one
    /// another.
    pub fn of(&self, tensor: &Tensor) -> Tensor {
        let tensor = match tensor.dim() {
            3 => plain(tensor),
            _ => tensor.shallow_clone(),
        };
        let side = tensor.dim() as i64 - 2;
        let numbers = match self {
            // What follows wants it without gaps.
            Self::Slice(start, length) => return tensor.narrow(side, *start, *length).contiguous(),
            Self::Chosen(numbers) => return tensor.index_select(side, numbers),
            Self::Own(numbers) => numbers,
        };
        let size = numbers.size();
        if size[0] == 1 && side == 0 {
            return tensor.index_select(0, &numbers.get(0));
        }
        let chosen = if side == 0 {
            tensor.index_select(0, &numbers.reshape([-1]))
        } else {
            // Row after row of all models in one.
            let columns = tensor.size()[2];
            let first = Tensor::arange(size[0], (Kind::Int64, numbers.device()));
            let numbers = numbers + (first * tensor.size()[1]).unsqueeze(1);
            let rows = tensor.reshape([-1, columns]);
            rows.index_select(0, &numbers.reshape([-1]))
        };
        chosen.view([size[0], size[1], -1])
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use tch::{Device, Kind};

    use super::*;

    /// Rows that are their numbers.
    fn numbers(rows: i64) -> Tensor {
        Tensor::arange(rows, (Kind::Int64, Device::Cpu)).view([-1, 1])
    }

    fn values(tensor: &Tensor) -> Vec<i64> {
        Vec::try_from(tensor.reshape([-1])).unwrap()
    }

    fn seen(order: Order, steps: u64) -> Vec<Vec<i64>> {
        let data = numbers(10);
        let mut batches = Batches::new(10, 4, order, &[Seed(3)], "order");
        let rows = |step| {
            let batch = batches.at(step, &data);
            let rows = values(&batch.of(&data));
            assert_eq!(rows.len() as i64, batch.len());
            rows
        };
        (0..steps).map(rows).collect()
    }

    #[test]
    fn file_order_ends_short_or_wraps() {
        let file = seen(Order::File, 4);
        assert_eq!(file[1..], [vec![4, 5, 6, 7], vec![8, 9], vec![0, 1, 2, 3]]);
        let wrapped = seen(Order::Wrapped, 4);
        assert_eq!(wrapped[2..], [vec![8, 9, 0, 1], vec![2, 3, 4, 5]]);
    }

    #[test]
    fn each_epoch_sees_every_row_once_in_its_own_order() {
        let steps = seen(Order::Shuffled, 6);
        let (first, second) = (steps[..3].concat(), steps[3..].concat());
        assert_ne!(first, second);
        for mut epoch in [first, second] {
            epoch.sort_unstable();
            assert_eq!(epoch, (0..10).collect::<Vec<_>>());
        }
        // A step does not depend on those before it.
        let data = numbers(10);
        let mut batches = Batches::new(10, 4, Order::Shuffled, &[Seed(3)], "order");
        assert_eq!(values(&batches.at(4, &data).of(&data)), steps[4]);
    }

    /// From rows that are the same for all, and from rows of each.
    #[test]
    fn each_model_of_a_cohort_sees_what_it_would_alone() {
        let seeds = [Seed(3), Seed(8), Seed(5)];
        let shared = numbers(10);
        let own = Tensor::stack(&[&shared + 0, &shared + 100, &shared + 200], 0);
        for order in [Order::Wrapped, Order::File, Order::Shuffled] {
            let mut all = Batches::new(10, 4, order, &seeds, "order");
            for step in 0..6 {
                let together = all.at(step, &shared);
                let from_own = together.of(&own);
                assert_eq!(from_own.size(), [3, together.len(), 1]);
                let from_shared = together.of(&shared).expand_as(&from_own);
                for (index, seed) in (0..).zip(seeds) {
                    let mut alone = Batches::new(10, 4, order, &[seed], "order");
                    let expected = alone.at(step, &shared).of(&shared);
                    assert_eq!(expected.dim(), 2);
                    assert_eq!(from_shared.get(index), expected, "{order:?} {step}");
                    assert_eq!(from_own.get(index) - 100 * index, expected);
                }
            }
        }
    }

    #[test]
    fn a_batch_is_never_longer_than_the_data() {
        let data = numbers(3);
        for order in [Order::Wrapped, Order::File, Order::Shuffled] {
            let mut batches = Batches::new(3, 256, order, &[Seed(0)], "order");
            assert_eq!(batches.at(5, &data).len(), 3, "{order:?}");
        }
    }
}
