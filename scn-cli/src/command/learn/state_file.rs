//! The state file, from which learning is resumed.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use faer::{Mat, MatRef};
use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};
use scn_solvers::learn::{AtomNorm, AtomSet, LearnCounts, LearnSettings, LearnState, Schedule};
use scn_solvers::processes::{Processes, from_first};
use scn_solvers::{ElasticNet, Scalar, Sign};
use serde::{Deserialize, Serialize};

use crate::patch_options::PatchSettings;
use crate::whole_file;

/// Returns the path of the state file beside a dictionary.
pub(super) fn beside(dictionary: &Path) -> PathBuf {
    dictionary.with_extension("state.safetensors")
}

/// Name of the metadata entry.
const ENTRY: &str = "scn.learn";

/// The contents of a state file, with arrays still as bytes.
pub(super) struct StateFile {
    bytes: Vec<u8>,
    head: Head,
}

/// The settings that are saved, and used again when resuming.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeptSettings {
    pub(super) lambda1: f64,
    pub(super) lambda2: f64,
    pub(super) signed: bool,
    pub(super) nonnegative_atoms: bool,
    pub(super) unit_norm: bool,
    pub(super) alternating: bool,
    pub(super) batch_size: usize,
    pub(super) forgetting: f64,
    pub(super) seed: u64,
    #[serde(default = "usual_tolerance")]
    pub(super) tolerance: f64,
    #[serde(default)]
    pub(super) epochs: Option<u64>,
    /// The KKT residual to which codes are solved.
    #[serde(default = "usual_tolerance")]
    pub(super) code_tolerance: f64,
    pub(super) held_out: usize,
    /// Number of signals in the file.
    pub(super) columns: usize,
    /// Checksum of their values.
    pub(super) signals_crc32c: u32,
    /// None if the signals are a matrix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) patches: Option<PatchSettings>,
}

/// Tolerance of states written before it could be chosen.
fn usual_tolerance() -> f64 {
    1e-3
}

/// Contents of the metadata entry.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    settings: KeptSettings,
    counts: Counts,
    /// Checksum of the bytes of all arrays, in the order of [`ARRAYS`].
    arrays_crc32c: u32,
}

/// [`LearnCounts`] with None instead of infinity, which JSON cannot represent.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Counts {
    steps: u64,
    epochs: u64,
    position: u64,
    signals: u64,
    replaced: u64,
    unconverged: u64,
    active: f64,
    round_signals: u64,
    round_objective: f64,
    measured: Option<f64>,
    lowest: Option<f64>,
    stale: u32,
}

const ARRAYS: [&str; 4] = ["dictionary", "codes", "signals", "last_used"];

impl KeptSettings {
    /// Returns the settings of the learner.
    pub(super) fn learning<T: Scalar>(&self) -> LearnSettings<T> {
        let (lambda1, lambda2) = (T::from_f64(self.lambda1), T::from_f64(self.lambda2));
        let sign = |free| if free { Sign::Free } else { Sign::NonNegative };
        let penalty = match self.signed {
            true => ElasticNet::signed(lambda1, lambda2),
            false => ElasticNet::nonnegative(lambda1, lambda2),
        };
        let mut settings = LearnSettings::new(penalty)
            .atoms(AtomSet {
                sign: sign(!self.nonnegative_atoms),
                norm: match self.unit_norm {
                    true => AtomNorm::Sphere,
                    false => AtomNorm::Ball,
                },
            })
            .schedule(match self.alternating {
                true => Schedule::Alternating,
                false => Schedule::Online {
                    batch_size: self.batch_size,
                    forgetting: self.forgetting,
                },
            })
            .seed(self.seed);
        settings.tolerance = self.tolerance;
        settings.max_epochs = self.epochs;
        settings
    }

    /// Checks that there are as many signals as when learning began.
    pub(super) fn expect_columns(
        &self,
        state: &Path,
        signals: &Path,
        columns: usize,
    ) -> Result<()> {
        match self.columns == columns && self.held_out <= columns {
            true => Ok(()),
            false => self.others(state, signals),
        }
    }

    /// Checks that these are the signals that learning began with.
    pub(super) fn expect_signals(&self, state: &Path, signals: &Path, checksum: u32) -> Result<()> {
        match self.signals_crc32c == checksum {
            true => Ok(()),
            false => self.others(state, signals),
        }
    }

    fn others(&self, state: &Path, signals: &Path) -> Result<()> {
        bail!(
            "{}: expected the {} signals that {} was started with, found others",
            signals.display(),
            self.columns,
            state.display()
        )
    }
}

/// Writes a state file, completely or not at all. Arrays are row-major.
pub(super) fn write<T: Scalar>(
    path: &Path,
    settings: &KeptSettings,
    state: &LearnState<T>,
) -> Result<()> {
    let (rows, atoms) = state.dictionary.shape();
    let last_used = state.last_used.iter().flat_map(|last| last.to_le_bytes());
    let bytes = [
        bytes_of(state.dictionary.as_ref()),
        bytes_of(state.codes.as_ref()),
        bytes_of(state.signals.as_ref()),
        last_used.collect(),
    ];
    let shapes = [
        vec![rows, atoms],
        vec![atoms, atoms],
        vec![rows, atoms],
        vec![atoms],
    ];
    let types = [dtype::<T>(), dtype::<T>(), dtype::<T>(), Dtype::U64];
    let head = Head {
        settings: settings.clone(),
        counts: Counts::of(&state.counts),
        arrays_crc32c: checksum(bytes.iter().map(Vec::as_slice)),
    };
    let mut views = Vec::new();
    for (((name, bytes), shape), dtype) in ARRAYS.iter().zip(&bytes).zip(shapes).zip(types) {
        views.push((*name, TensorView::new(dtype, shape, bytes)?));
    }
    let metadata = [(ENTRY.to_string(), serde_json::to_string(&head)?)];
    let file = serialize(views, Some(metadata.into()))?;
    whole_file::write(path, |out| out.write_all(&file))
}

impl StateFile {
    /// Reads a state file and its metadata. The first process reads it and sends it to the others.
    pub(super) fn read(path: &Path, processes: &dyn Processes) -> Result<Self> {
        let name = || path.display().to_string();
        let own = match processes.rank() {
            0 => scn_data::read_regular(path).with_context(|| format!("cannot read {}", name()))?,
            _ => Vec::new(),
        };
        let bytes = from_first(processes, &own)?;
        let (_, metadata) = SafeTensors::read_metadata(&bytes).with_context(name)?;
        let entry = metadata
            .metadata()
            .as_ref()
            .and_then(|entries| entries.get(ENTRY));
        let Some(entry) = entry else {
            bail!(
                "{}: expected a state of scn learn, found no entry {ENTRY}",
                name()
            );
        };
        let head = serde_json::from_str(entry).with_context(name)?;
        Ok(Self { bytes, head })
    }

    /// Returns the settings that the run began with.
    pub(super) fn settings(&self) -> &KeptSettings {
        &self.head.settings
    }

    /// Returns the [settings](Self::settings) and drops the arrays.
    pub(super) fn into_settings(self) -> KeptSettings {
        self.head.settings
    }

    /// Returns the state to resume from. Its numbers must be of type `T`.
    pub(super) fn state<T: Scalar>(&self, path: &Path) -> Result<LearnState<T>> {
        let name = || path.display().to_string();
        let file = SafeTensors::deserialize(&self.bytes).with_context(name)?;
        let array = |at: usize| file.tensor(ARRAYS[at]).with_context(name);
        let arrays = [array(0)?, array(1)?, array(2)?, array(3)?];
        if checksum(arrays.iter().map(|array| array.data())) != self.head.arrays_crc32c {
            bail!(
                "{}: the checksum does not match: the file has changed since it was written",
                name()
            );
        }
        let [dictionary, codes, signals, last_used] = arrays;
        if dictionary.dtype() != dtype::<T>() {
            bail!(
                "{}: expected a state of numbers {:?}, like the signals, found {:?}",
                name(),
                dtype::<T>(),
                dictionary.dtype()
            );
        }
        let words = last_used.data().chunks_exact(8);
        let words = words.map(|word| u64::from_le_bytes(word.try_into().unwrap_or_default()));
        Ok(LearnState {
            dictionary: matrix_of(path, &dictionary)?,
            codes: matrix_of(path, &codes)?,
            signals: matrix_of(path, &signals)?,
            last_used: words.collect(),
            counts: (&self.head.counts).into(),
        })
    }
}

fn dtype<T: Scalar>() -> Dtype {
    if size_of::<T>() == 4 {
        Dtype::F32
    } else {
        Dtype::F64
    }
}

fn checksum<'a>(arrays: impl Iterator<Item = &'a [u8]>) -> u32 {
    arrays.fold(0, crc32c::crc32c_append)
}

fn bytes_of<T: Scalar>(matrix: MatRef<'_, T>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(matrix.nrows() * matrix.ncols() * size_of::<T>());
    for value in matrix.row_iter().flat_map(|row| row.iter()) {
        let wide = value.to_f64();
        match dtype::<T>() {
            Dtype::F32 => bytes.extend((wide as f32).to_le_bytes()),
            _ => bytes.extend(wide.to_le_bytes()),
        }
    }
    bytes
}

fn matrix_of<T: Scalar>(path: &Path, array: &TensorView<'_>) -> Result<Mat<T>> {
    let &[rows, columns] = array.shape() else {
        bail!(
            "{}: expected matrices, found shape {:?}",
            path.display(),
            array.shape()
        );
    };
    if array.dtype() != dtype::<T>() {
        bail!(
            "{}: expected arrays of one type, found {:?}",
            path.display(),
            array.dtype()
        );
    }
    let size = size_of::<T>();
    let value = |bytes: &[u8]| match bytes.len() {
        4 => f64::from(f32::from_le_bytes(bytes.try_into().unwrap_or_default())),
        _ => f64::from_le_bytes(bytes.try_into().unwrap_or_default()),
    };
    let data = array.data();
    Ok(Mat::from_fn(rows, columns, |i, j| {
        T::from_f64(value(&data[(i * columns + j) * size..][..size]))
    }))
}

impl Counts {
    fn of(counts: &LearnCounts) -> Self {
        let finite = |value: f64| Some(value).filter(|value| value.is_finite());
        Self {
            steps: counts.steps,
            epochs: counts.epochs,
            position: counts.position,
            signals: counts.signals,
            replaced: counts.replaced,
            unconverged: counts.unconverged,
            active: counts.active,
            round_signals: counts.round_signals,
            round_objective: counts.round_objective,
            measured: finite(counts.measured),
            lowest: finite(counts.lowest),
            stale: counts.stale,
        }
    }
}

impl From<&Counts> for LearnCounts {
    fn from(counts: &Counts) -> Self {
        Self {
            steps: counts.steps,
            epochs: counts.epochs,
            position: counts.position,
            signals: counts.signals,
            replaced: counts.replaced,
            unconverged: counts.unconverged,
            active: counts.active,
            round_signals: counts.round_signals,
            round_objective: counts.round_objective,
            measured: counts.measured.unwrap_or(f64::INFINITY),
            lowest: counts.lowest.unwrap_or(f64::INFINITY),
            stale: counts.stale,
        }
    }
}
