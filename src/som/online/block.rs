//! Updates that follow one another, as products of matrices.
//!
//! An update moves each prototype to `a m + b x`: `a = 1 - rate` and `b = rate`, both divided by the new
//! length where lengths are kept at 1. So after any number of updates a prototype is a weighted sum of what it
//! was and of the samples shown, and its product with a sample still to come follows from the products before:
//!
//! ```text
//! m' . y = a (m . y) + b (x . y)       |m'|^2 = a^2 |m|^2 + 2 a b (m . x) + b^2 |x|^2
//! |y - m|^2 = |y|^2 - 2 (m . y) + |m|^2
//! ```
//!
//! For a block of samples one product of matrices gives `m . y` of all units and samples, one `x . y` of all
//! pairs of samples. With these numbers alone the winners are found one after the other, each from the map as
//! the updates before have left it, and a last product moves the map. The map, which may be larger than the
//! processor's caches, is read a few times a block, not once a sample.
//!
//! Nothing is approximated, but rounding is another than that of one update after another: which of two units
//! is nearer is uncertain where their squared distances differ by less than some millionths of the squared
//! lengths, ties included. So lengths are measured from a point amid the prototypes, not from the origin, which
//! changes no distance and no move; where lengths are kept at 1 the origin has to be that point.

use tch::{Device, Kind, Tensor};

use crate::nn::products::{multiply, multiply_add};
use crate::nn::slices::{slice, slice_mut};
use crate::som::loss::lowest;

/// How many samples a block has for rows of so many features: the numbers that follow each update are units
/// times samples, which should be few beside units times features, and every block has a price.
pub(super) fn samples_per_block(dims: usize) -> u64 {
    (dims / 8).clamp(32, 64) as u64
}

/// Prototypes on their way through several blocks, as differences from a point amid them.
#[derive(Debug)]
pub(super) struct CentredMap {
    /// That point, `[1, dims]`.
    centre: Tensor,
    /// `[units, dims]`, at first and now.
    first: Tensor,
    map: Tensor,
    /// Squared lengths.
    squares: Vec<f64>,
    /// Whether lengths are made 1 after every update.
    unit: bool,
}

impl CentredMap {
    /// `prototypes` `[units, dims]`, contiguous floats on the CPU, as they are.
    pub fn of(prototypes: &Tensor, unit: bool) -> Self {
        let size = prototypes.size();
        let (units, dims) = (size[0] as usize, size[1] as usize);
        // Added up here: libtorch's sums may depend on the number of threads.
        let mut centre = vec![0.0_f64; dims];
        if !unit {
            for row in slice(prototypes).chunks_exact(dims) {
                for (sum, &value) in centre.iter_mut().zip(row) {
                    *sum += f64::from(value);
                }
            }
        }
        let centre: Vec<f32> = centre
            .iter()
            .map(|sum| (sum / units as f64) as f32)
            .collect();
        let centre = Tensor::from_slice(&centre).unsqueeze(0);
        let map = prototypes - &centre;
        let squares = slice(&map).chunks_exact(dims).map(square).collect();
        Self {
            centre,
            first: map.copy(),
            map,
            squares,
            unit,
        }
    }

    /// Moves the prototypes that this began with to where they are now. Those that have not moved keep their bits.
    pub fn write(&self, prototypes: &mut Tensor) {
        *prototypes += &self.map - &self.first;
    }

    /// An update for each of `samples` `[n, dims]`, in their order. `rates_of` sets the units' rates for a winner
    /// and the number of its sample. Gives the sum over the samples of the squared distance from the winner before
    /// it moved; not finite where a distance is not.
    pub fn advance(
        &mut self,
        samples: &Tensor,
        rates_of: &mut dyn FnMut(usize, usize, &mut [f32]),
    ) -> f64 {
        let mut block = self.products(samples);
        let (mut moves, errors) = self.find_winners(&mut block, rates_of);
        self.apply(&block.samples, &mut moves);
        errors
    }

    /// A block of `samples` `[n, dims]`, with its products before the first update.
    fn products(&self, samples: &Tensor) -> Block {
        let (count, units) = (samples.size()[0] as usize, self.squares.len());
        let block = Block {
            samples: samples - &self.centre,
            with_units: zeros(count, units),
            with_samples: zeros(count, count),
        };
        multiply(&block.with_units, &block.samples, &self.map.tr());
        multiply(&block.with_samples, &block.samples, &block.samples.tr());
        block
    }

    /// Finds the winners one after the other, and takes the products and the squared lengths along each update;
    /// the map stays where it is. Gives the moves and the sum of errors, see [`CentredMap::advance`].
    fn find_winners(
        &mut self,
        block: &mut Block,
        rates_of: &mut dyn FnMut(usize, usize, &mut [f32]),
    ) -> (Moves, f64) {
        let (count, units) = (block.samples.size()[0] as usize, self.squares.len());
        let mut moves = Moves {
            stays: vec![0.0; count * units],
            adds: zeros(count, units),
        };
        let products = slice_mut(&mut block.with_units);
        let between = slice(&block.with_samples);
        let adds = slice_mut(&mut moves.adds);
        let mut scores = vec![0.0_f64; units];
        let mut stay = vec![0.0_f32; units];
        let mut errors = 0.0;
        for sample in 0..count {
            let (before, after) = products.split_at_mut((sample + 1) * units);
            let met = &before[sample * units..];
            let line = &between[sample * count..(sample + 1) * count];
            let length = f64::from(line[sample]);
            // The sample's own length is the same for all.
            for ((score, square), &product) in scores.iter_mut().zip(&self.squares).zip(met) {
                *score = square - 2.0 * f64::from(product);
            }
            let winner = lowest(&scores);
            let error = scores[winner] + length;
            // Rounding may give a small negative; NaN stays NaN.
            errors += if error < 0.0 { 0.0 } else { error };
            let part = sample * units..(sample + 1) * units;
            let (stays, adds) = (&mut moves.stays[part.clone()], &mut adds[part]);
            rates_of(winner, sample, adds);
            self.update_squares(met, length, stays, adds);
            for (stay, &stays) in stay.iter_mut().zip(&*stays) {
                *stay = stays as f32;
            }
            update_products(after, &line[sample + 1..], &stay, adds);
        }
        (moves, errors)
    }

    /// Takes the squared lengths along an update: `met` are the products of its sample with the units, `length` is
    /// its squared length. `adds` are the units' rates at first and `b` afterwards, `stays` becomes `a`.
    fn update_squares(&mut self, met: &[f32], length: f64, stays: &mut [f64], adds: &mut [f32]) {
        let of_units = stays.iter_mut().zip(adds).zip(&mut self.squares);
        for (((stays, adds), square), &product) in of_units.zip(met) {
            let product = f64::from(product);
            let moved = |a: f64, b: f64| a * a * *square + 2.0 * a * b * product + b * b * length;
            let rate = f64::from(*adds);
            let mut scale = 1.0;
            if self.unit {
                let length = moved(1.0 - rate, rate);
                if length > 0.0 {
                    scale = 1.0 / length.sqrt();
                }
            }
            *stays = (1.0 - rate) * scale;
            *adds = (rate * scale) as f32;
            // Of what is really added, rounded: so errors of lengths do not add up.
            let moved = moved(*stays, f64::from(*adds));
            *square = if moved < 0.0 { 0.0 } else { moved };
        }
    }

    /// Moves the map by all updates of a block.
    fn apply(&mut self, samples: &Tensor, moves: &mut Moves) {
        let units = self.squares.len();
        // What is left of each sample after the updates that came later, and of the prototype.
        let mut left = vec![1.0_f64; units];
        let adds = slice_mut(&mut moves.adds).chunks_exact_mut(units);
        for (stays, adds) in moves.stays.chunks_exact(units).zip(adds).rev() {
            for ((add, left), stay) in adds.iter_mut().zip(&mut left).zip(stays) {
                *add = (f64::from(*add) * *left) as f32;
                *left *= stay;
            }
        }
        // Add `(left - 1) m` instead of scaling by `left`: a rate below f32's epsilon would otherwise be lost.
        let lost: Vec<f32> = left.iter().map(|left| (left - 1.0) as f32).collect();
        let lost = Tensor::from_slice(&lost).unsqueeze(1);
        let _ = self.map.addcmul_(&self.map.shallow_clone(), &lost);
        multiply_add(&mut self.map, &moves.adds.tr(), samples);
    }
}

/// A block of samples, and their products, each as the updates before its sample have left it.
struct Block {
    /// `[n, dims]`, as differences from the centre.
    samples: Tensor,
    /// `[n, units]`.
    with_units: Tensor,
    /// `[n, n]`.
    with_samples: Tensor,
}

/// `a` and `b` of each update and unit.
struct Moves {
    /// `a`, `n * units`.
    stays: Vec<f64>,
    /// `b`, `[n, units]`.
    adds: Tensor,
}

fn zeros(rows: usize, columns: usize) -> Tensor {
    let size = [rows as i64, columns as i64];
    Tensor::zeros(size, (Kind::Float, Device::Cpu))
}

/// The sum of squares, in partial sums side by side.
fn square(values: &[f32]) -> f64 {
    let mut sums = [0.0_f64; 8];
    for values in values.chunks(sums.len()) {
        for (sum, &value) in sums.iter_mut().zip(values) {
            *sum += f64::from(value) * f64::from(value);
        }
    }
    sums.iter().sum()
}

/// Takes the products of units with the samples still to come, a line of `products` for each, along an update:
/// `between` are the products of its sample with them.
fn update_products(products: &mut [f32], between: &[f32], stays: &[f32], adds: &[f32]) {
    #[cfg(target_arch = "x86_64")]
    {
        if std::arch::is_x86_feature_detected!("avx512f") {
            // SAFETY: the processor has the instructions, as was just asked.
            return unsafe { update_products_avx512(products, between, stays, adds) };
        }
        if std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: as above.
            return unsafe { update_products_avx2(products, between, stays, adds) };
        }
    }
    update_products_plain(products, between, stays, adds);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn update_products_avx512(products: &mut [f32], between: &[f32], stays: &[f32], adds: &[f32]) {
    update_products_plain(products, between, stays, adds);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn update_products_avx2(products: &mut [f32], between: &[f32], stays: &[f32], adds: &[f32]) {
    update_products_plain(products, between, stays, adds);
}

/// Compiled into each of its callers, with the instructions that they may use.
#[inline(always)]
#[allow(clippy::inline_always)]
fn update_products_plain(products: &mut [f32], between: &[f32], stays: &[f32], adds: &[f32]) {
    for (line, &other) in products.chunks_exact_mut(stays.len()).zip(between) {
        for ((product, &stay), &add) in line.iter_mut().zip(stays).zip(adds) {
            *product = stay * *product + add * other;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]
    use super::*;
    use crate::random;

    const UNITS: usize = 5;
    const DIMS: usize = 7;

    type Rates = fn(usize, usize, &mut [f32]);

    /// Rates that depend on winner, sample and unit.
    fn near(winner: usize, sample: usize, rates: &mut [f32]) {
        for (unit, rate) in rates.iter_mut().enumerate() {
            let steps = (winner.abs_diff(unit) + sample % 3) as f32;
            *rate = 0.9 / (1.0 + steps * steps);
        }
    }

    /// The winner all the way, the others not at all.
    fn all_or_nothing(winner: usize, _: usize, rates: &mut [f32]) {
        rates.fill(0.0);
        rates[winner] = 1.0;
    }

    /// One update after another, in doubles.
    fn plainly(samples: &Tensor, prototypes: &Tensor, unit: bool, rates: Rates) -> (Vec<f64>, f64) {
        let rows = |t: &Tensor| -> Vec<Vec<f64>> { t.to_kind(Kind::Double).try_into().unwrap() };
        let (samples, mut map) = (rows(samples), rows(prototypes));
        let mut sum = 0.0;
        for (index, x) in samples.iter().enumerate() {
            let distance =
                |m: &Vec<f64>| -> f64 { m.iter().zip(x).map(|(m, x)| (x - m) * (x - m)).sum() };
            let distances: Vec<f64> = map.iter().map(distance).collect();
            let winner = (0..UNITS)
                .min_by(|&a, &b| distances[a].total_cmp(&distances[b]))
                .unwrap();
            sum += distances[winner];
            let mut moved = [0.0; UNITS];
            rates(winner, index, &mut moved);
            for (m, rate) in map.iter_mut().zip(moved) {
                for (m, x) in m.iter_mut().zip(x) {
                    *m += f64::from(rate) * (x - *m);
                }
                let length = m.iter().map(|m| m * m).sum::<f64>().sqrt();
                if unit && length > 0.0 {
                    for m in m.iter_mut() {
                        *m /= length;
                    }
                }
            }
        }
        (map.concat(), sum)
    }

    /// The map after a block of `samples`, its centred form, and the sum of errors.
    fn moved(
        start: &Tensor,
        samples: &Tensor,
        unit: bool,
        rates: Rates,
    ) -> (Tensor, CentredMap, f64) {
        let mut centred = CentredMap::of(start, unit);
        let sum = centred.advance(samples, &mut |winner, sample, of| rates(winner, sample, of));
        let mut map = start.copy();
        centred.write(&mut map);
        (map, centred, sum)
    }

    fn uniform(seed: u64, rows: usize) -> Tensor {
        random::uniform(seed, &[rows as i64, DIMS as i64])
    }

    #[test]
    fn a_block_is_its_updates_one_after_the_other() {
        let start = uniform(1, UNITS);
        for (count, rates) in [
            (1, near as Rates),
            (2, near),
            (9, all_or_nothing),
            (40, near),
        ] {
            let samples = uniform(2, count);
            for unit in [false, true] {
                let (map, centred, sum) = moved(&start, &samples, unit, rates);
                let (expected, errors) = plainly(&samples, &start, unit, rates);
                assert!((sum - errors).abs() < 1e-5 * errors, "{sum} {errors}");
                for (found, expected) in slice(&map).iter().zip(expected) {
                    assert!(
                        (f64::from(*found) - expected).abs() < 1e-5,
                        "{count} {unit}"
                    );
                }
                let rows = slice(&centred.map).chunks_exact(DIMS);
                for (found, row) in centred.squares.iter().zip(rows) {
                    assert!((found - square(row)).abs() < 1e-5, "{count} {unit}");
                }
            }
        }
    }

    /// 1000 from the origin a squared length is 7 million, and 32-bit products of such vectors are wrong by
    /// more than any distance here.
    #[test]
    fn far_from_the_origin_winners_are_the_same() {
        let (start, samples) = (uniform(1, UNITS) + 1000.0, uniform(2, 40) + 1000.0);
        let (map, _, sum) = moved(&start, &samples, false, near);
        let (expected, errors) = plainly(&samples, &start, false, near);
        assert!((sum - errors).abs() < 1e-3 * errors, "{sum} {errors}");
        for (found, expected) in slice(&map).iter().zip(expected) {
            // Twice the last digit of 1000.
            assert!((f64::from(*found) - expected).abs() < 1.3e-4);
        }
    }

    /// What is shown where it is moves nothing, however often and however small the rate.
    #[test]
    fn prototypes_do_not_drift() {
        let start = uniform(1, UNITS) + 1000.0;
        for rate in [1e-8, 2.9e-8, 5e-8, 1e-3] {
            let mut centred = CentredMap::of(&start, false);
            // Every sample is the second prototype; all move, but only that one has nowhere to go.
            let samples = start.narrow(0, 1, 1).expand([64, DIMS as i64], false);
            for _ in 0..200 {
                centred.advance(&samples, &mut |_, _, rates| rates.fill(rate));
            }
            let mut map = start.copy();
            centred.write(&mut map);
            let apart = (map - &start).abs().get(1).max().double_value(&[]);
            assert!(apart < 1.3e-4, "{rate}: {apart}");
        }
    }

    #[test]
    fn lengths_of_one_stay_one() {
        let start = uniform(1, UNITS);
        let start = &start / start.square().sum_dim_intlist(1, true, Kind::Float).sqrt();
        for rate in [2e-8, 1e-6, 0.01, 0.5] {
            let mut centred = CentredMap::of(&start, true);
            for block in 0..32 {
                centred.advance(&uniform(block, 32), &mut |_, _, rates| rates.fill(rate));
            }
            for row in slice(&centred.map).chunks_exact(DIMS) {
                assert!((square(row) - 1.0).abs() < 2e-6, "{rate}: {}", square(row));
            }
        }
    }

    /// The winner of a sample is that of the map as the updates before have left it: here the first sample
    /// takes the second unit to where the second sample is.
    #[test]
    fn later_winners_see_earlier_updates() {
        let map = Tensor::from_slice(&[0.0_f32, 3.0]).view([2, 1]);
        let samples = Tensor::from_slice(&[2.0_f32, 1.1]).view([2, 1]);
        let mut winners = Vec::new();
        let mut only = |winner: usize, _: usize, rates: &mut [f32]| {
            winners.push(winner);
            rates.fill(0.0);
            rates[winner] = 0.9;
        };
        CentredMap::of(&map, false).advance(&samples, &mut only);
        // 3 went to 2.1, which is 1.0 from the second sample; 0 is 1.1 from it.
        assert_eq!(winners, [1, 1]);
    }

    #[test]
    fn a_unit_without_length_stays_as_it_is() {
        let zeros = |rows| Tensor::zeros([rows, 3], (Kind::Float, Device::Cpu));
        let mut centred = CentredMap::of(&zeros(2), true);
        centred.advance(&zeros(4), &mut |_, _, rates| rates.fill(0.5));
        assert_eq!(slice(&centred.map), [0.0; 6]);
        assert_eq!(centred.squares, [0.0; 2]);
    }

    #[test]
    fn what_is_too_far_for_a_float_shows_in_the_error() {
        let (.., error) = moved(&uniform(1, UNITS), &(uniform(2, 3) * 1e20), false, near);
        assert!(!error.is_finite(), "{error}");
    }
}
