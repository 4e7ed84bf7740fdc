//! `scn reconstruct`: reconstructs images from the codes of their patches.

mod codes;
mod fidelity;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::Args;
use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, Par};
use scn_data::format::npy::{Float, Numbers};
use scn_data::{PatchAverage, bytes_of, check_memory};
use scn_solvers::Scalar;
use serde::Serialize;

use self::codes::Codes;
use self::fidelity::Fidelity;
use crate::arrays::axes;
use crate::column_blocks::each_block;
use crate::column_input::ColumnInput;
use crate::output::Output;
use crate::patch_options::PatchOptions;
use crate::patches::{PatchFile, Patches};
use crate::picture_out::{PictureForm, PictureOut};
use crate::readable::{counted, thousands, time};
use crate::screen::Bar;
use crate::whole_file;

const EXAMPLES: &str = "Examples:
  scn reconstruct --dictionary D.npy --codes A.npz --signals X.png \\
    --patches 8x8 --remove-means --out Y.png
  scn reconstruct --dictionary D.npy --codes A.npy --signals X.npy \\
    --patches 8x8 --stride 4 --out Y.npy --clean C.npy";

/// Reconstructs images from the codes of their patches.
///
/// Each patch is D a, plus its mean with --remove-means. Each pixel is the mean of the patches that
/// contain it.
///
/// --signals and the patch options must be those that scn solve computed the codes with: they
/// determine the shape of the images and the means of the patches. If the stride does not fit the
/// image, the last patch of a row or column lies flush with the border, so that every pixel is in a
/// patch.
#[derive(Debug, Args)]
#[command(
    mut_arg("patches", |patches| patches.required(true)),
    after_help = EXAMPLES
)]
pub(crate) struct Reconstruct {
    /// Dictionary, .npy [m, n], one atom per column
    #[arg(long, value_name = "D.npy")]
    dictionary: PathBuf,
    /// Codes, one column per patch: .npy [n, P], or .npz from scn solve --sparse
    #[arg(long, value_name = "A.npy|A.npz")]
    codes: PathBuf,
    /// Images whose patches have these codes
    #[arg(long, value_name = "IMAGE|X.npy")]
    signals: PathBuf,
    #[command(flatten)]
    patches: PatchOptions,
    /// Output file for the images: .npy in the shape of --signals, or .png for a single image, with
    /// values clipped to [0, 1] and rounded to 8 bits
    #[arg(help_heading = "Output", long, value_name = "FILE.png|FILE.npy")]
    out: PathBuf,
    /// Clean images: reports the peak signal-to-noise ratio of the output, and of --signals,
    /// against them. The peak is 1, or for integers the largest value of their type
    #[arg(help_heading = "Output", long, value_name = "IMAGE|C.npy")]
    clean: Option<PathBuf>,
}

/// The output of `scn reconstruct --json`.
#[derive(Debug, Serialize)]
struct Summary {
    pictures: usize,
    /// Channels, height and width of an image.
    shape: [usize; 3],
    patches: usize,
    seconds: f64,
    /// PSNR of the output with `--clean`; None if it equals the clean images.
    psnr: Option<f64>,
    psnr_of_signals: Option<f64>,
    peak: Option<f64>,
    out: PathBuf,
}

impl Reconstruct {
    pub(crate) fn run(&self, output: &Output) -> Result<()> {
        let settings = self.patches.settings().context("expected --patches")?;
        let inputs = [&self.dictionary, &self.codes, &self.signals];
        let inputs = inputs.into_iter().chain(&self.clean);
        whole_file::expect_another(&self.out, inputs.map(PathBuf::as_path))?;
        let patches = settings.open(&self.signals)?;
        let pictures = patches.pictures();
        let form = PictureForm::of(&self.out, pictures.axes(), pictures.kind())?;
        let dictionary = Numbers::open(&self.dictionary)?;
        let [rows, atoms] = axes(&self.dictionary, &dictionary, ["m", "n"])?;
        patches.expect_entries(rows, &self.dictionary, atoms)?;
        let codes = Codes::open(&self.codes)?;
        let [_, count] = patches.shape();
        if codes.shape() != [atoms, count] {
            let [found, columns] = codes.shape();
            bail!(
                "{}: expected codes [{atoms}, {count}], for {} of {} and {} of {}, found [{found}, {columns}]",
                self.codes.display(),
                counted(atoms as u64, "atom"),
                self.dictionary.display(),
                if count == 1 {
                    "1 patch".to_string()
                } else {
                    format!("{count} patches")
                },
                self.signals.display()
            );
        }
        let clean = match &self.clean {
            Some(path) => {
                let clean = settings.open_pictures(path)?;
                fidelity::expect_alike(pictures, path, &clean)?;
                Some(clean)
            }
            None => None,
        };
        let peak = fidelity::peak(pictures.kind());
        let wide = dictionary.kind().needs_f64() || codes.needs_f64() || patches.needs_f64();
        let summary = match wide {
            false => {
                let fidelity = clean.map(|clean| Fidelity::<f32>::to(clean, peak));
                self.reconstruct(dictionary, codes, patches, fidelity.transpose()?, form)?
            }
            true => {
                let fidelity = clean.map(|clean| Fidelity::<f64>::to(clean, peak));
                self.reconstruct(dictionary, codes, patches, fidelity.transpose()?, form)?
            }
        };
        output.result(&summary, || describe(&summary))
    }

    /// Averages patches block by block, and writes each image when all its patches are in.
    fn reconstruct<T: Scalar + Float>(
        &self,
        dictionary: Numbers<std::fs::File>,
        codes: Codes,
        patches: PatchFile,
        mut fidelity: Option<Fidelity<T>>,
        form: PictureForm,
    ) -> Result<Summary> {
        let start = Instant::now();
        let dictionary = ColumnInput::File(dictionary.into_columns::<T>(false)?).read_all()?;
        let mut codes = codes.into_input::<T>()?;
        let patches: Patches<T> = patches.read()?;
        let (pictures, grid) = (patches.pictures(), patches.grid());
        check_memory("an image", bytes_of::<f64>(&[3, grid.pixels()]))?;
        let mut average = PatchAverage::new(grid.clone()).context("--stride")?;
        let mut out = PictureOut::<T>::create(&self.out, form, pictures.axes())?;
        let (each, rows) = (grid.patches(), grid.entries());
        let mut found = Mat::<T>::zeros(0, 0);
        let (mut entries, mut values) = (vec![T::ZERO; rows], vec![0.0; rows]);
        let all = 0..codes.columns();
        let bar = Bar::fast("reconstructing", all.len());
        each_block(&mut codes, all, None, &bar, |block| {
            found.resize_with(rows, block.numbers.ncols(), |_, _| T::ZERO);
            let one = T::from_f64(1.0);
            // Multiply on one thread: the result is then bit-identical for any number of threads.
            let (out_of, replace) = (found.as_mut(), Accum::Replace);
            matmul(
                out_of,
                replace,
                dictionary.as_ref(),
                block.numbers,
                one,
                Par::Seq,
            );
            for (k, column) in found.col_iter().enumerate() {
                let patch = block.first + k;
                let mean = patches.mean(patch, &mut entries);
                for (value, entry) in values.iter_mut().zip(column.iter()) {
                    *value = entry.to_f64() + mean;
                }
                average.add(patch % each, &values);
                if patch % each == each - 1 {
                    let (index, mut picture) = (patch / each, average.take());
                    if picture.iter().any(|value| !value.is_finite()) {
                        bail!("the images D a are too large for their type");
                    }
                    out.write(index, &mut picture)?;
                    if let Some(fidelity) = &mut fidelity {
                        fidelity.add(index, &picture, pictures.picture(index));
                    }
                }
            }
            Ok(())
        })?;
        drop(bar);
        out.finish()?;
        let fidelity = fidelity.as_ref();
        Ok(Summary {
            pictures: pictures.axes().pictures(),
            shape: pictures.axes().shape(),
            patches: codes.columns(),
            seconds: start.elapsed().as_secs_f64(),
            psnr: fidelity.and_then(Fidelity::of_written),
            psnr_of_signals: fidelity.and_then(Fidelity::of_signals),
            peak: fidelity.map(Fidelity::peak),
            out: self.out.clone(),
        })
    }
}

fn describe(summary: &Summary) -> String {
    let [channels, height, width] = summary.shape;
    let coloured = match channels {
        1 => String::new(),
        _ => format!(" and {channels} channels"),
    };
    let patches = match summary.patches {
        1 => "1 patch".to_string(),
        patches => format!("{} patches", thousands(patches)),
    };
    let mut text = format!(
        "{} of {height} x {width} pixels{coloured}, from {} in {}\n",
        counted(summary.pictures as u64, "image"),
        patches,
        time(summary.seconds)
    );
    if let Some(peak) = summary.peak {
        let decibel = |psnr: Option<f64>| match psnr {
            Some(psnr) => format!("{psnr:.2} dB"),
            None => "infinite".to_string(),
        };
        let peak = match peak {
            1.0 => String::new(),
            peak => format!(" (peak {peak})"),
        };
        text += &format!(
            "PSNR           {}; before {}{peak}\n",
            decibel(summary.psnr),
            decibel(summary.psnr_of_signals)
        );
    }
    text + &format!("image          {}", summary.out.display())
}
