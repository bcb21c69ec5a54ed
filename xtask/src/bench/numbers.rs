//! Statistics of repeated measurements, and the format of numbers.

/// The measurements of one quantity, one per round.
#[derive(Clone, Debug, Default)]
pub(super) struct Series(Vec<f64>);

impl Series {
    pub(super) fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The median; 0 if there are no measurements.
    pub(super) fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        match (sorted.get(middle.wrapping_sub(1)), sorted.get(middle)) {
            (Some(below), Some(above)) if sorted.len().is_multiple_of(2) => {
                f64::midpoint(*below, *above)
            }
            (_, Some(middle)) => *middle,
            _ => 0.0,
        }
    }

    fn min(&self) -> f64 {
        self.0.iter().copied().fold(f64::INFINITY, f64::min)
    }

    fn max(&self) -> f64 {
        self.0.iter().copied().fold(0.0, f64::max)
    }

    /// Median and spread: `18.2 (17.6-19.5)`.
    pub(super) fn to_cell(&self) -> String {
        if self.0.is_empty() {
            return "-".to_owned();
        }
        let (min, max) = (format_number(self.min()), format_number(self.max()));
        format!("{} ({min}-{max})", format_number(self.median()))
    }

    /// The ratio of the two measurements of each round.
    pub(super) fn ratio_to(&self, other: &Self) -> Self {
        let pairs = self.0.iter().zip(&other.0);
        Self(pairs.map(|(one, other)| one / other).collect())
    }
}

impl FromIterator<f64> for Series {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        Self(values.into_iter().collect())
    }
}

/// Formats a number with about three significant digits and separated thousands.
pub(super) fn format_number(value: f64) -> String {
    let text = match value.abs() {
        size if size >= 99.5 => format!("{value:.0}"),
        size if size >= 9.95 => format!("{value:.1}"),
        size if size >= 0.0995 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    };
    if text.contains('.') || text.len() < 5 {
        return text;
    }
    let mut separated = String::new();
    for (index, digit) in text.chars().enumerate() {
        if index > 0 && (text.len() - index).is_multiple_of(3) {
            separated.push(',');
        }
        separated.push(digit);
    }
    separated
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_outlier_does_not_move_the_median() {
        let series: Series = [3.0, 1000.0, 1.0].into_iter().collect();
        assert_eq!(format_number(series.median()), "3.00");
        let series: Series = [1.0, 4.0, 2.0, 1000.0].into_iter().collect();
        assert_eq!(series.to_cell(), "3.00 (1.00-1000)");
        assert_eq!(Series::default().to_cell(), "-");
    }

    #[test]
    fn ratios_compare_measurements_of_the_same_round() {
        let one: Series = [10.0, 200.0].into_iter().collect();
        let other: Series = [5.0, 100.0].into_iter().collect();
        assert_eq!(one.ratio_to(&other).to_cell(), "2.00 (2.00-2.00)");
    }

    #[test]
    fn numbers_have_about_three_significant_digits() {
        let all = [0.123, 9.96, 99.4, 123.4, 9999.0, 65_100.0, 1_234_567.0].map(format_number);
        let expected = ["0.12", "10.0", "99.4", "123", "9999", "65,100", "1,234,567"];
        assert_eq!(all, expected);
    }
}
