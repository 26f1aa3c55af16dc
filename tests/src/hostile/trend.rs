//! Whether something grows: a straight line through points.

/// How much the line through these points (seconds, value) rises each hour, by least squares. 0 for fewer than two.
#[must_use]
pub fn hourly_growth(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (time, value) = (mean(|point| point.0), mean(|point| point.1));
    let spread: f64 = points.iter().map(|point| (point.0 - time).powi(2)).sum();
    if spread == 0.0 || points.len() < 2 {
        return 0.0;
    }
    points.iter().map(|point| (point.0 - time) * (point.1 - value)).sum::<f64>() / spread * 3600.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found_and_noise_is_none() {
        let line: Vec<_> = (0..100).map(|n| (f64::from(n) * 10.0, 200.0 + f64::from(n))).collect();
        assert!((hourly_growth(&line) - 360.0).abs() < 1e-6);
        let noise: Vec<_> = (0..100).map(|n| (f64::from(n) * 10.0, 200.0 + f64::from(n % 2))).collect();
        assert!(hourly_growth(&noise).abs() < 1.0);
        assert_eq!((hourly_growth(&[]), hourly_growth(&[(1.0, 5.0)])), (0.0, 0.0));
    }
}
