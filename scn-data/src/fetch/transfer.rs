//! One request to a server, for the missing part of a file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use ureq::http::{HeaderMap, header};

use super::archives::Archive;
use super::error::FetchError;
use super::policy::TransferPolicy;
use super::progress::Progress;
use super::rate::Rate;

const CHUNK: usize = 1 << 16;

/// A version of a file on a server, as described by earlier responses.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Version {
    total: Option<u64>,
    /// A strong tag, which guarantees that bytes with the same tag are the same.
    tag: Option<String>,
}

/// The reason why a transfer failed, and the wait that the server asks for.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: FetchError,
    pub(super) wait: Option<Duration>,
}

impl From<FetchError> for Failure {
    fn from(error: FetchError) -> Self {
        Self { error, wait: None }
    }
}

pub(super) fn agent(archive: &Archive, policy: &TransferPolicy) -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        // A redirection must not lead from a secure connection to an insecure one.
        .https_only(archive.base.starts_with("https:"))
        .timeout_resolve(Some(policy.connect_timeout))
        .timeout_connect(Some(policy.connect_timeout))
        .timeout_recv_response(Some(policy.read_timeout))
        .timeout_per_read(Some(policy.read_timeout))
        .accept_encoding("identity")
        .user_agent(concat!("scn-data/", env!("CARGO_PKG_VERSION")))
        .build()
        .new_agent()
}

/// Requests the missing bytes of the file `part`. If the response cannot continue it, the file is
/// emptied, so that the next request is for the whole file.
pub(super) fn transfer(
    agent: &ureq::Agent,
    archive: &Archive,
    part: &Path,
    version: &mut Version,
    policy: &TransferPolicy,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<(), Failure> {
    let url = archive.url();
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(part)
        .map_err(FetchError::file(part))?;
    let asked = file.metadata().map_err(FetchError::file(part))?.len();
    let mut request = agent.get(&url);
    if asked > 0 {
        request = request.header(header::RANGE, format!("bytes={asked}-"));
        if let Some(tag) = &version.tag {
            // If the version has changed, the whole file is sent.
            request = request.header(header::IF_RANGE, tag);
        }
    }
    let response = request.call().map_err(|error| failed(&url, error))?;
    let headers = response.headers();
    let range = Range::from_headers(headers);
    let mut found = Version {
        total: None,
        tag: strong_tag(headers),
    };
    let received = match response.status().as_u16() {
        200 => 0,
        206 => {
            found.total = range.and_then(|range| range.total);
            // A server that ignores the start of a range may send the whole file, of any version.
            let fits =
                |range: &Range| range.first == 0 || range.first <= asked && version.may_be(&found);
            range.filter(fits).map(|range| range.first).ok_or_else(|| {
                *version = Version::default();
                start_again(&file, part, || FetchError::Range {
                    url: url.clone(),
                    asked,
                    found: shown(headers),
                })
            })?
        }
        status => {
            let error = FetchError::Status { url, status };
            let wait = retry_after(headers);
            // `part` is longer than the file on the server, so it is a different file.
            let error = match status {
                416 => start_again(&file, part, || error),
                _ => error,
            };
            return Err(Failure { error, wait });
        }
    };
    file.set_len(received).map_err(FetchError::file(part))?;
    let mut body = response.into_body();
    found.total = found.total.or(body
        .content_length()
        .map(|length| received.saturating_add(length)));
    let total = found.total;
    *version = found;
    let mut reader = body.as_reader();
    let request = Request {
        archive,
        part,
        total,
        policy,
    };
    Ok(request.receive(&mut reader, &mut file, received, progress)?)
}

/// The properties of a response that are known before its bytes arrive.
struct Request<'a> {
    archive: &'a Archive,
    part: &'a Path,
    total: Option<u64>,
    policy: &'a TransferPolicy,
}

impl Request<'_> {
    /// Appends the bytes to the file, which already has `received` bytes.
    fn receive(
        &self,
        reader: &mut dyn Read,
        file: &mut File,
        mut received: u64,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<(), FetchError> {
        let (url, longest) = (self.archive.url(), self.archive.longest);
        let too_long = || {
            // A file that exceeds the bound cannot be resumed.
            fs::remove_file(self.part).map_err(FetchError::file(self.part))?;
            let url = url.clone();
            Err(FetchError::TooLong { url, longest })
        };
        if self.total.is_some_and(|total| total > longest) {
            return too_long();
        }
        let needed = self.policy.least_bytes_per_second;
        let mut rate = Rate::new(needed, self.policy.rate_window, Instant::now());
        let mut chunk = vec![0; CHUNK];
        loop {
            let count = match reader.read(&mut chunk) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(failed(&url, error.into())),
            };
            received += count as u64;
            if received > longest {
                return too_long();
            }
            file.write_all(&chunk[..count])
                .map_err(FetchError::file(self.part))?;
            progress(Progress::Received {
                file: &self.archive.file,
                bytes: received,
                total: self.total,
            });
            let added = rate.add(count as u64, Instant::now());
            added.map_err(|slow| FetchError::TooSlow {
                url: url.clone(),
                needed,
                bytes: slow.bytes,
                seconds: slow.time.as_secs(),
            })?;
        }
        match self.total {
            Some(total) if received < total => {
                let cut = io::Error::from(io::ErrorKind::UnexpectedEof);
                Err(failed(&url, cut.into()))
            }
            _ => Ok(()),
        }
    }
}

impl Version {
    /// Whether both may describe the same bytes.
    fn may_be(&self, other: &Self) -> bool {
        fn agree<T: PartialEq>(one: Option<&T>, other: Option<&T>) -> bool {
            one.is_none() || other.is_none() || one == other
        }
        agree(self.total.as_ref(), other.total.as_ref())
            && agree(self.tag.as_ref(), other.tag.as_ref())
    }
}

/// The header `Content-Range: bytes FIRST-LAST/TOTAL`. The total may be `*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Range {
    first: u64,
    total: Option<u64>,
}

impl Range {
    fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let text = headers.get(header::CONTENT_RANGE)?.to_str().ok()?;
        let (range, total) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
        let (first, _) = range.split_once('-')?;
        Some(Self {
            first: first.trim().parse().ok()?,
            total: total.trim().parse().ok(),
        })
    }
}

/// The header `Content-Range` for a message, on one line and of limited length.
fn shown(headers: &HeaderMap) -> String {
    let found = headers.get(header::CONTENT_RANGE);
    let text = found.and_then(|value| value.to_str().ok());
    text.unwrap_or_default().chars().take(80).collect()
}

/// Returns the entity tag, unless it is weak (`W/"..."`) and does not identify bytes.
fn strong_tag(headers: &HeaderMap) -> Option<String> {
    let tag = headers.get(header::ETAG)?.to_str().ok()?;
    tag.starts_with('"').then(|| tag.to_owned())
}

/// The header `Retry-After` in seconds. Dates are ignored, so the usual wait applies.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?;
    seconds.trim().parse().ok().map(Duration::from_secs)
}

/// Empties the part, because nothing can be appended to it.
fn start_again(file: &File, part: &Path, error: impl FnOnce() -> FetchError) -> FetchError {
    match file.set_len(0) {
        Ok(()) => error(),
        Err(refused) => FetchError::file(part)(refused),
    }
}

fn failed(url: &str, source: ureq::Error) -> FetchError {
    FetchError::Transfer {
        url: url.to_owned(),
        source: Box::new(source),
    }
}
