//! Cardinal B-splines: how a point's charge is spread over grid nodes, and a field read off there.
//!
//! The splines are quintic: smooth enough for the field's gradient to be read off directly.

/// The order of the splines: nodes that a point touches along each axis. Must be even, so that
/// splines are centred on nodes.
pub(super) const ORDER: usize = 6;

/// The splines of the nodes around a point, along one axis: values and derivatives.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Weights {
    /// The spline of each node at the point, first node first. They add up to 1.
    pub value: [f64; ORDER],
    /// Their derivatives by the point's position in units of the spacing. They add up to 0.
    pub slope: [f64; ORDER],
}

/// How far to the left of a point's own cell the first node lies that it touches.
pub(super) const REACH: usize = ORDER / 2 - 1;

impl Weights {
    /// The weights of a point that lies `fraction` of the spacing right of a node, in `0..=1`, by
    /// the recursion of Cox and de Boor: `B_k(x) = (x B_{k-1}(x) + (k - x) B_{k-1}(x - 1)) / (k - 1)`
    /// and `B_k'(x) = B_{k-1}(x) - B_{k-1}(x - 1)`.
    #[inline]
    pub fn at(fraction: f64) -> Self {
        let mut value = [0.0; ORDER];
        let mut slope = [0.0; ORDER];
        value[0] = 1.0;
        for order in 2..=ORDER {
            if order == ORDER {
                slope[0] = -value[0];
                for node in 1..ORDER {
                    slope[node] = value[node - 1] - value[node];
                }
            }
            let scale = 1.0 / (order - 1) as f64;
            for node in (0..order).rev() {
                let from_left = if node == 0 { 0.0 } else { value[node - 1] };
                let right = (order - 1 - node) as f64 + fraction;
                let left = (node + 1) as f64 - fraction;
                value[node] = scale * (right * from_left + left * value[node]);
            }
        }
        Self { value, slope }
    }
}

/// The discrete Fourier transform of the spline sampled at the nodes, at frequency `index` of
/// `length`. Dividing by it turns splines into cardinal ones, which interpolate.
pub(super) fn sampled_spectrum(index: usize, length: usize) -> f64 {
    let nodes = Weights::at(0.0).value;
    let angle = std::f64::consts::TAU * index as f64 / length as f64;
    nodes
        .iter()
        .enumerate()
        .map(|(node, value)| value * (angle * (node as f64 - REACH as f64)).cos())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_reproduce_a_line_and_its_slope() {
        for step in 0..=10 {
            let fraction = f64::from(step) / 10.0;
            let Weights { value, slope } = Weights::at(fraction);
            let moment = |w: &[f64; ORDER]| -> f64 {
                w.iter()
                    .enumerate()
                    .map(|(n, w)| w * (n as f64 - REACH as f64))
                    .sum()
            };
            assert!((value.iter().sum::<f64>() - 1.0).abs() < 1e-14);
            assert!(slope.iter().sum::<f64>().abs() < 1e-14);
            assert!((moment(&value) - fraction).abs() < 1e-14);
            assert!((moment(&slope) - 1.0).abs() < 1e-14);
        }
    }

    #[test]
    fn the_quintic_spline_has_its_known_values() {
        // from scipy.interpolate import BSpline
        // b = BSpline.basis_element(range(7), extrapolate=False)
        // print([float(b(5.25 - n)) for n in range(6)], [float(b.derivative()(5.25 - n)) for n in range(6)])
        let Weights { value, slope } = Weights::at(0.25);
        let expected = [
            0.001_977_539_062_500_000_3,
            0.124_910_481_770_833_33,
            0.519_645_182_291_666_6,
            0.328_076_171_874_999_93,
            0.025_382_486_979_166_664,
            8.138_020_833_333_333e-06,
        ];
        let expected_slopes = [
            -0.013_183_593_75,
            -0.311_686_197_916_666_63,
            -0.236_002_604_166_666_63,
            0.459_960_937_499_999_94,
            0.100_748_697_916_666_64,
            0.000_162_760_416_666_666_66,
        ];
        for node in 0..ORDER {
            assert!((value[node] - expected[node]).abs() < 1e-14);
            assert!((slope[node] - expected_slopes[node]).abs() < 1e-14);
        }
    }

    #[test]
    fn the_spectrum_is_that_of_the_quintic_spline() {
        // At the nodes the quintic spline is (1, 26, 66, 26, 1) / 120.
        let expected = |index: f64| {
            let angle = std::f64::consts::TAU * index / 16.0;
            (66.0 + 52.0 * angle.cos() + 2.0 * (2.0 * angle).cos()) / 120.0
        };
        for index in 0..16 {
            assert!((sampled_spectrum(index, 16) - expected(index as f64)).abs() < 1e-14);
        }
    }
}
