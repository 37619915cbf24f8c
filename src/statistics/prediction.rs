//! Where a published mean without a standard deviation would fall if our runs were like the
//! paper's.

use super::{Difference, Moments};

/// Ours minus published, with the error of a prediction; its 95 % interval is
/// t * s * sqrt(1/m + 1/n) around the difference, n our runs and m the paper's (1 where it does not
/// say: a single run). The published spread is taken to be like ours. (A one-sample t test, which
/// takes the published mean for the truth, wrongly refutes it in half of all cases at n = 10 and
/// m = 1 with a like spread.)
#[must_use]
pub fn prediction(ours: Moments, published: f64, runs: Option<u32>) -> Difference {
    let m = f64::from(runs.unwrap_or(1).max(1));
    let n = f64::from(ours.n);
    Difference {
        estimate: ours.mean - published,
        error: ours.sd * (1.0 / m + 1.0 / n).sqrt(),
        df: n - 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // t = scipy.stats.t.ppf(.975, 9)
    // print(t * .04 * (1/1 + 1/10)**.5, t * .04 * (1/10 + 1/10)**.5)
    #[test]
    fn wider_for_a_single_run() {
        let ours = Moments {
            mean: 0.75,
            sd: 0.04,
            n: 10,
        };
        let single = prediction(ours, 0.7, None).interval(0.95);
        assert!((single.reach() - 0.094_902_817_931_769_73).abs() < 1e-12);
        assert!((single.low + single.reach() - 0.05).abs() < 1e-12);
        let ten = prediction(ours, 0.7, Some(10)).interval(0.95);
        assert!((ten.reach() - 0.040_466_697_534_438_75).abs() < 1e-12);
    }
}
