//! The weight of a unit in the neighbourhood of the best matching one.

use serde::{Deserialize, Serialize};
use tch::Tensor;

/// The neighbourhood function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Neighbourhood {
    /// `exp(-d^2 / T^2)` at map distance `d` and temperature `T` (no factor 2).
    Gaussian,
    /// 1 up to the distance `T`, 0 beyond.
    Window,
}

impl Neighbourhood {
    /// The weights at one temperature, of the same shape as the squared map distances.
    pub fn weights(self, squared_distances: &Tensor, temperature: f64) -> Tensor {
        match self {
            Self::Gaussian => {
                // Bounded, so that a temperature close to 0 leaves the winner's own weight at
                // exp(0 * factor) = 1 instead of exp(0 * inf), which is NaN.
                let factor = (-1.0 / temperature.powi(2)).max(f64::from(f32::MIN));
                (squared_distances * factor).exp()
            }
            Self::Window => squared_distances
                .le(temperature.powi(2))
                .to_kind(squared_distances.kind()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::float_cmp)]
    use super::*;

    #[test]
    fn weights_follow_their_formulas() {
        let squared = Tensor::from_slice(&[0.0_f32, 1.0, 4.0, 9.0]);
        let gaussian = Neighbourhood::Gaussian.weights(&squared, 2.0);
        for (index, d) in [0.0_f64, 1.0, 2.0, 3.0].into_iter().enumerate() {
            let expected = (-d * d / 4.0).exp();
            assert!((gaussian.double_value(&[index as i64]) - expected).abs() < 1e-6);
        }
        let window = Neighbourhood::Window.weights(&squared, 2.0);
        assert_eq!(window, Tensor::from_slice(&[1.0_f32, 1.0, 1.0, 0.0]));
    }

    #[test]
    fn a_cold_map_updates_the_winner_alone() {
        let squared = Tensor::from_slice(&[0.0_f32, 1.0]);
        let weights = Neighbourhood::Gaussian.weights(&squared, 0.1);
        assert_eq!(weights.double_value(&[0]), 1.0);
        assert!(weights.double_value(&[1]) < 1e-40);
    }

    #[test]
    fn extreme_temperatures_give_weights_not_nan() {
        let squared = Tensor::from_slice(&[0.0_f32, 1.0, 196.0]);
        for kind in [Neighbourhood::Gaussian, Neighbourhood::Window] {
            for cold in [1e-300, 1e-20, 1e-9] {
                let weights = kind.weights(&squared, cold);
                assert_eq!(
                    weights,
                    Tensor::from_slice(&[1.0_f32, 0.0, 0.0]),
                    "{kind:?} {cold}"
                );
            }
            let warm = kind.weights(&squared, 1e300);
            assert_eq!(warm, Tensor::from_slice(&[1.0_f32; 3]), "{kind:?}");
        }
    }
}
