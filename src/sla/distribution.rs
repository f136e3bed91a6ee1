//! The three distributions that the bounds need: beta, Student's t and the normal.
//!
//! The regularised incomplete beta function is evaluated by its continued fraction (Lentz's method, DLMF 8.17.22).
//! The cap on iterations grows with the square root of the parameters: a fixed cap gives silently wrong values near
//! the centre once the parameters pass some millions.

/// The 95 % quantile of the standard normal distribution.
pub(super) const Z_95: f64 = 1.644_853_626_951_472_2;
/// The 97.5 % quantile of the standard normal distribution: half of a two-sided 95 % interval.
pub(crate) const Z_97_5: f64 = 1.959_963_984_540_054;

/// The logarithm of the gamma function for positive arguments (Lanczos approximation, g = 7, nine terms).
fn ln_gamma(x: f64) -> f64 {
    const COEFFICIENTS: [f64; 8] = [
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    if x < 0.5 {
        // Reflection: the series is accurate on the right half only.
        let sine = (std::f64::consts::PI * x).sin();
        return (std::f64::consts::PI / sine).ln() - ln_gamma(1.0 - x);
    }
    let x = x - 1.0;
    let sum = COEFFICIENTS
        .iter()
        .enumerate()
        .fold(0.999_999_999_999_809_9, |sum, (index, coefficient)| {
            sum + coefficient / (x + index as f64 + 1.0)
        });
    let t = x + 7.5;
    0.5 * (2.0 * std::f64::consts::PI).ln() + (x + 0.5) * t.ln() - t + sum.ln()
}

/// The regularised incomplete beta function I_x(a, b): the probability that a Beta(a, b) variable is at most `x`.
/// `a` and `b` must be positive; `x` outside 0 to 1 is taken as the nearer end.
pub(super) fn beta_cdf(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    // The fraction converges fast left of the mean; right of it the symmetry I_x(a, b) = 1 − I_{1−x}(b, a) is used.
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - beta_cdf(1.0 - x, b, a);
    }
    let ln_front = a * x.ln() + b * (-x).ln_1p() + ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b);
    (ln_front.exp() / a * beta_fraction(x, a, b)).clamp(0.0, 1.0)
}

/// The continued fraction of the incomplete beta function.
fn beta_fraction(x: f64, a: f64, b: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let away_from_zero = |value: f64| if value.abs() < TINY { TINY } else { value };
    let iterations_max = 200 + (8.0 * a.max(b).sqrt()) as u64;
    let mut c = 1.0;
    let mut d = 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0));
    let mut fraction = d;
    for iteration in 1..=iterations_max {
        let m = iteration as f64;
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / away_from_zero(1.0 + even * d);
        c = away_from_zero(1.0 + even / c);
        fraction *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / away_from_zero(1.0 + odd * d);
        c = away_from_zero(1.0 + odd / c);
        let change = d * c;
        fraction *= change;
        if (change - 1.0).abs() < 1e-15 {
            break;
        }
    }
    fraction
}

/// The quantile of the Beta(a, b) distribution, by bisection: slower than Newton's method, and it cannot diverge.
pub(super) fn beta_quantile(probability: f64, a: f64, b: f64) -> f64 {
    let (mut low, mut high) = (0.0_f64, 1.0_f64);
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            break;
        }
        if beta_cdf(middle, a, b) < probability {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

/// The quantile of Student's t distribution for `probability` in [0.5, 1) and at least one degree of freedom.
pub(crate) fn t_quantile(probability: f64, degrees: f64) -> f64 {
    let x = beta_quantile(2.0 * (1.0 - probability), degrees / 2.0, 0.5);
    (degrees * (1.0 - x) / x).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(left: f64, right: f64, tolerance: f64) {
        assert!((left - right).abs() <= tolerance, "{left} is not {right}");
    }

    #[test]
    fn the_beta_function_agrees_with_closed_forms() {
        // I_x(1, b) = 1 − (1−x)^b and I_x(a, 1) = x^a; I_0.5(a, a) = 0.5 for every a.
        close(beta_cdf(0.3, 1.0, 4.0), 1.0 - 0.7_f64.powi(4), 1e-14);
        close(beta_cdf(0.3, 2.5, 1.0), 0.3_f64.powf(2.5), 1e-14);
        for a in [0.5, 3.0, 1e3, 5e5, 5e6, 5e7] {
            close(beta_cdf(0.5, a, a), 0.5, 1e-6);
        }
        // The binomial tail P(X >= 2), n = 3, p = 0.4.
        close(beta_cdf(0.4, 2.0, 2.0), 3.0 * 0.16 * 0.6 + 0.064, 1e-14);
    }

    #[test]
    fn the_beta_function_stays_right_for_large_parameters() {
        // At the mean of Beta(np, n(1−p)) the value is slightly above one half: 0.500174 for n = 1e7, p = 0.05.
        close(beta_cdf(0.05, 5e5, 9.5e6), 0.500_174, 2e-6);
        let huge = beta_cdf(0.05, 5e6, 9.5e7);
        assert!((0.5..0.5002).contains(&huge), "{huge}");
    }

    #[test]
    fn quantiles_agree_with_published_tables() {
        close(t_quantile(0.95, 1.0), 6.313_75, 1e-4);
        close(t_quantile(0.95, 10.0), 1.812_46, 1e-4);
        close(t_quantile(0.95, 30.0), 1.697_26, 1e-4);
        close(t_quantile(0.95, 1e6), Z_95, 1e-4);
        close(
            beta_quantile(0.95, 1.0, 59.0),
            1.0 - 0.05_f64.powf(1.0 / 59.0),
            1e-12,
        );
    }
}
