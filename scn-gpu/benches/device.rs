//! Throughput of the codes, of the adjoint's linear systems and of the gradients on the first
//! device, in columns per second and as a fraction of its peak.
//!
//! `cargo bench -p scn-gpu` measures; `cargo test --benches` runs everything once, with a few
//! columns. Without a device, it reports that it is skipped. The operations counted are those that
//! the problem needs: 2 m n for D'x and 2 n² for a pass over H, with the number of atoms before
//! padding. Certificates and recomputed gradients are not counted, and atoms that a pass skips are
//! not subtracted.

#![expect(clippy::print_stdout, reason = "criterion does not know the peak")]

use std::cell::Cell;
use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use faer::MatRef;
use scn_gpu::{
    Buffer, Context, EncodeMethod, GpuError, GradientSums, Peak, PendingSolve, Reports,
    SingleProblem, SolveSettings, Windows,
};
use scn_solvers::Settings;
use scn_solvers::synthetic::{Workload, normal_matrix};

const SHAPES: [(usize, usize); 4] = [(27, 16), (144, 64), (288, 128), (576, 256)];

/// Entries of the codes in a batch: several waves of blocks on the largest devices.
const CODES: usize = 1 << 24;

/// Number of columns if nothing is measured.
const FEW_COLUMNS: usize = 70;

const TOLERANCE: f64 = 1e-4;

/// The device, and whether to measure.
struct Bench {
    context: Context,
    /// `None` if nothing is measured.
    peak: Option<Peak>,
}

/// A problem of some size and its buffers, all on the device.
struct Case {
    context: Context,
    shape: (usize, usize),
    single: SingleProblem,
    sums: GradientSums,
    windows: Windows,
    settings: SolveSettings,
    adjoint_settings: SolveSettings,
    signals: Buffer<f32>,
    codes: Buffer<f32>,
    cotangent: Buffer<f32>,
    adjoint: Buffer<f32>,
    reports: Reports,
}

/// The work of a run, per column.
struct Work {
    operations: f64,
    /// Bytes that device memory has to transfer.
    bytes: f64,
}

impl Bench {
    fn open() -> Result<Self, GpuError> {
        let context = Context::new(0)?;
        // Criterion decides in the same way.
        let measures = |flag: &str| std::env::args().any(|argument| argument == flag);
        let peak = if measures("--bench") && !measures("--test") {
            Some(context.info().peak()?)
        } else {
            None
        };
        Ok(Self { context, peak })
    }

    fn columns(&self, atoms: usize) -> usize {
        match self.peak {
            Some(_) => CODES / atoms,
            None => FEW_COLUMNS,
        }
    }

    /// Measures `run`, and compares the shortest of criterion's samples with the peak.
    fn measure(
        &self,
        criterion: &mut Criterion,
        name: &str,
        case: &mut Case,
        work: &Work,
        mut run: impl FnMut(&mut Case) -> Result<(), GpuError>,
    ) {
        let (rows, atoms) = case.shape;
        let columns = case.windows.positions();
        let shortest = Cell::new(Duration::MAX);
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Elements(columns as u64));
        group.sample_size(10);
        group.bench_function(
            BenchmarkId::from_parameter(format!("{rows} x {atoms}")),
            |bencher| {
                bencher.iter_custom(|iterations| {
                    let mut total = Duration::ZERO;
                    for _ in 0..iterations {
                        let start = Instant::now();
                        run(case).expect("a device that works");
                        case.context.synchronize().expect("a device that works");
                        let time = start.elapsed();
                        shortest.set(shortest.get().min(time));
                        total += time;
                    }
                    total
                });
            },
        );
        group.finish();
        if let Some(peak) = self.peak {
            let per_second = columns as f64 / shortest.get().as_secs_f64();
            let operations = per_second * work.operations;
            let bytes = per_second * work.bytes;
            println!(
                "{name} {rows} x {atoms}: {:.3} M columns/s, {:.2} TFLOP/s ({:.1} % of peak), {:.0} GB/s ({:.1} %)",
                per_second / 1e6,
                operations / 1e12,
                100.0 * operations / peak.operations_per_second,
                bytes / 1e9,
                100.0 * bytes / peak.bytes_per_second,
            );
        }
    }
}

impl Case {
    fn new(
        context: &Context,
        (rows, atoms): (usize, usize),
        columns: usize,
    ) -> Result<Self, GpuError> {
        let work = Workload::<f32>::new((rows, atoms), columns, 0.0, Some(0.25), 1);
        let dictionary = row_major(work.dictionary.as_ref());
        let (lambda1, lambda2) = ([work.lambda1], work.lambda2);
        let single = SingleProblem::new(context, &dictionary, atoms, &lambda1, lambda2)?;
        let windows = Windows::matrix(rows, columns)?;
        Ok(Self {
            context: context.clone(),
            shape: (rows, atoms),
            sums: GradientSums::new(context, &single.problems, &[windows])?,
            single,
            windows,
            settings: SolveSettings::new(context, settings(TOLERANCE))?,
            adjoint_settings: SolveSettings::new(context, settings(100.0 * TOLERANCE))?,
            signals: context.upload(&row_major(work.signals.as_ref()))?,
            codes: context.zeros(atoms * columns)?,
            cotangent: context
                .upload(&row_major(normal_matrix::<f32>(atoms, columns, 2).as_ref()))?,
            adjoint: context.zeros(atoms * columns)?,
            reports: Reports::new(context, 1)?,
        })
    }

    fn encode(&mut self, method: EncodeMethod) -> Result<PendingSolve, GpuError> {
        self.reports.reset()?;
        self.single.problem()?.encode(
            method,
            &self.settings,
            self.windows,
            &self.signals,
            &mut self.codes,
            &mut self.reports,
        )
    }

    fn solve_adjoint(&mut self) -> Result<PendingSolve, GpuError> {
        self.reports.reset()?;
        self.single.problem()?.adjoint(
            &self.adjoint_settings,
            &self.codes,
            &self.cotangent,
            &mut self.adjoint,
            &mut self.reports,
        )
    }

    /// Returns the passes per column of a submitted solve.
    fn passes(&self, solve: PendingSolve) -> Result<f64, GpuError> {
        let report = solve.read(&self.reports.download()?);
        assert!(report.converged(), "{report:?}");
        Ok(report.mean_passes())
    }
}

fn settings(tolerance: f64) -> Settings {
    Settings::new(tolerance, 1000).expect("a valid tolerance")
}

/// Returns the entries of a matrix, row by row.
fn row_major(matrix: MatRef<'_, f32>) -> Vec<f32> {
    let rows = matrix.row_iter();
    rows.flat_map(|row| row.iter().copied()).collect()
}

fn shape(bench: &Bench, criterion: &mut Criterion, shape: (usize, usize)) -> Result<(), GpuError> {
    let mut case = Case::new(&bench.context, shape, bench.columns(shape.1))?;
    let (m, n) = (shape.0 as f64, shape.1 as f64);
    let methods = [
        ("gauss-seidel", EncodeMethod::CoordinateDescent),
        ("fista", EncodeMethod::Fista),
    ];
    for (name, method) in methods {
        let solve = case.encode(method)?;
        let passes = case.passes(solve)?;
        let work = Work {
            operations: 2.0 * (m * n + passes * n * n),
            bytes: 4.0 * (m + n),
        };
        bench.measure(criterion, name, &mut case, &work, |case| {
            black_box(case.encode(method)).map(|_| ())
        });
    }

    let solve = case.solve_adjoint()?;
    let passes = case.passes(solve)?;
    let work = Work {
        operations: 2.0 * passes * n * n,
        bytes: 4.0 * 3.0 * n,
    };
    bench.measure(criterion, "adjoint", &mut case, &work, |case| {
        black_box(case.solve_adjoint()).map(|_| ())
    });

    // sum x y' and sum a y'
    let work = Work {
        operations: 2.0 * (m * n + n * n),
        bytes: 4.0 * (m + 2.0 * n),
    };
    bench.measure(criterion, "gradients", &mut case, &work, |case| {
        let Case {
            single,
            sums,
            signals,
            codes,
            adjoint,
            ..
        } = case;
        sums.take(0, &single.problem()?, signals, codes, adjoint)?;
        sums.finish(&mut single.parameters)
    });
    Ok(())
}

fn device(criterion: &mut Criterion) {
    let bench = match Bench::open() {
        Ok(bench) => bench,
        Err(error) => {
            println!("skipped: {error}");
            return;
        }
    };
    println!("{}", bench.context.name());
    for size in SHAPES {
        shape(&bench, criterion, size).expect("a device that works");
    }
}

criterion_group!(benches, device);
criterion_main!(benches);
