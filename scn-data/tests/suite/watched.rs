//! Watched fits: their progress, and stopping them at any point.

use std::error::Error;
use std::ops::ControlFlow;
use std::sync::{Barrier, Mutex};

use scn_data::{
    DataError, FitProgress, FitShare, FitStage, Normalization, NormalizationConfig,
    NormalizationError, Scale,
};

use crate::common::scattered;

/// Enough images for three blocks of the covariance.
const IMAGES: usize = 1200;

/// Enables all steps, so that there are three passes over the images.
fn config() -> NormalizationConfig {
    NormalizationConfig::default()
        .with_contrast(10.0)
        .with_scale(Scale::Deviation)
        .with_whitening(0.1)
}

/// Fits until `stops` returns true. Also returns all reported progress.
fn fit(
    mut stops: impl FnMut(FitProgress) -> bool,
) -> (Result<Normalization, DataError>, Vec<FitProgress>) {
    let mut told = Vec::new();
    let fitted =
        Normalization::fit_watched(&scattered(IMAGES, [3, 6, 5]), config(), &mut |progress| {
            told.push(progress);
            if stops(progress) {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
    (fitted, told)
}

#[test]
fn a_watched_fit_is_bit_identical_and_reports_progress() {
    let (fitted, told) = fit(|_| false);
    let plain = Normalization::fit(&scattered(IMAGES, [3, 6, 5]), config()).expect("fits");
    assert_eq!(fitted.expect("fits"), plain);

    assert!(told.is_sorted_by_key(|progress| progress.stage));
    assert!(told.iter().all(|progress| progress.images == IMAGES));
    let done = |stage| {
        let told = told.iter().filter(|progress| progress.stage == stage);
        told.map(|progress| progress.images_done)
            .collect::<Vec<_>>()
    };
    // Small images are summed in one block, in two passes: for the mean, and for the deviation from
    // it.
    assert_eq!(done(FitStage::Moments), [0, 0]);
    assert_eq!(done(FitStage::Covariance), [0, 512, 1024]);
    let eigenvectors = done(FitStage::Eigenvectors);
    assert!(!eigenvectors.is_empty() && eigenvectors.iter().all(|&done| done == 0));
}

/// A thread in place of a process. The threads exchange their parts through a table.
#[derive(Debug)]
struct Threads<'a> {
    rank: usize,
    table: &'a Table,
}

#[derive(Debug)]
struct Table {
    count: usize,
    parts: Mutex<Vec<Vec<f64>>>,
    all_are_there: Barrier,
}

impl FitShare for Threads<'_> {
    fn rank(&self) -> usize {
        self.rank
    }

    fn count(&self) -> usize {
        self.table.count
    }

    fn gather(
        &self,
        own: &[f64],
        lengths: &[usize],
    ) -> Result<Vec<f64>, Box<dyn Error + Send + Sync>> {
        assert_eq!(own.len(), lengths[self.rank]);
        let table = self.table;
        table.parts.lock().expect("no thread has failed")[self.rank] = own.to_vec();
        table.all_are_there.wait();
        let all = table.parts.lock().expect("no thread has failed").concat();
        table.all_are_there.wait();
        Ok(all)
    }
}

/// The images have three panels of columns, the last of them narrow. There are fewer, as many, and
/// more processes than panels.
#[test]
fn a_shared_fit_is_bit_identical() {
    let images = scattered(60, [3, 10, 10]);
    let alone = Normalization::fit(&images, config()).expect("fits");
    for count in [2, 3, 5] {
        let table = &Table {
            count,
            parts: Mutex::new(vec![Vec::new(); count]),
            all_are_there: Barrier::new(count),
        };
        std::thread::scope(|scope| {
            let fit = |rank| {
                let images = &images;
                scope.spawn(move || {
                    let share = &Threads { rank, table };
                    let go_on = &mut |_| ControlFlow::Continue(());
                    Normalization::fit_shared(images, config(), share, go_on)
                })
            };
            let threads: Vec<_> = (0..count).map(fit).collect();
            for thread in threads {
                assert_eq!(
                    thread.join().expect("no panic").expect("fits"),
                    alone,
                    "{count}"
                );
            }
        });
    }
}

#[test]
fn a_fit_ends_where_it_is_stopped() {
    let at = |stage, images_done| {
        move |progress: FitProgress| (progress.stage, progress.images_done) == (stage, images_done)
    };
    let places = [
        (FitStage::Moments, 0, 1),
        (FitStage::Covariance, 0, 3),
        (FitStage::Covariance, 512, 4),
        (FitStage::Eigenvectors, 0, 6),
    ];
    for (stage, images_done, count) in places {
        let (fitted, told) = fit(at(stage, images_done));
        assert!(
            matches!(
                fitted,
                Err(DataError::Normalization(NormalizationError::Stopped))
            ),
            "{stage:?}"
        );
        assert_eq!(told.len(), count, "{stage:?}");
    }
    // Stops in the second pass.
    let mut passes = 0;
    let (fitted, told) = fit(|_| {
        passes += 1;
        passes == 2
    });
    assert!(fitted.is_err());
    assert_eq!(told.len(), 2);
}
