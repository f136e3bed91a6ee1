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

/// The logarithm of the beta function B(a, b) for positive arguments.
pub(super) fn ln_beta(a: f64, b: f64) -> f64 {
    ln_gamma(a) + ln_gamma(b) - ln_gamma(a + b)
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
    let ln_front = a * x.ln() + b * (-x).ln_1p() - ln_beta(a, b);
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
    use proptest::prelude::*;

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

    /// Computed by numerical integration of the density with 30 digits (mpmath): (x, a, b, I_x(a, b)).
    const INTEGRATED: [(f64, f64, f64, f64); 13] = [
        (0.3, 2.5, 4.5, 0.406_539_016_682_459_3),
        (0.5, 1.5, 0.5, 0.181_690_113_816_209_3),
        (0.01, 11.0, 1_683.0, 0.950_062_471_962_486),
        (0.05, 51.0, 950.0, 0.462_470_959_198_572_3),
        (0.048_559_4, 451.0, 9_550.0, 0.949_999_868_448_666),
        (0.05, 50_000.0, 950_000.0, 0.500_549_141_950_574),
        (0.050_4, 50_001.0, 950_000.0, 0.966_205_247_590_269),
        (0.001, 1_001.0, 999_000.0, 0.491_590_631_779_224),
        (0.05, 500_000.0, 9_500_000.0, 0.500_173_653_894_008),
        (0.05, 5_000_000.0, 95_000_000.0, 0.500_054_914_181_753),
        (0.050_03, 5_000_001.0, 95_000_000.0, 0.915_579_195_971_075),
        (0.01, 1_000_000.0, 99_000_000.0, 0.500_130_977_679_686),
        (0.000_999, 100_000.0, 99_900_000.0, 0.376_214_249_129_524),
    ];

    #[test]
    fn the_beta_function_agrees_with_numerical_integration() {
        for (x, a, b, expected) in INTEGRATED {
            // The logarithm of the gamma function is known to one part in 1e15 of a number that grows with a + b.
            let tolerance = 1e-12 + (a + b) * 1e-13;
            close(beta_cdf(x, a, b), expected, tolerance);
            close(beta_cdf(1.0 - x, b, a), 1.0 - expected, tolerance);
        }
        close(
            beta_quantile(0.95, 51.0, 9_950.0),
            0.006_324_499_770_793_83,
            1e-12,
        );
        close(beta_quantile(0.95, 2.5, 40.5), 0.125_613_167_545_305, 1e-12);
        close(beta_quantile(0.05, 3.25, 60.75), 0.015_212_182_999_915_8, 1e-12);
    }

    /// P(X >= k) for X binomial, as the plain sum of its terms.
    fn binomial_tail(k: u32, n: u32, p: f64) -> f64 {
        let ln_factorial = |m: u32| (2..=m).map(|i| f64::from(i).ln()).sum::<f64>();
        let (mut ln_term, mut sum) = (
            ln_factorial(n) - ln_factorial(k) - ln_factorial(n - k)
                + f64::from(k) * p.ln()
                + f64::from(n - k) * (-p).ln_1p(),
            0.0,
        );
        for i in k..=n {
            sum += ln_term.exp();
            ln_term += (f64::from(n - i) / f64::from(i + 1)).ln() + (p / (1.0 - p)).ln();
        }
        sum
    }

    proptest! {
        /// I_p(k, n − k + 1) is the tail of the binomial distribution, which can be summed term by term.
        #[test]
        fn the_beta_function_is_the_tail_of_a_binomial(
            (n, k) in (1_u32..600).prop_flat_map(|n| (Just(n), 1..=n)),
            p in 0.001_f64..0.999,
        ) {
            let tail = binomial_tail(k, n, p);
            let ours = beta_cdf(p, f64::from(k), f64::from(n - k + 1));
            prop_assert!((tail - ours).abs() < 1e-9, "{} is not {}", ours, tail);
        }

        /// A quantile is where the distribution function has the probability.
        #[test]
        fn a_quantile_is_undone_by_its_function(p in 0.01_f64..0.99, a in 0.3_f64..1e4, b in 0.3_f64..1e4) {
            let x = beta_quantile(p, a, b);
            prop_assert!((0.0..=1.0).contains(&x));
            prop_assert!((beta_cdf(x, a, b) - p).abs() < 1e-6, "{} {}", x, beta_cdf(x, a, b));
        }
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
