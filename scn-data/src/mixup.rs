//! The weights of images that are mixed into others.

use rand_distr::{Beta, Distribution};

use crate::draws::Draws;
use crate::error::BatchError;

/// The largest parameter. Weights are 0.49 on average.
const LARGEST: f64 = 1000.0;

/// The distribution of the weights.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mixup(Beta<f64>);

impl Mixup {
    /// Creates the distribution Beta(alpha, alpha).
    pub(crate) fn new(alpha: f64) -> Result<Self, BatchError> {
        let refused = || BatchError::Mixup { found: alpha };
        // Beyond about 10^150, the library returns NaN, and far below that it already returns 1/2.
        if alpha > LARGEST {
            return Err(refused());
        }
        Ok(Self(Beta::new(alpha, alpha).map_err(|_| refused())?))
    }

    /// Draws the weight of the image mixed in, from 0 to 1/2.
    pub(crate) fn share(self, draws: &mut Draws) -> f32 {
        let lambda = self.0.sample(draws.generator());
        lambda.min(1.0 - lambda) as f32
    }
}

#[cfg(test)]
mod tests {
    use approx::{assert_abs_diff_eq, assert_relative_eq};

    use super::*;
    use crate::draws::Purpose;

    fn shares(alpha: f64, count: u64) -> Vec<f64> {
        let mixup = Mixup::new(alpha).unwrap();
        let share = |batch| mixup.share(&mut Draws::new(1, 2, Purpose::Mixup, batch));
        (0..count).map(|batch| f64::from(share(batch))).collect()
    }

    /// Beta(α, α) has the variance 1 / (4 (2α + 1)) about 1/2 (Johnson, Kotz, Balakrishnan,
    /// Continuous univariate distributions 2, chapter 25). Folding at 1/2 leaves it unchanged.
    #[test]
    fn shares_are_distributed_as_the_paper_says() {
        for alpha in [0.1, 0.4, 1.0, 3.0] {
            let squares: Vec<f64> = shares(alpha, 40_000)
                .iter()
                .map(|share| (share - 0.5) * (share - 0.5))
                .collect();
            let mean = squares.iter().sum::<f64>() / squares.len() as f64;
            // Squares lie in [0, 1/4], so their deviation is at most 1/8, and that of the mean is
            // 1/8 / sqrt(40000) = 6.3e-4. The tolerance is four of these.
            assert_abs_diff_eq!(mean, 1.0 / (4.0 * (2.0 * alpha + 1.0)), epsilon = 2.5e-3);
        }
        // Beta(1, 1) is uniform: a quarter of the weights are below 1/8.
        let low = shares(1.0, 40_000).iter().filter(|&&s| s < 0.125).count();
        // The deviation is sqrt(40000 / 4 * 3 / 4) = 87. The tolerance is four of these.
        assert_abs_diff_eq!(low as f64, 10_000.0, epsilon = 350.0);
    }

    /// A version of the library with different draws would change runs that are resumed with it.
    /// The numbers were computed independently, in Python: algorithms BB and BC of Cheng,
    /// "Generating beta variates with nonintegral shape parameters", CACM 21, 1978, on the stream
    /// that [`Draws`] documents.
    #[test]
    fn shares_stay_what_they_were() {
        for (alpha, expected) in [
            (
                0.2,
                [
                    0.0001169826152465081,
                    0.1413908101685517,
                    0.03208538150066875,
                    0.028323184845508997,
                ],
            ),
            (
                1.0,
                [
                    0.1405567291731643,
                    0.13966527470547396,
                    0.3359603595748287,
                    0.14115638542197517,
                ],
            ),
            (
                2.5,
                [
                    0.24137230439949042,
                    0.4432054473287662,
                    0.3939060121311143,
                    0.2419466298990311,
                ],
            ),
        ] {
            for (found, expected) in shares(alpha, 4).into_iter().zip(expected) {
                // Weights are rounded to f32.
                assert_relative_eq!(found, expected, max_relative = 6e-8);
            }
        }
    }

    #[test]
    fn parameters_that_no_distribution_has_are_refused() {
        for alpha in [0.0, -1.0, 1001.0, f64::NAN, f64::INFINITY] {
            assert!(matches!(Mixup::new(alpha), Err(BatchError::Mixup { .. })));
        }
        // Valid parameters give only valid weights.
        for alpha in [f64::MIN_POSITIVE, 1e-300, 1e-9, LARGEST] {
            let found = shares(alpha, 100);
            assert!(
                found.iter().all(|share| (0.0..=0.5).contains(share)),
                "{alpha}: {found:?}"
            );
        }
    }
}
