//! The spaces that codes live in: plane, torus, sphere.
//!
//! A network gives raw codes `z` `[rows, m]`; what the decoder sees is their embedding. On the torus and on
//! the sphere every embedded code has the same norm (equations 10 and 11 of the draft).

use std::f64::consts::{PI, TAU};

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

/// Raw codes shorter than this are at the origin, where the sphere's embedding has no value.
const ORIGIN: f64 = 1e-8;

/// A latent space. Raw codes are `[rows, m]` floats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Space {
    /// `R^m`, the code as it is.
    Plane,
    /// `T(z) = (cos z, sin z)`, element by element: `m` angles in radians, embedded in `R^2m`.
    Torus,
    /// `S(z) = z / |z|`: the unit sphere in `R^m`. The origin, outside its domain, is put on the first axis.
    Sphere,
}

impl Space {
    /// Features that the decoder sees for codes of `m`.
    #[must_use]
    pub fn embedded(self, m: i64) -> i64 {
        match self {
            Self::Plane | Self::Sphere => m,
            Self::Torus => 2 * m,
        }
    }

    /// What the decoder sees, `[rows, embedded(m)]`.
    pub fn embed(self, codes: &Tensor) -> Tensor {
        match self {
            Self::Plane => codes.shallow_clone(),
            Self::Torus => Tensor::cat(&[codes.cos(), codes.sin()], 1),
            Self::Sphere => on_sphere(codes).0.to_kind(Kind::Float),
        }
    }

    /// The gradient with respect to the codes, from that with respect to their embedding: the transposed
    /// Jacobian times `delta`. Zero at the sphere's origin.
    pub fn pull_back(self, codes: &Tensor, delta: &Tensor) -> Tensor {
        match self {
            Self::Plane => delta.shallow_clone(),
            Self::Torus => {
                let m = codes.size()[1];
                delta.narrow(1, m, m) * codes.cos() - delta.narrow(1, 0, m) * codes.sin()
            }
            Self::Sphere => {
                // (I - s s') delta / |z|
                let (s, norm, at_origin) = on_sphere(codes);
                let delta = delta.to_kind(Kind::Double);
                let radial = (&s * &delta).sum_dim_intlist(1, true, Kind::Double) * &s;
                let tangent = (delta - radial) / norm.clamp_min(ORIGIN);
                tangent.masked_fill(&at_origin, 0.0).to_kind(Kind::Float)
            }
        }
    }

    /// A neighbour of each code, drawn from the kernel `h_t` of width `sigma`: the direction is uniform, the
    /// distance the absolute value of a normal number of standard deviation `sigma` (section 4.1.4). On the
    /// torus angles are added and wrap by themselves; on the sphere the step is along a great circle.
    ///
    /// `directions` `[rows, m]` and `radii` `[rows, 1]` are standard normal numbers.
    pub fn neighbours(
        self,
        codes: &Tensor,
        directions: &Tensor,
        radii: &Tensor,
        sigma: f64,
    ) -> Tensor {
        let radii = radii.to_kind(Kind::Double).abs() * sigma;
        match self {
            Self::Plane | Self::Torus => {
                let (unit, _, _) = on_sphere(directions);
                (codes.to_kind(Kind::Double) + radii * unit).to_kind(Kind::Float)
            }
            Self::Sphere => {
                let (s, _, _) = on_sphere(codes);
                let drawn = directions.to_kind(Kind::Double);
                let radial = (&s * &drawn).sum_dim_intlist(1, true, Kind::Double) * &s;
                let (tangent, _, _) = on_sphere(&(drawn - radial));
                (radii.cos() * s + radii.sin() * tangent).to_kind(Kind::Float)
            }
        }
    }

    /// The distance within the space: Euclidean, wrapped angles, or the angle between two raw codes.
    #[must_use]
    pub fn distance(self, a: &[f32], b: &[f32]) -> f64 {
        let pairs = a.iter().zip(b).map(|(&a, &b)| (f64::from(a), f64::from(b)));
        match self {
            Self::Plane => pairs.map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt(),
            Self::Torus => {
                let wrapped = pairs.map(|(a, b)| (a - b) - TAU * ((a - b) / TAU).round());
                wrapped.map(|d| d * d).sum::<f64>().sqrt()
            }
            Self::Sphere => {
                let (a, b) = (unit(a), unit(b));
                let norm = |of: &dyn Fn(f64, f64) -> f64| {
                    let pairs = a.iter().zip(&b);
                    pairs.map(|(&a, &b)| of(a, b).powi(2)).sum::<f64>().sqrt()
                };
                // Exact for small angles and for those near pi, as arccos is not.
                2.0 * norm(&|a, b| a - b).atan2(norm(&|a, b| a + b))
            }
        }
    }

    /// Codes at the centres of `side x side` cells, row by row, `[side^2, m]`: of the square from `-extent`
    /// to `extent`, of all angles, or of latitude (from the north) and longitude. Two coordinates, three on
    /// the sphere.
    pub fn grid(self, side: usize, extent: f64) -> Tensor {
        let centre = |index: usize| (index as f64 + 0.5) / side as f64;
        let mut values = Vec::with_capacity(3 * side * side);
        for row in 0..side {
            for column in 0..side {
                let (v, u) = (centre(row), centre(column));
                match self {
                    Self::Plane => {
                        values.extend([extent * (2.0 * u - 1.0), extent * (1.0 - 2.0 * v)]);
                    }
                    Self::Torus => values.extend([PI * (2.0 * u - 1.0), PI * (2.0 * v - 1.0)]),
                    Self::Sphere => {
                        values.extend(at(PI * (0.5 - v), PI * (2.0 * u - 1.0)));
                    }
                }
            }
        }
        let values: Vec<f32> = values.into_iter().map(|value| value as f32).collect();
        let m = if self == Self::Sphere { 3 } else { 2 };
        Tensor::from_slice(&values).view([-1, m])
    }
}

/// The point of the unit sphere in three dimensions at a latitude and longitude in radians.
pub(super) fn at(latitude: f64, longitude: f64) -> [f64; 3] {
    [
        latitude.cos() * longitude.cos(),
        latitude.cos() * longitude.sin(),
        latitude.sin(),
    ]
}

/// Each row divided by its norm, the norms `[rows, 1]`, and which rows are at the origin, all in double
/// precision, in which squares of 32-bit floats neither overflow nor vanish.
fn on_sphere(codes: &Tensor) -> (Tensor, Tensor, Tensor) {
    let codes = codes.to_kind(Kind::Double);
    let squares = codes.square().sum_dim_intlist(1, true, Kind::Double);
    let norm = squares.sqrt();
    let at_origin = norm.lt(ORIGIN);
    let axis = Tensor::zeros_like(&codes);
    let _ = axis.narrow(1, 0, 1).fill_(1.0);
    let s = (&codes / norm.clamp_min(ORIGIN)).where_self(&at_origin.logical_not(), &axis);
    (s, norm, at_origin)
}

fn unit(code: &[f32]) -> Vec<f64> {
    let norm = code
        .iter()
        .map(|&v| f64::from(v).powi(2))
        .sum::<f64>()
        .sqrt();
    if norm < ORIGIN {
        let first = std::iter::once(1.0);
        return first
            .chain(std::iter::repeat(0.0))
            .take(code.len())
            .collect();
    }
    code.iter().map(|&v| f64::from(v) / norm).collect()
}
