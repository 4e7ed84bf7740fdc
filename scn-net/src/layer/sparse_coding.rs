//! The sparse coding layer: every window of the map is replaced by its sparse code.

use faer::{MatMut, MatRef};
use rayon::prelude::*;
use scn_grad::{Gradients, MaskedAuto};
use scn_solvers::{
    Auto, CoordinateDescent, ElasticNet, Fista, Lambda1, Problem, Report, Settings, Sign, Solver,
    Status, Workspaces,
};

use super::{Activity, AdjointActivity, Layer, Saved, wrong_saved};
use crate::config::{SolverConfig, SolverMethod};
#[cfg(feature = "cuda")]
use crate::cuda::{Coding, CudaLayer, Inventory};
use crate::network::signals_of;
use crate::ops::encode::{WindowCoding, encode_windows, encode_windows_adjoint};
use crate::param::{Param, Role};
use crate::tensor::Tensor;
use crate::{ConfigError, NetError};

/// A sparse coding layer with dictionary `D` (m × n, m = channels k²), shared by all positions of all images. Its
/// parameters are the dictionary, λ1 (one, or one per atom), and λ2, which has a gradient but keeps its value.
#[derive(Debug)]
pub(crate) struct SparseCoding {
    name: String,
    window: usize,
    stride: usize,
    dictionary: Param,
    lambda1: Param,
    lambda2: Param,
    problem: Problem<f32>,
    config: SolverConfig,
    timed: bool,
    solver: Box<dyn Solver<f32>>,
    adjoint: MaskedAuto,
    workspaces: Workspaces<f32>,
    adjoint_workspaces: scn_grad::Workspaces<f32>,
}

/// What a sparse coding layer starts with.
pub(crate) struct SparseCodingInit {
    /// As in the model file, for messages.
    pub(crate) name: String,
    /// Side k of the window.
    pub(crate) window: usize,
    pub(crate) stride: usize,
    pub(crate) atoms: usize,
    /// m × n, row-major.
    pub(crate) dictionary: Vec<f32>,
    /// One, or one per atom.
    pub(crate) lambda1: Vec<f32>,
    /// Factor on the learning rate of λ1.
    pub(crate) lambda1_rate: f32,
    pub(crate) lambda2: f32,
}

impl SparseCoding {
    pub(crate) fn new(init: SparseCodingInit, solver: &SolverConfig) -> Result<Self, ConfigError> {
        let SparseCodingInit {
            name,
            window,
            stride,
            atoms,
            dictionary,
            lambda1,
            lambda1_rate,
            lambda2,
        } = init;
        let rows = dictionary.len() / atoms;
        let config = *solver;
        let (solver, adjoint) = solvers(&config, false)?;
        let penalty = penalty(&lambda1, lambda2);
        let problem = Problem::new(
            MatRef::from_row_major_slice(&dictionary, rows, atoms),
            penalty,
        )
        .map_err(|source| NetError::Problem {
            layer: name.clone(),
            source,
        })?;
        Ok(Self {
            name,
            window,
            stride,
            dictionary: Param::new(
                vec![rows, atoms],
                dictionary,
                Role::Learned {
                    rate: 1.0,
                    nonnegative: false,
                },
            ),
            lambda1: Param::new(
                vec![lambda1.len()],
                lambda1,
                Role::Learned {
                    rate: lambda1_rate,
                    nonnegative: true,
                },
            ),
            lambda2: Param::new(vec![1], vec![lambda2], Role::Fixed),
            problem,
            config,
            timed: false,
            solver,
            adjoint,
            workspaces: Workspaces::new(),
            adjoint_workspaces: scn_grad::Workspaces::new(),
        })
    }

    fn coding(&self) -> WindowCoding<'_> {
        WindowCoding {
            problem: &self.problem,
            timed: self.timed,
            window: self.window,
            stride: self.stride,
        }
    }

    fn encode(&self, x: &Tensor) -> Result<(Tensor, Activity), NetError> {
        let (codes, report) = encode_windows(self.coding(), &*self.solver, &self.workspaces, x)?;
        if report.status == Status::NonFinite {
            // The residual of such a window is not a number, and so the worst; its code is zero.
            let shape = codes.shape();
            return Err(NetError::Overflow {
                image: Some(report.worst_column / (shape.height * shape.width).max(1)),
                what: signals_of(&self.name),
            });
        }
        Ok((codes.clone(), self.activity(&codes, &report)))
    }

    fn activity(&self, codes: &Tensor, report: &Report) -> Activity {
        let active = |codes: &[f32]| codes.iter().filter(|&&code| code != 0.0).count();
        let active: usize = codes.data().par_chunks(1 << 16).map(active).sum();
        let lambda1 = &self.lambda1.value;
        Activity {
            active: active as f64 / codes.data().len().max(1) as f64,
            lambda1: lambda1.iter().map(|&value| f64::from(value)).sum::<f64>()
                / lambda1.len() as f64,
            passes: report.mean_passes(),
            kkt: report.residual,
            unconverged: report.unconverged.len(),
            columns: report.columns,
            times: report.times,
        }
    }
}

/// The two methods, each with its own tolerance.
fn solvers(
    config: &SolverConfig,
    timed: bool,
) -> Result<(Box<dyn Solver<f32>>, MaskedAuto), ConfigError> {
    let settings = |key: &str, tolerance: f32| {
        Settings::new(f64::from(tolerance), config.max_passes).map_err(|error| ConfigError::Range {
            key: format!("network.solver.{key}"),
            expected: "a tolerance above 0 and at least one pass".to_string(),
            found: error.to_string(),
        })
    };
    let forward = settings("tolerance", config.tolerance)?.timed(timed);
    let solver: Box<dyn Solver<f32>> = match config.method {
        SolverMethod::Auto => Box::new(Auto::new(forward)),
        SolverMethod::CoordinateDescent => Box::new(CoordinateDescent::new(forward)),
        SolverMethod::Fista => Box::new(Fista::new(forward)),
        SolverMethod::FistaWithoutRestart => Box::new(Fista::without_restart(forward)),
    };
    Ok((
        solver,
        MaskedAuto::new(settings("adjoint_tolerance", config.adjoint_tolerance)?),
    ))
}

fn penalty(lambda1: &[f32], lambda2: f32) -> ElasticNet<f32> {
    let lambda1 = match lambda1 {
        [shared] => Lambda1::Scalar(*shared),
        per_atom => Lambda1::PerAtom(per_atom.to_vec()),
    };
    ElasticNet {
        lambda1,
        lambda2,
        sign: Sign::NonNegative,
    }
}

impl Layer for SparseCoding {
    fn infer(&self, x: Tensor) -> Result<(Tensor, Option<Activity>), NetError> {
        let (codes, activity) = self.encode(&x)?;
        Ok((codes, Some(activity)))
    }

    fn forward(
        &self,
        x: Tensor,
        _groups: usize,
    ) -> Result<(Tensor, Saved, Option<Activity>), NetError> {
        let (codes, activity) = self.encode(&x)?;
        Ok((
            codes.clone(),
            Saved::Codes { input: x, codes },
            Some(activity),
        ))
    }

    fn backward(
        &mut self,
        saved: Saved,
        dy: Tensor,
    ) -> Result<(Tensor, Option<AdjointActivity>), NetError> {
        let Saved::Codes { input, codes } = saved else {
            return Err(wrong_saved(&self.name));
        };
        let mut gradients = Gradients::zeros(&self.problem);
        let (dx, report) = encode_windows_adjoint(
            self.coding(),
            &self.adjoint,
            &self.adjoint_workspaces,
            &input,
            &codes,
            &dy,
            &mut gradients,
        )?;

        let (rows, atoms) = (self.problem.rows(), self.problem.atoms());
        let mut dictionary =
            MatMut::from_row_major_slice_mut(&mut self.dictionary.grad, rows, atoms);
        dictionary += &gradients.dictionary;
        match self.lambda1.grad.as_mut_slice() {
            [shared] => *shared += gradients.shared_lambda1(),
            per_atom => per_atom
                .iter_mut()
                .zip(&gradients.lambda1)
                .for_each(|(sum, &value)| *sum += value),
        }
        self.lambda2.grad[0] += gradients.lambda2;
        let activity = AdjointActivity {
            passes: report.mean_passes(),
            residual: report.residual,
            factorised: report.factorised,
            unsolved: report.unconverged,
            times: report.times,
        };
        Ok((dx, Some(activity)))
    }

    #[cfg(feature = "cuda")]
    fn to_cuda(&self, inventory: &mut Inventory) -> CudaLayer {
        let params = [&self.dictionary, &self.lambda1, &self.lambda2];
        let parameters = params.map(|param| inventory.parameter(param));
        let atoms = self.problem.atoms();
        CudaLayer::SparseCoding(Coding {
            problem: inventory.problem(atoms, parameters),
            atoms,
            window: self.window,
            stride: self.stride,
            parameters,
        })
    }

    fn params(&self) -> Vec<(&'static str, &Param)> {
        vec![
            ("dictionary", &self.dictionary),
            ("lambda1", &self.lambda1),
            ("lambda2", &self.lambda2),
        ]
    }

    fn params_mut(&mut self) -> Vec<(&'static str, &mut Param)> {
        vec![
            ("dictionary", &mut self.dictionary),
            ("lambda1", &mut self.lambda1),
            ("lambda2", &mut self.lambda2),
        ]
    }

    fn refresh(&mut self) -> Result<(), NetError> {
        let (rows, atoms) = (self.problem.rows(), self.problem.atoms());
        let dictionary = MatRef::from_row_major_slice(&self.dictionary.value, rows, atoms);
        self.problem
            .update(
                dictionary,
                penalty(&self.lambda1.value, self.lambda2.value[0]),
            )
            .map_err(|source| NetError::Problem {
                layer: self.name.clone(),
                source,
            })
    }

    fn set_solver(&mut self, solver: &SolverConfig) -> Result<(), ConfigError> {
        (self.solver, self.adjoint) = solvers(solver, self.timed)?;
        self.config = *solver;
        Ok(())
    }

    fn set_timed(&mut self, timed: bool) -> Result<(), ConfigError> {
        (self.solver, self.adjoint) = solvers(&self.config, timed)?;
        self.timed = timed;
        Ok(())
    }

    /// Largest over smallest eigenvalue of `H`, computed in f64 from the f32 matrix; infinite where the smallest is
    /// not positive.
    fn condition(&self) -> Option<f64> {
        let gram = self.problem.gram();
        let gram = faer::Mat::from_fn(gram.nrows(), gram.ncols(), |i, j| f64::from(gram[(i, j)]));
        let values = gram.self_adjoint_eigenvalues(faer::Side::Lower).ok()?;
        let (smallest, largest) = (values.first()?, values.last()?);
        Some(if *smallest > 0.0 {
            largest / smallest
        } else {
            f64::INFINITY
        })
    }
}
