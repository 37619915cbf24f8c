//! What the machine can do at most: large products of 32-bit floats, one in each worker at once.

use tch::{Device, Kind, Tensor};

use crate::protocol::{self, Contender, Round};
use crate::team::Team;

const SIDE: i64 = 2048;
/// Products of a round.
const PRODUCTS: u32 = 20;

struct Products {
    team: Team,
    workers: usize,
}

impl Contender for Products {
    fn round(&mut self) -> Round {
        let seconds = self.team.round() / f64::from(PRODUCTS) / self.workers as f64;
        let flop = 2.0 * (SIDE as f64).powi(3);
        Round {
            seconds,
            more: format!("gflops={:.1}", flop / seconds / 1e9),
        }
    }
}

/// Answers with the seconds per product of 2048 x 2048 matrices.
pub fn compete(workers: usize, threads_each: usize) {
    let prepare = || {
        let matrix = || Tensor::rand([SIDE, SIDE], (Kind::Float, Device::Cpu));
        [matrix(), matrix(), matrix()]
    };
    let team = Team::new(
        workers,
        threads_each,
        prepare,
        |[out, a, b]: &mut [Tensor; 3]| {
            for _ in 0..PRODUCTS {
                let _ = a.mm_out(out, b);
            }
        },
    );
    let about = format!("workers={workers} threads={threads_each}");
    protocol::compete(&about, &mut Products { team, workers });
}
