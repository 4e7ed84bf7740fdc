//! Networks and servers that fail temporarily or permanently.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use md5::{Digest, Md5};
use scn_data::fetch::{FetchError, Packing, Progress, TransferPolicy, fetch};

use crate::server::{Answer, Server};
use crate::{assert_whole, bytes, fetched, names, policy, source};

/// Fetches from an address. Returns the number of retries and the error.
fn retries(base: &str, policy: &TransferPolicy, data: &Path) -> (usize, Option<FetchError>) {
    let mut count = 0;
    let source = source(base, &bytes(), Packing::Kept);
    let result = fetch(&source, data, policy, &mut |progress| {
        count += usize::from(matches!(progress, Progress::Retry { .. }));
    });
    (count, result.err())
}

#[test]
fn a_wrong_range_is_refused_and_the_whole_file_requested() {
    let data = tempfile::tempdir().unwrap();
    let answers = [Answer::CutAfter(70_000), Answer::WrongRange, Answer::Right];
    let (server, result) = fetched(&answers, data.path());
    result.unwrap();
    assert_whole(data.path());
    assert_eq!(server.ranges(), [None, Some(70_000), None]);
}

#[test]
fn a_wrong_range_does_not_block_the_next_fetch() {
    let data = tempfile::tempdir().unwrap();
    let answers = [
        Answer::CutAfter(70_000),
        Answer::CutAfter(1000),
        Answer::WrongRange,
    ];
    let (_server, result) = fetched(&answers, data.path());
    assert!(matches!(
        result,
        Err(FetchError::Range { asked: 71_000, .. })
    ));
    assert_eq!(names(data.path()), ["archive.part"]);
    let (server, result) = fetched(&[Answer::Right], data.path());
    result.unwrap();
    assert_whole(data.path());
    assert_eq!(server.ranges(), [None]);
}

#[test]
fn a_range_from_the_first_byte_is_the_whole_file() {
    const ALL: Answer = Answer::Say(
        &[
            "HTTP/1.1 206 Partial",
            "Content-Range: bytes 0-199999/200000",
            "Content-Length: 200000",
        ],
        0,
        200_000,
    );
    let data = tempfile::tempdir().unwrap();
    fs::write(data.path().join("archive.part"), &bytes()[..1234]).unwrap();
    let (server, result) = fetched(&[ALL], data.path());
    result.unwrap();
    assert_whole(data.path());
    assert_eq!(server.ranges(), [Some(1234)]);
}

/// `Content-Length` is that of the range, so only `Content-Range` shows that more is missing.
#[test]
fn a_range_that_ends_early_is_continued() {
    const SOME: Answer = Answer::Say(
        &[
            "HTTP/1.1 206 Partial",
            "Content-Range: bytes 0-99/200000",
            "Content-Length: 100",
        ],
        0,
        100,
    );
    let data = tempfile::tempdir().unwrap();
    let (server, result) = fetched(&[SOME, Answer::Right], data.path());
    result.unwrap();
    assert_whole(data.path());
    assert_eq!(server.ranges(), [None, Some(100)]);
}

#[test]
fn parts_of_two_versions_are_not_joined() {
    const TAGGED: Answer = Answer::Say(
        &["HTTP/1.1 200 OK", "Content-Length: 200000", "ETag: \"one\""],
        0,
        70_000,
    );
    const OTHER_TAG: Answer = Answer::Say(
        &[
            "HTTP/1.1 206 Partial",
            "Content-Range: bytes 70000-199999/200000",
            "Content-Length: 130000",
            "ETag: \"two\"",
        ],
        70_000,
        200_000,
    );
    const OTHER_TOTAL: Answer = Answer::Say(
        &[
            "HTTP/1.1 206 Partial",
            "Content-Range: bytes 70000-199998/199999",
            "Content-Length: 129999",
        ],
        70_000,
        199_999,
    );
    for other in [OTHER_TAG, OTHER_TOTAL] {
        let data = tempfile::tempdir().unwrap();
        let (server, result) = fetched(&[TAGGED, other, Answer::Right], data.path());
        result.unwrap();
        assert_whole(data.path());
        assert_eq!(server.ranges(), [None, Some(70_000), None]);
        let asked = server.request(1);
        assert!(asked.contains("if-range: \"one\""), "{asked}");
    }
}

#[test]
fn a_part_with_different_bytes_is_replaced() {
    let data = tempfile::tempdir().unwrap();
    fs::write(data.path().join("archive.part"), [7; 1234]).unwrap();
    let (server, result) = fetched(&[Answer::Right; 2], data.path());
    result.unwrap();
    assert_whole(data.path());
    assert_eq!(server.ranges(), [Some(1234), None]);
}

#[test]
fn a_part_longer_than_the_file_is_replaced() {
    let data = tempfile::tempdir().unwrap();
    fs::write(data.path().join("archive.part"), vec![7; 200_000]).unwrap();
    let (server, result) = fetched(&[Answer::Status(416), Answer::Right], data.path());
    result.unwrap();
    assert_whole(data.path());
    assert_eq!(server.ranges(), [Some(200_000), None]);
}

#[test]
fn permanent_failures_are_not_retried() {
    let data = tempfile::tempdir().unwrap();
    for status in [400, 401, 403, 404, 410, 501, 505] {
        let server = Server::new(bytes(), &[Answer::Status(status); 3]);
        let (count, error) = retries(&server.base, &policy(), data.path());
        assert!(
            matches!(error, Some(FetchError::Status { status: found, .. }) if found == status),
            "{error:?}"
        );
        assert_eq!((count, server.ranges().len()), (0, 1), "{status}");
    }
    let noise = [Answer::Noise; 3];
    // This name never resolves (RFC 6761), and nothing listens on this port.
    let mut addresses = vec![
        "http://scn.invalid/".to_owned(),
        "http://127.0.0.1:1/".to_owned(),
        Server::new(bytes(), &noise).base,
    ];
    // A server without TLS, so there is no certificate either.
    let plain = Server::new(bytes(), &noise).base;
    addresses.push(plain.replace("http:", "https:"));
    for address in addresses {
        let (count, error) = retries(&address, &policy(), data.path());
        assert!(
            matches!(error, Some(FetchError::Transfer { .. })),
            "{address}: {error:?}"
        );
        assert_eq!(count, 0, "{address}: {error:?}");
    }
}

#[test]
fn temporary_failures_are_retried() {
    for answer in [
        Answer::Status(408),
        Answer::Status(429),
        Answer::Status(500),
        Answer::Status(503),
        Answer::Nothing,
        Answer::Stall,
        Answer::CutAfter(0),
    ] {
        let data = tempfile::tempdir().unwrap();
        let server = Server::new(bytes(), &[answer, Answer::Right]);
        let (count, error) = retries(&server.base, &policy(), data.path());
        assert!(error.is_none(), "{error:?}");
        assert_eq!(count, 1);
        assert_whole(data.path());
    }
}

#[test]
fn retry_after_is_respected() {
    const BUSY: Answer = Answer::Say(
        &[
            "HTTP/1.1 429 Too Many Requests",
            "Content-Length: 0",
            "Retry-After: 1",
        ],
        0,
        0,
    );
    let data = tempfile::tempdir().unwrap();
    let server = Server::new(bytes(), &[BUSY, Answer::Right]);
    let start = Instant::now();
    let (count, error) = retries(&server.base, &policy(), data.path());
    assert!(error.is_none(), "{error:?}");
    assert_eq!(count, 1);
    assert!(start.elapsed() >= Duration::from_secs(1));
}

#[test]
fn a_slow_transfer_is_given_up_and_continued() {
    let mut hasty = policy();
    hasty.rate_window = Duration::from_millis(200);
    let data = tempfile::tempdir().unwrap();
    let server = Server::new(bytes(), &[Answer::Drip, Answer::Right]);
    let (count, error) = retries(&server.base, &hasty, data.path());
    assert!(error.is_none(), "{error:?}");
    assert_eq!(count, 1);
    assert_whole(data.path());
    // The next request skips the bytes that have arrived.
    assert!(matches!(server.ranges()[..], [None, Some(1..200)]));

    let data = tempfile::tempdir().unwrap();
    let server = Server::new(bytes(), &[Answer::Drip; 3]);
    let (count, error) = retries(&server.base, &hasty, data.path());
    let error = error.unwrap();
    assert!(
        matches!(error, FetchError::TooSlow { needed: 1000, .. }),
        "{error}"
    );
    assert_eq!(count, 2);
}

#[test]
fn a_content_length_that_is_too_long_is_harmless() {
    let data = tempfile::tempdir().unwrap();
    let (server, result) = fetched(&[Answer::Claim(200_500)], data.path());
    result.unwrap();
    assert_whole(data.path());
    assert_eq!(server.ranges(), [None]);
}

#[test]
fn a_content_length_that_is_too_short_gives_a_wrong_checksum() {
    let data = tempfile::tempdir().unwrap();
    let (_server, result) = fetched(&[Answer::Claim(150_000)], data.path());
    assert!(matches!(result, Err(FetchError::Checksum { .. })));
    assert_eq!(names(data.path()), [""; 0]);
}

#[test]
fn a_content_length_beyond_the_limit_is_refused() {
    let data = tempfile::tempdir().unwrap();
    let (_server, result) = fetched(&[Answer::Claim(2_000_000)], data.path());
    assert!(matches!(
        result,
        Err(FetchError::TooLong {
            longest: 1_000_000,
            ..
        })
    ));
    assert_eq!(names(data.path()), [""; 0]);
}

#[test]
fn wrong_bytes_are_reported_with_both_checksums_and_deleted() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::new(b"other".to_vec(), &[Answer::Right]);
    let source = source(&server.base, &bytes(), Packing::Kept);
    let error = fetch(&source, data.path(), &policy(), &mut |_| {}).unwrap_err();
    let message = error.to_string();
    assert!(message.contains(&source.archives[0].md5), "{message}");
    assert!(
        message.contains(&format!("{:x}", Md5::digest(b"other"))),
        "{message}"
    );
    assert_eq!(names(data.path()), [""; 0]);
}

#[test]
fn a_stalled_transfer_is_given_up_and_retried() {
    let data = tempfile::tempdir().unwrap();
    let (server, result) = fetched(&[Answer::Stall, Answer::Right], data.path());
    result.unwrap();
    assert_whole(data.path());
    assert_eq!(server.ranges(), [None, Some(10)]);
}

#[test]
fn retries_are_bounded() {
    let data = tempfile::tempdir().unwrap();
    let (server, result) = fetched(&[Answer::Status(500); 4], data.path());
    assert!(matches!(
        result,
        Err(FetchError::Status { status: 500, .. })
    ));
    assert_eq!(server.ranges().len(), 3);
}
