//! Distinct names for run folders.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

/// Returns the name of each run's folder, with as many parent folders as distinguish it from the
/// others.
///
/// A missing folder keeps its path as given; reading it reports the error.
///
/// # Errors
/// Returns an error if two paths lead to the same run.
pub(super) fn distinct(paths: &[PathBuf]) -> Result<Vec<String>> {
    let whole: Vec<PathBuf> = paths
        .iter()
        .map(|path| path.canonicalize().unwrap_or_else(|_| path.clone()))
        .collect();
    for (index, path) in whole.iter().enumerate() {
        if let Some(before) = whole[..index].iter().position(|other| other == path) {
            bail!(
                "{} and {} are the same run",
                paths[before].display(),
                paths[index].display()
            );
        }
    }
    let name = |path: &PathBuf| {
        let others = || whole.iter().filter(|other| *other != path);
        let enough = (1..)
            .find(|&parts| others().all(|other| end(other, parts) != end(path, parts)))
            .unwrap_or(1);
        end(path, enough).display().to_string()
    };
    Ok(whole.iter().map(name).collect())
}

/// Returns the last `parts` components of a path.
fn end(path: &Path, parts: usize) -> PathBuf {
    let count = path.components().count();
    path.components()
        .skip(count.saturating_sub(parts))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(paths: &[&str]) -> Vec<String> {
        let paths: Vec<PathBuf> = paths.iter().map(PathBuf::from).collect();
        distinct(&paths).unwrap()
    }

    #[test]
    fn names_are_as_long_as_they_have_to_be() {
        assert_eq!(names(&["/no/a", "/no/b"]), ["a", "b"]);
        assert_eq!(
            names(&["/no/one/run", "/no/two/run", "/no/other"]),
            ["one/run", "two/run", "other"]
        );
        assert_eq!(names(&["/no/run", "/run"]), ["no/run", "/run"]);
    }

    #[test]
    fn a_run_is_not_compared_with_itself() {
        let paths = ["/no/run", "/no/run"].map(PathBuf::from);
        let error = distinct(&paths).unwrap_err().to_string();
        assert_eq!(error, "/no/run and /no/run are the same run");
    }
}
