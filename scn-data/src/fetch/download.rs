//! Downloading one archive into a `.part` file.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::thread;
use std::time::Duration;

use md5::{Digest, Md5};

use super::archives::Archive;
use super::error::FetchError;
use super::policy::TransferPolicy;
use super::progress::Progress;
use super::retry::may_pass;
use super::transfer::{Version, agent, transfer};

const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Downloads the archive to `part` and checks its sum. Bytes that `part` already holds are not
/// requested again.
pub(super) fn download(
    archive: &Archive,
    part: &Path,
    policy: &TransferPolicy,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<(), FetchError> {
    let agent = agent(archive, policy);
    let mut version = Version::default();
    let mut wait = policy.backoff;
    let mut retries = policy.retries;
    let expected = archive.md5.to_lowercase();
    loop {
        // Checked after a failure too: a server that promises too many bytes has sent the whole
        // archive.
        if part.exists() && sum(part)? == expected {
            return Ok(());
        }
        let begun = fs::metadata(part).map_or(0, |part| part.len());
        let error = match transfer(&agent, archive, part, &mut version, policy, progress) {
            Ok(()) => {
                let found = sum(part)?;
                if found == expected {
                    return Ok(());
                }
                fs::remove_file(part).map_err(FetchError::file(part))?;
                let url = archive.url();
                let error = FetchError::Checksum {
                    url,
                    expected: expected.clone(),
                    found,
                };
                // The start of the file may come from an earlier transfer, and be damaged or of a
                // different version. A file from a single transfer is what the server has.
                if begun == 0 {
                    return Err(error);
                }
                error.into()
            }
            Err(failure) if may_pass(&failure.error) => failure,
            Err(failure) => return Err(failure.error),
        };
        if retries == 0 {
            return Err(error.error);
        }
        retries -= 1;
        let wait_now = error.wait.map_or(wait, |asked| asked.max(wait));
        let wait_now = wait_now.min(LONGEST_WAIT);
        progress(Progress::Retry {
            file: &archive.file,
            error: &error.error,
            wait: wait_now,
        });
        thread::sleep(wait_now);
        wait = wait.saturating_mul(2).min(LONGEST_WAIT);
    }
}

/// MD5 sum of a file, in hexadecimal digits.
fn sum(path: &Path) -> Result<String, FetchError> {
    let mut file = File::open(path).map_err(FetchError::file(path))?;
    let mut digest = Md5::new();
    io::copy(&mut file, &mut digest).map_err(FetchError::file(path))?;
    Ok(format!("{:x}", digest.finalize()))
}
