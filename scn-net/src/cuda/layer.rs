//! The layers on the device: the same as [`crate::layer`]'s, on its buffers.

use std::ops::Range;
use std::sync::Arc;

use scn_gpu::layers::batch_norm::{self, Affine, AffineGradients, Groups};
use scn_gpu::layers::{classifier, pooling};
use scn_gpu::{
    Buffer, Context, GradientSums, Method, PendingSolve, Reports, SolveSettings, Windows,
};
use scn_solvers::Settings;

use super::Map;
use super::inventory::Weights;
use crate::NetError;
use crate::config::{SolverConfig, SolverMethod};
use crate::layer::wrong_saved;
use crate::tensor::Shape;

/// How codes and adjoint are solved.
#[derive(Debug)]
pub(crate) struct Solver {
    method: Method,
    codes: SolveSettings,
    adjoint: SolveSettings,
}

impl Solver {
    pub(super) fn new(context: &Context, config: &SolverConfig) -> Result<Self, NetError> {
        let configured = Configured::new(config)?;
        Ok(Self {
            method: configured.method,
            codes: SolveSettings::new(context, configured.codes)?,
            adjoint: SolveSettings::new(context, configured.adjoint)?,
        })
    }

    /// Solves otherwise from here on. Returns whether recorded steps do not: they follow tolerances alone.
    pub(super) fn set(&mut self, config: &SolverConfig) -> Result<bool, NetError> {
        let configured = Configured::new(config)?;
        let outdated = self.method != configured.method
            || self.codes.get().max_passes() != configured.codes.max_passes()
            || self.adjoint.get().max_passes() != configured.adjoint.max_passes();
        self.method = configured.method;
        self.codes.set(configured.codes)?;
        self.adjoint.set(configured.adjoint)?;
        Ok(outdated)
    }
}

/// As a configuration has it.
struct Configured {
    method: Method,
    codes: Settings,
    adjoint: Settings,
}

impl Configured {
    fn new(config: &SolverConfig) -> Result<Self, NetError> {
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

/// A layer on the device: where its numbers are among those of all layers.
#[derive(Debug)]
pub(crate) enum CudaLayer {
    SparseCoding(Coding),
    BatchNorm(Norm),
    AveragePooling,
    Classifier {
        classes: usize,
        weight: usize,
        bias: usize,
    },
}

/// A sparse coding layer.
#[derive(Debug)]
pub(crate) struct Coding {
    pub(crate) problem: usize,
    pub(crate) atoms: usize,
    pub(crate) window: usize,
    pub(crate) stride: usize,
    /// Dictionary, λ1 and λ2.
    pub(crate) parameters: [usize; 3],
}

/// A batch normalisation.
#[derive(Debug)]
pub(crate) struct Norm {
    /// Place of its first moment.
    pub(crate) moments: usize,
    pub(crate) channels: usize,
    pub(crate) epsilon: f32,
    /// Scale and shift, if these are learned.
    pub(crate) affine: Option<[usize; 2]>,
}

/// What a layer's way back needs.
#[derive(Debug)]
pub(super) enum Saved {
    Codes { input: Arc<Map>, codes: Arc<Map> },
    Normalized { input: Arc<Map> },
    Pooled { shape: Shape },
    Features { input: Arc<Map> },
}

/// What a layer hands on.
pub(super) struct Passed {
    pub(super) output: Arc<Map>,
    pub(super) saved: Saved,
    /// Of a sparse coding layer.
    pub(super) solve: Option<PendingSolve>,
}

/// The moments of a batch: a row for each group of images, the moments of all normalisations in each.
#[derive(Debug)]
pub(super) struct BatchMoments {
    pub(super) rows: Buffer<f32>,
    /// Numbers of a row.
    pub(super) stride: usize,
    /// Groups of the images of this device: rows that are used.
    pub(super) groups: usize,
}

/// What the layers need on the way there.
pub(super) struct There<'a> {
    pub(super) weights: &'a Weights,
    pub(super) solver: &'a Solver,
    pub(super) reports: &'a mut Reports,
    /// In training; inference takes those of the training data.
    pub(super) moments: Option<&'a mut BatchMoments>,
}

/// What the layers need on the way back.
pub(super) struct Back<'a> {
    pub(super) weights: &'a mut Weights,
    pub(super) solver: &'a Solver,
    pub(super) reports: &'a mut Reports,
    pub(super) moments: &'a BatchMoments,
    pub(super) sums: &'a mut GradientSums,
}

impl CudaLayer {
    /// Through the layer.
    pub(super) fn forward(&self, x: Arc<Map>, there: &mut There<'_>) -> Result<Passed, NetError> {
        let context = x.data.context();
        let mut output = Map::unspecified(context, self.output_shape(x.shape)?)?;
        let mut solve = None;
        match self {
            Self::SparseCoding(coding) => {
                solve = Some(coding.encode(&x, &mut output, there)?);
            }
            Self::BatchNorm(norm) => norm.forward(&x, &mut output, there)?,
            Self::AveragePooling => pooling::average(&x.data, &mut output.data)?,
            Self::Classifier { weight, bias, .. } => {
                let values = &there.weights.parameters.values;
                let (weight, bias) = (values.get(*weight)?, values.get(*bias)?);
                classifier::forward(weight, bias, &x.data, &mut output.data)?;
            }
        }
        let output = Arc::new(output);
        let saved = match self {
            Self::SparseCoding(_) => Saved::Codes {
                input: x,
                codes: Arc::clone(&output),
            },
            Self::BatchNorm(_) => Saved::Normalized { input: x },
            Self::AveragePooling => Saved::Pooled { shape: x.shape },
            Self::Classifier { .. } => Saved::Features { input: x },
        };
        Ok(Passed {
            output,
            saved,
            solve,
        })
    }

    /// Replaces the gradients of the parameters, those of a sparse coding layer but for what [`GradientSums::finish`] adds. Returns
    /// dLoss/dx, if `wanted`.
    pub(super) fn backward(
        &self,
        saved: Saved,
        dy: &Map,
        wanted: bool,
        back: &mut Back<'_>,
    ) -> Result<(Option<Map>, Option<PendingSolve>), NetError> {
        let context = dy.data.context();
        let unspecified = |shape| Map::unspecified(context, shape);
        match (self, saved) {
            (Self::SparseCoding(coding), Saved::Codes { input, codes }) => {
                let (dx, solve) = coding.backward(&input, &codes, dy, wanted, back)?;
                Ok((dx, Some(solve)))
            }
            (Self::BatchNorm(norm), Saved::Normalized { input }) => {
                let mut dx = unspecified(dy.shape)?;
                norm.backward(&input, dy, &mut dx, back)?;
                Ok((Some(dx), None))
            }
            (Self::AveragePooling, Saved::Pooled { shape }) => {
                let mut dx = unspecified(shape)?;
                pooling::average_backward(&dy.data, &mut dx.data)?;
                Ok((Some(dx), None))
            }
            (Self::Classifier { weight, bias, .. }, Saved::Features { input }) => {
                let mut dx = unspecified(input.shape)?;
                let parameters = &mut back.weights.parameters;
                let (by_weight, by_bias) = parameters.gradients.pair_mut(*weight, *bias)?;
                let gradients = classifier::Gradients {
                    weight: by_weight,
                    bias: by_bias,
                };
                let weight = parameters.values.get(*weight)?;
                classifier::backward(weight, &input.data, &dy.data, gradients, &mut dx.data)?;
                Ok((Some(dx), None))
            }
            _ => Err(wrong_saved("a layer on the device")),
        }
    }

    /// The shape of the output for an input of this shape.
    pub(super) fn output_shape(&self, x: Shape) -> Result<Shape, NetError> {
        let point = |channels| Shape {
            channels,
            height: 1,
            width: 1,
            ..x
        };
        Ok(match self {
            Self::SparseCoding(coding) => {
                let map = coding.windows(x)?.codes(coding.atoms);
                Shape {
                    channels: map.channels,
                    images: map.images,
                    height: map.height,
                    width: map.width,
                }
            }
            Self::BatchNorm(_) => x,
            Self::AveragePooling => point(x.channels),
            Self::Classifier { classes, .. } => point(*classes),
        })
    }

    /// Places of its moments, which come after its parameters in the layer's `params`.
    pub(super) fn moments(&self) -> Vec<Range<usize>> {
        match self {
            Self::BatchNorm(norm) => norm.places().to_vec(),
            _ => Vec::new(),
        }
    }

    /// Indices of its parameters, in the order of the layer's `params`.
    pub(super) fn parameters(&self) -> Vec<usize> {
        match self {
            Self::SparseCoding(coding) => coding.parameters.to_vec(),
            Self::Classifier { weight, bias, .. } => vec![*weight, *bias],
            Self::BatchNorm(norm) => norm.affine.into_iter().flatten().collect(),
            Self::AveragePooling => Vec::new(),
        }
    }
}

impl Norm {
    /// Places of the means and of the variances, in a row of moments.
    pub(super) fn places(&self) -> [Range<usize>; 2] {
        let [mean, variance, end] = [0, 1, 2].map(|half| self.moments + half * self.channels);
        [mean..variance, variance..end]
    }

    fn groups(&self, shape: Shape, moments: &BatchMoments) -> Groups {
        Groups {
            images: shape.images,
            plane: shape.height * shape.width,
            count: moments.groups,
        }
    }

    fn forward(&self, x: &Map, output: &mut Map, there: &mut There<'_>) -> Result<(), NetError> {
        let (x_data, y) = (&x.data, &mut output.data);
        let values = &there.weights.parameters.values;
        let affine = match self.affine {
            Some([scale, shift]) => Some(Affine {
                scale: values.get(scale)?,
                shift: values.get(shift)?,
            }),
            None => None,
        };
        match &mut there.moments {
            None => {
                let running = &there.weights.running;
                let [mean, variance] = self.places();
                let (mean, variance) = (running.range(mean)?, running.range(variance)?);
                batch_norm::normalize(x_data, mean, variance, affine, self.epsilon, y)?;
            }
            Some(moments) => {
                let groups = self.groups(x.shape, moments);
                let (len, stride) = (moments.rows.len(), moments.stride);
                let rows = moments.rows.range_mut(self.moments.min(len)..len)?;
                batch_norm::forward(x_data, groups, affine, self.epsilon, rows, stride, y)?;
            }
        }
        Ok(())
    }

    fn backward(
        &self,
        input: &Map,
        dy: &Map,
        dx: &mut Map,
        back: &mut Back<'_>,
    ) -> Result<(), NetError> {
        let moments = back.moments;
        let groups = self.groups(input.shape, moments);
        let (len, stride) = (moments.rows.len(), moments.stride);
        let rows = moments.rows.range(self.moments.min(len)..len)?;
        let parameters = &mut back.weights.parameters;
        let affine = match self.affine {
            Some([scale, shift]) => {
                let (by_scale, by_shift) = parameters.gradients.pair_mut(scale, shift)?;
                Some(AffineGradients {
                    scale: parameters.values.get(scale)?,
                    by_scale,
                    by_shift,
                })
            }
            None => None,
        };
        let (x, dy, dx) = (&input.data, &dy.data, &mut dx.data);
        batch_norm::backward(x, groups, affine, self.epsilon, rows, stride, dy, dx)?;
        Ok(())
    }
}

impl Coding {
    fn encode(
        &self,
        x: &Map,
        codes: &mut Map,
        there: &mut There<'_>,
    ) -> Result<PendingSolve, NetError> {
        let weights = there.weights;
        let problem = weights.problems.get(self.problem, &weights.parameters)?;
        Ok(problem.encode(
            there.solver.method,
            &there.solver.codes,
            self.windows(x.shape)?,
            &x.data,
            &mut codes.data,
            there.reports,
        )?)
    }

    fn backward(
        &self,
        input: &Map,
        codes: &Map,
        dy: &Map,
        wanted: bool,
        back: &mut Back<'_>,
    ) -> Result<(Option<Map>, PendingSolve), NetError> {
        let context = input.data.context();
        let weights = &*back.weights;
        let problem = weights.problems.get(self.problem, &weights.parameters)?;
        let mut adjoint = Map::unspecified(context, codes.shape)?;
        let solve = problem.adjoint(
            &back.solver.adjoint,
            &codes.data,
            &dy.data,
            &mut adjoint.data,
            back.reports,
        )?;
        let (x, a, y) = (&input.data, &codes.data, &adjoint.data);
        back.sums.take(self.problem, &problem, x, a, y)?;
        let dx = if wanted {
            let mut dx = Map::unspecified(context, input.shape)?;
            problem.signal_gradient(self.windows(input.shape)?, y, &mut dx.data)?;
            Some(dx)
        } else {
            None
        };
        Ok((dx, solve))
    }

    pub(super) fn windows(&self, shape: Shape) -> Result<Windows, NetError> {
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
}
