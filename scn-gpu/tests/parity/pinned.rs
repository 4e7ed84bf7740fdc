//! Page-locked memory.

use scn_gpu::{ArgumentError, Context, GpuError, PinnedBuffer};

use crate::device;

/// Whether work on this device starts only when something waits for it.
fn is_late(context: &Context) -> bool {
    let is_stand_in = context.name().starts_with("Stand-in");
    is_stand_in && std::env::var("SCN_HOST_EAGER").as_deref() != Ok("1")
}

#[test]
fn of_two_pinned_the_older_is_read_while_newer_work_is_queued() {
    let Some(context) = device() else { return };
    let late = is_late(&context);
    let mut buffer = context.zeros::<u64>(5).unwrap();
    let mut sent = [0, 1].map(|_| PinnedBuffer::new(&context, 5).unwrap());
    let mut received = [0, 1].map(|_| PinnedBuffer::new(&context, 5).unwrap());
    let mut to_do = 0;
    for turn in 0..6_u64 {
        let k = turn as usize % 2;
        // Waits for the copy of two turns ago.
        sent[k].values_mut().unwrap().fill(turn);
        sent[k].send(buffer.view_mut()).unwrap();
        received[k].receive(buffer.view()).unwrap();
        if turn > 0 {
            assert_eq!(received[1 - k].values().unwrap(), [turn - 1; 5]);
            assert!(received[1 - k].is_done().unwrap());
        }
        to_do += usize::from(!sent[k].is_done().unwrap() && !received[k].is_done().unwrap());
    }
    // In some turn, the work of that turn was still pending after waiting for the previous turn.
    // This need not hold in every turn: other tests use the same device, and when one of them
    // unloads kernels, the driver waits for all of its work.
    assert!(!late || to_do > 0);
    assert_eq!(received[1].values().unwrap(), [5; 5]);
    assert_eq!(buffer.download().unwrap(), [5; 5]);
}

#[test]
fn pinned_memory_starts_with_zeros_and_refuses_what_does_not_fit() {
    let Some(context) = device() else { return };
    let mut pinned = PinnedBuffer::<f32>::new(&context, 4).unwrap();
    assert_eq!(pinned.values().unwrap(), [0.0; 4]);
    assert!(pinned.is_done().unwrap());
    let mut longer = context.zeros(5).unwrap();
    let length = |result| {
        matches!(
            result,
            Err(GpuError::Argument(ArgumentError::Length { .. }))
        )
    };
    assert!(length(pinned.send(longer.view_mut())));
    assert!(length(pinned.receive(longer.view())));
    pinned.values_mut().unwrap()[3] = 1.0;
    pinned.send(longer.range_mut(1..5).unwrap()).unwrap();
    assert_eq!(longer.download().unwrap(), [0.0, 0.0, 0.0, 0.0, 1.0]);

    let elsewhere = Context::new(0).unwrap().zeros(4).unwrap();
    let mixed = pinned.receive(elsewhere.view());
    assert!(matches!(
        mixed,
        Err(GpuError::Argument(ArgumentError::OtherContext { .. }))
    ));

    let mut empty = PinnedBuffer::<i32>::new(&context, 0).unwrap();
    empty.receive(context.zeros(0).unwrap().view()).unwrap();
    assert!(empty.is_empty() && empty.values().unwrap().is_empty());
    assert!(PinnedBuffer::<u64>::new(&context, usize::MAX / 4).is_err());
}
