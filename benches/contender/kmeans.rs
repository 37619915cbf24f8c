//! K-means on the pixels of MNIST, the baseline that every run of a replication is set beside.

use std::time::Instant;

use replicate::cluster::KMeans;
use replicate::random::{self, Seed};
use tch::Tensor;

use crate::protocol::{self, Contender, Round};

struct Fits {
    data: Tensor,
    settings: KMeans,
    seed: u64,
}

impl Contender for Fits {
    fn round(&mut self) -> Round {
        let mut stream = random::stream(Seed(self.seed), "bench");
        self.seed += 1;
        let clock = Instant::now();
        let fit = self.settings.fit(&self.data, &mut stream).unwrap();
        Round {
            seconds: clock.elapsed().as_secs_f64(),
            more: format!("inertia={:.1} iterations={}", fit.inertia, fit.iterations),
        }
    }
}

/// Answers with the seconds per fit of the data in `path`, another seed each time.
pub fn compete(threads: usize, path: &str, clusters: usize, restarts: usize) {
    tch::set_num_threads(threads.try_into().unwrap());
    let mut fits = Fits {
        data: Tensor::read_npy(path).unwrap(),
        settings: KMeans {
            restarts,
            ..KMeans::new(clusters)
        },
        seed: 0,
    };
    protocol::compete(&format!("threads={threads}"), &mut fits);
}
