//! The mean and spread of a metric over the runs of a variant.

use serde::Serialize;

/// A sample of values, one for each run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// The defined values, in the order of seeds.
    pub values: Vec<f64>,
    /// Runs for which the metric is undefined, e.g. diverged ones.
    pub undefined: usize,
    /// Mean of the defined values.
    pub mean: Option<f64>,
    /// Sample standard deviation (divisor n - 1); there is none for a single run, nor where it is
    /// beyond a float.
    pub sd: Option<f64>,
}

impl Summary {
    /// Summarises one value for each run; one that is NaN or infinite counts as undefined.
    pub fn of(values: impl IntoIterator<Item = Option<f64>>) -> Self {
        let finite = |value: Option<f64>| value.filter(|value| value.is_finite());
        let all: Vec<Option<f64>> = values.into_iter().map(finite).collect();
        let values: Vec<f64> = all.iter().flatten().copied().collect();
        let n = values.len() as f64;
        let mean = (!values.is_empty()).then(|| {
            let sum: f64 = values.iter().sum();
            if sum.is_finite() {
                sum / n
            } else {
                values.iter().map(|value| value / n).sum()
            }
        });
        let sd = mean.filter(|_| values.len() > 1).map(|mean| {
            let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
            (squares / (n - 1.0)).sqrt()
        });
        let sd = finite(sd);
        Self {
            undefined: all.len() - values.len(),
            values,
            mean,
            sd,
        }
    }
}

impl std::fmt::Display for Summary {
    /// `0.753 +- 0.039`, with the sign as the terminal's plus-minus; absurdly large ones as `1.000e30`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let number = |value: f64| {
            if value.abs() < 1e6 {
                format!("{value:.3}")
            } else {
                format!("{value:.3e}")
            }
        };
        match (self.mean, self.sd) {
            (None, _) => f.write_str("-"),
            (Some(mean), None) => f.write_str(&number(mean)),
            (Some(mean), Some(sd)) => write!(f, "{} \u{b1} {}", number(mean), number(sd)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spread_of_one_run_does_not_exist() {
        assert_eq!(Summary::of([Some(0.5)]).sd, None);
        assert_eq!(Summary::of([]).mean, None);
        assert_eq!(Summary::of([None, None]).to_string(), "-");
    }

    #[test]
    fn what_is_no_number_is_undefined() {
        let summary = Summary::of([Some(f64::NAN), Some(0.5), Some(f64::INFINITY)]);
        assert_eq!(
            (summary.values.as_slice(), summary.undefined),
            ([0.5].as_slice(), 2)
        );
        assert_eq!(summary.to_string(), "0.500");
    }

    #[test]
    fn huge_values_have_a_mean_and_are_short() {
        let summary = Summary::of([Some(f64::MAX), Some(f64::MAX)]);
        assert_eq!(summary.mean, Some(f64::MAX));
        let summary = Summary::of([Some(1e200), Some(-1e200)]);
        assert_eq!((summary.mean, summary.sd), (Some(0.0), None));
        assert_eq!(Summary::of([Some(2e30)]).to_string(), "2.000e30");
    }

    #[test]
    fn undefined_values_are_counted_not_averaged() {
        // python3 -c "import statistics as s; print(s.mean([1,2,4]), s.stdev([1,2,4]))"
        let summary = Summary::of([Some(1.0), None, Some(2.0), Some(4.0)]);
        assert_eq!(summary.undefined, 1);
        assert!((summary.mean.unwrap_or(0.0) - 2.333_333_333_333_333_5).abs() < 1e-15);
        assert!((summary.sd.unwrap_or(0.0) - 1.527_525_231_651_946_7).abs() < 1e-15);
        assert_eq!(summary.to_string(), "2.333 \u{b1} 1.528");
    }
}
