//! Random numbers that depend on nothing but (seed, purpose).
//!
//! Every draw of a run comes from its own stream, named after what it is for. Adding a metric, a
//! variant or a model to a cohort therefore changes no number of any other run, and a resumed run
//! needs no saved generator: it opens the same stream again. All draws happen on the CPU, in Rust,
//! so they are the same for every device and every version of libtorch.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The seed of one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seed(pub u64);

impl std::fmt::Display for Seed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// The random stream of `seed` for one `purpose`, e.g. `"weights"` or `"prototypes"`.
#[must_use]
pub fn stream(seed: Seed, purpose: &str) -> ChaCha8Rng {
    let mut hash = Sha256::new();
    hash.update(b"replicate random stream 1\0");
    hash.update(seed.0.to_le_bytes());
    hash.update(purpose.as_bytes());
    ChaCha8Rng::from_seed(hash.finalize().into())
}

/// A uniform number in `[0, 1)` with 24 random bits, the resolution of an `f32`.
pub fn unit(rng: &mut impl Rng) -> f32 {
    (rng.next_u32() >> 8) as f32 / 16_777_216.0
}

/// Two independent normal numbers around 0 with the standard deviation `sd`, from two uniform ones (Box & Muller
/// 1958). `first` must be above 0, whose logarithm is infinite: of a draw from `[0, 1)` give 1 minus it.
#[must_use]
pub fn box_muller(first: f64, second: f64, sd: f64) -> [f64; 2] {
    let radius = (-2.0 * first.ln()).sqrt() * sd;
    let (sine, cosine) = (std::f64::consts::TAU * second).sin_cos();
    [radius * cosine, radius * sine]
}

/// As [`box_muller`], all of it in `f32`.
#[must_use]
pub fn box_muller_f32(first: f32, second: f32, sd: f32) -> [f32; 2] {
    let radius = (-2.0 * first.ln()).sqrt() * sd;
    let (sine, cosine) = (std::f32::consts::TAU * second).sin_cos();
    [radius * cosine, radius * sine]
}

/// A uniform index in `0..limit`, without bias (rejection on 64 bits). `limit` must not be 0.
pub fn index(rng: &mut impl Rng, limit: usize) -> usize {
    let limit = limit as u64;
    let fair = u64::MAX - u64::MAX % limit;
    loop {
        let draw = rng.next_u64();
        if draw < fair {
            return (draw % limit) as usize;
        }
    }
}

/// `count` distinct indices out of `0..limit`, in random order (a partial Fisher-Yates shuffle).
/// Gives all of them when `count` exceeds `limit`.
pub fn distinct_indices(rng: &mut impl Rng, limit: usize, count: usize) -> Vec<usize> {
    let mut all: Vec<usize> = (0..limit).collect();
    let count = count.min(limit);
    for position in 0..count {
        let other = position + index(rng, limit - position);
        all.swap(position, other);
    }
    all.truncate(count);
    all
}

/// Uniform numbers in `[0, 1)` of a shape, for tests: libtorch's own generator is shared by all threads.
#[cfg(test)]
pub(crate) fn uniform(seed: u64, shape: &[i64]) -> tch::Tensor {
    let mut rng = stream(Seed(seed), "uniform");
    let values: Vec<f32> = (0..shape.iter().product::<i64>())
        .map(|_| unit(&mut rng))
        .collect();
    tch::Tensor::from_slice(&values).view(shape)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::float_cmp)]
    use super::*;

    #[test]
    fn the_same_seed_and_purpose_give_the_same_numbers() {
        let draw = |seed, purpose| stream(Seed(seed), purpose).next_u64();
        assert_eq!(draw(7, "weights"), draw(7, "weights"));
        assert_ne!(draw(7, "weights"), draw(8, "weights"));
        assert_ne!(draw(7, "weights"), draw(7, "prototypes"));
    }

    #[test]
    fn what_one_purpose_draws_changes_no_other() {
        let draw = |before: &[(u64, &str, usize)]| {
            for &(seed, purpose, count) in before {
                let mut other = stream(Seed(seed), purpose);
                for _ in 0..count {
                    other.next_u64();
                }
            }
            stream(Seed(7), "weights").next_u64()
        };
        let alone = draw(&[]);
        assert_eq!(draw(&[(7, "new metric", 5), (8, "weights", 1)]), alone);
        assert_eq!(draw(&[(7, "weights", 100)]), alone);
        // Seed and purpose cannot run into each other: the seed has a fixed length.
        let numbers: Vec<u64> = [
            (1, ""),
            (1, "0"),
            (10, ""),
            (256, ""),
            (1, "\0"),
            (0, "\u{1}"),
        ]
        .map(|(seed, purpose)| stream(Seed(seed), purpose).next_u64())
        .to_vec();
        for (index, number) in numbers.iter().enumerate() {
            assert!(!numbers[..index].contains(number), "{index}");
        }
    }

    #[test]
    fn the_streams_of_version_1_never_change() {
        // The first words of ChaCha with 8 rounds (Bernstein 2008), counter and nonce 0, key =
        // sha256(b"replicate random stream 1\0" + struct.pack("<Q", 1) + b"weights"), each >> 8:
        //
        // def quarter(x, a, b, c, d):
        //     for i, j, k, n in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
        //         x[i] = (x[i] + x[j]) % 2**32
        //         x[k] ^= x[i]; x[k] = (x[k] << n | x[k] >> 32 - n) % 2**32
        // s = [*struct.unpack("<4I", b"expand 32-byte k"), *struct.unpack("<8I", key), 0, 0, 0, 0]
        // x = s[:]
        // for _ in range(4):
        //     for i in range(4): quarter(x, i, i + 4, i + 8, i + 12)
        //     for i in range(4): quarter(x, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4)
        // print([(a + b) % 2**32 >> 8 for a, b in zip(x, s)][:4])
        let mut rng = stream(Seed(1), "weights");
        let drawn = [(); 4].map(|()| unit(&mut rng) * 16_777_216.0);
        assert_eq!(
            drawn,
            [11_380_888.0, 7_769_504.0, 16_069_081.0, 10_745_456.0]
        );
    }

    #[test]
    fn distinct_indices_are_distinct_and_in_range() {
        let mut chosen = distinct_indices(&mut stream(Seed(3), "test"), 100, 64);
        assert_eq!(chosen.len(), 64);
        chosen.sort_unstable();
        chosen.dedup();
        assert_eq!(chosen.len(), 64);
        assert!(chosen.iter().all(|&i| i < 100));
        assert_eq!(
            distinct_indices(&mut stream(Seed(3), "test"), 5, 9).len(),
            5
        );
    }

    #[test]
    fn indices_cover_their_range_evenly() {
        let mut rng = stream(Seed(0), "test");
        let mut counts = [0_u32; 7];
        for _ in 0..70_000 {
            counts[index(&mut rng, 7)] += 1;
        }
        // 10 000 expected each, standard deviation 92.6.
        assert!(
            counts.iter().all(|&c| c.abs_diff(10_000) < 500),
            "{counts:?}"
        );
    }
}
