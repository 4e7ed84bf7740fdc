//! The device against the same computation in f64 on this machine.
//!
//! In the folder of the same name, `oracle.rs` poses problems and solves them in f64; `codes.rs`, `adjoint.rs`, `batch_norm.rs`, `layers.rs` and
//! `update.rs` compare. `images.rs` compares batches with those of `scn-data`, bit for bit. `buffers.rs` abuses what is handed out,
//! `graphs.rs` what is recorded, `pinned.rs` what is copied while nobody waits, `exchange.rs` what two processes give to each other, and
//! `timing.rs` reads the clock. Sizes are small and odd: the kernels must not rely on whole tiles.
//!
//! Without a device the tests say that they are skipped; with SCN_REQUIRE_CUDA they fail.
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

/// The first device, unless there is none; says so then.
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

/// Asserts that each number is as expected within `tolerance` times its magnitude: the sum of the sizes of the terms it is made of.
#[track_caller]
fn assert_near(found: &[f32], expected: &[Sum], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    for (k, (&found, expected)) in found.iter().zip(expected).enumerate() {
        let epsilon = tolerance * expected.magnitude;
        assert!(
            abs_diff_eq!(f64::from(found), expected.value, epsilon = epsilon),
            "number {k} is {found}, but {} within {epsilon:.1e} is expected",
            expected.value
        );
    }
}

/// A sum, and the sum of the sizes of its terms.
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

/// Rounding of sums of so many terms in f32.
fn rounding(terms: usize) -> f64 {
    // In the worst case; sums in parts stay far below.
    (terms as f64 + 8.0) * f64::from(f32::EPSILON)
}

/// Numbers without order, from -1 to 1, the same for the same seed.
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
