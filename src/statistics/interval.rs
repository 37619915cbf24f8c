//! An interval of real numbers.

use serde::Serialize;

/// All numbers from `low` to `high`, ends included.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    /// The smallest.
    pub low: f64,
    /// The largest.
    pub high: f64,
}

impl Interval {
    /// All numbers not further than `reach` from `centre`.
    #[must_use]
    pub fn around(centre: f64, reach: f64) -> Self {
        Self {
            low: centre - reach,
            high: centre + reach,
        }
    }

    /// The smallest interval that holds both.
    #[must_use]
    pub fn hull(self, other: Self) -> Self {
        Self {
            low: self.low.min(other.low),
            high: self.high.max(other.high),
        }
    }

    /// Both ends moved outwards.
    #[must_use]
    pub fn widened(self, by: f64) -> Self {
        Self {
            low: self.low - by,
            high: self.high + by,
        }
    }

    /// Whether the number lies in it.
    #[must_use]
    pub fn contains(self, number: f64) -> bool {
        self.low <= number && number <= self.high
    }

    /// Whether it lies wholly inside of -margin .. +margin.
    #[must_use]
    pub fn within(self, margin: f64) -> bool {
        -margin < self.low && self.high < margin
    }

    /// Half its width.
    #[must_use]
    pub fn reach(self) -> f64 {
        (self.high - self.low) / 2.0
    }
}
