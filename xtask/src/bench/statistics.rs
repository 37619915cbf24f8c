//! The few statistics of a table.

/// The median; `None` of nothing.
pub fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    Some(f64::midpoint(values[middle - 1], upper))
}

/// The smallest and the largest; `None` of nothing.
pub fn range(values: &[f64]) -> Option<(f64, f64)> {
    let smallest = values.iter().copied().min_by(f64::total_cmp)?;
    let largest = values.iter().copied().max_by(f64::total_cmp)?;
    Some((smallest, largest))
}

/// The median over the rounds of `values[i] / reference[i]`.
pub fn ratio(values: &[f64], reference: &[f64]) -> Option<f64> {
    median(
        values
            .iter()
            .zip(reference)
            .map(|(value, base)| value / base),
    )
}

/// The largest relative difference of two rows of losses.
pub fn worst_difference(reference: &[f64], losses: &[f64]) -> Result<f64, String> {
    if reference.len() != losses.len() || losses.is_empty() {
        return Err(format!(
            "its check has {} losses, not {}",
            losses.len(),
            reference.len()
        ));
    }
    let pairs = reference.iter().zip(losses);
    let differences = pairs.map(|(a, b)| (a - b).abs() / a.abs().max(f64::MIN_POSITIVE));
    // A loss that is not a number must not pass for an equal one.
    Ok(differences.fold(0.0, |worst, one| {
        if one.is_nan() || one > worst {
            one
        } else {
            worst
        }
    }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::float_cmp, clippy::unwrap_used)]

    use super::*;

    #[test]
    fn medians_of_odd_and_even_numbers_of_rounds() {
        assert_eq!(median([3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median([4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median([]), None);
        assert_eq!(range(&[3.0, 1.0, 2.0]), Some((1.0, 3.0)));
        assert_eq!(range(&[]), None);
    }

    #[test]
    fn ratios_are_taken_within_rounds() {
        // The machine was three times slower in the last round, for both.
        assert_eq!(ratio(&[2.0, 2.2, 6.0], &[1.0, 1.0, 3.0]), Some(2.0));
        assert_eq!(ratio(&[], &[]), None);
    }

    #[test]
    fn differences_are_relative_and_nothing_passes_for_equal() {
        let close = worst_difference(&[100.0, 1.0], &[100.01, 1.0]).unwrap();
        assert!((close - 1e-4).abs() < 1e-9);
        assert!(
            worst_difference(&[1.0, 2.0], &[f64::NAN, 2.0])
                .unwrap()
                .is_nan()
        );
        assert!(worst_difference(&[1.0], &[]).is_err());
        assert!(worst_difference(&[], &[]).is_err());
    }
}
