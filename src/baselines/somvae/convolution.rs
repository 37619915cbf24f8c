//! The 4 x 4 convolutions of SOM-VAE, as products of matrices that autograd goes back through.
//!
//! They keep the size of an image as TensorFlow's padding "same" does, with one pixel of zeros before and two
//! after. Images are `[rows, columns, batch, channels]`, so that whatever is done along an axis is one product of
//! matrices for all rows, images and channels; weights are `[4, 4, inputs, outputs]`.
//!
//! Between many channels ([`Winograd`]) they are computed by minimal filtering: fewer products for the same sums.
//! To filter one row with `r` weights, `m` neighbouring results need `m r` products if each is computed for
//! itself, and `n = m + r - 1` if the samples and the weights are looked at as polynomials, evaluated at `n`
//! points, multiplied there, and the results read off (Toom and Cook; Winograd 1980; for convolutions of images
//! Lavin & Gray, 2016):
//!
//! ```text
//! y = A' [(G w) . (B' x)]      G = V_r [n, r]   A = V_m [n, m]   B = V_n^-1 [n, n]
//! ```
//!
//! where `V_k` is the Vandermonde matrix of the points: their powers 0 to k - 1, and of the point at infinity the
//! last alone. In two dimensions this is done along either axis, `n^2` products stand for `m^2 r^2`, and over all
//! channels each of the `n^2` is a product of matrices. A whole axis is cut into tiles of `m` results: cutting,
//! padding and `B'` are one matrix, `A` and putting the tiles together another.
//!
//! More results at once need more points, and with them errors grow. On normal numbers and 256 channels five results,
//! eight points, have errors of 5.5e-6 of the results' spread (root mean square), the decoders' four at six and five
//! points 1.7e-6, plain sums between 2e-7 and 1.1e-6, as the machine adds them up. Seven results, ten points, have 7e-5.
//!
//! A decoder doubles pixels before it convolves. The doubled image is not made. Along an axis the four weights at
//! an even place fall on three pixels, and at an odd place on two,
//!
//! ```text
//! even: w0 x[k-1] + (w1 + w2) x[k] + w3 x[k+1]        odd: (w0 + w1) x[k] + (w2 + w3) x[k+1]
//! ```
//!
//! so either is a filter of its own on the pixels themselves.

use std::cell::RefCell;

use tch::Tensor;

/// Taps of a filter along an axis.
const TAPS: i64 = 4;

/// A convolution of images of one size.
#[derive(Debug)]
pub(super) enum Convolution {
    /// Of one channel.
    FromOne(FromOne),
    /// Between many channels.
    Between(Winograd),
    /// To one channel, of pixels that are doubled before.
    ToOne(ToOne),
}

impl Convolution {
    /// Of one channel of so many pixels each way.
    pub(super) fn from_one(side: i64) -> Self {
        Self::FromOne(FromOne::new(side))
    }

    /// Between channels of so many pixels each way.
    pub(super) fn between(side: i64) -> Self {
        Self::Between(Winograd::of(side, &SAME))
    }

    /// The same, of pixels that are doubled before.
    pub(super) fn between_doubled(side: i64) -> Self {
        Self::Between(Winograd::of(side, &DOUBLED))
    }

    /// To one channel, of pixels that are doubled before.
    pub(super) fn doubled_to_one(side: i64) -> Self {
        Self::ToOne(ToOne::new(side))
    }

    /// `[rows, columns, batch, inputs]` to `[rows, columns, batch, outputs]`, a single channel without its axis;
    /// `weight` is `[4, 4, inputs, outputs]`, `bias` `[outputs]`.
    pub(super) fn apply(&self, x: &Tensor, weight: &Tensor, bias: &Tensor) -> Tensor {
        match self {
            Self::FromOne(convolution) => convolution.apply(x, weight, bias),
            Self::Between(convolution) => convolution.apply(x, weight, bias),
            Self::ToOne(convolution) => convolution.apply(x, weight, bias),
        }
    }
}

/// im2col: gathers the pixels below each tap, by one matrix an axis, then one matrix product with the filters.
#[derive(Debug)]
pub(super) struct FromOne {
    side: i64,
    /// `[4 * side, side]`: the pixel below each tap at each place.
    windows: Constant,
}

impl FromOne {
    fn new(side: i64) -> Self {
        let mut windows = vec![0.0; (TAPS * side * side) as usize];
        for (row, pixel) in pixels_below(side).enumerate() {
            if (0..side).contains(&pixel) {
                windows[row * side as usize + pixel as usize] = 1.0;
            }
        }
        let windows = Constant::new(&windows, TAPS * side);
        Self { side, windows }
    }

    fn apply(&self, x: &Tensor, weight: &Tensor, bias: &Tensor) -> Tensor {
        let side = self.side;
        let windows = self.windows.like(x);
        let rows = windows.mm(&x.reshape([side, -1]));
        let seen = windows.matmul(&rows.view([TAPS * side, side, -1]));
        let seen = seen.view([TAPS, side, TAPS, side, -1]);
        let seen = seen.permute([1, 3, 4, 0, 2]).reshape([-1, TAPS * TAPS]);
        let outputs = bias.size()[0];
        let image = bias.addmm(&seen, &weight.view([TAPS * TAPS, outputs]));
        image.view([side, side, -1, outputs])
    }
}

/// What each pixel adds under each tap, by one product; then these are added up, by one matrix an axis: the
/// transpose of im2col (col2im).
#[derive(Debug)]
pub(super) struct ToOne {
    side: i64,
    /// `[2 * side, 4 * side]`: the pixel and the tap that add to each result.
    spread: Constant,
}

impl ToOne {
    fn new(side: i64) -> Self {
        let (doubled, columns) = (2 * side, TAPS * side);
        let mut spread = vec![0.0; (doubled * columns) as usize];
        for (number, pixel) in (0..).zip(pixels_below(doubled)) {
            let (tap, result) = (number / doubled, number % doubled);
            if (0..doubled).contains(&pixel) {
                spread[(result * columns + tap * side + pixel / 2) as usize] = 1.0;
            }
        }
        let spread = Constant::new(&spread, doubled);
        Self { side, spread }
    }

    fn apply(&self, x: &Tensor, weight: &Tensor, bias: &Tensor) -> Tensor {
        let (side, inputs) = (self.side, x.size()[3]);
        let weight = weight.permute([2, 0, 1, 3]).reshape([inputs, -1]);
        let added = x.reshape([-1, inputs]).mm(&weight);
        let added = added.view([side, side, -1, TAPS, TAPS]);
        let added = added.permute([3, 0, 4, 1, 2]).reshape([TAPS * side, -1]);
        let spread = self.spread.like(x);
        let rows = spread.mm(&added).view([2 * side, TAPS * side, -1]);
        spread.matmul(&rows) + bias
    }
}

/// The pixel below each tap at each of `side` places, tap after tap; beyond the border too.
fn pixels_below(side: i64) -> impl Iterator<Item = i64> {
    (0..TAPS).flat_map(move |tap| (0..side).map(move |place| place - 1 + tap))
}

/// A matrix that is kept where it was last computed with.
#[derive(Debug)]
struct Constant {
    /// In doubles on the CPU.
    exact: Tensor,
    kept: RefCell<Tensor>,
}

impl Constant {
    /// Of so many rows.
    fn new(numbers: &[f64], rows: i64) -> Self {
        let exact = Tensor::from_slice(numbers).view([rows, -1]);
        let kept = RefCell::new(exact.shallow_clone());
        Self { exact, kept }
    }

    /// On the device of `x` and of its kind.
    fn like(&self, x: &Tensor) -> Tensor {
        let mut kept = self.kept.borrow_mut();
        if (kept.device(), kept.kind()) != (x.device(), x.kind()) {
            *kept = self.exact.to_device(x.device()).to_kind(x.kind());
        }
        kept.shallow_clone()
    }
}

/// A minimal filtering algorithm F(m, r): `m` results at once of a filter of `r` taps.
struct TileAlgorithm {
    /// How the four taps make the `r` of this filter, `[r, 4]`.
    taps: &'static [[f64; TAPS as usize]],
    /// The first pixel that a result is made of, counted from the result's own.
    first: i64,
    /// Interpolation points but that at infinity, `m + r - 2`.
    points: &'static [f64],
}

/// F(5, 4). Padded by one before and two after, as TensorFlow's "same" is.
const SAME: [TileAlgorithm; 1] = [TileAlgorithm {
    taps: &[
        [1.0, 0.0, 0.0, 0.0],
        [0.0, 1.0, 0.0, 0.0],
        [0.0, 0.0, 1.0, 0.0],
        [0.0, 0.0, 0.0, 1.0],
    ],
    first: -1,
    points: &[0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0],
}];

/// The same of doubled pixels: F(4, 3) at even places, F(4, 2) at odd ones.
const DOUBLED: [TileAlgorithm; 2] = [
    TileAlgorithm {
        taps: &[
            [1.0, 0.0, 0.0, 0.0],
            [0.0, 1.0, 1.0, 0.0],
            [0.0, 0.0, 0.0, 1.0],
        ],
        first: -1,
        points: &[0.0, 1.0, -1.0, 0.5, -2.0],
    },
    TileAlgorithm {
        taps: &[[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0]],
        first: 0,
        points: &[0.0, 1.0, -1.0, 0.5],
    },
];

impl TileAlgorithm {
    /// Points, that at infinity included.
    fn count(&self) -> i64 {
        self.points.len() as i64 + 1
    }

    /// `m`.
    fn outputs_per_tile(&self) -> i64 {
        self.count() + 1 - self.taps.len() as i64
    }

    /// `V_count`: the powers 0 to `count - 1` of each point, and of infinity the last alone: `[points, count]`.
    fn vandermonde(&self, count: i64) -> Tensor {
        let finite = self.points.iter();
        let finite = finite.flat_map(|point| (0..count).map(|power| point.powi(power as i32)));
        let infinite = (0..count).map(|power| if power + 1 == count { 1.0 } else { 0.0 });
        let numbers: Vec<f64> = finite.chain(infinite).collect();
        Tensor::from_slice(&numbers).view([-1, count])
    }
}

/// What minimal filtering does along either axis of an image.
#[derive(Debug)]
pub(super) struct Winograd {
    points: i64,
    tiles: i64,
    side: i64,
    side_of_results: i64,
    /// `[points * tiles, side]`: tiles cut out and padded, `B'`.
    input_transform: Constant,
    /// `[points, 4]`: `G`.
    filter_transform: Constant,
    /// `[side of results, points * tiles]`: `A'`, tiles put together.
    output_transform: Constant,
}

impl Winograd {
    /// For an image of so many pixels each way; results of several filters take turns. All have tiles of one size.
    fn of(side: i64, filters: &[TileAlgorithm]) -> Self {
        let every = filters.len() as i64;
        let points = filters.iter().map(TileAlgorithm::count).sum();
        let outputs_per_tile = filters
            .iter()
            .map(TileAlgorithm::outputs_per_tile)
            .max()
            .unwrap_or(1);
        let tiles = (side + outputs_per_tile - 1) / outputs_per_tile;
        let columns = points * tiles;
        let mut input_transform = vec![0.0; (columns * side) as usize];
        let mut output_transform = vec![0.0; (every * side * columns) as usize];
        let mut filter_transform = Vec::new();
        let mut before = 0;
        for (turn, filter) in (0..every).zip(filters) {
            debug_assert_eq!(
                filter.outputs_per_tile(),
                outputs_per_tile,
                "tiles of one size"
            );
            let count = filter.count();
            let of_samples = filter.vandermonde(count).inverse().tr();
            let of_results = filter.vandermonde(outputs_per_tile);
            let of_taps = filter.vandermonde(filter.taps.len() as i64);
            for point in 0..count {
                let row = before + point;
                for tile in 0..tiles {
                    let (start, place) = (outputs_per_tile * tile, row * tiles + tile);
                    for number in 0..count {
                        let pixel = start + filter.first + number;
                        if (0..side).contains(&pixel) {
                            input_transform[(place * side + pixel) as usize] =
                                of_samples.double_value(&[point, number]);
                        }
                    }
                    for number in 0..outputs_per_tile.min(side - start) {
                        let result = every * (start + number) + turn;
                        output_transform[(result * columns + place) as usize] =
                            of_results.double_value(&[point, number]);
                    }
                }
                filter_transform.extend((0..TAPS as usize).map(|tap| {
                    let own = (0..).zip(filter.taps);
                    let parts = own
                        .map(|(number, taps)| taps[tap] * of_taps.double_value(&[point, number]));
                    parts.sum::<f64>()
                }));
            }
            before += count;
        }
        Self {
            points,
            tiles,
            side,
            side_of_results: every * side,
            input_transform: Constant::new(&input_transform, columns),
            filter_transform: Constant::new(&filter_transform, points),
            output_transform: Constant::new(&output_transform, every * side),
        }
    }

    fn apply(&self, x: &Tensor, weight: &Tensor, bias: &Tensor) -> Tensor {
        let [batch, inputs, outputs] = [x.size()[2], x.size()[3], bias.size()[0]];
        let (points, tiles, side) = (self.points, self.tiles, self.side_of_results);
        let (all, pairs) = (points * tiles, points * points);

        // Rows of the image first, then columns: `[points * tiles, points * tiles, batch * inputs]`.
        let transform = self.input_transform.like(x);
        let rows = transform.mm(&x.reshape([self.side, -1]));
        let inner = transform.matmul(&rows.view([all, self.side, -1]));

        // One product of matrices for each pair of points: tiles and batch by inputs, inputs by outputs.
        let inner = inner.view([points, tiles, points, tiles, batch, inputs]);
        let inner = inner.permute([0, 2, 1, 3, 4, 5]);
        let inner = inner.reshape([pairs, tiles * tiles * batch, inputs]);
        let transform = self.filter_transform.like(x);
        let filters = transform.mm(&weight.reshape([TAPS, -1]));
        let filters = transform.matmul(&filters.view([points, TAPS, -1]));
        let products = inner.bmm(&filters.view([pairs, inputs, outputs]));

        let products = products.view([points, points, tiles, tiles, batch, outputs]);
        let products = products.permute([0, 2, 1, 3, 4, 5]);
        let products = products.reshape([all, all, batch * outputs]);
        let transform = self.output_transform.like(x);
        let columns = transform.matmul(&products).view([all, -1]);
        transform.mm(&columns).view([side, side, batch, outputs]) + bias
    }
}

#[cfg(test)]
mod tests {
    use tch::Kind;

    use super::*;
    use crate::nn::initial::truncated_normal;
    use crate::random;

    /// Of `[rows, columns, batch, channels]`, by libtorch, on an image with zeros around it.
    fn plain(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Tensor {
        let padded = x.permute([2, 3, 0, 1]).constant_pad_nd([1, 2, 1, 2]);
        let weight = weight.permute([3, 2, 0, 1]);
        let image = padded.conv2d(&weight, Some(bias), [1, 1], [0, 0], [1, 1], 1);
        image.permute([2, 3, 0, 1])
    }

    fn doubled(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Tensor {
        let once = x.repeat_interleave_self_int(2, 0, None);
        plain(&once.repeat_interleave_self_int(2, 1, None), weight, bias)
    }

    fn uniform(seed: u64, size: &[i64]) -> Tensor {
        random::uniform(seed, size).to_kind(Kind::Double) - 0.5
    }

    fn most(values: &Tensor) -> f64 {
        values.abs().max().double_value(&[])
    }

    type Convolve<'a> = &'a dyn Fn(&Tensor, &Tensor, &Tensor) -> Tensor;

    /// Value and gradients beside those of libtorch.
    fn compare(side: i64, channels: [i64; 2], short: Convolve, plainly: Convolve) {
        let [inputs, outputs] = channels;
        let leaf = |seed, size: &[i64]| uniform(seed, size).set_requires_grad(true);
        let x = leaf(1, &[side, side, 2, inputs]);
        let (weight, bias) = (leaf(3, &[4, 4, inputs, outputs]), leaf(2, &[outputs]));
        let found = short(&x, &weight, &bias);
        let expected = plainly(&x, &weight, &bias);
        assert_eq!(found.size(), expected.size());
        assert!(most(&(&found - &expected)) < 1e-12, "{side}");
        let towards = uniform(4, &expected.size());
        let gradients = |of: &Tensor| {
            let loss = (of * &towards).sum(Kind::Double);
            Tensor::run_backward(&[loss], &[&x, &weight, &bias], false, false)
        };
        for (found, expected) in gradients(&found).iter().zip(gradients(&expected)) {
            assert!(most(&expected) > 0.01);
            assert!(most(&(found - expected)) < 1e-11, "{side}");
        }
    }

    /// For sides that tiles fill and that they do not.
    #[test]
    fn results_are_those_of_a_plain_convolution() {
        for side in [1, 2, 3, 4, 7, 9, 14] {
            let one = Convolution::between(side);
            compare(side, [3, 5], &|x, w, b| one.apply(x, w, b), &plain);
            let one = Convolution::between_doubled(side);
            compare(side, [3, 5], &|x, w, b| one.apply(x, w, b), &doubled);
            let one = Convolution::from_one(side);
            let from = |x: &Tensor, w: &Tensor, b: &Tensor| one.apply(&x.squeeze_dim(3), w, b);
            compare(side, [1, 5], &from, &plain);
            let one = Convolution::doubled_to_one(side);
            let to = |x: &Tensor, w: &Tensor, b: &Tensor| one.apply(x, w, b).unsqueeze(3);
            compare(side, [3, 1], &to, &doubled);
        }
    }

    /// In 32 bits, on normal numbers, with as many channels as the network has: what the module's
    /// documentation says of errors, ours and those of plain sums.
    #[test]
    fn rounding_stays_small() {
        let pairs: [(i64, Convolution, Convolve, [f64; 2]); 2] = [
            (14, Convolution::between(14), &plain, [7e-6, 36.0]),
            (7, Convolution::between_doubled(7), &doubled, [2.5e-6, 12.0]),
        ];
        for (side, short, plainly, [most, times]) in pairs {
            let mut stream = random::stream(random::Seed(1), "values");
            let mut normal = |size: &[i64]| truncated_normal(&mut stream, 1.0, size);
            let x = normal(&[side, side, 2, 256]);
            let (weight, bias) = (normal(&[4, 4, 256, 16]), normal(&[16]));
            let [wide_x, wide_weight, wide_bias] =
                [&x, &weight, &bias].map(|one| one.to_kind(Kind::Double));
            let exact = plainly(&wide_x, &wide_weight, &wide_bias);
            let spread = exact.std(true).double_value(&[]);
            let error = |found: &Tensor| {
                let square = (found.to_kind(Kind::Double) - &exact).square();
                square.mean(Kind::Double).sqrt().double_value(&[]) / spread
            };
            let ours = error(&short.apply(&x, &weight, &bias));
            let plain = error(&plainly(&x, &weight, &bias));
            assert!(ours > plain && ours < most, "{ours} {plain}");
            assert!(ours < times * plain, "{ours} {plain}");
        }
    }
}
