//! Buffers and views, and their misuse.

use scn_gpu::update::Parameters;
use scn_gpu::{
    ArgumentError, Context, GpuError, GradientSums, MapShape, Reports, SingleProblem,
    SolveSettings, Windows, layers,
};

use crate::device;

#[test]
fn buffers_hold_what_is_written_and_refuse_what_does_not_fit() {
    let Some(context) = device() else { return };
    let mut buffer = context.upload(&[1.0_f32, 2.0, 3.0, 4.0, 5.0]).unwrap();
    buffer.range_mut(1..3).unwrap().write(&[7.0, 8.0]).unwrap();
    let copy = buffer.duplicate().unwrap();
    buffer.range_mut(3..5).unwrap().fill_zero().unwrap();
    assert_eq!(buffer.download().unwrap(), [1.0, 7.0, 8.0, 0.0, 0.0]);
    assert_eq!(
        copy.range(2..5).unwrap().download().unwrap(),
        [8.0, 4.0, 5.0]
    );
    let within = copy.view().range(1..4).unwrap().range(1..3).unwrap();
    buffer.range_mut(0..2).unwrap().copy_from(within).unwrap();
    assert_eq!(buffer.download().unwrap(), [8.0, 4.0, 8.0, 0.0, 0.0]);

    assert!(matches!(
        buffer.write(&[0.0]),
        Err(GpuError::Argument(ArgumentError::Length { .. }))
    ));
    let (start, end, len) = (4, 6, 5);
    assert_eq!(
        buffer.range(start..end).unwrap_err(),
        GpuError::Argument(ArgumentError::Range { start, end, len })
    );
    assert!(buffer.copy_from(copy.range(0..2).unwrap()).is_err());
    assert!(
        context
            .zeros::<u64>(0)
            .unwrap()
            .download()
            .unwrap()
            .is_empty()
    );
}

#[test]
fn one_buffer_is_split_into_many_parts() {
    let Some(context) = device() else { return };
    let mut buffer = context.upload(&[1_i32, 2, 3, 4, 5, 6, 7]).unwrap();
    let (mut first, rest) = buffer.view_mut().split_at(2).unwrap();
    let (mut second, mut third) = rest.split_at(4).unwrap();
    assert_eq!((first.len(), second.len(), third.len()), (2, 4, 1));
    third.write(&[30]).unwrap();
    second.fill_zero().unwrap();
    first.write(&[10, 20]).unwrap();
    assert_eq!(buffer.download().unwrap(), [10, 20, 0, 0, 0, 0, 30]);

    let (left, right) = buffer.view().split_at(6).unwrap();
    assert_eq!(left.range(1..3).unwrap().download().unwrap(), [20, 0]);
    assert_eq!(right.download().unwrap(), [30]);
    let (all, none) = buffer.view().split_at(7).unwrap();
    assert_eq!((all.len(), none.len()), (7, 0));
    let (start, end, len) = (0, 8, 7);
    let outside = GpuError::Argument(ArgumentError::Range { start, end, len });
    assert_eq!(buffer.view().split_at(8).unwrap_err(), outside);
    assert_eq!(buffer.view_mut().split_at(8).unwrap_err(), outside);
}

#[test]
fn memory_comes_back_dirty_or_zero_as_asked_for() {
    let Some(context) = device() else { return };
    drop(context.upload(&[7_i32; 77]).unwrap());
    assert_eq!(context.unspecified::<i32>(77).unwrap().len(), 77);
    assert_eq!(
        context.zeros::<i32>(77).unwrap().download().unwrap(),
        [0; 77]
    );
    context.trim();
    assert_eq!(
        context.upload(&[3_u64; 5]).unwrap().download().unwrap(),
        [3; 5]
    );
}

#[test]
fn more_memory_than_there_is_is_an_error_and_harms_nothing() {
    let Some(context) = device() else { return };
    let kept = context.upload(&[1.0_f32; 9]).unwrap();
    let len = context.info().memory_total / 2;
    let error = context.unspecified::<u64>(len).unwrap_err();
    assert!(matches!(error, GpuError::OutOfMemory { needed, .. } if needed == 8 * len));
    assert!(context.unspecified::<u64>(usize::MAX / 2).is_err());
    assert!(context.memory_free().unwrap() < context.info().memory_total);
    assert_eq!(kept.download().unwrap(), [1.0; 9]);
}

#[test]
fn buffers_of_two_contexts_do_not_mix() {
    let Some(context) = device() else { return };
    let other = Context::new(0).unwrap();
    let map = context.upload(&[1.0; 6]).unwrap();
    let mut means = other.zeros(2).unwrap();
    let mixed = layers::pooling::average(&map, &mut means);
    assert_eq!(
        mixed,
        Err(GpuError::Argument(ArgumentError::OtherContext {
            what: "y"
        }))
    );
    let mut copy = other.zeros(6).unwrap();
    let copied = copy.copy_from(map.view());
    assert!(matches!(
        copied,
        Err(GpuError::Argument(ArgumentError::OtherContext { .. }))
    ));
}

#[test]
fn sizes_that_do_not_fit_are_refused() {
    let Some(context) = device() else { return };
    for found in [0, 257] {
        let error = SingleProblem::new(&context, &[0.0; 10], found, &[0.0], 0.0).unwrap_err();
        assert_eq!(
            error,
            GpuError::Argument(ArgumentError::Atoms { limit: 256, found })
        );
    }
    let wrong = |dictionary: usize, lambda1: usize| {
        let (dictionary, lambda1) = (vec![0.0; dictionary], vec![0.0; lambda1]);
        SingleProblem::new(&context, &dictionary, 2, &lambda1, 0.0).is_err()
    };
    assert!(wrong(5, 1) && wrong(6, 0) && wrong(6, 3) && !wrong(6, 2) && !wrong(6, 1));
    let single = SingleProblem::new(&context, &[0.0; 6], 2, &[0.0], 0.0).unwrap();
    let problem = single.problem().unwrap();
    assert!(single.problems.get(1, &single.parameters).is_err());
    // These parameters are not those that the problems were created with.
    let mut others = SingleProblem::new(&context, &[0.0; 6], 2, &[0.0], 0.0).unwrap();
    let few = Parameters::new(&context, &[]).unwrap();
    assert!(others.problems.update(&few).is_err() && others.problems.get(0, &few).is_err());

    let windows = Windows::matrix(3, 4).unwrap();
    let settings = SolveSettings::new(&context, Default::default()).unwrap();
    let (map, mut codes) = (context.zeros(12).unwrap(), context.zeros(8).unwrap());
    let mut reports = Reports::new(&context, 1).unwrap();
    let mut encode = |map, codes: &mut _| {
        problem
            .encode(
                Default::default(),
                &settings,
                windows,
                map,
                codes,
                &mut reports,
            )
            .map(|_| ())
    };
    assert_eq!(encode(&map, &mut codes), Ok(()));
    assert_eq!(
        encode(&map, &mut codes),
        Err(GpuError::Argument(ArgumentError::Reports { slots: 1 }))
    );
    reports.reset().unwrap();
    let encode = |map, codes: &mut _, reports: &mut Reports| {
        reports.reset().unwrap();
        problem
            .encode(Default::default(), &settings, windows, map, codes, reports)
            .map(|_| ())
    };
    let short = context.zeros(6).unwrap();
    assert!(encode(&short, &mut codes, &mut reports).is_err());
    assert!(encode(&map, &mut context.zeros(12).unwrap(), &mut reports).is_err());
}

#[test]
fn windows_that_do_not_stand_on_a_map_are_refused() {
    let shape = MapShape {
        channels: 1,
        images: 1,
        height: 4,
        width: 4,
    };
    for (window, stride) in [(2, 1), (3, 0), (0, 1)] {
        assert!(Windows::new(shape, window, stride).is_err());
    }
    let huge = MapShape {
        images: 1 << 29,
        ..shape
    };
    assert!(matches!(
        Windows::new(huge, 3, 1),
        Err(GpuError::Argument(ArgumentError::TooLarge { .. }))
    ));
    assert_eq!(Windows::new(shape, 3, 2).unwrap().positions(), 4);
}

#[test]
fn sums_for_other_windows_than_the_problems_have_are_refused() {
    let Some(context) = device() else { return };
    let single = SingleProblem::new(&context, &[0.0; 6], 2, &[0.0], 0.0).unwrap();
    let new = |windows: &[Windows]| GradientSums::new(&context, &single.problems, windows);
    let right = Windows::matrix(3, 4).unwrap();
    assert!(new(&[]).is_err() && new(&[Windows::matrix(2, 4).unwrap()]).is_err());
    let mut sums = new(&[right]).unwrap();
    let problem = single.problem().unwrap();
    let (map, codes) = (context.zeros(12).unwrap(), context.zeros(8).unwrap());
    assert!(sums.take(1, &problem, &map, &codes, &codes).is_err());
    assert!(sums.take(0, &problem, &codes, &codes, &codes).is_err());
    assert!(sums.take(0, &problem, &map, &codes, &map).is_err());
    sums.take(0, &problem, &map, &codes, &codes).unwrap();
    let mut few = Parameters::new(&context, &[]).unwrap();
    assert!(sums.finish(&mut few).is_err());
}
