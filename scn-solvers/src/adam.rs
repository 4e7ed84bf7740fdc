//! The Adam optimiser with the constants of Kingma, Ba, "Adam: a method for stochastic
//! optimization", ICLR 2015.

const FIRST_DECAY: f64 = 0.9;
const SECOND_DECAY: f64 = 0.999;
/// The ε of Adam, here relative to the root of the largest second moment because gradients have
/// units.
const SMALLEST: f64 = 1e-8;

/// The moments of a list of numbers, from which the steps follow.
pub(crate) struct Adam {
    /// First and second moment of each number.
    moments: Vec<(f64, f64)>,
    /// The unit in which each number is measured.
    units: Vec<f64>,
    steps: i32,
}

impl Adam {
    /// Creates the optimiser of `units.len()` numbers.
    pub(crate) fn new(units: Vec<f64>) -> Self {
        Self {
            moments: vec![(0.0, 0.0); units.len()],
            units,
            steps: 0,
        }
    }

    /// Returns the number of steps taken so far.
    pub(crate) fn steps(&self) -> i32 {
        self.steps
    }

    /// Updates the moments with the gradients of a batch and returns what to subtract from each
    /// number, in order. Yields only `None` as long as every gradient has been zero.
    pub(crate) fn step(
        &mut self,
        gradients: impl Iterator<Item = f64>,
        rate: f64,
    ) -> impl Iterator<Item = Option<f64>> + '_ {
        self.steps += 1;
        let first_share = 1.0 - FIRST_DECAY.powi(self.steps);
        let second_share = 1.0 - SECOND_DECAY.powi(self.steps);
        let mut largest = 0.0_f64;
        let numbers = self.moments.iter_mut().zip(&self.units).zip(gradients);
        for ((moment, unit), gradient) in numbers {
            let gradient = gradient * unit;
            moment.0 = FIRST_DECAY * moment.0 + (1.0 - FIRST_DECAY) * gradient;
            moment.1 = SECOND_DECAY * moment.1 + (1.0 - SECOND_DECAY) * gradient * gradient;
            largest = largest.max(moment.1);
        }
        let floor = SMALLEST * (largest / second_share).sqrt();
        self.moments
            .iter()
            .zip(&self.units)
            .map(move |(moment, unit)| {
                let size = (moment.1 / second_share).sqrt() + floor;
                (size > 0.0).then(|| {
                    let step = rate * moment.0 / first_share / size;
                    step * unit
                })
            })
    }
}

#[cfg(test)]
mod tests {
    use approx::assert_abs_diff_eq;

    use super::Adam;

    /// Up to the floor, the first step has the size of the rate, in units, and the sign of the
    /// gradient, whatever the size of the gradient. With gradients g and then -g, the moments are
    /// `0.09 g - 0.1 g` and `(0.000999 + 0.001) g²`, and the step is
    /// `rate (-0.01 / 0.19) / √(0.001999 / 0.001999)`.
    #[test]
    fn steps_are_those_of_the_paper() {
        let mut adam = Adam::new(vec![1.0, 2.0, 1.0]);
        let first: Vec<_> = adam.step([3.0, -3.0, 0.0].into_iter(), 0.5).collect();
        let close = |found: Option<f64>, expected: f64| {
            assert_abs_diff_eq!(found.expect("a step"), expected, epsilon = 1e-7);
        };
        close(first[0], 0.5);
        close(first[1], -1.0);
        close(first[2], 0.0);
        let second: Vec<_> = adam.step([-3.0, 3.0, 0.0].into_iter(), 0.5).collect();
        close(second[0], 0.5 * -0.01 / 0.19);
        close(second[1], -(0.5 * -0.01 / 0.19) * 2.0);
        let mut idle = Adam::new(vec![1.0]);
        assert!(idle.step([0.0].into_iter(), 0.5).all(|step| step.is_none()));
    }
}
