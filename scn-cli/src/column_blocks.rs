//! Reading, processing and writing of columns block by block, so that memory does not grow with
//! their number.

use std::ops::Range;
use std::sync::mpsc::sync_channel;
use std::thread;

use anyhow::{Context, Result};
use faer::{MatMut, MatRef};
use scn_data::format::npy::Float;
use scn_data::{bytes_of, check_memory};
use scn_solvers::Scalar;

use crate::codes_file::CodesFile;
use crate::column_input::ColumnInput;
use crate::screen::Bar;

/// Size of a block with its codes in bytes, unless that is too few tiles. Larger blocks are not
/// faster. Three blocks are in memory at a time: one is read, one solved and one written.
const BYTES: usize = 8 << 20;

/// Minimum number of tiles per thread in a block, so that all threads finish at about the same
/// time.
const TILES_PER_THREAD: usize = 8;

/// Returns the number of columns of a block, a whole number of tiles.
///
/// The columns of a tile are solved together until all have converged. With whole tiles, each tile
/// has the same columns as in a single solve, so codes do not depend on blocks.
fn columns_of_block<T: Scalar>(rows: usize, atoms: usize) -> usize {
    let column = bytes_of::<T>(&[rows.saturating_add(atoms)]).max(1) as usize;
    let tiles = (BYTES / column / T::tile()).max(TILES_PER_THREAD * rayon::current_num_threads());
    tiles * T::tile()
}

/// A block of columns, with memory for their codes.
struct Block<T> {
    columns: Range<usize>,
    numbers: Vec<T>,
    codes: Vec<T>,
}

/// Columns as a matrix, with a matrix for their codes whose columns or rows are contiguous.
pub(crate) struct Columns<'a, T> {
    /// Index of the first column among all columns.
    pub(crate) first: usize,
    /// m × columns, column-major.
    pub(crate) numbers: MatRef<'a, T>,
    /// n × columns; without rows if no codes are requested.
    pub(crate) codes: MatMut<'a, T>,
}

/// Calls `work` on the columns in `range`, block by block in order, and writes their codes.
///
/// One thread reads ahead, and another one writes behind.
///
/// # Errors
/// Returns an error if reading, `work` or writing fails.
pub(crate) fn each_block<T: Scalar + Float>(
    input: &mut ColumnInput<T>,
    range: Range<usize>,
    mut out: Option<&mut CodesFile<T>>,
    bar: &Bar,
    mut work: impl FnMut(Columns<'_, T>) -> Result<()>,
) -> Result<()> {
    let rows = input.rows();
    let atoms = out.as_ref().map_or(0, |out| out.atoms());
    let by_column = out.as_ref().is_none_or(|out| out.by_column());
    let size = columns_of_block::<T>(rows, atoms).min(range.len());
    let length = rows.saturating_add(atoms);
    check_memory("blocks of columns", bytes_of::<T>(&[3, size, length]))?;
    let (emptied, empty) = sync_channel(3);
    let (read, to_solve) = sync_channel::<Block<T>>(1);
    let (solved, to_write) = sync_channel::<Block<T>>(1);
    for _ in 0..3 {
        let block = Block {
            columns: 0..0,
            numbers: Vec::new(),
            codes: Vec::new(),
        };
        // The channel has room for all three.
        let _ = emptied.try_send(block);
    }
    thread::scope(|scope| {
        // Each of the three stages stops if the next one has failed, because the channel is closed.
        let reader = thread::Builder::new().name("scn-read".to_owned());
        let reader = reader.spawn_scoped(scope, move || -> Result<()> {
            for first in range.clone().step_by(size.max(1)) {
                let Ok(mut block) = empty.recv() else { break };
                block.columns = first..range.end.min(first + size);
                block.numbers.resize(rows * block.columns.len(), T::ZERO);
                input.read(block.columns.clone(), &mut block.numbers)?;
                if read.send(block).is_err() {
                    break;
                }
            }
            Ok(())
        });
        let reader = reader.context("cannot start a thread that reads")?;
        let writer = thread::Builder::new().name("scn-write".to_owned());
        let writer = writer.spawn_scoped(scope, move || -> Result<()> {
            for block in to_write {
                if let Some(out) = &mut out {
                    out.write(block.columns.start, &block.codes)?;
                }
                // Fails harmlessly if the reader has finished.
                let _ = emptied.send(block);
            }
            Ok(())
        });
        let writer = writer.context("cannot start a thread that writes")?;
        let mut worked = Ok(());
        for mut block in &to_solve {
            let columns = block.columns.len();
            block.codes.resize(atoms * columns, T::ZERO);
            let codes = match by_column {
                true => MatMut::from_column_major_slice_mut(&mut block.codes, atoms, columns),
                false => MatMut::from_row_major_slice_mut(&mut block.codes, atoms, columns),
            };
            worked = work(Columns {
                first: block.columns.start,
                numbers: MatRef::from_column_major_slice(&block.numbers, rows, columns),
                codes,
            });
            bar.advance(columns);
            if worked.is_err() || solved.send(block).is_err() {
                break;
            }
        }
        drop((to_solve, solved));
        let over = |thread: thread::ScopedJoinHandle<'_, Result<()>>| {
            thread
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        let (read, written) = (over(reader), over(writer));
        read.and(worked).and(written)
    })
}
