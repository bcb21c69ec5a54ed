//! What is said of several measurements of the same thing.

/// The measurements of one thing, one of each round.
#[derive(Clone, Debug, Default)]
pub(super) struct Series(Vec<f64>);

impl Series {
    pub(super) fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The middle one, or the mean of the two in the middle; 0 of nothing.
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

    fn least(&self) -> f64 {
        self.0.iter().copied().fold(f64::INFINITY, f64::min)
    }

    fn most(&self) -> f64 {
        self.0.iter().copied().fold(0.0, f64::max)
    }

    /// Median and spread: `18.2 (17.6-19.5)`.
    pub(super) fn shown(&self) -> String {
        if self.0.is_empty() {
            return "-".to_owned();
        }
        let (least, most) = (short(self.least()), short(self.most()));
        format!("{} ({least}-{most})", short(self.median()))
    }

    /// Each divided by that of the same round.
    pub(super) fn over(&self, other: &Self) -> Self {
        let pairs = self.0.iter().zip(&other.0);
        Self(pairs.map(|(one, other)| one / other).collect())
    }
}

impl FromIterator<f64> for Series {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        Self(values.into_iter().collect())
    }
}

/// Three digits or so, and thousands set apart.
pub(super) fn short(value: f64) -> String {
    let text = match value.abs() {
        size if size >= 99.5 => format!("{value:.0}"),
        size if size >= 9.95 => format!("{value:.1}"),
        size if size >= 0.0995 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    };
    if text.contains('.') || text.len() < 5 {
        return text;
    }
    let mut apart = String::new();
    for (place, digit) in text.chars().enumerate() {
        if place > 0 && (text.len() - place).is_multiple_of(3) {
            apart.push(',');
        }
        apart.push(digit);
    }
    apart
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_not_moved_by_one_bad_round() {
        let series: Series = [3.0, 1000.0, 1.0].into_iter().collect();
        assert_eq!(short(series.median()), "3.00");
        let series: Series = [1.0, 4.0, 2.0, 1000.0].into_iter().collect();
        assert_eq!(series.shown(), "3.00 (1.00-1000)");
        assert_eq!(Series::default().shown(), "-");
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        let one: Series = [10.0, 200.0].into_iter().collect();
        let other: Series = [5.0, 100.0].into_iter().collect();
        assert_eq!(one.over(&other).shown(), "2.00 (2.00-2.00)");
    }

    #[test]
    fn numbers_are_shown_with_no_more_digits_than_they_are_worth() {
        let all = [0.123, 9.96, 99.4, 123.4, 9999.0, 65_100.0, 1_234_567.0].map(short);
        let expected = ["0.12", "10.0", "99.4", "123", "9999", "65,100", "1,234,567"];
        assert_eq!(all, expected);
    }
}
