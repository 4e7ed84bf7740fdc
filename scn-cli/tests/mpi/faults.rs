//! Processes that are stopped, killed, or slow.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::{done, model, scn, shared, turn};

/// Epochs of a run that is disturbed.
const EPOCHS: &str = "30";
const LONG: &str =
    "train --train-limit 300 --test-limit 90 --batch-size 20 --epochs 30 --threads 1 --out run";

/// Seconds that processes have to end themselves after a signal. Open MPI's default is one.
const PATIENCE: &str = "3";

/// Starts a run with this many processes, and waits for its first epochs.
pub(crate) fn begun(processes: usize, arguments: &str, folder: &Path) -> Child {
    let mut command = shared(processes, arguments, folder);
    let mut child = command
        .env("OMPI_MCA_odls_base_sigkill_timeout", PATIENCE)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok);
    assert!(lines.any(|line| line.trim_start().starts_with("2 ")));
    // Read the rest, so that no process blocks on a full pipe.
    std::thread::spawn(move || lines.for_each(drop));
    child
}

pub(crate) fn signal(name: &str, process: u32) {
    done(Command::new("kill").args([name, &process.to_string()]));
}

/// Returns the children of a process.
pub(crate) fn children(parent: u32) -> Vec<u32> {
    // `ps` reports an error if there are none.
    let mut ps = Command::new("ps");
    let output = ps
        .args(["-o", "pid=", "--ppid", &parent.to_string()])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.split_whitespace()
        .map(|pid| pid.parse().unwrap())
        .collect()
}

pub(crate) fn ends_within(child: &mut Child, time: Duration) {
    let begun = Instant::now();
    while child.try_wait().unwrap().is_none() {
        assert!(begun.elapsed() < time, "still there after {time:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Resumes a run to its end, once with one process and once with two. Both are bit-identical to an
/// undisturbed run.
fn resumes(folder: &Path) {
    done(
        Command::new("cp")
            .args(["-r", "run", "again"])
            .current_dir(folder),
    );
    let resume = "train --resume --threads 1 --quiet --epochs";
    let resume = format!("{resume} {EPOCHS} --out");
    done(scn(&format!("{resume} run")).current_dir(folder));
    done(&mut shared(2, &format!("{resume} again"), folder));
    let fresh = LONG.replace("--out run", "--quiet --out fresh");
    done(scn(&fresh).current_dir(folder));
    assert!(model(folder, "run") == model(folder, "fresh"));
    assert!(model(folder, "again") == model(folder, "fresh"));
}

/// A disturbed run ends soon, and can be resumed.
fn ends_and_goes_on(disturb: impl Fn(&Child)) {
    let Some(_turn) = turn() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut child = begun(3, LONG, folder.path());
    disturb(&child);
    ends_within(&mut child, Duration::from_secs(20));
    resumes(folder.path());
}

#[test]
fn a_signal_ends_all_processes_with_a_checkpoint() {
    ends_and_goes_on(|child| signal("-TERM", child.id()));
}

#[test]
fn a_killed_process_ends_all_and_the_run_resumes() {
    ends_and_goes_on(|child| {
        let all = children(child.id());
        assert_eq!(all.len(), 3);
        signal("-KILL", all[2]);
    });
}

/// The other processes wait for one that pauses, for longer than any exchange takes, and continue
/// with it.
#[test]
fn a_process_that_pauses_changes_nothing() {
    let Some(_turn) = turn() else { return };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut child = begun(3, LONG, folder);
    let slow = children(child.id())[1];
    signal("-STOP", slow);
    std::thread::sleep(Duration::from_secs(5));
    assert!(child.try_wait().unwrap().is_none());
    signal("-CONT", slow);
    assert!(child.wait().unwrap().success());
    let fresh = LONG.replace("--out run", "--quiet --out fresh");
    done(scn(&fresh).current_dir(folder));
    assert!(model(folder, "run") == model(folder, "fresh"));
}

/// Starts runs of two or three processes and kills one process at a random time, until a hundred
/// have been killed. All end within ten seconds, and resuming with a different number of processes
/// is bit-identical to an undisturbed run.
#[test]
#[ignore = "takes a quarter of an hour"]
fn a_hundred_kills() {
    let Some(_turn) = turn() else { return };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    // 150 steps.
    let epochs = "--epochs 10";
    let train = LONG
        .replace("--epochs 30", epochs)
        .replace("--out run", "--quiet --out");
    done(scn(&format!("{train} fresh")).current_dir(folder));
    let fresh = model(folder, "fresh");
    let undisturbed = Instant::now();
    done(&mut shared(3, &format!("{train} undisturbed"), folder));
    let undisturbed = undisturbed.elapsed();
    let mut state = 1_u32;
    let mut next = |below: u128| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (u128::from(state >> 8) * below) >> 24
    };
    let (mut killed, mut longest) = (0, Duration::ZERO);
    for run in 0_usize.. {
        if killed == 100 {
            break;
        }
        let processes = 2 + run % 2;
        let mut child = shared(processes, &format!("{train} run-{run}"), folder)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let after = Duration::from_micros(next(undisturbed.as_micros()) as u64);
        std::thread::sleep(after);
        let all = children(child.id());
        let victim = all.get(next(processes as u128) as usize);
        // It may not have started yet, or have just ended.
        let hit = victim.is_some_and(|victim| {
            let mut kill = Command::new("kill");
            let kill = kill.args(["-KILL", &victim.to_string()]).status();
            kill.is_ok_and(|kill| kill.success())
        });
        let begun = Instant::now();
        if hit {
            killed += 1;
            ends_within(&mut child, Duration::from_secs(10));
            longest = longest.max(begun.elapsed());
        } else {
            assert!(child.wait().unwrap().success());
        }
        let resumed = folder
            .join(format!("run-{run}/checkpoint.safetensors"))
            .exists();
        let resume = match resumed {
            true => format!("train --resume {epochs} --threads 1 --quiet --out run-{run}"),
            false => format!("{train} run-{run}"),
        };
        let others = [1, 4, 5 - processes][run % 3];
        done(&mut shared(others, &resume, folder));
        assert!(
            model(folder, &format!("run-{run}")) == fresh,
            "run {run}, after {after:?}"
        );
        eprintln!(
            "{run}: {processes} processes, killed after {after:?}: {hit}, {others} continue (resumed: {resumed})"
        );
    }
    eprintln!("{killed} killed; all ended within {longest:?} (undisturbed: {undisturbed:?})");
}
