//! What is handed out, abused.

use scn_gpu::{Context, GpuError, MapShape, Problem, Reports, Windows, layers};

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

    assert!(matches!(buffer.write(&[0.0]), Err(GpuError::Length { .. })));
    let (start, end, len) = (4, 6, 5);
    assert_eq!(
        buffer.range(start..end).unwrap_err(),
        GpuError::Range { start, end, len }
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
    assert_eq!(mixed, Err(GpuError::OtherContext { what: "y" }));
    let mut copy = other.zeros(6).unwrap();
    let copied = copy.copy_from(map.view());
    assert!(matches!(copied, Err(GpuError::OtherContext { .. })));
}

#[test]
fn sizes_that_do_not_fit_are_refused() {
    let Some(context) = device() else { return };
    for found in [0, 257] {
        let error = Problem::new(&context, 10, found).unwrap_err();
        assert_eq!(error, GpuError::Atoms { limit: 256, found });
    }
    let mut problem = Problem::new(&context, 3, 2).unwrap();
    let (right, one) = (context.zeros(6).unwrap(), context.zeros(1).unwrap());
    let wrong = context.zeros(5).unwrap();
    assert!(
        problem
            .update(wrong.view(), one.view(), one.view())
            .is_err()
    );
    assert!(
        problem
            .update(right.view(), wrong.view(), one.view())
            .is_err()
    );
    assert!(
        problem
            .update(right.view(), one.view(), right.view())
            .is_err()
    );
    problem
        .update(right.view(), one.view(), one.view())
        .unwrap();

    let windows = Windows::matrix(3, 4).unwrap();
    let (map, mut codes) = (context.zeros(12).unwrap(), context.zeros(8).unwrap());
    let mut reports = Reports::new(&context, 1).unwrap();
    let mut encode = |map, codes: &mut _| {
        problem
            .encode(
                Default::default(),
                Default::default(),
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
        Err(GpuError::Reports { slots: 1 })
    );
    reports.reset().unwrap();
    let encode = |map, codes: &mut _, reports: &mut Reports| {
        reports.reset().unwrap();
        problem
            .encode(
                Default::default(),
                Default::default(),
                windows,
                map,
                codes,
                reports,
            )
            .map(|_| ())
    };
    assert!(encode(&right, &mut codes, &mut reports).is_err());
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
        Err(GpuError::TooLarge { .. })
    ));
    assert_eq!(Windows::new(shape, 3, 2).unwrap().positions(), 4);
}
