//! ZCA whitening: pixels are decorrelated and brought to equal variance, and stay as close to the
//! image as that allows.
//!
//! Let z be the images after the previous steps, with their mean subtracted, and N the number of
//! training images. Then
//!
//! ```text
//! C = 1/N sum z z' = V diag(d) V',        W = V diag(1 / sqrt(d + epsilon)) V',        x = W z
//! ```
//!
//! so x has covariance V diag(d / (d + epsilon)) V'. W is symmetric. The method, with epsilon 0.1
//! after contrast normalisation, is that of Coates, Ng, Lee, "An Analysis of Single-Layer Networks
//! in Unsupervised Feature Learning" (2011), and of Goodfellow et al., "Maxout Networks" (2013), in
//! their library pylearn2.
//!
//! C and W are computed in f64, and W is kept in f32. Both are D x D matrices, where D = C H W, so
//! D is bounded.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;
use std::{panic, thread};

use crate::error::NormalizationError;
use crate::fit_share::FitShare;
use crate::gram::GramSum;
use crate::pixels::PixelSlice;
use crate::watch::{FitStage, Watch};
use faer::diag::Diag;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::evd::{ComputeEigenvectors, self_adjoint_evd, self_adjoint_evd_scratch};
use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatMut, MatRef, Par};
use rayon::prelude::*;

/// Largest D. At this size, W takes 64 MiB, and the fit takes 0.7 GB and minutes.
const LARGEST: usize = 4096;

/// Number of images added to the covariance at a time.
const FITTED: usize = 512;

/// Interval between calls of the watcher while eigenvectors are computed.
const BETWEEN_REPORTS: Duration = Duration::from_millis(50);

/// Number of images whitened in one product, padded if there are fewer. A product of a different
/// shape might be summed in a different order, and the result for an image by itself must be
/// bit-identical to that among others.
const BLOCK: usize = 96;

/// A fitted W.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Whitening {
    /// D x D, row-major.
    matrix: Vec<f32>,
    values: usize,
}

impl Whitening {
    /// Fits W to `images`. `write` writes the D = `values` numbers of z for an image.
    pub(crate) fn fit<'a>(
        images: impl Iterator<Item = PixelSlice<'a>>,
        values: usize,
        epsilon: f64,
        write: impl Fn(PixelSlice<'_>, &mut [f32]),
        share: &dyn FitShare,
        watch: &mut Watch<'_>,
    ) -> Result<Self, NormalizationError> {
        if values > LARGEST {
            return Err(NormalizationError::WhiteningSize {
                bound: LARGEST,
                found: values,
            });
        }
        if !(epsilon.is_finite() && epsilon > 0.0) {
            return Err(NormalizationError::WhiteningEpsilon { found: epsilon });
        }
        let covariance = covariance(images, values, write, share, watch)?;
        let eigenvectors = {
            let (mut vectors, spectrum) = decompose_watched(covariance, values, watch)?;
            for (vector, &eigenvalue) in vectors.col_iter_mut().zip(spectrum.column_vector().iter())
            {
                // Rounding may make an eigenvalue of 0 negative.
                let factor = (eigenvalue.max(0.0) + epsilon).powf(-0.25);
                vector.iter_mut().for_each(|entry| *entry *= factor);
            }
            vectors
        };
        // The product of a matrix and its transpose, so W is exactly symmetric.
        let mut product = GramSum::new(values, share);
        product.add(eigenvectors.as_ref());
        let product = product.finish()?;
        let mut matrix = vec![0.0; values * values];
        for column in 0..values {
            for row in column..values {
                let entry = product[column * values + row] as f32;
                matrix[column * values + row] = entry;
                matrix[row * values + column] = entry;
            }
        }
        Self::new(matrix, values)
    }

    /// Creates a W that was fitted earlier, D x D and row-major, for images of D = `values`
    /// numbers.
    pub(crate) fn new(matrix: Vec<f32>, values: usize) -> Result<Self, NormalizationError> {
        if values.checked_mul(values) != Some(matrix.len()) {
            return Err(NormalizationError::WhiteningLength {
                values,
                found: matrix.len(),
            });
        }
        match matrix.iter().find(|entry| !entry.is_finite()) {
            Some(&found) => Err(NormalizationError::WhiteningValue { found }),
            None => Ok(Self { matrix, values }),
        }
    }

    /// Returns W, D x D and row-major.
    pub(crate) fn matrix(&self) -> &[f32] {
        &self.matrix
    }

    /// Whitens images in place; `images` holds one z after the other.
    pub(crate) fn apply(&self, images: &mut [f32]) {
        images
            .par_chunks_mut(BLOCK * self.values)
            .for_each_init(Vec::new, |block, images| {
                block.clear();
                block.extend_from_slice(images);
                block.resize(BLOCK * self.values, 0.0);
                if images.len() == block.len() {
                    self.product(block, images);
                } else {
                    let mut whole = vec![0.0; block.len()];
                    self.product(block, &mut whole);
                    images.copy_from_slice(&whole[..images.len()]);
                }
            });
    }

    /// Writes W z for a whole block of z to `out`.
    fn product(&self, block: &[f32], out: &mut [f32]) {
        matmul(
            MatMut::from_column_major_slice_mut(out, self.values, BLOCK),
            Accum::Replace,
            MatRef::from_row_major_slice(&self.matrix, self.values, self.values),
            MatRef::from_column_major_slice(block, self.values, BLOCK),
            1.0,
            Par::Seq,
        );
    }
}

/// Returns the lower triangle of the mean of z z', D x D, column-major.
fn covariance<'a>(
    images: impl Iterator<Item = PixelSlice<'a>>,
    values: usize,
    write: impl Fn(PixelSlice<'_>, &mut [f32]),
    share: &dyn FitShare,
    watch: &mut Watch<'_>,
) -> Result<Vec<f64>, NormalizationError> {
    let mut sum = GramSum::new(values, share);
    let mut block = Mat::zeros(values, FITTED);
    let mut z = vec![0.0; values];
    let (mut count, mut filled) = (0_usize, 0);
    for image in images {
        if filled == 0 {
            watch.report(FitStage::Covariance, count)?;
        }
        write(image, &mut z);
        for (entry, &value) in block.col_mut(filled).iter_mut().zip(&z) {
            *entry = f64::from(value);
        }
        count += 1;
        filled += 1;
        if filled == FITTED {
            sum.add(block.as_ref());
            filled = 0;
        }
    }
    sum.add(block.as_ref().subcols(0, filled));
    let mut sum = sum.finish()?;
    let scale = 1.0 / count as f64;
    sum.iter_mut().for_each(|entry| *entry *= scale);
    Ok(sum)
}

/// Runs [`decompose`] for a D x D matrix, column-major, in a separate thread, because it does not
/// report progress. If the watcher stops the fit, the thread runs to its end, but nobody waits for
/// it.
fn decompose_watched(
    matrix: Vec<f64>,
    size: usize,
    watch: &mut Watch<'_>,
) -> Result<(Mat<f64>, Diag<f64>), NormalizationError> {
    let matrix = Arc::new(matrix);
    let compute = {
        let matrix = Arc::clone(&matrix);
        move || decompose(MatRef::from_column_major_slice(&matrix, size, size))
    };
    let (sender, decomposed) = sync_channel(1);
    let thread = thread::Builder::new()
        .name("scn-data-whitening".to_owned())
        .spawn(move || {
            // The receiver may be gone.
            let _ = sender.send(compute());
        });
    let Ok(thread) = thread else {
        // The system cannot start a thread.
        return decompose(MatRef::from_column_major_slice(&matrix, size, size));
    };
    drop(matrix);
    loop {
        watch.report(FitStage::Eigenvectors, 0)?;
        match decomposed.recv_timeout(BETWEEN_REPORTS) {
            Ok(found) => return found,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => match thread.join() {
                Err(panic) => panic::resume_unwind(panic),
                Ok(()) => return Err(NormalizationError::Eigenvalues),
            },
        }
    }
}

/// Returns the eigenvectors and eigenvalues of a symmetric matrix, of which only the lower triangle
/// is read.
fn decompose(matrix: MatRef<'_, f64>) -> Result<(Mat<f64>, Diag<f64>), NormalizationError> {
    let size = matrix.nrows();
    let (mut vectors, mut spectrum) = (Mat::zeros(size, size), Diag::zeros(size));
    // One thread: with more, the result would depend on their number.
    let par = Par::Seq;
    let scratch =
        self_adjoint_evd_scratch::<f64>(size, ComputeEigenvectors::Yes, par, Default::default());
    self_adjoint_evd(
        matrix,
        spectrum.as_mut(),
        Some(vectors.as_mut()),
        par,
        MemStack::new(&mut MemBuffer::new(scratch)),
        Default::default(),
    )
    .map_err(|_| NormalizationError::Eigenvalues)?;
    Ok((vectors, spectrum))
}
