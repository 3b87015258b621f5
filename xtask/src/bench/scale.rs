//! A logarithmic axis.

/// A logarithmic axis: values between two bounds on a line of some width.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    low: f64,
    high: f64,
    left: f64,
    width: f64,
}

impl Scale {
    /// The axis that holds all values and 1, its ends at whole ticks.
    pub(super) fn around(values: impl Iterator<Item = f64>, left: f64, width: f64) -> Self {
        let (low, high) = values.fold((1.0f64, 1.0f64), |(low, high), value| (low.min(value), high.max(value)));
        let below = ticks().rev().find(|tick| *tick <= low).unwrap_or(low);
        let above = ticks().find(|tick| *tick >= high && *tick > below).unwrap_or(high);
        Self { low: below, high: above, left, width }
    }

    /// Where a value stands.
    pub(super) fn place(&self, value: f64) -> f64 {
        self.left + self.width * (value / self.low).ln() / (self.high / self.low).ln()
    }

    /// The ticks of the axis.
    pub(super) fn ticks(&self) -> impl Iterator<Item = f64> {
        let (low, high) = (self.low, self.high);
        ticks().filter(move |tick| *tick >= low && *tick <= high)
    }
}

/// ... 0.5, 1, 2, 5, 10, 20 ...
fn ticks() -> impl DoubleEndedIterator<Item = f64> {
    (-4..=6).flat_map(|power| [1.0, 2.0, 5.0].map(|digit| digit * 10f64.powi(power)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-9
    }

    #[test]
    fn the_axis_ends_at_ticks() {
        let scale = Scale::around([0.7, 30.0].into_iter(), 100.0, 200.0);
        assert!(near(scale.place(0.5), 100.0) && near(scale.place(50.0), 300.0));
        let ticks: Vec<f64> = scale.ticks().collect();
        assert_eq!(ticks.len(), 7, "{ticks:?}");
    }

    #[test]
    fn equal_ratios_are_equally_far() {
        let scale = Scale::around([1.0, 100.0].into_iter(), 0.0, 10.0);
        assert!(near(scale.place(10.0) - scale.place(1.0), scale.place(100.0) - scale.place(10.0)));
        assert!(near(Scale::around(std::iter::empty(), 0.0, 10.0).place(1.0), 0.0));
    }
}
