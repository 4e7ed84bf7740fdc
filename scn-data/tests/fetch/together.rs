//! Concurrent fetches of the same data set, and fetches that were killed.

use std::fs;
use std::path::Path;
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use scn_data::fetch::{ArchiveSet, FetchError, Packing, Progress, fetch};

use crate::server::{Answer, Server};
use crate::{assert_whole, bytes, names, policy, source};

const SERVER: &str = "SCN_TEST_SERVER";
const DATA: &str = "SCN_TEST_DATA";

/// Returns two archives of the same bytes, of which one can be unpacked before the other.
fn pair(base: &str) -> ArchiveSet {
    let mut source = source(base, &bytes(), Packing::Kept);
    let mut second = source.archives[0].clone();
    second.file = "second".to_owned();
    source.archives.push(second);
    source
}

/// Not a test, but the process that the tests below start and kill. It waits for a stalled server,
/// and pauses before it unpacks the second archive.
#[test]
fn fetching_process() {
    let (Ok(base), Some(data)) = (std::env::var(SERVER), std::env::var_os(DATA)) else {
        return;
    };
    let mut patient = policy();
    patient.read_timeout = Duration::from_secs(60);
    let _ = fetch(&pair(&base), Path::new(&data), &patient, &mut |progress| {
        if matches!(progress, Progress::Unpacking { file: "second" }) {
            thread::sleep(Duration::from_secs(60));
        }
    });
}

/// Kills its process on drop, also if a test fails.
struct Killed(Child);

impl Killed {
    fn start(server: &Server, data: &Path) -> Self {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "together::fetching_process"])
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
        assert!(start.elapsed() < Duration::from_secs(20), "timed out");
        thread::sleep(Duration::from_millis(5));
    }
}

fn assert_busy(source: &ArchiveSet, data: &Path) {
    let before = names(data);
    let error = fetch(source, data, &policy(), &mut |_| {}).unwrap_err();
    assert!(matches!(error, FetchError::Busy { .. }), "{error}");
    let message = error.to_string();
    assert!(
        message.contains("another fetch is running") && !message.contains('\n'),
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
fn a_fetch_killed_while_downloading_is_resumed() {
    let data = tempfile::tempdir().unwrap();
    let answers = [Answer::Stall, Answer::Right, Answer::Right];
    let server = Server::new(bytes(), &answers);
    let killed = Killed::start(&server, data.path());
    let part = data.path().join("archive.part");
    wait_until(|| fs::metadata(&part).is_ok_and(|part| part.len() == 10));
    assert_busy(&pair(&server.base), data.path());
    drop(killed);
    // A lock file is left, but it is not locked.
    assert_eq!(names(data.path()), [".small.lock", "archive.part"]);

    fetch(&pair(&server.base), data.path(), &policy(), &mut |_| {}).unwrap();
    assert_pair_whole(data.path());
    assert_eq!(server.ranges(), [None, Some(10), None]);
}

#[test]
fn files_of_a_fetch_killed_while_unpacking_are_removed_by_the_next() {
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
    // Hidden folders with other names must be left alone.
    let other = data.path().join(".small-backup.unpacking");
    fs::create_dir(&other).unwrap();

    fetch(&pair(&server.base), data.path(), &policy(), &mut |_| {}).unwrap();
    fs::remove_dir(&other).unwrap();
    assert_pair_whole(data.path());
    assert_eq!(server.ranges(), [None, None]);
}

#[test]
fn only_one_of_many_concurrent_fetches_does_the_work() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::new(bytes(), &[Answer::Right]);
    let source = source(&server.base, &bytes(), Packing::Kept);
    let whole = thread::scope(|scope| {
        let fetches: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| fetch(&source, data.path(), &policy(), &mut |_| {})))
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
