//! Updates of the classic online SOM on the pixels of MNIST, one sample after another.

use std::ops::ControlFlow;
use std::time::Instant;

use replicate::random::{self, Seed};
use replicate::som::online::{Lengths, Order, Spread};
use replicate::som::{Grid, OnlineSom};
use tch::{Kind, Tensor};

use crate::fixed;
use crate::protocol::{self, Contender, Round};

/// Updates of a round.
const UPDATES: u64 = 10_000;
/// Updates of the check.
const CHECK_UPDATES: u64 = 500;

/// As today's `MiniSom` is: lengths are free, the neighbourhood is a Gaussian.
fn map(side: usize, updates: u64) -> OnlineSom {
    OnlineSom {
        map: Grid {
            rows: side,
            columns: side,
        },
        updates,
        learning_rate: 0.5,
        sigma: side as f64 / 2.0,
        spread: Spread::Two,
        lengths: Lengths::Free,
        order: Order::Sequential,
        ends: None,
    }
}

struct Updates {
    data: Tensor,
    side: usize,
}

impl Updates {
    fn train(&self, updates: u64, data: &Tensor, prototypes: &Tensor) -> Tensor {
        // The order is that of the rows: nothing is drawn.
        let mut stream = random::stream(Seed(0), "bench");
        let go_on = &mut |_| ControlFlow::Continue(());
        let map = map(self.side, updates);
        map.train(data, prototypes, &mut stream, go_on).unwrap()
    }
}

impl Contender for Updates {
    fn round(&mut self) -> Round {
        let units = (self.side * self.side) as i64;
        let prototypes = self.data.narrow(0, 0, units);
        let clock = Instant::now();
        let _ = self.train(UPDATES, &self.data, &prototypes);
        Round {
            seconds: clock.elapsed().as_secs_f64() / UPDATES as f64,
            more: format!("updates={UPDATES}"),
        }
    }

    /// After a whole, short training the mean squared distance of 256 rows from their winners, for each 256.
    fn check(&mut self) -> Option<Vec<f64>> {
        let rows = fixed::rows();
        let units = (self.side * self.side) as i64;
        let trained = self.train(CHECK_UPDATES, &rows, &rows.narrow(0, 0, units));
        let distances = Tensor::cdist(&rows, &trained, 2.0, None);
        let (nearest, _) = distances.square().min_dim(1, false);
        let means = nearest.view([-1, 256]).mean_dim(1, false, Kind::Double);
        Some(Vec::try_from(means).unwrap())
    }
}

/// Answers with the seconds per update of a square map on the data in `path`, on one thread.
pub fn compete(path: &str, side: usize) {
    tch::set_num_threads(1);
    let mut updates = Updates {
        data: Tensor::read_npy(path).unwrap(),
        side,
    };
    protocol::compete("threads=1", &mut updates);
}
