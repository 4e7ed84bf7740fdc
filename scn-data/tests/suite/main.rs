//! Tests of the public interface.
//!
//! - Valid files: `pixels`, `orientation`, `pictures`, `npy`, `numbers`, `stl10`, `svhn`, `mapped`.
//! - Invalid files: `corrupt`, `mat`, `damage`.
//! - Preprocessing: `normalization`, `whitening`, and `watched` for progress and shared fits.
//! - Batches: `order`, `plans`.
//! - The real data sets: `real_data`.
//!
//! `common` makes the files.

mod common;
mod corrupt;
mod damage;
mod mapped;
mod mat;
mod normalization;
mod npy;
mod numbers;
mod order;
#[cfg(feature = "pictures")]
mod orientation;
#[cfg(feature = "pictures")]
mod pictures;
mod pixels;
mod plans;
mod real_data;
mod stl10;
mod svhn;
mod watched;
mod whitening;
