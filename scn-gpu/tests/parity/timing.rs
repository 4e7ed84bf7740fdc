//! Times of kernels, and of the work between marks.

use std::time::Duration;

use approx::abs_diff_eq;
use scn_gpu::layers::pooling;
use scn_gpu::{Buffer, Context, KernelTime};

use crate::{device, noise};

/// Returns a map, and space for its averages over planes of four pixels.
fn maps(context: &Context) -> [Buffer<f32>; 2] {
    let map = context.upload(&noise(40, 1)).unwrap();
    [map, context.zeros(10).unwrap()]
}

fn average([map, means]: &mut [Buffer<f32>; 2], times: usize) {
    for _ in 0..times {
        pooling::average(map, means).unwrap();
    }
}

/// Asserts that `time` is what `operations` take with the stand-in driver: a microsecond each, read
/// as milliseconds in f32.
fn assert_counted(context: &Context, time: Duration, operations: u32) {
    assert!(time > Duration::ZERO);
    if context.name().starts_with("Stand-in") {
        let expected = 1e-6 * f64::from(operations);
        assert!(
            abs_diff_eq!(time.as_secs_f64() / expected, 1.0, epsilon = 1e-4),
            "{time:?}"
        );
    }
}

#[test]
fn launches_are_timed_while_that_is_asked_for() {
    let Some(context) = device() else { return };
    let (mut plain, mut timed) = (maps(&context), maps(&context));
    average(&mut plain, 3);
    assert_eq!(context.take_times().unwrap(), []);
    context.set_timed(true);
    assert!(context.is_timed());
    average(&mut timed, 3);
    context.set_timed(false);
    average(&mut timed, 1);
    let times = context.take_times().unwrap();
    let [
        KernelTime {
            name,
            launches,
            time,
            ..
        },
    ] = times.as_slice()
    else {
        panic!("{times:?}");
    };
    assert_eq!((*name, *launches), ("average_pooling", 3));
    assert_counted(&context, *time, 3);
    assert_eq!(context.take_times().unwrap(), []);
    average(&mut plain, 1);
    for (plain, timed) in plain.iter().zip(&timed) {
        assert_eq!(plain.download().unwrap(), timed.download().unwrap());
    }
}

/// All launches are counted, even if there are more than events are kept for.
#[test]
fn no_launch_is_forgotten() {
    let Some(context) = device() else { return };
    context.set_timed(true);
    average(&mut maps(&context), 4_100);
    let times = context.take_times().unwrap();
    assert_eq!(times[0].launches, 4_100);
    assert_counted(&context, times[0].time, 4_100);
}

#[test]
fn marks_have_the_work_between_them() {
    let Some(context) = device() else { return };
    let mut maps = maps(&context);
    let first = context.mark().unwrap();
    average(&mut maps, 2);
    maps[1].fill_zero().unwrap();
    let second = context.mark().unwrap();
    average(&mut maps, 1);
    let third = context.mark().unwrap();
    assert_counted(&context, first.until(&second).unwrap(), 3);
    assert_counted(&context, second.until(&third).unwrap(), 1);
    assert_counted(&context, first.until(&third).unwrap(), 4);
}
