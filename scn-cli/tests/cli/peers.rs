//! The table of other programs in `scn solve --help`: the options beside them give the same
//! numbers.
//!
//! The numbers were computed once from the arrays below, by the calls stated with them, with
//! scikit-learn 1.9.1 (`tol=1e-14`; `max_iter=1000000`), spams-bin 2.6.14 and glmnet 4.1-6 (R
//! 4.2.2, `thresh=1e-20`).

use std::path::Path;

use approx::assert_abs_diff_eq;

use crate::{json, read_array, scn, write_array};

const ROWS: usize = 6;
const ATOMS: usize = 4;
const SIGNALS: usize = 3;

fn write_problem(folder: &Path) {
    let atom = |i: usize, j: usize| ((7 * i + 3 * j + i * j) % 11) as f64 / 4.0 - 1.25;
    let signal = |i: usize, k: usize| ((5 * i + 4 * k + i * k) % 13) as f64 / 2.0 - 3.0;
    let by_row = |rows: usize, columns: usize, entry: &dyn Fn(usize, usize) -> f64| -> Vec<f64> {
        let places = (0..rows * columns).map(|at| (at / columns, at % columns));
        places.map(|(i, j)| entry(i, j)).collect()
    };
    let write = |name: &str, [rows, columns]: [usize; 2], entries: Vec<f64>| {
        let shape = [rows as u64, columns as u64];
        write_array(&folder.join(name), &shape, &entries);
    };
    write("D.npy", [ROWS, ATOMS], by_row(ROWS, ATOMS, &atom));
    write("X.npy", [ROWS, SIGNALS], by_row(ROWS, SIGNALS, &signal));
    write(
        "XR.npy",
        [SIGNALS, ROWS],
        by_row(SIGNALS, ROWS, &|k, i| signal(i, k)),
    );
}

/// Checks that codes equal `expected`. Both programs solve to 1e-9 or better unless stated
/// otherwise, and the expected numbers have ten digits.
fn assert_same(signals: &str, options: &str, expected: &[f64], epsilon: f64) {
    let folder = tempfile::tempdir().unwrap();
    write_problem(folder.path());
    let mut command = scn();
    command
        .current_dir(folder.path())
        .args(["solve", "--dictionary", "D.npy", "--out", "A.npy"])
        .args(["--tolerance", "1e-12", "--signals", signals])
        .args(options.split(' '));
    json(&mut command);
    let (_, codes) = read_array::<f64>(&folder.path().join("A.npy"));
    assert_abs_diff_eq!(codes[..], expected[..], epsilon = epsilon);
}

/// Codes of `spams.lasso(X, D, lambda1=0.5, lambda2=0.25, mode=2)`, and with `pos=True`.
#[test]
fn spams() {
    let signed = [
        0.0921322024,
        0.5316742081,
        -0.5316742081, //
        1.3784732378,
        0.0,
        0.0, //
        0.6652529980,
        -0.4185520362,
        0.4185520362, //
        -0.3076923077,
        0.0,
        0.0,
    ];
    assert_same(
        "X.npy",
        "--signed --lambda1 0.5 --lambda2 0.25",
        &signed,
        1e-8,
    );
    let positive = [
        0.2459783562,
        0.7075163399,
        0.0, //
        1.5323193916,
        0.0392156863,
        0.0826498869, //
        0.8190991518,
        0.0,
        0.7019230769, //
        0.0,
        0.0,
        0.1211821267,
    ];
    assert_same("X.npy", "--lambda1 0.5 --lambda2 0.25", &positive, 1e-8);
}

/// Codes of `sklearn.linear_model.Lasso(alpha=0.1, fit_intercept=False).fit(D, X[:, k]).coef_`, and
/// with `positive=True`. Those of
/// `glmnet(D, X[, k], lambda=0.1, intercept=FALSE, standardize=FALSE)`, and with `lower.limits=0`,
/// agree to nine digits.
#[test]
fn lasso_of_scikit_learn_and_glmnet() {
    let signed = [
        0.2950413223,
        0.5407407407,
        -0.5407407407, //
        1.6190082645,
        0.0,
        0.0, //
        0.8859504132,
        -0.4153439153,
        0.4153439153, //
        0.0,
        0.0,
        0.0,
    ];
    assert_same("X.npy", "--signed --lambda1 0.6", &signed, 1e-8);
    let positive = [
        0.2950413223,
        0.7200000000,
        0.0, //
        1.6190082645,
        0.0233333333,
        0.0471861472, //
        0.8859504132,
        0.0,
        0.7056277056, //
        0.0,
        0.0,
        0.0614718615,
    ];
    assert_same("X.npy", "--lambda1 0.6", &positive, 1e-8);
    let glmnet = [
        0.295041322282,
        0.540740740743,
        -0.540740740743, //
        1.619008264447,
        0.0,
        0.0, //
        0.885950413205,
        -0.415343915343,
        0.415343915343, //
        0.0,
        0.0,
        0.0,
    ];
    assert_same("X.npy", "--signed --lambda1 0.6", &glmnet, 1e-9);
    let glmnet_positive = [
        0.295041322208,
        0.7199999999995,
        0.0, //
        1.619008264411,
        0.0233333333332,
        0.0471861471479, //
        0.885950413163,
        0.0,
        0.7056277056009, //
        0.0,
        0.0,
        0.0614718614344,
    ];
    assert_same("X.npy", "--lambda1 0.6", &glmnet_positive, 1e-9);
}

/// Codes of `ElasticNet(alpha=0.1, l1_ratio=0.75, fit_intercept=False).fit(D, X[:, k]).coef_`, and
/// with `positive=True`.
#[test]
fn elastic_net_of_scikit_learn() {
    let signed = [
        0.2523687911,
        0.5482785151,
        -0.5482785151, //
        1.5406181834,
        0.0,
        0.0, //
        0.8324085153,
        -0.4357568763,
        0.4357568763, //
        -0.1315511937,
        0.0,
        0.0,
    ];
    assert_same(
        "X.npy",
        "--signed --lambda1 0.45 --lambda2 0.15",
        &signed,
        1e-8,
    );
    let positive = [
        0.3224787182,
        0.7427924217,
        0.0, //
        1.6096719905,
        0.0621911038,
        0.1235199567, //
        0.9025133567,
        0.0,
        0.7560965598, //
        0.0,
        0.0,
        0.1973232864,
    ];
    assert_same("X.npy", "--lambda1 0.45 --lambda2 0.15", &positive, 1e-8);
}

/// Codes of `sparse_encode(X.T, D.T, algorithm="lasso_cd", alpha=0.5)`, and with `positive=True`,
/// to its own tolerance of about 1e-8. Its `lasso_lars` gives the same signed codes, but with
/// `positive=True` different ones for the third signal, which are not optimal.
#[test]
fn sparse_encode_of_scikit_learn() {
    let signed = [
        0.3677685889,
        1.6735537160,
        0.9586776825,
        0.0, //
        0.5555555559,
        0.0,
        -0.4365079363,
        0.0, //
        -0.5555555559,
        0.0,
        0.4365079363,
        0.0,
    ];
    assert_same("XR.npy", "--signed --rows --lambda1 0.5", &signed, 1e-7);
    let lars = [
        0.3677685950,
        1.6735537190,
        0.9586776860,
        0.0, //
        0.5555555556,
        0.0,
        -0.4365079365,
        0.0, //
        -0.5555555556,
        0.0,
        0.4365079365,
        0.0,
    ];
    assert_same("XR.npy", "--signed --rows --lambda1 0.5", &lars, 1e-9);
    let positive = [
        0.3677685886,
        1.6735537158,
        0.9586776823,
        0.0, //
        0.7555555548,
        0.0574074072,
        0.0,
        0.0, //
        0.0,
        0.1147186123,
        0.7705627689,
        0.1861471837,
    ];
    assert_same("XR.npy", "--rows --lambda1 0.5", &positive, 1e-7);
}
