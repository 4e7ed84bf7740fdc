//! Encodes a batch of signals on a GPU: in one call, and again with the codes left on the device.
//!
//!     cargo run --release -p scn-gpu --example encode_on_device

use scn_gpu::{
    Context, EncodeMethod, GpuError, Reports, SetupError, SingleProblem, SolveSettings, Windows,
    devices, encode,
};
use scn_solvers::synthetic::{dictionary, normal_matrix};
use scn_solvers::{ElasticNet, Settings};

#[expect(clippy::print_stdout, reason = "an example prints its results")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let devices = match devices() {
        Ok(devices) => devices,
        Err(error @ GpuError::Setup(SetupError::NoDriver | SetupError::NoDevice)) => {
            println!("nothing to show: {error}");
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    for device in devices {
        println!("device {}: {}", device.index, device.name);
    }

    // 64 unit-norm atoms of length 144, and 2,000 signals, one per column.
    let (rows, atoms, columns) = (144, 64, 2_000);
    let dictionary = dictionary::<f32>(rows, atoms, 0.0, 1);
    let signals = normal_matrix::<f32>(rows, columns, 2);
    let settings = Settings::new(1e-4, 1000)?;

    let context = Context::new(0)?;
    let penalty = ElasticNet::nonnegative(0.5, 1e-3);
    let (codes, report) = encode(
        &context,
        dictionary.as_ref(),
        &penalty,
        signals.as_ref(),
        settings,
    )?;
    println!(
        "{} x {} codes: {:.1} passes per column, KKT residual {:.1e}",
        codes.nrows(),
        codes.ncols(),
        report.mean_passes(),
        report.residual
    );

    // As in a training step, buffers stay on the device and only the reports are downloaded.
    let row_major = |matrix: faer::MatRef<'_, f32>| -> Vec<f32> {
        let (rows, columns) = matrix.shape();
        let entry = |k| matrix[(k / columns, k % columns)];
        (0..rows * columns).map(entry).collect()
    };
    let dictionary = row_major(dictionary.as_ref());
    let single = SingleProblem::new(&context, &dictionary, atoms, &[0.5], 1e-3)?;
    let problem = single.problem()?;
    let map = context.upload(&row_major(signals.as_ref()))?;
    let windows = Windows::matrix(rows, columns)?;
    let solve = SolveSettings::new(&context, settings)?;
    let mut codes = context.unspecified(atoms * columns)?;
    let mut reports = Reports::new(&context, 2)?;
    let mut pending = Vec::new();
    for method in [EncodeMethod::CoordinateDescent, EncodeMethod::Fista] {
        let report = problem.encode(method, &solve, windows, &map, &mut codes, &mut reports)?;
        pending.push((method, report));
    }
    let values = reports.download()?;
    for (method, pending) in pending {
        let report = pending.read(&values);
        let active = report.active as f64 / codes.len() as f64;
        println!(
            "{method:?}: {:.1} passes per column, {:.1} % of the codes are active",
            report.mean_passes(),
            100.0 * active
        );
    }
    Ok(())
}
