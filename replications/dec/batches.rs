//! Which rows a step sees.

use tch::Tensor;

use super::settings::Order;
use crate::random::{self, Seed};

/// The batches of a training, in the order that its settings name.
#[derive(Debug)]
pub(super) struct Batches {
    rows: i64,
    batch: i64,
    order: Order,
    seed: Seed,
    /// Where the random orders come from.
    purpose: &'static str,
    /// The order of a pass, `[rows]`.
    shuffled: Option<(u64, Tensor)>,
}

/// The rows of one step.
#[derive(Debug)]
pub(super) enum Batch {
    /// So many from one on.
    Slice(i64, i64),
    /// Those numbered, `[batch]`.
    Chosen(Tensor),
}

impl Batches {
    /// Batches of `batch` out of `rows` rows; random orders come from the stream `"{purpose} {pass}"` of
    /// the seed.
    pub(super) fn new(
        rows: i64,
        batch: i64,
        order: Order,
        seed: Seed,
        purpose: &'static str,
    ) -> Self {
        Self {
            rows,
            batch: batch.min(rows),
            order,
            seed,
            purpose,
            shuffled: None,
        }
    }

    /// The rows of step `step`, from 0; `like` lies where they are used.
    pub(super) fn at(&mut self, step: u64, like: &Tensor) -> Batch {
        let (rows, batch) = (self.rows, self.batch);
        if self.order == Order::Wrapped {
            let start = (u128::from(step) * batch as u128 % rows as u128) as i64;
            if start + batch <= rows {
                return Batch::Slice(start, batch);
            }
            let numbers: Vec<i64> = (start..start + batch).map(|row| row % rows).collect();
            return Batch::Chosen(Tensor::from_slice(&numbers).to_device(like.device()));
        }
        let per_pass = (rows as u64).div_ceil(batch as u64);
        let (pass, start) = (step / per_pass, (step % per_pass) as i64 * batch);
        let length = batch.min(rows - start);
        if self.order == Order::File {
            return Batch::Slice(start, length);
        }
        if self
            .shuffled
            .as_ref()
            .is_none_or(|(known, _)| *known != pass)
        {
            let mut stream = random::stream(self.seed, &format!("{} {pass}", self.purpose));
            let order = random::distinct_indices(&mut stream, rows as usize, rows as usize);
            let order: Vec<i64> = order.into_iter().map(|row| row as i64).collect();
            self.shuffled = Some((pass, Tensor::from_slice(&order).to_device(like.device())));
        }
        let order = self.shuffled.as_ref().map(|(_, order)| order);
        order.map_or(Batch::Slice(start, length), |order| {
            Batch::Chosen(order.narrow(0, start, length))
        })
    }
}

impl Batch {
    /// How many rows.
    pub(super) fn len(&self) -> i64 {
        match self {
            Self::Slice(_, length) => *length,
            Self::Chosen(numbers) => numbers.size()[0],
        }
    }

    /// These rows of `tensor`: a view where they follow one another.
    pub(super) fn of(&self, tensor: &Tensor) -> Tensor {
        match self {
            Self::Slice(start, length) => tensor.narrow(0, *start, *length),
            Self::Chosen(numbers) => tensor.index_select(0, numbers),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use tch::{Device, Kind};

    use super::*;

    fn seen(order: Order, steps: u64) -> Vec<Vec<i64>> {
        let data = Tensor::arange(10, (Kind::Int64, Device::Cpu));
        let mut batches = Batches::new(10, 4, order, Seed(3), "order");
        let rows = |step| {
            let batch = batches.at(step, &data);
            let rows = Vec::<i64>::try_from(batch.of(&data)).unwrap();
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
    fn each_pass_sees_every_row_once_in_its_own_order() {
        let steps = seen(Order::Shuffled, 6);
        let (first, second) = (steps[..3].concat(), steps[3..].concat());
        assert_ne!(first, second);
        for mut pass in [first, second] {
            pass.sort_unstable();
            assert_eq!(pass, (0..10).collect::<Vec<_>>());
        }
        // A step does not depend on those before it.
        let data = Tensor::arange(10, (Kind::Int64, Device::Cpu));
        let mut batches = Batches::new(10, 4, Order::Shuffled, Seed(3), "order");
        let fifth = Vec::<i64>::try_from(batches.at(4, &data).of(&data)).unwrap();
        assert_eq!(fifth, steps[4]);
    }

    #[test]
    fn a_batch_is_never_longer_than_the_data() {
        let data = Tensor::arange(3, (Kind::Int64, Device::Cpu));
        for order in [Order::Wrapped, Order::File, Order::Shuffled] {
            let mut batches = Batches::new(3, 256, order, Seed(0), "order");
            assert_eq!(batches.at(5, &data).len(), 3, "{order:?}");
        }
    }
}
