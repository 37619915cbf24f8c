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
//! lengths. So lengths are measured from a point amid the prototypes, not from the origin, which changes no
//! distance and no move; where lengths are kept at 1 the origin has to be that point.

use tch::{Kind, Tensor};

use crate::nn::slices::{slice, slice_mut};

/// Samples of a block for rows of so many features: the numbers that follow each update are units times
/// samples, and should be few beside units times features.
pub(super) fn samples(dims: usize) -> u64 {
    (dims / 8).clamp(8, 64) as u64
}

/// What is kept from block to block of a stretch.
#[derive(Debug)]
pub(super) struct Lengths {
    /// The point from which they are measured, `[1, dims]`.
    centre: Tensor,
    /// Squared, of each prototype.
    squares: Vec<f64>,
    /// Whether each is made 1 after every update.
    unit: bool,
}

impl Lengths {
    /// Of `prototypes` `[units, dims]` as they are.
    pub fn of(prototypes: &Tensor, unit: bool) -> Self {
        let mean = prototypes.mean_dim(0, true, Kind::Float);
        let centre = if unit { mean.zeros_like() } else { mean };
        let squares = (prototypes - &centre)
            .square()
            .sum_dim_intlist(-1, false, Kind::Double);
        // A vector of doubles on the CPU always converts.
        let squares = Vec::try_from(squares).unwrap_or_default();
        Self {
            centre,
            squares,
            unit,
        }
    }
}

/// Moves `prototypes` `[units, dims]` by an update for each of `samples` `[n, dims]`, in their order; both are
/// contiguous floats on the CPU. `rates_of` sets the units' rates for a winner and the number of its sample.
/// `lengths` are those of the prototypes, and follow them. Gives the sum over the samples of the squared
/// distance from the winner before it moved.
pub(super) fn advance(
    samples: &Tensor,
    prototypes: &mut Tensor,
    lengths: &mut Lengths,
    rates_of: &mut dyn FnMut(usize, usize, &mut [f32]),
) -> f64 {
    let Lengths {
        centre,
        squares,
        unit,
    } = lengths;
    let (count, units) = (samples.size()[0] as usize, squares.len());
    let seen_from = |rows: &Tensor| rows - &*centre;
    let arms = seen_from(samples);
    let mut products = arms.mm(&seen_from(prototypes).tr());
    let between = arms.mm(&arms.tr());
    let (products, between) = (slice_mut(&mut products), slice(&between));
    // What of a prototype stays, and what of the sample is added: `a` and `b` of each update and unit.
    let mut stays = vec![0.0_f32; count * units];
    let mut added = Tensor::zeros(
        [count as i64, units as i64],
        (Kind::Float, samples.device()),
    );
    let adds = slice_mut(&mut added);
    let mut distances = vec![0.0_f32; units];
    let mut errors = 0.0;
    for sample in 0..count {
        let (before, after) = products.split_at_mut((sample + 1) * units);
        let met = &before[sample * units..];
        let line = &between[sample * count..(sample + 1) * count];
        let length = f64::from(line[sample]);
        for ((distance, &square), &product) in distances.iter_mut().zip(&*squares).zip(met) {
            *distance = (square - 2.0 * f64::from(product) + length) as f32;
        }
        let winner = crate::som::loss::lowest(&distances);
        // Rounding may leave a little less than nothing.
        errors += f64::from(distances[winner]).max(0.0);
        let part = sample * units..(sample + 1) * units;
        let (stays, adds) = (&mut stays[part.clone()], &mut adds[part]);
        rates_of(winner, sample, adds);
        for (((stay, add), square), &product) in
            stays.iter_mut().zip(&mut *adds).zip(&mut *squares).zip(met)
        {
            let (a, b) = (1.0 - *add, *add);
            let wide = [a, b, product].map(f64::from);
            let moved = wide[0] * wide[0] * *square
                + 2.0 * wide[0] * wide[1] * wide[2]
                + wide[1] * wide[1] * length;
            let scaled = *unit && moved > 0.0;
            let scale = if scaled { 1.0 / moved.sqrt() } else { 1.0 };
            *square = if scaled { 1.0 } else { moved.max(0.0) };
            *stay = (wide[0] * scale) as f32;
            *add = (wide[1] * scale) as f32;
        }
        follow(after, &line[sample + 1..], stays, adds);
    }
    // Of a sample that is left of what it added, after the updates that came later.
    let mut kept = Tensor::ones([units as i64, 1], (Kind::Float, samples.device()));
    let left = slice_mut(&mut kept);
    for (stays, adds) in stays
        .chunks_exact(units)
        .zip(adds.chunks_exact_mut(units))
        .rev()
    {
        for ((add, left), stay) in adds.iter_mut().zip(&mut *left).zip(stays) {
            *add *= *left;
            *left *= stay;
        }
    }
    let _ = prototypes.g_mul_(&kept);
    let _ = prototypes.addmm_(&added.tr(), samples);
    errors
}

/// Takes the products of units with the samples still to come, a line of `products` for each, along an update:
/// `between` are the products of its sample with them.
fn follow(products: &mut [f32], between: &[f32], stays: &[f32], adds: &[f32]) {
    #[cfg(target_arch = "x86_64")]
    {
        if std::arch::is_x86_feature_detected!("avx512f") {
            // SAFETY: the processor has the instructions, as was just asked.
            return unsafe { follow_avx512(products, between, stays, adds) };
        }
        if std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: as above.
            return unsafe { follow_avx2(products, between, stays, adds) };
        }
    }
    follow_plain(products, between, stays, adds);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn follow_avx512(products: &mut [f32], between: &[f32], stays: &[f32], adds: &[f32]) {
    follow_plain(products, between, stays, adds);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn follow_avx2(products: &mut [f32], between: &[f32], stays: &[f32], adds: &[f32]) {
    follow_plain(products, between, stays, adds);
}

/// Compiled into each of its callers, with the instructions that they may use.
#[inline(always)]
#[allow(clippy::inline_always)]
fn follow_plain(products: &mut [f32], between: &[f32], stays: &[f32], adds: &[f32]) {
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

    type Follow = fn(&mut [f32], &[f32], &[f32], &[f32]);

    const UNITS: usize = 5;
    const DIMS: usize = 7;

    /// Rates that depend on winner, sample and unit.
    fn rates(winner: usize, sample: usize, rates: &mut [f32]) {
        for (unit, rate) in rates.iter_mut().enumerate() {
            let steps = (winner.abs_diff(unit) + sample % 3) as f32;
            *rate = 0.9 / (1.0 + steps * steps);
        }
    }

    /// One update after another, in doubles.
    fn plainly(samples: &Tensor, prototypes: &Tensor, unit: bool) -> (Vec<f64>, f64) {
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

    #[test]
    fn a_block_is_its_updates_one_after_the_other() {
        let start = random::uniform(1, &[UNITS as i64, DIMS as i64]);
        for count in [1, 2, 9, 40] {
            let samples = random::uniform(2, &[count, DIMS as i64]);
            for unit in [false, true] {
                let mut map = start.copy();
                let mut lengths = Lengths::of(&map, unit);
                let sum = advance(&samples, &mut map, &mut lengths, &mut rates);
                let (expected, errors) = plainly(&samples, &start, unit);
                assert!((sum - errors).abs() < 1e-5 * errors, "{sum} {errors}");
                for (found, expected) in slice(&map).iter().zip(expected) {
                    assert!(
                        (f64::from(*found) - expected).abs() < 1e-5,
                        "{count} {unit}"
                    );
                }
                let arms = (map - &lengths.centre).square();
                let squares = arms.sum_dim_intlist(-1, false, Kind::Double);
                for (index, found) in lengths.squares.iter().enumerate() {
                    let expected = squares.double_value(&[index as i64]);
                    assert!((found - expected).abs() < 1e-5, "{count} {unit}");
                }
            }
        }
    }

    /// 1000 from the origin a squared length is 7 million, and 32-bit products of such vectors are wrong by
    /// more than any distance here.
    #[test]
    fn far_from_the_origin_winners_are_the_same() {
        let start = random::uniform(1, &[UNITS as i64, DIMS as i64]) + 1000.0;
        let samples = random::uniform(2, &[40, DIMS as i64]) + 1000.0;
        let mut map = start.copy();
        let mut lengths = Lengths::of(&map, false);
        let sum = advance(&samples, &mut map, &mut lengths, &mut rates);
        let (expected, errors) = plainly(&samples, &start, false);
        assert!((sum - errors).abs() < 1e-3 * errors, "{sum} {errors}");
        for (found, expected) in slice(&map).iter().zip(expected) {
            assert!((f64::from(*found) - expected).abs() < 1e-3);
        }
    }

    /// The winner of a sample is that of the map as the updates before have left it: here the first sample
    /// takes the second unit to where the second sample is.
    #[test]
    fn later_winners_see_earlier_updates() {
        let mut map = Tensor::from_slice(&[0.0_f32, 3.0]).view([2, 1]);
        let samples = Tensor::from_slice(&[2.0_f32, 1.1]).view([2, 1]);
        let mut winners = Vec::new();
        let mut lengths = Lengths::of(&map, false);
        let mut only = |winner: usize, _: usize, rates: &mut [f32]| {
            winners.push(winner);
            rates.fill(0.0);
            rates[winner] = 0.9;
        };
        advance(&samples, &mut map, &mut lengths, &mut only);
        // 3 went to 2.1, which is 1.0 from the second sample; 0 is 1.1 from it.
        assert_eq!(winners, [1, 1]);
    }

    #[test]
    fn a_unit_without_length_stays_as_it_is() {
        let mut map = Tensor::zeros([2, 3], (Kind::Float, tch::Device::Cpu));
        let samples = Tensor::zeros([4, 3], (Kind::Float, tch::Device::Cpu));
        let mut lengths = Lengths::of(&map, true);
        let mut half = |_: usize, _: usize, rates: &mut [f32]| rates.fill(0.5);
        advance(&samples, &mut map, &mut lengths, &mut half);
        assert_eq!(slice(&map), [0.0; 6]);
        assert_eq!(lengths.squares, [0.0; 2]);
    }

    #[test]
    fn every_instruction_set_gives_the_same_bits() {
        let values = |seed, count: usize| slice(&random::uniform(seed, &[count as i64])).to_vec();
        let (stays, adds, between) = (values(1, 37), values(2, 37), values(3, 4));
        let run = |follow: Follow| {
            let mut products = values(4, 4 * 37);
            follow(&mut products, &between, &stays, &adds);
            products
        };
        assert_eq!(run(follow), run(follow_plain));
    }
}
