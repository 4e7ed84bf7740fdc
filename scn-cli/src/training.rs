//! Training with its output, from the first line to the report.

use std::sync::Arc;

use anyhow::{Context, Result};
use scn_data::Dataset;
use scn_net::{
    Device, LockedRun, Model, Network, Observer, Outcome, RunConfig, RunStart, train_locked,
};

use crate::ending;
use crate::output::Output;
use crate::readable::thousands;
use crate::report::{self, Findings};
use crate::run_view::RunView;
use crate::signals::Patience;
use crate::table::wrapped;

/// The observer of a process whose run another process shows.
struct Helper;

impl Observer for Helper {
    fn stop(&self) -> bool {
        ending::asked_to_stop().is_some()
    }
}

/// Trains a network, shows the progress, and writes the report of a complete run.
///
/// Returns the outcome, and the time it took in seconds. The training counts even if its report or
/// the events for TensorBoard cannot be written; this only prints a warning.
pub(crate) fn run(
    config: &RunConfig,
    run: &LockedRun,
    data: &Dataset,
    start: RunStart,
    device: &Device,
    output: &Output,
) -> Result<(Outcome, f64)> {
    if device.processes().rank() > 0 {
        let _patience = Patience::new();
        let outcome = train_locked(config, data, run, start, device, &mut Helper)?;
        return Ok((outcome, 0.0));
    }
    let folder = run.folder();
    let parameters = Network::new(&config.network, config.seed)?.parameter_count();
    let validation = match config.training.validation {
        None => String::new(),
        Some(share) => format!(
            ", {:.0} % of the training images set apart to choose the best epoch",
            100.0 * share
        ),
    };
    let used = |count: usize, limit: Option<usize>| thousands(count.min(limit.unwrap_or(count)));
    let heading = format!(
        "{}: {} training and {} test images of {}{validation}, {} sparse coding layers, {} parameters, {device}",
        folder.path().display(),
        used(data.train.len(), config.train_limit),
        used(data.test.len(), config.test_limit),
        config.dataset,
        config.network.layers.len(),
        thousands(parameters),
    );
    output.say(wrapped(&heading, ""));
    let _patience = Patience::new();
    let mut view = RunView::new(config, folder, output)?;
    let outcome = train_locked(config, data, run, start, device, &mut view);
    let (seconds, failure) = view.finish();
    let outcome = outcome.with_context(|| format!("{} stopped", folder.path().display()))?;
    if let Some(error) = failure {
        output.warn(format_args!("{error:#}"));
    }
    let report = || -> Result<()> {
        let Outcome::Finished { history } = &outcome else {
            return Ok(());
        };
        let mut model = Model::load(&folder.chosen_model())?;
        // The other processes have no model.
        let device = &device.alone();
        model.network.move_to(device)?;
        let count = config.test_limit.unwrap_or(usize::MAX);
        let test = Arc::new(config.subset.of(&data.test, count, config.seed));
        let findings = Findings::of(&model, &test, device)?;
        let run = report::Run {
            config,
            history,
            model: Some(&model),
            findings: Ok(&findings),
        };
        report::write(&run, folder).map(drop)
    };
    if let Err(error) = report() {
        let error = match ending::unless_stopped() {
            Ok(()) => error,
            Err(stopped) => stopped.into(),
        };
        output.warn(format_args!(
            "the run is complete, but its report is not: {error:#}; to write it, run scn report {}",
            folder.path().display()
        ));
    }
    Ok((outcome, seconds))
}
