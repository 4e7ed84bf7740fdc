//! Merging the reports of several devices.

use super::device_report::DeviceReport;
use crate::error::NetError;
use crate::executor::Inferred;
use crate::report::{Activity, AdjointActivity, KernelTime, LayerTimes, StepReport, largest};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// Merges the reports of all devices on a step. The first gradient that is not finite counts.
pub(super) fn together(reports: impl IntoIterator<Item = DeviceReport>) -> DeviceReport {
    let mut broken = None;
    let mut total = StepReport {
        loss: 0.0,
        errors: 0,
        activity: Vec::new(),
        adjoint: Vec::new(),
        times: Vec::new(),
    };
    let (mut activity, mut adjoint, mut times) = (Vec::new(), Vec::new(), Vec::new());
    for DeviceReport {
        report,
        broken: own,
    } in reports
    {
        broken = broken.or(own);
        total.loss += report.loss;
        total.errors += report.errors;
        let weights: Vec<usize> = report.activity.iter().map(|done| done.columns).collect();
        adjoint.push(report.adjoint.into_iter().zip(weights).collect());
        activity.push(report.activity);
        times.push(report.times);
    }
    total.activity = merged(activity, add_activity);
    let adjoint: Vec<(AdjointActivity, usize)> = merged(adjoint, add_adjoint);
    total.adjoint = adjoint.into_iter().map(|(done, _)| done).collect();
    total.times = merged(times, longer);
    DeviceReport {
        report: total,
        broken,
    }
}

/// Merges the reports of the devices on each layer.
fn merged<T>(reports: Vec<Vec<T>>, add: impl Fn(&mut T, T)) -> Vec<T> {
    let mut reports = reports.into_iter();
    let mut total = reports.next().unwrap_or_default();
    for report in reports {
        for (total, report) in total.iter_mut().zip(report) {
            add(total, report);
        }
    }
    total
}

fn add_activity(total: &mut Activity, other: Activity) {
    let mean = weighted([total.columns, other.columns]);
    total.active = mean([total.active, other.active]);
    total.passes = mean([total.passes, other.passes]);
    total.residual = largest(total.residual, other.residual);
    total.unconverged += other.unconverged;
    total.columns += other.columns;
}

/// Adds two activities, each with its number of columns.
fn add_adjoint(total: &mut (AdjointActivity, usize), other: (AdjointActivity, usize)) {
    let mean = weighted([total.1, other.1]);
    total.0.passes = mean([total.0.passes, other.0.passes]);
    total.0.residual = largest(total.0.residual, other.0.residual);
    total.0.unconverged += other.0.unconverged;
    total.1 += other.1;
}

/// Takes the longer time, because devices work at the same time.
fn longer(total: &mut LayerTimes, other: LayerTimes) {
    total.forward = total.forward.max(other.forward);
    total.backward = total.backward.max(other.backward);
}

fn weighted(columns: [usize; 2]) -> impl Fn([f64; 2]) -> f64 {
    let [first, second] = columns.map(|columns| columns as f64);
    move |[a, b]| (first * a + second * b) / (first + second).max(1.0)
}

/// Merges the results of inference of all devices for a batch.
pub(super) fn inferred_together(parts: Vec<Inferred>) -> Result<Inferred, NetError> {
    let mut outputs = Vec::new();
    let (mut activity, mut times) = (Vec::new(), Vec::new());
    for part in parts {
        outputs.push(part.output);
        activity.push(part.activity);
        times.push(part.times);
    }
    Ok(Inferred {
        output: joined(&outputs)?,
        activity: merged(activity, add_activity),
        times: merged(times, longer),
    })
}

/// Returns the times of each kernel on the device where it took longest.
pub(super) fn longest(times: Vec<Vec<KernelTime>>) -> Vec<KernelTime> {
    let mut times = times.into_iter();
    let mut longest = times.next().unwrap_or_default();
    for taken in times.flatten() {
        match longest.iter_mut().find(|of| of.kernel == taken.kernel) {
            Some(of) => {
                of.launches = of.launches.max(taken.launches);
                of.time = of.time.max(taken.time);
            }
            None => longest.push(taken),
        }
    }
    longest
}

/// Joins the parts of a batch.
fn joined(parts: &[Tensor]) -> Result<Tensor, NetError> {
    let shape = Shape {
        images: parts.iter().map(|part| part.shape().images).sum(),
        ..parts[0].shape()
    };
    let rows =
        (0..shape.channels).flat_map(|channel| parts.iter().map(move |part| part.channel(channel)));
    Tensor::new(shape, rows.flatten().copied().collect())
}
