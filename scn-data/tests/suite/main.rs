//! Formats: `pixels`, `orientation`, `pictures`, `npy`, `numbers`, `stl10`, `svhn` and `mapped` are
//! about right files, `corrupt`, `mat` and `damage` about wrong ones. `normalization` and
//! `whitening`: the values of pixels; `watched`: fits that are. `order` and `plans`: batches. `real_data`: the data sets
//! themselves. `common` makes the files.

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
