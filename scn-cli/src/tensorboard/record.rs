//! TFRecords: the frames of the events in an event file.
//!
//! ```text
//! length of the data         8 bytes, little-endian
//! masked CRC of the length   4 bytes
//! data
//! masked CRC of the data     4 bytes
//! ```
//!
//! (TensorFlow, `tensorflow/core/lib/io/record_writer.h`.) The checksum is CRC-32C. It is masked
//! because a CRC of data that contain CRCs is weak.

/// Returns the record of these data.
pub(super) fn frame(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    let mut record = Vec::with_capacity(data.len() + 16);
    record.extend_from_slice(&length);
    record.extend_from_slice(&masked(&length).to_le_bytes());
    record.extend_from_slice(data);
    record.extend_from_slice(&masked(data).to_le_bytes());
    record
}

fn masked(data: &[u8]) -> u32 {
    crc32c::crc32c(data)
        .rotate_right(15)
        .wrapping_add(0xa282_ead8)
}
