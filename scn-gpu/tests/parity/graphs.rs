//! Work that is recorded and launched again.

use std::panic::{AssertUnwindSafe, catch_unwind};

use scn_gpu::{
    ArgumentError, Buffer, CaptureError, Context, EncodeMethod, GpuError, GradientSums, Graph,
    PinnedBuffer, Reports, SingleProblem, SolveSettings, layers,
};
use scn_solvers::Settings;

use super::oracle::Instance;
use crate::{device, noise};

/// Codes, adjoint and gradients of an instance on a device.
struct Step {
    instance: Instance,
    method: EncodeMethod,
    single: SingleProblem,
    settings: SolveSettings,
    sums: GradientSums,
    map: Buffer<f32>,
    cotangent: Buffer<f32>,
    codes: Buffer<f32>,
    copy: Buffer<f32>,
    adjoint: Buffer<f32>,
    map_gradient: Buffer<f32>,
    reports: Reports,
}

impl Step {
    fn new(context: &Context, method: EncodeMethod) -> Self {
        let shape = scn_gpu::MapShape {
            channels: 3,
            images: 2,
            height: 5,
            width: 7,
        };
        let instance = Instance::new(shape, 3, 1, 20);
        let count = instance.atoms() * instance.windows().positions();
        let zeros = |len| context.zeros(len).unwrap();
        let single = instance.on(context);
        let windows = [instance.windows()];
        Self {
            sums: GradientSums::new(context, &single.problems, &windows).unwrap(),
            single,
            settings: SolveSettings::new(context, Settings::new(1e-5, 1000).unwrap()).unwrap(),
            map: zeros(shape.len()),
            cotangent: context.upload(&noise(count, 5)).unwrap(),
            codes: zeros(count),
            copy: zeros(count),
            adjoint: zeros(count),
            map_gradient: zeros(shape.len()),
            reports: Reports::new(context, 2).unwrap(),
            instance,
            method,
        }
    }

    fn work(&mut self) -> Result<(), GpuError> {
        let windows = self.instance.windows();
        self.reports.reset()?;
        self.single.problems.update(&self.single.parameters)?;
        let problem = self.single.problem()?;
        let (map, codes, reports) = (&self.map, &mut self.codes, &mut self.reports);
        let _solved = problem.encode(self.method, &self.settings, windows, map, codes, reports)?;
        self.copy.copy_from(self.codes.view())?;
        let (cotangent, adjoint) = (&self.cotangent, &mut self.adjoint);
        let _solved = problem.adjoint(&self.settings, &self.codes, cotangent, adjoint, reports)?;
        let (codes, adjoint) = (&self.codes, &self.adjoint);
        problem.signal_gradient(windows, adjoint, &mut self.map_gradient)?;
        self.sums.take(0, &problem, map, codes, adjoint)?;
        self.sums.finish(&mut self.single.parameters)
    }

    /// Replaces the input in place.
    fn set_input(&mut self, seed: u64) {
        self.map.write(&noise(self.map.len(), seed)).unwrap();
    }

    fn results(&self) -> Vec<Vec<u32>> {
        let buffers = [&self.codes, &self.copy, &self.adjoint, &self.map_gradient];
        let gradients = self.single.parameters.gradients.all();
        let bits = |view: scn_gpu::View<'_, f32>| {
            let values = view.download().unwrap();
            values.into_iter().map(f32::to_bits).collect()
        };
        let views = buffers.map(|buffer| buffer.view());
        views.into_iter().chain([gradients]).map(bits).collect()
    }

    fn clear_gradients(&mut self) {
        self.map_gradient.fill_zero().unwrap();
        let gradients = &mut self.single.parameters.gradients;
        gradients.all_mut().fill_zero().unwrap();
    }
}

/// Returns the reason why something could not be recorded.
fn refusal<T: std::fmt::Debug>(result: Result<T, GpuError>) -> CaptureError {
    match result {
        Err(GpuError::Capture(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

/// Averages a map over planes of 3 numbers. This kernel loads quickly.
fn average(context: &Context, map: &Buffer<f32>) -> Result<Buffer<f32>, GpuError> {
    let mut means = context.unspecified(map.len() / 3)?;
    layers::pooling::average(map, &mut means)?;
    Ok(means)
}

#[test]
fn a_graph_gives_the_bits_of_the_same_work_without_one() {
    let Some(context) = device() else { return };
    for method in [EncodeMethod::CoordinateDescent, EncodeMethod::Fista] {
        let mut step = Step::new(&context, method);
        let [first, second] = [1, 2].map(|seed| {
            step.set_input(seed);
            step.work().unwrap();
            step.results()
        });
        assert_ne!(first, second);
        let (graph, ()) = context.capture(|| step.work()).unwrap();
        step.clear_gradients();
        let before = step.results();
        // If recording had done the work, the gradients would not be zero.
        assert!(before[3].iter().chain(&before[4]).all(|&bits| bits == 0));
        for (seed, expected) in [(1, &first), (2, &second), (1, &first)] {
            step.set_input(seed);
            graph.launch().unwrap();
            assert!(&step.results() == expected, "{method:?}, input {seed}");
        }
        // Graphs can be launched any number of times without waiting, and mixed with other work.
        step.set_input(2);
        graph.launch().unwrap();
        graph.launch().unwrap();
        let codes = step.codes.duplicate().unwrap();
        step.set_input(1);
        graph.launch().unwrap();
        assert!(step.results() == first);
        let codes = codes.download().unwrap();
        assert!(
            codes
                .iter()
                .map(|code| code.to_bits())
                .eq(second[0].clone())
        );
    }
}

#[test]
fn temporaries_of_a_graph_are_shared_within_it_and_not_outside() {
    let Some(context) = device() else { return };
    const LEN: usize = 3 * 101;
    let input = context.upload(&[1.0_f32; LEN]).unwrap();
    let mut output = context.zeros(LEN).unwrap();
    let work = |output: &mut Buffer<f32>| -> Result<_, GpuError> {
        // Only one temporary exists at a time.
        for _ in 0..3 {
            let mut temporary = context.unspecified::<f32>(LEN)?;
            temporary.copy_from(input.view())?;
            output.copy_from(temporary.view())?;
        }
        average(&context, output)
    };
    work(&mut output).unwrap();
    let (graph, means) = context.capture(|| work(&mut output)).unwrap();
    // Input, output, one temporary, and the returned means.
    assert_eq!(graph.memory(), 4 * (3 * LEN + LEN / 3));

    let later = [2.0, 3.0, 4.0].map(|value| context.upload(&[value; LEN]).unwrap());
    graph.launch().unwrap();
    for (buffer, value) in later.iter().zip([2.0, 3.0, 4.0]) {
        assert_eq!(buffer.download().unwrap(), [value; LEN]);
    }
    assert_eq!(output.download().unwrap(), [1.0; LEN]);
    assert_eq!(means.download().unwrap(), [1.0; LEN / 3]);
}

#[test]
fn a_buffer_from_before_keeps_its_numbers_when_it_is_dropped_inside() {
    let Some(context) = device() else { return };
    let input = context.upload(&[5.0_f32; 33]).unwrap();
    let mut output = context.zeros(33).unwrap();
    drop(context.zeros::<f32>(33).unwrap());
    let (graph, ()) = context
        .capture(|| -> Result<_, GpuError> {
            output.copy_from(input.view())?;
            drop(input);
            // If this got the memory of the input, it would overwrite what the second launch reads.
            context.zeros::<f32>(33).map(drop)
        })
        .unwrap();
    for _ in 0..2 {
        output.fill_zero().unwrap();
        graph.launch().unwrap();
        assert_eq!(output.download().unwrap(), [5.0; 33]);
    }
}

#[test]
fn a_graph_outlives_its_buffers() {
    let Some(context) = device() else { return };
    let map = context.upload(&[6.0_f32; 21]).unwrap();
    drop(average(&context, &map).unwrap());
    let (graph, means) = context.capture(|| average(&context, &map)).unwrap();
    drop((map, means));
    let others = [21, 7, 21, 7].map(|len| context.upload(&vec![2.0_f32; len]).unwrap());
    graph.launch().unwrap();
    for other in &others {
        assert!(other.download().unwrap().iter().all(|&value| value == 2.0));
    }
    // Others can use the graph's memory only after it is dropped.
    let zeros = || context.capture(|| context.zeros::<f32>(21)).map(drop);
    assert_eq!(refusal(zeros()), CaptureError::Memory { bytes: 84 });
    graph.launch().unwrap();
    drop(graph);
    zeros().unwrap();
}

#[test]
fn a_recording_without_a_run_before_is_refused_and_harms_nothing() {
    let Some(context) = device() else { return };
    let map = context.upload(&[3.0_f32; 15]).unwrap();
    let graph = || context.capture(|| average(&context, &map));
    assert_eq!(refusal(graph()), CaptureError::Memory { bytes: 20 });
    drop(context.zeros::<f32>(5).unwrap());
    let error = refusal(graph());
    assert!(matches!(error, CaptureError::Kernel { .. }), "{error}");

    assert_eq!(
        average(&context, &map).unwrap().download().unwrap(),
        [3.0; 5]
    );
    let (graph, means) = graph().unwrap();
    graph.launch().unwrap();
    assert_eq!(means.download().unwrap(), [3.0; 5]);
}

#[test]
fn what_a_graph_cannot_do_is_refused_and_the_rest_is_recorded() {
    let Some(context) = device() else { return };
    let mut buffer = context.upload(&[1.0_f32; 9]).unwrap();
    let mut pinned = PinnedBuffer::new(&context, 9).unwrap();
    let (other, ()) = context.capture(|| Ok::<_, GpuError>(())).unwrap();
    let mut refused = Vec::new();
    let (graph, ()) = context
        .capture(|| {
            assert!(context.is_capturing());
            refused = vec![
                refusal(buffer.download()),
                refusal(buffer.write(&[2.0; 9])),
                refusal(context.synchronize()),
                refusal(pinned.send(buffer.view_mut())),
                refusal(pinned.receive(buffer.view())),
                refusal(PinnedBuffer::<f32>::new(&context, 1)),
                refusal(other.launch()),
                refusal(context.capture(|| Ok::<_, GpuError>(()))),
            ];
            context.trim();
            buffer.fill_zero()
        })
        .unwrap();
    assert!(!context.is_capturing());
    for reason in refused {
        assert!(
            matches!(reason, CaptureError::Unrecordable { .. }),
            "{reason}"
        );
    }
    assert_eq!(buffer.download().unwrap(), [1.0; 9]);
    graph.launch().unwrap();
    assert_eq!(buffer.download().unwrap(), [0.0; 9]);
}

#[test]
fn work_that_fails_or_panics_leaves_a_context_that_works() {
    let Some(context) = device() else { return };
    let mut buffer = context.upload(&[1.0_f32; 9]).unwrap();
    let wrong = context.zeros::<f32>(8).unwrap();
    let error = context.capture(|| {
        buffer.fill_zero()?;
        buffer.copy_from(wrong.view())
    });
    assert!(matches!(
        error,
        Err(GpuError::Argument(ArgumentError::Length { .. }))
    ));
    assert_eq!(buffer.download().unwrap(), [1.0; 9]);

    let panicked = catch_unwind(AssertUnwindSafe(|| {
        context.capture(|| -> Result<(), GpuError> {
            buffer.fill_zero()?;
            panic!("on purpose")
        })
    }));
    assert!(panicked.is_err());
    assert_eq!(buffer.download().unwrap(), [1.0; 9]);

    let (graph, ()) = context.capture(|| buffer.fill_zero()).unwrap();
    graph.launch().unwrap();
    assert_eq!(buffer.download().unwrap(), [0.0; 9]);
}

#[test]
fn other_threads_cannot_get_into_a_graph() {
    let Some(context) = device() else { return };
    let mut buffer = context.upload(&[1.0_f32; 9]).unwrap();
    let mut foreign = context.upload(&[2.0_f32; 9]).unwrap();
    let (graph, ()) = context
        .capture(|| {
            let refused = std::thread::scope(|scope| {
                let thread = scope.spawn(|| {
                    assert!(!context.is_capturing());
                    let refused = [
                        refusal(foreign.fill_zero()),
                        refusal(foreign.download()),
                        refusal(context.zeros::<f32>(9)),
                        refusal(context.capture(|| Ok::<_, GpuError>(()))),
                    ];
                    drop(foreign);
                    refused
                });
                thread.join().unwrap()
            });
            assert_eq!(refused, [(); 4].map(|()| CaptureError::Busy));
            buffer.fill_zero()
        })
        .unwrap();
    assert_eq!(graph.memory(), 36);
    // A graph may be launched by another thread.
    std::thread::scope(|scope| scope.spawn(|| graph.launch().unwrap()).join()).unwrap();
    assert_eq!(buffer.download().unwrap(), [0.0; 9]);
}

#[test]
fn graphs_and_pinned_memory_may_be_dropped_at_any_time() {
    let Some(context) = device() else { return };
    let mut buffer = context.zeros::<f32>(1000).unwrap();
    let mut sent = PinnedBuffer::new(&context, 1000).unwrap();
    sent.values_mut().unwrap().fill(3.0);
    sent.send(buffer.view_mut()).unwrap();
    drop(sent);
    assert_eq!(buffer.download().unwrap(), [3.0; 1000]);

    let fill = |buffer: &mut Buffer<f32>| context.capture(|| buffer.fill_zero()).unwrap().0;
    let (graph, other) = (fill(&mut buffer), fill(&mut buffer));
    graph.launch().unwrap();
    drop(graph);
    let mut sent = PinnedBuffer::new(&context, 1000).unwrap();
    sent.values_mut().unwrap().fill(4.0);
    other.launch().unwrap();
    sent.send(buffer.view_mut()).unwrap();
    let (nothing, ()) = context
        .capture(|| -> Result<_, GpuError> {
            drop((other, sent));
            Ok(())
        })
        .unwrap();
    nothing.launch().unwrap();
    assert_eq!(buffer.download().unwrap(), [4.0; 1000]);
}

#[test]
fn graphs_and_pinned_memory_may_go_to_other_threads() {
    fn may<T: Send + Sync>() {}
    may::<Graph>();
    may::<PinnedBuffer<f32>>();
    may::<Context>();
}
