//! Events for TensorBoard while a dictionary is learned.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use scn_solvers::Scalar;
use scn_solvers::learn::LearnProgress;

use super::drawing::narrow;
use super::state_file::KeptSettings;
use crate::pictures::Raster;
use crate::tensorboard::{EVERY, EventFile, Writer};

/// The event file of a run.
pub(super) struct Events {
    file: EventFile,
    /// Height and width of the atoms, if they can be drawn.
    window: Option<[usize; 2]>,
    /// When the points of a batch were last written, and the number of signals seen by then.
    told: (Instant, u64),
}

impl Events {
    /// Creates the event file in a folder, for a run that starts after these steps and signals.
    pub(super) fn create(
        folder: &Path,
        settings: &KeptSettings,
        window: Option<[usize; 2]>,
        [steps, signals]: [u64; 2],
    ) -> Result<Self> {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        let config = serde_json::to_string_pretty(settings)? + "\n";
        Ok(Self {
            file: EventFile::create(folder, Writer::Learn, &config, steps)?,
            window,
            told: (Instant::now(), signals),
        })
    }

    /// Writes the events of a step.
    pub(super) fn show<T: Scalar>(&mut self, progress: &LearnProgress<'_, T>) -> Result<()> {
        let mut scalars = Vec::new();
        if progress.step.is_multiple_of(EVERY) {
            let (then, before) = self.told;
            self.told = (Instant::now(), progress.signals);
            let seconds = then.elapsed().as_secs_f64().max(1e-9);
            scalars.extend([
                ("batch/objective", progress.objective),
                ("batch/active", progress.active),
                (
                    "signals_per_second",
                    (progress.signals - before) as f64 / seconds,
                ),
            ]);
        }
        if let Some(objective) = progress.measured {
            scalars.extend([
                ("objective", objective),
                ("atoms/used", progress.atoms_used as f64),
                ("atoms/replaced", progress.replaced as f64),
            ]);
        }
        if !scalars.is_empty() {
            let named = scalars.into_iter();
            let named = named.map(|(tag, value)| (tag.to_string(), value)).collect();
            self.file.scalars(progress.step, named)?;
        }
        if let (Some(_), Some(window)) = (progress.measured, self.window) {
            let dictionary = progress.state.dictionary.as_ref();
            let picture = Raster::of_atoms(&narrow(dictionary), dictionary.ncols(), window);
            self.file.picture(progress.step, "atoms", &picture)?;
        }
        Ok(())
    }
}
