//! The layers on the device: the same as [`crate::layer`]'s, on its buffers.

use std::sync::Arc;

use scn_gpu::layers::batch_norm::Moments;
use scn_gpu::layers::{classifier, pooling};
use scn_gpu::{
    Buffer, Method, ParameterGradients, PendingSolve, Problem, Reports, SolveReport, Windows,
};
use scn_solvers::Settings;

use super::{CudaParam, Map};
use crate::NetError;
use crate::config::{SolverConfig, SolverMethod};
use crate::layer::{Activity, wrong_saved};
use crate::tensor::Shape;

/// How codes and adjoint are solved.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Solver {
    method: Method,
    codes: Settings,
    adjoint: Settings,
}

impl Solver {
    pub(super) fn new(config: &SolverConfig) -> Result<Self, NetError> {
        let settings = |tolerance: f32| Settings::new(f64::from(tolerance), config.max_passes);
        Ok(Self {
            method: match config.method {
                SolverMethod::Auto | SolverMethod::CoordinateDescent => Method::CoordinateDescent,
                SolverMethod::Fista => Method::Fista,
                SolverMethod::FistaWithoutRestart => {
                    return Err(NetError::OnProcessorOnly {
                        what: "network.solver.method fista-without-restart",
                    });
                }
            },
            codes: settings(config.tolerance)?,
            adjoint: settings(config.adjoint_tolerance)?,
        })
    }
}

/// A layer on the device.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "a network has some thirty of them"
)]
pub(crate) enum CudaLayer {
    SparseCoding(Coding),
    BatchNorm {
        running: Moments,
        rate: f32,
        epsilon: f32,
    },
    AveragePooling,
    Classifier {
        weight: CudaParam,
        bias: CudaParam,
    },
}

/// A sparse coding layer.
#[derive(Debug)]
pub(crate) struct Coding {
    pub(crate) problem: Problem,
    pub(crate) window: usize,
    pub(crate) stride: usize,
    pub(crate) dictionary: CudaParam,
    pub(crate) lambda1: CudaParam,
    pub(crate) lambda2: CudaParam,
}

/// What a layer's way back needs.
#[derive(Debug)]
pub(super) enum Saved {
    Codes { input: Arc<Map>, codes: Arc<Map> },
    Normalized { output: Arc<Map>, moments: Moments },
    Pooled { shape: Shape },
    Features { input: Arc<Map> },
}

/// What a layer hands on.
pub(super) struct Passed {
    pub(super) output: Arc<Map>,
    /// None in inference.
    pub(super) saved: Option<Saved>,
    /// Of a sparse coding layer.
    pub(super) solve: Option<PendingSolve>,
}

/// Where a parameter or statistic lies.
pub(super) struct Place<'a> {
    pub(super) value: &'a Buffer<f32>,
    /// None for a statistic.
    pub(super) gradient: Option<&'a Buffer<f32>>,
}

impl CudaLayer {
    /// With the moments of the training data; nothing is remembered.
    pub(super) fn infer(
        &self,
        x: Arc<Map>,
        solver: &Solver,
        reports: &mut Reports,
    ) -> Result<Passed, NetError> {
        if let Self::BatchNorm {
            running, epsilon, ..
        } = self
        {
            let mut output = Map::unspecified(x.data.context(), x.shape)?;
            running.normalize(&x.data, *epsilon, &mut output.data)?;
            return Ok(Passed {
                output: Arc::new(output),
                saved: None,
                solve: None,
            });
        }
        let passed = self.forward(x, solver, reports)?;
        Ok(Passed {
            saved: None,
            ..passed
        })
    }

    /// With the moments of the batch.
    pub(super) fn forward(
        &self,
        x: Arc<Map>,
        solver: &Solver,
        reports: &mut Reports,
    ) -> Result<Passed, NetError> {
        let context = x.data.context();
        match self {
            Self::SparseCoding(coding) => {
                let (codes, solve) = coding.encode(&x, solver, reports)?;
                let codes = Arc::new(codes);
                Ok(Passed {
                    output: Arc::clone(&codes),
                    saved: Some(Saved::Codes { input: x, codes }),
                    solve: Some(solve),
                })
            }
            Self::BatchNorm { epsilon, .. } => {
                let mut moments = Moments::zeros(context, x.shape.channels)?;
                moments.measure(&x.data)?;
                let mut output = Map::unspecified(context, x.shape)?;
                moments.normalize(&x.data, *epsilon, &mut output.data)?;
                let output = Arc::new(output);
                Ok(Passed {
                    output: Arc::clone(&output),
                    saved: Some(Saved::Normalized { output, moments }),
                    solve: None,
                })
            }
            Self::AveragePooling => {
                let mut output = Map::unspecified(context, point(x.shape))?;
                pooling::average(&x.data, &mut output.data)?;
                Ok(Passed {
                    output: Arc::new(output),
                    saved: Some(Saved::Pooled { shape: x.shape }),
                    solve: None,
                })
            }
            Self::Classifier { weight, bias } => {
                let shape = Shape {
                    channels: bias.value.len(),
                    ..point(x.shape)
                };
                let mut output = Map::unspecified(context, shape)?;
                classifier::forward(&weight.value, &bias.value, &x.data, &mut output.data)?;
                Ok(Passed {
                    output: Arc::new(output),
                    saved: Some(Saved::Features { input: x }),
                    solve: None,
                })
            }
        }
    }

    /// Takes note of a batch in training.
    pub(super) fn record(&mut self, saved: &Saved) -> Result<(), NetError> {
        if let (Self::BatchNorm { running, rate, .. }, Saved::Normalized { moments, .. }) =
            (self, saved)
        {
            running.blend(moments, *rate)?;
        }
        Ok(())
    }

    /// Replaces the gradients of the parameters; returns dLoss/dx.
    pub(super) fn backward(
        &mut self,
        saved: Saved,
        dy: Map,
        solver: &Solver,
        reports: &mut Reports,
    ) -> Result<(Map, Option<PendingSolve>), NetError> {
        let context = dy.data.context().clone();
        match (self, saved) {
            (Self::SparseCoding(coding), Saved::Codes { input, codes }) => {
                let (dx, solve) = coding.backward(&input, &codes, &dy, solver, reports)?;
                Ok((dx, Some(solve)))
            }
            (Self::BatchNorm { epsilon, .. }, Saved::Normalized { output, moments }) => {
                let mut dx = Map::unspecified(&context, dy.shape)?;
                moments.backward(&output.data, *epsilon, &dy.data, &mut dx.data)?;
                Ok((dx, None))
            }
            (Self::AveragePooling, Saved::Pooled { shape }) => {
                let mut dx = Map::unspecified(&context, shape)?;
                pooling::average_backward(&dy.data, &mut dx.data)?;
                Ok((dx, None))
            }
            (Self::Classifier { weight, bias }, Saved::Features { input }) => {
                weight.gradient.fill_zero()?;
                bias.gradient.fill_zero()?;
                classifier::add_gradients(
                    &input.data,
                    &dy.data,
                    &mut weight.gradient,
                    &mut bias.gradient,
                )?;
                let mut dx = Map::unspecified(&context, input.shape)?;
                let classes = dy.shape.channels;
                classifier::input_gradient(&weight.value, &dy.data, classes, &mut dx.data)?;
                Ok((dx, None))
            }
            _ => Err(wrong_saved("a layer on the device")),
        }
    }

    /// Derives anew what depends on the parameters.
    pub(super) fn refresh(&mut self) -> Result<(), NetError> {
        if let Self::SparseCoding(coding) = self {
            coding.problem.update(
                coding.dictionary.value.view(),
                coding.lambda1.value.view(),
                coding.lambda2.value.view(),
            )?;
        }
        Ok(())
    }

    /// Parameters and statistics, in the order of the layer's `params`.
    pub(super) fn places(&self) -> Vec<Place<'_>> {
        let statistic = |value| Place {
            value,
            gradient: None,
        };
        match self {
            Self::BatchNorm { running, .. } => {
                vec![statistic(&running.mean), statistic(&running.variance)]
            }
            _ => {
                let params = self.params().into_iter();
                let places = params.map(|(_, param)| Place {
                    value: &param.value,
                    gradient: Some(&param.gradient),
                });
                places.collect()
            }
        }
    }

    /// The values of these, to be written.
    pub(super) fn values_mut(&mut self) -> Vec<&mut Buffer<f32>> {
        match self {
            Self::BatchNorm { running, .. } => vec![&mut running.mean, &mut running.variance],
            _ => {
                let params = self.params_mut().into_iter();
                params.map(|(_, param)| &mut param.value).collect()
            }
        }
    }

    /// The gradients of the parameters, to be changed.
    pub(super) fn gradients_mut(&mut self) -> Vec<&mut Buffer<f32>> {
        let params = self.params_mut().into_iter();
        params.map(|(_, param)| &mut param.gradient).collect()
    }

    /// Parameters that the optimiser moves.
    pub(super) fn learned(&self) -> Vec<(&'static str, &CudaParam)> {
        let mut params = self.params();
        params.retain(|(_, param)| param.learned());
        params
    }

    /// The same, to be moved.
    pub(super) fn learned_mut(&mut self) -> Vec<(&'static str, &mut CudaParam)> {
        let mut params = self.params_mut();
        params.retain(|(_, param)| param.learned());
        params
    }

    /// If it is a sparse coding layer.
    pub(super) fn coding(&self) -> Option<&Coding> {
        match self {
            Self::SparseCoding(coding) => Some(coding),
            _ => None,
        }
    }

    fn params(&self) -> Vec<(&'static str, &CudaParam)> {
        match self {
            Self::SparseCoding(coding) => vec![
                ("dictionary", &coding.dictionary),
                ("lambda1", &coding.lambda1),
                ("lambda2", &coding.lambda2),
            ],
            Self::Classifier { weight, bias } => vec![("weight", weight), ("bias", bias)],
            Self::BatchNorm { .. } | Self::AveragePooling => Vec::new(),
        }
    }

    fn params_mut(&mut self) -> Vec<(&'static str, &mut CudaParam)> {
        match self {
            Self::SparseCoding(coding) => vec![
                ("dictionary", &mut coding.dictionary),
                ("lambda1", &mut coding.lambda1),
                ("lambda2", &mut coding.lambda2),
            ],
            Self::Classifier { weight, bias } => vec![("weight", weight), ("bias", bias)],
            Self::BatchNorm { .. } | Self::AveragePooling => Vec::new(),
        }
    }
}

impl Coding {
    fn encode(
        &self,
        x: &Map,
        solver: &Solver,
        reports: &mut Reports,
    ) -> Result<(Map, PendingSolve), NetError> {
        let windows = self.windows(x.shape)?;
        let mut codes = Map::unspecified(x.data.context(), self.code_shape(windows))?;
        let solve = self.problem.encode(
            solver.method,
            solver.codes,
            windows,
            &x.data,
            &mut codes.data,
            reports,
        )?;
        Ok((codes, solve))
    }

    fn backward(
        &mut self,
        input: &Map,
        codes: &Map,
        dy: &Map,
        solver: &Solver,
        reports: &mut Reports,
    ) -> Result<(Map, PendingSolve), NetError> {
        let context = input.data.context();
        let windows = self.windows(input.shape)?;
        let mut adjoint = Map::unspecified(context, codes.shape)?;
        let solve = self.problem.adjoint(
            solver.adjoint,
            &codes.data,
            &dy.data,
            &mut adjoint.data,
            reports,
        )?;
        for param in [&mut self.dictionary, &mut self.lambda1, &mut self.lambda2] {
            param.gradient.fill_zero()?;
        }
        self.problem.add_gradients(
            windows,
            &input.data,
            &codes.data,
            &adjoint.data,
            ParameterGradients {
                dictionary: &mut self.dictionary.gradient,
                lambda1: &mut self.lambda1.gradient,
                lambda2: &mut self.lambda2.gradient,
            },
        )?;
        let mut dx = Map::unspecified(context, input.shape)?;
        self.problem
            .signal_gradient(windows, &adjoint.data, &mut dx.data)?;
        Ok((dx, solve))
    }

    /// What a batch's report says; λ1 is asked for.
    pub(super) fn activity(&self, report: SolveReport) -> Result<Activity, NetError> {
        let lambda1 = self.lambda1.value.download()?;
        let sum: f64 = lambda1.iter().map(|&value| f64::from(value)).sum();
        let codes = self.problem.atoms() * report.columns;
        Ok(Activity {
            active: report.active as f64 / codes.max(1) as f64,
            lambda1: sum / lambda1.len() as f64,
            passes: report.mean_passes(),
            kkt: f64::from(report.residual),
            unconverged: report.unconverged,
            columns: report.columns,
            times: Default::default(),
        })
    }

    fn windows(&self, shape: Shape) -> Result<Windows, NetError> {
        let Shape {
            channels,
            images,
            height,
            width,
        } = shape;
        let map = scn_gpu::MapShape {
            channels,
            images,
            height,
            width,
        };
        Ok(Windows::new(map, self.window, self.stride)?)
    }

    fn code_shape(&self, windows: Windows) -> Shape {
        let map = windows.codes(self.problem.atoms());
        Shape {
            channels: map.channels,
            images: map.images,
            height: map.height,
            width: map.width,
        }
    }
}

/// One number per channel and image.
fn point(shape: Shape) -> Shape {
    Shape {
        height: 1,
        width: 1,
        ..shape
    }
}
