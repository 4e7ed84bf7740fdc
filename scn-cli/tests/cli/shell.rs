//! `scn completions` and `scn man`.

use std::process::{Command, Stdio};

use crate::{json, scn};

/// Returns the subcommands of a command, as listed in its help.
pub(crate) fn commands(parents: &[&str]) -> Vec<String> {
    let output = scn().args(parents).arg("--help").output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    listed
        .take_while(|line| !line.is_empty())
        // Long descriptions continue on lines that are indented further.
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .map(str::to_string)
        .collect()
}

/// Runs a program that may not be installed. If it is not, prints that the check is skipped and
/// returns false.
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn check(command: &mut Command) -> bool {
    match command.output() {
        Ok(output) => {
            let complaints = String::from_utf8_lossy(&output.stderr);
            assert!(
                output.status.success() && complaints.is_empty(),
                "{command:?}: {complaints}"
            );
            true
        }
        Err(_) => {
            eprintln!(
                "skipped: {} is not installed",
                command.get_program().display()
            );
            false
        }
    }
}

#[test]
fn every_command_has_a_page() {
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("man1");
    let report = json(scn().arg("man").arg(&pages));
    assert_eq!(report["folder"], pages.to_str().unwrap());
    let settings = folder.path().join("man5/scn-config.5");
    assert_eq!(report["config"], settings.to_str().unwrap());

    let top = commands(&[]);
    assert!(top.contains(&"train".to_string()) && top.contains(&"man".to_string()));
    let mut expected = vec!["scn.1".to_string()];
    for name in &top {
        expected.push(format!("scn-{name}.1"));
        let below = commands(&[name]);
        expected.extend(below.iter().map(|below| format!("scn-{name}-{below}.1")));
    }
    assert!(expected.contains(&"scn-data-fetch.1".to_string()));
    let files = std::fs::read_dir(&pages).unwrap();
    let mut found: Vec<String> = files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    found.sort();
    expected.sort();
    assert_eq!(found, expected);

    let all = found.iter().map(|page| pages.join(page)).chain([settings]);
    for path in all {
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(".SH SYNOPSIS"), "{}", path.display());
        // groff warns about mistakes without typesetting.
        if !check(Command::new("groff").args(["-man", "-ww", "-z"]).arg(&path)) {
            break;
        }
    }
}

#[test]
fn completions_cover_every_command() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let assert = scn().args(["completions", shell]).assert().success();
        let script = String::from_utf8(assert.get_output().stdout.clone()).unwrap();
        for name in commands(&[]) {
            assert!(script.contains(&name), "{shell}: {name}");
        }
        let path = folder.path().join(shell);
        std::fs::write(&path, script).unwrap();
        // These two shells can check a script without running it.
        if shell == "bash" || shell == "zsh" {
            check(Command::new(shell).arg("-n").arg(&path));
        }
    }
}

/// If the folder has a different name, all pages are written directly to it.
#[test]
fn the_page_of_settings_is_beside_the_others() {
    let folder = tempfile::tempdir().unwrap();
    scn().arg("man").arg(folder.path()).assert().success();
    for page in ["scn.1", "scn-presets.1", "scn-config.5"] {
        assert!(folder.path().join(page).is_file(), "{page}");
    }
}

/// A folder that cannot be created is a one-line error.
#[test]
fn pages_need_a_folder() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let assert = scn().arg("man").arg(file.path()).assert().code(1);
    let message = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
    assert!(
        message.starts_with("error: cannot write manual pages to "),
        "{message}"
    );
    assert_eq!(message.lines().count(), 1);
}

/// A reader that closes the pipe early, as in `scn ... | head`, causes neither a panic nor an early
/// end.
#[test]
fn a_closed_pipe_stops_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let run = run.to_str().unwrap();
    let unread = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_scn"));
        command.args(arguments).env_remove("SCN_DATA");
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert!(
            output.status.success() && output.stderr.is_empty(),
            "{output:?}"
        );
    };
    unread(&["completions", "bash"]);
    unread(&["inspect", "--help"]);
    unread(&[
        "train",
        "--train-limit",
        "64",
        "--test-limit",
        "20",
        "--epochs",
        "2",
        "--out",
        run,
    ]);
    unread(&["report", run, "--json"]);
}
