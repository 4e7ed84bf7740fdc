//! Fetching from a server on this machine, which does what servers and networks do: right, wrong or not at all.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use md5::{Digest, Md5};
use scn_data::DatasetName;
use scn_data::fetch::{
    Archive, FetchError, Packing, Progress, Settings, Source, check_files, fetch,
};
use tar::{EntryType, Header};

/// What the server does with one request.
#[derive(Clone, Copy)]
enum Answer {
    /// The bytes, or the range asked for.
    Right,
    /// All bytes, whatever the range.
    IgnoreRange,
    /// Another range than the one asked for.
    WrongRange,
    /// So many bytes, after which the connection ends.
    CutAfter(usize),
    /// All bytes, with this length in the header.
    Claim(usize),
    /// This status.
    Status(u16),
    /// The head and some bytes, and then nothing.
    Stall,
}

/// A server of one file; answers one request after the other as told, and notes what was asked.
struct Server {
    base: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn new(bytes: Vec<u8>, answers: &[Answer]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}/", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (noted, answers) = (Arc::clone(&requests), answers.to_vec());
        thread::spawn(move || {
            let mut stalled = Vec::new();
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let request = head(&stream);
                let range = range(&request);
                noted.lock().unwrap().push(request);
                // The client may hang up at any time.
                let _ = reply(&mut stream, answer, &bytes, range);
                if matches!(answer, Answer::Stall) {
                    stalled.push(stream);
                }
            }
            // Keeps what stalls open for longer than the client waits.
            thread::sleep(Duration::from_millis(1500));
        });
        Self { base, requests }
    }

    /// The ranges of the requests so far.
    fn ranges(&self) -> Vec<Option<usize>> {
        self.requests
            .lock()
            .unwrap()
            .iter()
            .map(|request| range(request))
            .collect()
    }
}

fn head(stream: &TcpStream) -> String {
    BufReader::new(stream)
        .lines()
        .map_while(Result::ok)
        .take_while(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join("\n")
}

fn range(request: &str) -> Option<usize> {
    let request = request.to_lowercase();
    let (_, range) = request.split_once("range: bytes=")?;
    range.split('-').next()?.parse().ok()
}

fn reply(
    stream: &mut TcpStream,
    answer: Answer,
    bytes: &[u8],
    range: Option<usize>,
) -> std::io::Result<()> {
    let range = range.filter(|_| !matches!(answer, Answer::IgnoreRange));
    let rest = bytes.get(range.unwrap_or(0)..).unwrap_or_default();
    let length = match answer {
        Answer::Claim(length) => length,
        _ => rest.len(),
    };
    match (answer, range) {
        (Answer::Status(status), _) => write!(
            stream,
            "HTTP/1.1 {status} no\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )?,
        (_, Some(first)) => {
            let shown = if matches!(answer, Answer::WrongRange) {
                first + 1
            } else {
                first
            };
            write!(
                stream,
                "HTTP/1.1 206 Partial\r\nContent-Range: bytes {shown}-{}/{}\r\nContent-Length: {length}\r\n\
                 Connection: close\r\n\r\n",
                bytes.len() - 1,
                bytes.len()
            )?;
        }
        (_, None) => write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
        )?,
    }
    match answer {
        Answer::Status(_) => {}
        Answer::CutAfter(count) => stream.write_all(&rest[..count])?,
        Answer::Stall => stream.write_all(&rest[..10])?,
        _ => stream.write_all(rest)?,
    }
    stream.flush()
}

fn settings() -> Settings {
    Settings {
        connect: Duration::from_secs(5),
        read: Duration::from_millis(400),
        retries: 2,
        backoff: Duration::from_millis(5),
    }
}

fn bytes() -> Vec<u8> {
    (0..200_000_u32)
        .map(|index| (index.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect()
}

fn source(base: &str, bytes: &[u8], packing: Packing) -> Source {
    Source {
        folder: "small".to_owned(),
        archives: vec![Archive {
            base: base.to_owned(),
            file: "archive".to_owned(),
            longest: 1_000_000,
            md5: format!("{:x}", Md5::digest(bytes)),
            packing,
        }],
    }
}

/// Fetches `bytes` from a server that does as told.
fn fetched(answers: &[Answer], data: &Path) -> (Server, Result<(), FetchError>) {
    let server = Server::new(bytes(), answers);
    let source = source(&server.base, &bytes(), Packing::Kept);
    let result = fetch(&source, data, &settings(), &mut |_| {}).map(|_| ());
    (server, result)
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn assert_whole(data: &Path) {
    assert_eq!(names(data), ["small"]);
    assert_eq!(fs::read(data.join("small/archive")).unwrap(), bytes());
}

#[test]
fn a_file_is_fetched_with_progress_and_not_overwritten() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::new(bytes(), &[Answer::Right]);
    let source = source(&server.base, &bytes(), Packing::Kept);
    let mut last = (0, None);
    fetch(&source, data.path(), &settings(), &mut |progress| {
        if let Progress::Received { bytes, total, .. } = progress {
            last = (bytes, total);
        }
    })
    .unwrap();
    assert_eq!(last, (200_000, Some(200_000)));
    assert_whole(data.path());
    assert!(matches!(
        fetch(&source, data.path(), &settings(), &mut |_| {}),
        Err(FetchError::FolderThere { .. })
    ));
}

#[test]
fn a_cut_transfer_goes_on_where_it_ended() {
    let data = tempfile::tempdir().unwrap();
    let (server, result) = fetched(&[Answer::CutAfter(70_000), Answer::Right], data.path());
    result.unwrap();
    assert_whole(data.path());
    assert_eq!(server.ranges(), [None, Some(70_000)]);
}

#[test]
fn a_later_fetch_goes_on_where_an_earlier_one_ended() {
    let data = tempfile::tempdir().unwrap();
    fs::write(data.path().join("archive.part"), &bytes()[..1234]).unwrap();
    let (server, result) = fetched(&[Answer::Right], data.path());
    result.unwrap();
    assert_whole(data.path());
    assert_eq!(server.ranges(), [Some(1234)]);
}

#[test]
fn a_server_without_ranges_sends_all_anew() {
    let data = tempfile::tempdir().unwrap();
    let (server, result) = fetched(
        &[Answer::CutAfter(70_000), Answer::IgnoreRange],
        data.path(),
    );
    result.unwrap();
    assert_whole(data.path());
    assert_eq!(server.ranges(), [None, Some(70_000)]);
}

#[test]
fn another_range_than_asked_for_is_refused() {
    let data = tempfile::tempdir().unwrap();
    let answers = [
        Answer::CutAfter(70_000),
        Answer::WrongRange,
        Answer::WrongRange,
    ];
    let (_server, result) = fetched(&answers, data.path());
    assert!(matches!(
        result,
        Err(FetchError::Range { asked: 70_000, .. })
    ));
    assert_eq!(names(data.path()), ["archive.part"]);
}

#[test]
fn a_length_that_is_too_long_does_no_harm() {
    let data = tempfile::tempdir().unwrap();
    let (server, result) = fetched(&[Answer::Claim(200_500)], data.path());
    result.unwrap();
    assert_whole(data.path());
    assert_eq!(server.ranges(), [None]);
}

#[test]
fn a_length_that_is_too_short_gives_a_wrong_sum() {
    let data = tempfile::tempdir().unwrap();
    let (_server, result) = fetched(&[Answer::Claim(150_000)], data.path());
    assert!(matches!(result, Err(FetchError::Checksum { .. })));
    assert_eq!(names(data.path()), [""; 0]);
}

#[test]
fn a_length_beyond_the_bound_is_refused() {
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
fn wrong_bytes_are_named_by_both_sums_and_deleted() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::new(b"other".to_vec(), &[Answer::Right]);
    let source = source(&server.base, &bytes(), Packing::Kept);
    let error = fetch(&source, data.path(), &settings(), &mut |_| {}).unwrap_err();
    let message = error.to_string();
    assert!(message.contains(&source.archives[0].md5), "{message}");
    assert!(
        message.contains(&format!("{:x}", Md5::digest(b"other"))),
        "{message}"
    );
    assert_eq!(names(data.path()), [""; 0]);
}

#[test]
fn a_stalled_transfer_is_given_up_and_tried_again() {
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

#[test]
fn a_failing_server_is_asked_again_and_a_missing_file_is_not() {
    let data = tempfile::tempdir().unwrap();
    let (_server, result) = fetched(&[Answer::Status(500), Answer::Right], data.path());
    result.unwrap();
    assert_whole(data.path());

    let data = tempfile::tempdir().unwrap();
    let (server, result) = fetched(&[Answer::Status(404), Answer::Right], data.path());
    assert!(matches!(
        result,
        Err(FetchError::Status { status: 404, .. })
    ));
    assert_eq!(server.ranges().len(), 1);
}

/// A tar archive in gzip of entries with any names, which the crate that writes them would refuse.
fn packed(entries: &[(&str, EntryType, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (name, kind, content) in entries {
        let mut header = Header::new_gnu();
        header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
        if matches!(kind, EntryType::Symlink | EntryType::Link) {
            header.set_link_name("/etc/hostname").unwrap();
        }
        header.set_entry_type(*kind);
        header.set_size(content.len() as u64);
        header.set_cksum();
        builder.append(&header, *content).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}

fn unpacked(archive: Vec<u8>, data: &Path) -> Result<(), FetchError> {
    let server = Server::new(archive.clone(), &[Answer::Right]);
    let packing = Packing::TarGz { largest: 100_000 };
    let source = source(&server.base, &archive, packing);
    fetch(&source, data, &settings(), &mut |_| {}).map(|_| ())
}

/// The archive is all that is left, and the message says so.
fn assert_kept(error: &FetchError, data: &Path) {
    assert_eq!(names(data), ["archive.part"], "{error}");
    let message = error.to_string();
    assert!(
        message.contains("archive.part") && message.contains("it stays"),
        "{message}"
    );
}

#[test]
fn an_archive_is_unpacked() {
    let data = tempfile::tempdir().unwrap();
    let archive = packed(&[
        ("small/", EntryType::Directory, b""),
        ("./small/one.bin", EntryType::Regular, b"1"),
        ("small/inner/two.bin", EntryType::Regular, b"22"),
    ]);
    unpacked(archive, data.path()).unwrap();
    assert_eq!(names(data.path()), ["small"]);
    assert_eq!(names(&data.path().join("small")), ["inner", "one.bin"]);
    assert_eq!(
        fs::read(data.path().join("small/inner/two.bin")).unwrap(),
        b"22"
    );
}

#[test]
fn hostile_entries_are_refused_and_leave_nothing() {
    let hostile = [
        ("../x", EntryType::Regular),
        ("small/../../x", EntryType::Regular),
        ("/tmp/scn-hostile", EntryType::Regular),
        ("elsewhere/x", EntryType::Regular),
        ("small/x", EntryType::Symlink),
        ("small/x", EntryType::Link),
        ("small/x", EntryType::Fifo),
        ("small/x", EntryType::Char),
    ];
    for (name, kind) in hostile {
        let outer = tempfile::tempdir().unwrap();
        let data = outer.path().join("data");
        let archive = packed(&[
            ("small/one.bin", EntryType::Regular, b"1"),
            (name, kind, b""),
        ]);
        let result = unpacked(archive, &data);
        assert!(
            matches!(result, Err(FetchError::Entry { .. })),
            "{name} {result:?}"
        );
        assert_kept(&result.unwrap_err(), &data);
        assert_eq!(names(outer.path()), ["data"], "{name}");
    }
}

#[test]
fn a_bomb_is_refused() {
    let data = tempfile::tempdir().unwrap();
    let zeros = vec![0; 60_000];
    let archive = packed(&[
        ("small/a", EntryType::Regular, &zeros),
        ("small/b", EntryType::Regular, &zeros),
    ]);
    let error = unpacked(archive, data.path()).unwrap_err();
    assert!(
        matches!(
            error,
            FetchError::TooLarge {
                largest: 100_000,
                ..
            }
        ),
        "{error}"
    );
    assert_kept(&error, data.path());
}

#[test]
fn an_archive_that_is_cut_short_is_refused() {
    let data = tempfile::tempdir().unwrap();
    let mut archive = packed(&[("small/a", EntryType::Regular, &bytes()[..50_000])]);
    archive.truncate(archive.len() / 2);
    assert!(unpacked(archive, data.path()).is_err());
    assert_eq!(names(data.path()), ["archive.part"]);
}

#[test]
fn an_archive_that_is_no_archive_stays_and_is_not_asked_for_again() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::new(bytes(), &[Answer::Right]);
    let packing = Packing::TarGz { largest: 100_000 };
    let source = source(&server.base, &bytes(), packing);
    for _ in 0..2 {
        let error = fetch(&source, data.path(), &settings(), &mut |_| {}).unwrap_err();
        assert!(matches!(error, FetchError::Unpack { .. }), "{error}");
        assert_kept(&error, data.path());
    }
    assert_eq!(server.ranges(), [None]);
}

const SERVER: &str = "SCN_TEST_SERVER";
const DATA: &str = "SCN_TEST_DATA";

/// Two archives of the same bytes, so that one can be unpacked and the other not yet.
fn pair(base: &str) -> Source {
    let mut source = source(base, &bytes(), Packing::Kept);
    let mut second = source.archives[0].clone();
    second.file = "second".to_owned();
    source.archives.push(second);
    source
}

/// Not a test by itself: the process that the tests below start and kill. It waits for a server that stalls, and before it unpacks
/// the second archive.
#[test]
fn fetching_process() {
    let (Ok(base), Some(data)) = (std::env::var(SERVER), std::env::var_os(DATA)) else {
        return;
    };
    let patient = Settings {
        read: Duration::from_secs(60),
        ..settings()
    };
    let _ = fetch(&pair(&base), Path::new(&data), &patient, &mut |progress| {
        if matches!(progress, Progress::Unpacking { file: "second" }) {
            thread::sleep(Duration::from_secs(60));
        }
    });
}

/// Ends its process when a test fails.
struct Killed(Child);

impl Killed {
    fn start(server: &Server, data: &Path) -> Self {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "fetching_process"])
            .env(SERVER, &server.base)
            .env(DATA, data)
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        Self(child)
    }
}

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn wait_until(mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(20), "it never came");
        thread::sleep(Duration::from_millis(5));
    }
}

fn assert_busy(source: &Source, data: &Path) {
    let before = names(data);
    let error = fetch(source, data, &settings(), &mut |_| {}).unwrap_err();
    assert!(matches!(error, FetchError::Busy { .. }), "{error}");
    let message = error.to_string();
    assert!(
        message.contains("another fetch is at work") && !message.contains('\n'),
        "{message}"
    );
    assert_eq!(names(data), before);
}

fn assert_pair_whole(data: &Path) {
    assert_eq!(names(data), ["small"]);
    for file in ["archive", "second"] {
        assert_eq!(fs::read(data.join("small").join(file)).unwrap(), bytes());
    }
}

#[test]
fn a_fetch_killed_while_it_downloads_is_gone_on_with() {
    let data = tempfile::tempdir().unwrap();
    let answers = [Answer::Stall, Answer::Right, Answer::Right];
    let server = Server::new(bytes(), &answers);
    let killed = Killed::start(&server, data.path());
    let part = data.path().join("archive.part");
    wait_until(|| fs::metadata(&part).is_ok_and(|part| part.len() == 10));
    assert_busy(&pair(&server.base), data.path());
    drop(killed);
    // A lock file is left, and locks nothing.
    assert_eq!(names(data.path()), [".small.lock", "archive.part"]);

    fetch(&pair(&server.base), data.path(), &settings(), &mut |_| {}).unwrap();
    assert_pair_whole(data.path());
    assert_eq!(server.ranges(), [None, Some(10), None]);
}

#[test]
fn what_a_fetch_killed_while_it_unpacks_left_is_removed_by_the_next() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::new(bytes(), &[Answer::Right; 2]);
    let killed = Killed::start(&server, data.path());
    let first = data.path().join(".small.unpacking/small/archive");
    wait_until(|| fs::metadata(&first).is_ok_and(|file| file.len() == 200_000));
    assert_busy(&pair(&server.base), data.path());
    assert!(first.exists());
    drop(killed);
    let left = [
        ".small.lock",
        ".small.unpacking",
        "archive.part",
        "second.part",
    ];
    assert_eq!(names(data.path()), left);
    // Hidden folders of other names are not ours.
    let other = data.path().join(".small-backup.unpacking");
    fs::create_dir(&other).unwrap();

    fetch(&pair(&server.base), data.path(), &settings(), &mut |_| {}).unwrap();
    fs::remove_dir(&other).unwrap();
    assert_pair_whole(data.path());
    assert_eq!(server.ranges(), [None, None]);
}

#[test]
fn of_many_fetches_at_once_one_does_the_work() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::new(bytes(), &[Answer::Right]);
    let source = source(&server.base, &bytes(), Packing::Kept);
    let whole = thread::scope(|scope| {
        let fetches: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| fetch(&source, data.path(), &settings(), &mut |_| {})))
            .collect();
        let results = fetches.into_iter().map(|fetch| fetch.join().unwrap());
        results
            .filter(|result| match result {
                Ok(_) => true,
                Err(FetchError::Busy { .. } | FetchError::FolderThere { .. }) => false,
                Err(error) => panic!("{error}"),
            })
            .count()
    });
    assert_eq!((whole, server.ranges().len()), (1, 1));
    assert_whole(data.path());
}

#[test]
fn the_official_archives_are_described() {
    for name in DatasetName::ALL {
        match Source::official(name) {
            Ok(source) => {
                assert_eq!(Some(source.folder.as_str()), name.folder());
                for archive in &source.archives {
                    assert!(archive.url().starts_with("https://"), "{archive:?}");
                    assert!(
                        archive.md5.len() == 32
                            && archive.md5.bytes().all(|digit| digit.is_ascii_hexdigit()),
                        "{archive:?}"
                    );
                }
                let mirror = source.from_mirror("http://here/files");
                for archive in &mirror.archives {
                    assert_eq!(archive.url(), format!("http://here/files/{}", archive.file));
                }
            }
            Err(error) => assert!(matches!(error, FetchError::Embedded { .. }), "{error}"),
        }
    }
}

#[test]
fn files_are_checked_by_length() {
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().join("mnist");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("t10k-labels-idx1-ubyte"), [0; 10_008]).unwrap();
    fs::write(folder.join("t10k-images-idx3-ubyte"), [0; 10]).unwrap();
    fs::write(folder.join("train-labels-idx1-ubyte.gz"), [0; 7]).unwrap();
    let files = check_files(DatasetName::Mnist, data.path());
    let states: Vec<_> = files
        .iter()
        .map(|file| (file.found, file.is_whole()))
        .collect();
    assert_eq!(
        states,
        [
            (None, false),
            (Some(7), true),
            (Some(10), false),
            (Some(10_008), true)
        ]
    );
}
