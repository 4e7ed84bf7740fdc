//! Comparison of the device with the same computations in f64 on the CPU.
//!
//! In the folder of the same name, `oracle.rs` creates problems and solves them in f64. `codes.rs`,
//! `adjoint.rs`, `batch_norm.rs`, `layers.rs` and `update.rs` compare results, and `images.rs`
//! compares batches bit for bit with those of `scn-data`. `buffers.rs` tests the misuse of buffers,
//! `graphs.rs` recorded work, `pinned.rs` asynchronous copies, `exchange.rs` the exchange between
//! two processes, and `timing.rs` the measurement of times. Sizes are small and odd, since the
//! kernels must not rely on whole tiles.
//!
//! Without a device, the tests report that they are skipped. With SCN_REQUIRE_CUDA, they fail.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod parity {
    mod adjoint;
    mod batch_norm;
    mod buffers;
    mod codes;
    mod exchange;
    mod graphs;
    mod images;
    mod layers;
    mod oracle;
    mod pinned;
    mod timing;
    mod update;
}
mod skip;

use approx::abs_diff_eq;
use scn_gpu::Context;

use self::skip::skipped;

/// Returns the first device. Without one, reports that the test is skipped and returns `None`.
fn device() -> Option<Context> {
    match Context::new(0) {
        Ok(context) => Some(context),
        Err(error) if std::env::var_os("SCN_REQUIRE_CUDA").is_none() => {
            skipped(error);
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// Asserts that each number is within `tolerance` times its magnitude of the expected one. The
/// magnitude is the sum of the absolute values of its terms.
#[track_caller]
fn assert_near(found: &[f32], expected: &[Sum], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    for (k, (&found, expected)) in found.iter().zip(expected).enumerate() {
        let epsilon = tolerance * expected.magnitude;
        assert!(
            abs_diff_eq!(f64::from(found), expected.value, epsilon = epsilon),
            "number {k} is {found}, expected {} within {epsilon:.1e}",
            expected.value
        );
    }
}

/// A sum, and the sum of the absolute values of its terms.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    value: f64,
    magnitude: f64,
}

impl Sum {
    fn add(&mut self, term: f64) {
        self.value += term;
        self.magnitude += term.abs();
    }
}

/// Returns the relative rounding error of a sum of `terms` terms in f32.
fn rounding(terms: usize) -> f64 {
    // This is the worst case. Sums of partial sums stay far below it.
    (terms as f64 + 8.0) * f64::from(f32::EPSILON)
}

/// Returns pseudorandom numbers from -1 to 1, the same for the same seed.
fn noise(len: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..len).map(|_| next()).collect()
}
