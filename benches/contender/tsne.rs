//! t-SNE of codes, as figures of trained models show them.

use std::num::NonZeroUsize;
use std::time::Instant;

use replicate::embedding::Tsne;
use tch::{Kind, Tensor};

use crate::protocol::{self, Contender, Round};

struct Embeddings {
    codes: Vec<f32>,
    columns: usize,
    threads: NonZeroUsize,
}

impl Contender for Embeddings {
    fn round(&mut self) -> Round {
        let clock = Instant::now();
        let fitted = Tsne::default().fit(&self.codes, self.columns, self.threads);
        let seconds = clock.elapsed().as_secs_f64();
        let fitted = fitted.unwrap();
        Round {
            seconds,
            more: format!(
                "divergence={:.4} iterations={}",
                fitted.kl_divergence, fitted.iterations
            ),
        }
    }
}

/// Answers with the seconds per embedding of the codes in `path`.
pub fn compete(threads: usize, path: &str) {
    let codes = Tensor::read_npy(path).unwrap().to_kind(Kind::Float);
    let columns = codes.size()[1] as usize;
    let mut embeddings = Embeddings {
        codes: Vec::try_from(codes.reshape([-1])).unwrap(),
        columns,
        threads: NonZeroUsize::new(threads).unwrap(),
    };
    protocol::compete(&format!("threads={threads}"), &mut embeddings);
}
