//! Exchange between the devices of two processes. The second process is another run of this test.

use std::process::{Command, Stdio};

use scn_gpu::{Communicator, Context, GpuError, NcclId};

use crate::noise;
use crate::skip::skipped;

/// Environment variable with the id for the second process.
const ID: &str = "SCN_GPU_EXCHANGE";

/// Numbers per device: more than are exchanged in one piece anywhere.
const LEN: usize = 300_001;

/// Runs in both processes, each with its own device.
fn exchange(id: NcclId, rank: usize) -> Result<(), GpuError> {
    let context = Context::new(rank)?;
    let mut communicator = Communicator::join(&context, id, rank, 2)?;
    assert_eq!((communicator.rank(), communicator.ranks()), (rank, 2));
    // Twice: the second gathering must not overtake the first.
    for round in 0..2 {
        let part = |rank| noise(LEN, 10 * round + rank as u64);
        let own = context.upload(&part(rank))?;
        let mut parts = context.zeros(2 * LEN)?;
        communicator.gather(own.view(), &mut parts)?;
        assert!(parts.download()? == [part(0), part(1)].concat());
    }
    Ok(())
}

fn to_text(bytes: [u8; 128]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_text(text: &str) -> [u8; 128] {
    std::array::from_fn(|k| u8::from_str_radix(&text[2 * k..2 * k + 2], 16).unwrap())
}

#[test]
fn two_processes_gather_each_others_parts() {
    if let Ok(text) = std::env::var(ID) {
        return exchange(NcclId::from_bytes(from_text(&text)), 1).unwrap();
    }
    let required = std::env::var("SCN_REQUIRE_CUDA").is_ok_and(|count| count.as_str() > "1");
    let id = match Context::new(1).and_then(|_| NcclId::new()) {
        Ok(id) => id,
        Err(error) if required => panic!("{error}"),
        Err(error) => return skipped(error),
    };
    let name = "parity::exchange::two_processes_gather_each_others_parts";
    let second = Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact"])
        .env(ID, to_text(id.to_bytes()))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let first = exchange(id, 0);
    let second = second.wait_with_output().unwrap();
    assert!(second.status.success(), "{second:?}");
    first.unwrap();
}
