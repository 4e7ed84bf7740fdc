//! Learned ISTA: a fixed number of steps whose parameters are learned from data.

mod pass;
mod training;

pub use training::{ListaEpoch, ListaTraining};

use faer::Mat;

use super::{Method, Pass, Tile};
use crate::ListaError;
use crate::problem::Problem;
use crate::settings::Settings;
use crate::tile::kernels::{Product, ShrinkSum};
use crate::tile::{Panels, Scalar, padded};

/// One step of [`Lista`]: `a <- prox(B c + S a; θ)`.
#[derive(Debug, Clone, PartialEq)]
pub struct ListaLayer<T> {
    /// `B`, n × n.
    pub from_correlations: Mat<T>,
    /// `S`, n × n.
    pub from_codes: Mat<T>,
    /// `θ >= 0`, length n.
    pub thresholds: Vec<T>,
}

/// The learned iterative shrinkage-thresholding algorithm: K steps
///
/// ```text
/// a_k = prox(B_k c + S_k a_{k-1}; θ_k),      a_0 = 0,  c = D'x
/// ```
/// <!-- math: a_k = \mathrm{prox}\bigl( B_k c + S_k a_{k-1};\, \theta_k \bigr), \qquad a_0 = 0, \qquad c = D^\top x -->
///
/// with separate matrices and thresholds in each step, [trained](Self::train) on signals like those
/// to come. It is not exact: it takes its K steps and reports the remaining residual, with status
/// [`Stalled`](crate::Status::Stalled) if that is above the tolerance. An exact solver can start
/// from its codes with `Start::Codes`. Before training it equals K steps of [ISTA](super::Ista):
/// `B = I/L`, `S = I - H/L`, `θ = λ1/L`.
///
/// Gregor, LeCun, "Learning fast approximations of sparse coding", ICML 2010. They learn a matrix
/// `W` for `W x`; this solver learns `B` for `B D'x`, because the part of `x` that is orthogonal to
/// all atoms does not affect the code.
///
/// A step costs two products with n × n matrices, which count as two passes. If the problem has a
/// different number of atoms, the codes stay at the start.
///
/// # Example
///
/// ```
/// use scn_solvers::synthetic::Workload;
/// use scn_solvers::{ElasticNet, Lista, ListaTraining, Problem, Settings};
///
/// let work = Workload::<f64>::new((20, 10), 600, 0.3, Some(0.3), 1);
/// let penalty = ElasticNet::nonnegative(work.lambda1, work.lambda2);
/// let problem = Problem::new(work.dictionary.as_ref(), penalty)?;
/// let correlations = work.dictionary.transpose() * &work.signals;
/// let (known, held_out) = correlations.as_ref().split_at_col(400);
///
/// let mut lista = Lista::new(&problem, 4, Settings::default());
/// let untrained = lista.gap(&problem, held_out)?;
/// lista.train(&problem, known, &ListaTraining::default(), &mut |_| ())?;
/// assert!(lista.gap(&problem, held_out)? < 0.5 * untrained);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Lista<T> {
    settings: Settings,
    layers: Vec<ListaLayer<T>>,
    packed: Vec<PackedLayer<T>>,
}

#[derive(Debug, Clone)]
struct PackedLayer<T> {
    from_correlations: Panels<T>,
    from_codes: Panels<T>,
    thresholds: Vec<T>,
}

impl<T: Scalar> ListaLayer<T> {
    /// Creates a step of ISTA.
    fn ista(problem: &Problem<T>) -> Self {
        let n = problem.atoms();
        let lipschitz = problem.lipschitz();
        let gram = problem.gram();
        let unit = |i: usize, j: usize| if i == j { T::ONE } else { T::ZERO };
        Self {
            from_correlations: Mat::from_fn(n, n, |i, j| unit(i, j) / lipschitz),
            from_codes: Mat::from_fn(n, n, |i, j| unit(i, j) - gram[(i, j)] / lipschitz),
            thresholds: problem.lambda1().iter().map(|&l| l / lipschitz).collect(),
        }
    }

    fn pack(&self) -> PackedLayer<T> {
        let rows = padded(self.thresholds.len());
        let mut thresholds = self.thresholds.clone();
        thresholds.resize(rows, T::ZERO);
        PackedLayer {
            from_correlations: Panels::pack(self.from_correlations.as_ref(), rows),
            from_codes: Panels::pack(self.from_codes.as_ref(), rows),
            thresholds,
        }
    }
}

impl<T: Scalar> Lista<T> {
    /// Creates an untrained network of `layers` steps of ISTA.
    ///
    /// # Example
    ///
    /// ```
    /// use approx::assert_abs_diff_eq;
    /// use faer::mat;
    /// use scn_solvers::{ElasticNet, Ista, Lista, Problem, Settings, encode_signal};
    ///
    /// let dictionary = mat![[1.0, 0.6], [0.0, 0.8]];
    /// let problem = Problem::new(dictionary.as_ref(), ElasticNet::nonnegative(0.1, 0.0))?;
    /// let lista = Lista::new(&problem, 3, Settings::default());
    /// let (code, _) = encode_signal(&lista, &problem, &[1.0, 1.0])?;
    /// let three_steps = Ista::new(Settings::new(1e-10, 3)?);
    /// let (expected, _) = encode_signal(&three_steps, &problem, &[1.0, 1.0])?;
    /// assert_abs_diff_eq!(code[..], expected[..], epsilon = 1e-12);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(problem: &Problem<T>, layers: usize, settings: Settings) -> Self {
        Self::of(vec![ListaLayer::ista(problem); layers], settings)
    }

    /// Creates a network from trained layers.
    ///
    /// # Errors
    /// Returns an error if the layers are not all n × n for the same n, or if a threshold is not at
    /// least 0.
    ///
    /// # Example
    ///
    /// ```
    /// use faer::mat;
    /// use scn_solvers::{ElasticNet, Lista, ListaTraining, Problem, Settings, encode_signal};
    ///
    /// let dictionary = mat![[1.0, 0.6], [0.0, 0.8]];
    /// let problem = Problem::new(dictionary.as_ref(), ElasticNet::nonnegative(0.1, 0.0))?;
    /// let correlations = dictionary.transpose() * mat![[1.0, 2.0, 1.0], [1.0, 1.0, 2.0]];
    /// let mut trained = Lista::new(&problem, 3, Settings::default());
    /// trained.train(&problem, correlations.as_ref(), &ListaTraining::default(), &mut |_| ())?;
    ///
    /// // Layers can be saved and loaded.
    /// let loaded = Lista::from_layers(trained.layers().to_vec(), Settings::default())?;
    /// let (code, _) = encode_signal(&loaded, &problem, &[1.0, 1.0])?;
    /// assert_eq!(code, encode_signal(&trained, &problem, &[1.0, 1.0])?.0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_layers(layers: Vec<ListaLayer<T>>, settings: Settings) -> Result<Self, ListaError> {
        let expected = layers.first().map_or(0, |layer| layer.thresholds.len());
        for (index, layer) in layers.iter().enumerate() {
            let square = (expected, expected);
            for found in [layer.from_correlations.shape(), layer.from_codes.shape()] {
                if found != square || layer.thresholds.len() != expected {
                    return Err(ListaError::Shape {
                        layer: index,
                        atoms: expected,
                        found,
                        thresholds: layer.thresholds.len(),
                    });
                }
            }
            for (atom, &found) in layer.thresholds.iter().enumerate() {
                if !(found >= T::ZERO) {
                    return Err(ListaError::Threshold {
                        layer: index,
                        atom,
                        found: found.to_f64(),
                    });
                }
            }
        }
        Ok(Self::of(layers, settings))
    }

    fn of(layers: Vec<ListaLayer<T>>, settings: Settings) -> Self {
        Self {
            settings,
            packed: layers.iter().map(ListaLayer::pack).collect(),
            layers,
        }
    }

    /// The layers, which [`from_layers`](Self::from_layers) accepts.
    pub fn layers(&self) -> &[ListaLayer<T>] {
        &self.layers
    }

    pub(super) fn fits(&self, problem: &Problem<T>) -> bool {
        let fit = |layer: &ListaLayer<T>| layer.thresholds.len() == problem.atoms();
        self.layers.iter().all(fit)
    }
}

impl<T: Scalar> Method<T> for Lista<T> {
    type Scratch = ListaScratch<T>;

    fn name(&self) -> &'static str {
        "lista"
    }

    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn scratch(&self, atoms: usize) -> ListaScratch<T> {
        ListaScratch::new(atoms)
    }

    fn begin(&self, _: &mut Tile<'_, T>, scratch: &mut Self::Scratch) {
        scratch.step = 0;
    }

    fn pass(&self, tile: &mut Tile<'_, T>, scratch: &mut Self::Scratch) -> Pass {
        let memory = &mut *tile.memory;
        let step = scratch.step;
        let Some(layer) = self.packed.get(step).filter(|_| self.fits(tile.problem)) else {
            return Pass::Exhausted;
        };
        T::product(Product {
            matrix: &layer.from_correlations,
            y: &memory.correlations,
            out: &mut scratch.first,
        });
        T::product(Product {
            matrix: &layer.from_codes,
            y: &memory.codes,
            out: &mut scratch.second,
        });
        T::shrink_sum(ShrinkSum {
            signed: tile.problem.signed(),
            thresholds: &layer.thresholds,
            first: &scratch.first,
            second: &scratch.second,
            codes: &mut memory.codes,
        });
        scratch.step += 1;
        tile.count_products(1);
        if step + 1 == self.packed.len() {
            Pass::Exhausted
        } else {
            Pass::Unknown
        }
    }
}

/// The two products of a step, and the index of the next step.
#[derive(Debug, Clone)]
pub struct ListaScratch<T> {
    first: Vec<T>,
    second: Vec<T>,
    step: usize,
}

impl<T: Scalar> ListaScratch<T> {
    fn new(atoms: usize) -> Self {
        let tile = vec![T::ZERO; padded(atoms) * T::tile()];
        Self {
            first: tile.clone(),
            second: tile,
            step: 0,
        }
    }
}
