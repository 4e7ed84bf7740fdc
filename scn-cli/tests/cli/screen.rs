//! Output on a terminal of 80 x 24, while a command computes and when it is stopped.
#![cfg(unix)]

use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use pty_process::Size;
use pty_process::blocking::{Command, Pty, open};

use crate::{scn, train_small, write_array};

/// A command on a terminal, and what the terminal shows.
struct Terminal {
    pty: Pty,
    child: Child,
    shown: vt100::Parser,
}

/// How a command ended.
struct Ended {
    code: Option<i32>,
    lines: Vec<String>,
}

impl Terminal {
    fn start(arguments: &[&str], folder: &Path) -> Self {
        let (pty, pts) = open().unwrap();
        pty.resize(Size::new(24, 80)).unwrap();
        let command = Command::new(assert_cmd::cargo::cargo_bin("scn"))
            .args(arguments)
            .current_dir(folder)
            .env_remove("SCN_DATA")
            .env("TERM", "xterm");
        let size = |count| NonZeroU16::new(count).unwrap();
        Self {
            child: command.spawn(pts).unwrap(),
            pty,
            shown: vt100::Parser::new(size(24), size(80), 1000),
        }
    }

    fn text(&self) -> String {
        self.shown.screen().contents()
    }

    /// Processes the next output of the command. Returns false if it has ended.
    fn read(&mut self) -> bool {
        let mut bytes = [0; 4096];
        // Linux reports an error once the other end is closed.
        let count = self.pty.read(&mut bytes).unwrap_or(0);
        self.shown.process(&bytes[..count]);
        count > 0
    }

    /// Waits until all of these texts are on the screen at once.
    fn until(&mut self, texts: &[&str]) {
        while !texts.iter().all(|text| self.text().contains(text)) {
            assert!(self.read(), "no {texts:?} in:\n{}", self.text());
        }
    }

    /// Sends Ctrl-C as a keystroke, or TERM from another process.
    fn send(&mut self, signal: Signal) {
        match signal {
            Signal::CtrlC => self.pty.write_all(b"\x03").unwrap(),
            Signal::Term => {
                let id = self.child.id().to_string();
                let mut kill = std::process::Command::new("kill");
                assert!(kill.args(["-TERM", &id]).status().unwrap().success());
            }
        }
    }

    /// Waits until the command has ended. The cursor must be where a shell prints its prompt, and
    /// no progress bar may remain.
    fn end(mut self) -> Ended {
        while self.read() {}
        let code = self.child.wait().unwrap().code();
        let (screen, text) = (self.shown.screen(), self.text());
        assert!(!screen.hide_cursor());
        let (row, column) = screen.cursor_position();
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        assert_eq!((usize::from(row), column), (lines.len(), 0), "{text}");
        for moving in ['━', '─', '▁', '⠁'] {
            assert!(!text.contains(moving), "{text}");
        }
        Ended { code, lines }
    }
}

/// Signals that end a command, with its exit codes.
const SIGNALS: [(Signal, i32); 2] = [(Signal::CtrlC, 130), (Signal::Term, 143)];

#[derive(Clone, Copy)]
enum Signal {
    CtrlC,
    Term,
}

#[test]
fn stopped_training_shows_its_epochs_and_how_to_resume() {
    let folder = tempfile::tempdir().unwrap();
    for (signal, code) in SIGNALS {
        let out = code.to_string();
        let arguments = ["train", "--epochs", "100000", "--out", &out];
        let mut terminal = Terminal::start(&arguments, folder.path());
        // Wait for an epoch after the second.
        terminal.until(&["\n    2 ", "━", "images/s,"]);
        terminal.send(signal);
        let ended = terminal.end();
        assert_eq!(ended.code, Some(code));
        let [.., epoch, stopped, resume] = &ended.lines[..] else {
            panic!("{:?}", ended.lines);
        };
        assert!(epoch.contains(" %"), "{epoch}");
        assert!(stopped.starts_with("stopped in epoch "), "{stopped}");
        assert_eq!(
            *resume,
            format!("resume with: scn train --out {out} --resume")
        );
    }
}

/// The state is kept, and the printed command resumes from it.
#[test]
fn stopped_learning_keeps_its_state_and_shows_how_to_resume() {
    let folder = tempfile::tempdir().unwrap();
    let values: Vec<f32> = (0..32 * 5000_u64)
        .map(|at| (at * at % 251) as f32 / 251.0)
        .collect();
    write_array(&folder.path().join("X.npy"), &[32, 5000], &values);
    for (signal, code) in SIGNALS {
        let out = format!("{code}.npy");
        let arguments =
            "learn --signals X.npy --atoms 64 --lambda1 0.05 --tolerance 0 --held-out 0";
        let arguments: Vec<&str> = arguments.split(' ').chain(["--out", &out]).collect();
        let mut terminal = Terminal::start(&arguments, folder.path());
        terminal.until(&["last batch", "\nepoch ", "━", " active, "]);
        terminal.send(signal);
        let ended = terminal.end();
        assert_eq!(ended.code, Some(code));
        let text = ended.lines.join("\n");
        let by = if code == 130 { "Ctrl-C" } else { "TERM" };
        assert!(text.contains(&format!("stopped by {by} after ")), "{text}");
        let resume = format!("resume with: scn learn --signals X.npy --out {out} --resume");
        assert_eq!(ended.lines.last(), Some(&resume));
        assert!(!folder.path().join(&out).exists());
        let mut again = scn();
        again
            .current_dir(folder.path())
            .args(resume.split(' ').skip(3));
        again.args(["--seconds", "0", "--quiet"]).assert().success();
        assert!(folder.path().join(&out).exists());
    }
}

/// Two images of 2500 values: their covariance is computed at once, but its eigenvectors take many
/// seconds.
#[test]
fn stopped_whitening_ends_at_once_and_leaves_no_files() {
    let folder = tempfile::tempdir().unwrap();
    for half in ["train", "test"] {
        let pixels: Vec<u8> = (0..2 * 2500_u32).map(|at| (at * at % 251) as u8).collect();
        let file = |what| folder.path().join(format!("made-{half}-{what}.npy"));
        write_array(&file("images"), &[2, 1, 50, 50], &pixels);
        write_array(&file("labels"), &[2], &[0_u8, 1]);
    }
    let arguments =
        "train --dataset npy:made --preset scn1 --set input.whitening=0.1 --out runs/made";
    stops_at_once(
        folder.path(),
        arguments,
        &["whitening", "eigenvectors, 0:00"],
        "runs/made",
    );
}

/// Learns from all windows of all digits, which takes seconds.
#[test]
fn stopped_initial_learning_ends_at_once_and_leaves_no_files() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = "train --set network.dictionary=learned --set network.learned.images=1437 \
        --set network.learned.windows=100000 --set network.learned.epochs=1000 --out run";
    stops_at_once(
        folder.path(),
        arguments,
        &["dictionary  1/5 ━", "objective "],
        "run",
    );
}

/// Checks that each signal, sent when these texts are shown, ends training before its first step
/// and leaves nothing at `out`.
fn stops_at_once(folder: &Path, arguments: &str, shown: &[&str], out: &str) {
    for (signal, code) in SIGNALS {
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        let mut terminal = Terminal::start(&arguments, folder);
        terminal.until(shown);
        let sent = Instant::now();
        terminal.send(signal);
        let ended = terminal.end();
        // Signals are checked twenty times a second; the rest is for busy machines.
        assert!(
            sent.elapsed() < Duration::from_secs(3),
            "{:?}",
            sent.elapsed()
        );
        assert_eq!(ended.code, Some(code));
        let last = ended.lines.last().unwrap();
        assert_eq!(last, "stopped before the first step; nothing was written");
        assert!(!folder.join(out).exists());
    }
}

/// Writes a trained model, and more images for it than can be tested in a minute.
fn model_and_images(folder: &Path) {
    train_small(&folder.join("run"), &[]).assert().success();
    const IMAGES: u64 = 200_000;
    for (half, images) in [("train", 10), ("test", IMAGES)] {
        let file = |what| folder.join(format!("made-{half}-{what}.npy"));
        let pixels: Vec<u8> = (0..images * 64).map(|at| (at % 17) as u8).collect();
        write_array(&file("images"), &[images, 1, 8, 8], &pixels);
        let labels: Vec<u8> = (0..images).map(|image| (image % 10) as u8).collect();
        write_array(&file("labels"), &[images], &labels);
    }
}

#[test]
fn evaluation_and_encoding_stop_at_once() {
    let folder = tempfile::tempdir().unwrap();
    model_and_images(folder.path());
    let commands = [
        ("evaluate --model run --dataset npy:made", "testing ━"),
        (
            "encode --model run --layer 1 --dataset npy:made --out F.npy",
            "encoding ━",
        ),
    ];
    for (command, bar) in commands {
        for (signal, code) in SIGNALS {
            let arguments: Vec<&str> = command.split(' ').collect();
            let mut terminal = Terminal::start(&arguments, folder.path());
            terminal.until(&[bar, "/200,000", " left"]);
            terminal.send(signal);
            let ended = terminal.end();
            assert_eq!(ended.code, Some(code));
            let by = if code == 130 { "Ctrl-C" } else { "TERM" };
            assert_eq!(ended.lines, [format!("stopped by {by}")]);
        }
    }
    // Neither the file of codes nor a part of it is left.
    let names = std::fs::read_dir(folder.path()).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let other: Vec<String> = names
        .filter(|name| name != "run" && !name.starts_with("made-"))
        .collect();
    assert_eq!(other, Vec::<String>::new());
}

#[test]
fn an_error_leaves_no_bar() {
    let folder = tempfile::tempdir().unwrap();
    // Steps are drawn first; after the warm-up the learning rate is huge.
    let arguments =
        "train --out run --set training.learning_rate=1e30 --set training.warm_up_steps=20";
    let arguments: Vec<&str> = arguments.split(' ').collect();
    let mut terminal = Terminal::start(&arguments, folder.path());
    terminal.until(&["epoch  1/30"]);
    let ended = terminal.end();
    assert_eq!(ended.code, Some(4));
    let error = ended
        .lines
        .iter()
        .position(|line| line.starts_with("error: "));
    let error = ended.lines[error.unwrap()..].join(" ");
    assert!(error.contains("training diverged in epoch 1"), "{error}");
}

/// Neither pipes nor `--json` get progress bars.
#[test]
fn no_bar_is_drawn_in_pipes_or_beside_json() {
    let folder = tempfile::tempdir().unwrap();
    train_small(&folder.path().join("run"), &[])
        .assert()
        .success();
    let piped = scn()
        .args(["evaluate", "--model", "run"])
        .current_dir(folder.path())
        .assert()
        .success();
    assert_eq!(piped.get_output().stderr, b"");
    assert!(!piped.get_output().stdout.contains(&0x1b));
    let arguments = ["evaluate", "--model", "run", "--json"];
    let mut terminal = Terminal::start(&arguments, folder.path());
    let mut written = Vec::new();
    let _ = terminal.pty.read_to_end(&mut written);
    assert!(written.starts_with(b"{") && !written.contains(&0x1b));
    assert!(terminal.child.wait().unwrap().success());
}
