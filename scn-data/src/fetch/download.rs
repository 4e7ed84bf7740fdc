//! One archive, from a server into a `.part` file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;
use std::thread;
use std::time::Duration;

use md5::{Digest, Md5};
use ureq::http::{HeaderMap, header};

use super::{Archive, FetchError, Progress, Settings};

const LONGEST_WAIT: Duration = Duration::from_secs(60);
const CHUNK: usize = 1 << 16;

/// Makes `part` the whole archive, with the right sum. What it holds already is not asked for again.
pub(super) fn download(
    archive: &Archive,
    part: &Path,
    settings: &Settings,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<(), FetchError> {
    let agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        // A redirection must not lead from a safe connection to an unsafe one.
        .https_only(archive.base.starts_with("https:"))
        .timeout_connect(Some(settings.connect))
        .timeout_recv_response(Some(settings.read))
        .timeout_per_read(Some(settings.read))
        .accept_encoding("identity")
        .user_agent(concat!("scn-data/", env!("CARGO_PKG_VERSION")))
        .build()
        .new_agent();
    let mut wait = settings.backoff;
    let mut retries = settings.retries;
    loop {
        // Also after a failure: a server that promises too many bytes has sent the whole archive.
        if part.exists() && sum(part)? == archive.md5.to_lowercase() {
            return Ok(());
        }
        match transfer(&agent, archive, part, progress) {
            Ok(()) => break,
            Err(error) if error.may_pass() && retries > 0 => {
                progress(Progress::Retry {
                    file: &archive.file,
                    error: &error,
                    wait,
                });
                thread::sleep(wait);
                wait = wait.saturating_mul(2).min(LONGEST_WAIT);
                retries -= 1;
            }
            Err(error) => return Err(error),
        }
    }
    let (expected, found) = (archive.md5.to_lowercase(), sum(part)?);
    if found == expected {
        return Ok(());
    }
    fs::remove_file(part).map_err(FetchError::file(part))?;
    Err(FetchError::Checksum {
        url: archive.url(),
        expected,
        found,
    })
}

/// One request, for what is missing of `part`.
fn transfer(
    agent: &ureq::Agent,
    archive: &Archive,
    part: &Path,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<(), FetchError> {
    let url = archive.url();
    let too_long = || {
        // What exceeds the bound is nothing to go on with.
        fs::remove_file(part).map_err(FetchError::file(part))?;
        Err(FetchError::TooLong {
            url: archive.url(),
            longest: archive.longest,
        })
    };
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(part)
        .map_err(FetchError::file(part))?;
    let asked = file.metadata().map_err(FetchError::file(part))?.len();
    let mut request = agent.get(&url);
    if asked > 0 {
        request = request.header(header::RANGE, format!("bytes={asked}-"));
    }
    let response = request.call().map_err(|error| failed(&url, error))?;
    let mut received = match response.status().as_u16() {
        206 if asked > 0 => {
            starts_at(response.headers(), asked, &url)?;
            asked
        }
        // The server does not know ranges, or nothing was there.
        200 => {
            file.set_len(0).map_err(FetchError::file(part))?;
            0
        }
        status => {
            if status == 416 {
                // More is here than there: not the same file.
                file.set_len(0).map_err(FetchError::file(part))?;
            }
            return Err(FetchError::Status { url, status });
        }
    };
    let mut body = response.into_body();
    let total = body
        .content_length()
        .map(|length| received.saturating_add(length));
    if total.is_some_and(|total| total > archive.longest) {
        return too_long();
    }
    let mut reader = body.as_reader();
    let mut chunk = vec![0; CHUNK];
    loop {
        let count = match reader.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(failed(&url, error)),
        };
        received += count as u64;
        if received > archive.longest {
            return too_long();
        }
        file.write_all(&chunk[..count])
            .map_err(FetchError::file(part))?;
        progress(Progress::Received {
            file: &archive.file,
            bytes: received,
            total,
        });
    }
    match total {
        Some(total) if received < total => {
            Err(failed(&url, io::Error::from(io::ErrorKind::UnexpectedEof)))
        }
        _ => Ok(()),
    }
}

fn failed(url: &str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> FetchError {
    FetchError::Transfer {
        url: url.to_owned(),
        source: source.into(),
    }
}

/// That `Content-Range: bytes FIRST-LAST/TOTAL` begins where it was asked to.
fn starts_at(headers: &HeaderMap, asked: u64, url: &str) -> Result<(), FetchError> {
    let found = headers
        .get(header::CONTENT_RANGE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let first = found
        .strip_prefix("bytes ")
        .and_then(|range| range.split_once('-'))
        .and_then(|(first, _)| first.parse::<u64>().ok());
    if first == Some(asked) {
        Ok(())
    } else {
        Err(FetchError::Range {
            url: url.to_owned(),
            asked,
            found: found.to_owned(),
        })
    }
}

/// MD5 sum of a file, in hexadecimal digits.
fn sum(path: &Path) -> Result<String, FetchError> {
    let mut file = File::open(path).map_err(FetchError::file(path))?;
    let mut digest = Md5::new();
    io::copy(&mut file, &mut digest).map_err(FetchError::file(path))?;
    Ok(format!("{:x}", digest.finalize()))
}
