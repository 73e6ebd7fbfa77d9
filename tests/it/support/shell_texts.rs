//! Shell texts that have to be good for every node: the scripts of a procedure and those of its doubles.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::tools::tool;

/// Texts, each once, as files.
pub struct ShellTexts {
    folder: tempfile::TempDir,
    paths: Vec<PathBuf>,
}

impl ShellTexts {
    /// The procedures' `texts`, and every file of the folder `doubles` that is called `.sh`, or all where none is.
    ///
    /// # Panics
    /// With fewer than `least` of them: then most were not found.
    pub fn gather(
        texts: impl IntoIterator<Item = String>,
        doubles: &Path,
        least: usize,
    ) -> ShellTexts {
        let texts: BTreeSet<String> = texts.into_iter().collect();
        let mut all = ShellTexts {
            folder: tempfile::tempdir().expect("a folder"),
            paths: Vec::new(),
        };
        for (number, text) in texts.iter().enumerate() {
            let path = all.folder.path().join(format!("{number}.sh"));
            fs::write(&path, text).expect("written");
            all.paths.push(path);
        }
        let entries = fs::read_dir(doubles).expect("the doubles");
        let files: Vec<PathBuf> = entries
            .map(|entry| entry.expect("an entry").path())
            .collect();
        let is_named = |path: &PathBuf| path.extension().is_some_and(|name| name == "sh");
        let some_are_named = files.iter().any(is_named);
        all.paths.extend(
            files
                .into_iter()
                .filter(|path| !some_are_named || is_named(path)),
        );
        assert!(all.paths.len() >= least, "{:?}", all.paths);
        all
    }

    /// That dash, busybox and bash read them without a word; whichever is not here is skipped.
    pub fn are_read_by_every_shell(&self) {
        for shell in [&["dash"][..], &["busybox", "sh"], &["bash", "--posix"]] {
            if tool(shell[0]).is_none() {
                continue;
            }
            for path in &self.paths {
                let read = Command::new(shell[0])
                    .args(&shell[1..])
                    .arg("-n")
                    .arg(path)
                    .output()
                    .expect("the shell exists");
                let said = String::from_utf8_lossy(&read.stderr);
                assert!(
                    read.status.success() && said.is_empty(),
                    "{shell:?} {}: {said}",
                    self.text(path)
                );
            }
        }
    }

    /// That shellcheck(1) has nothing to say, but for the numbers in `except` (`SC2154,SC1091`).
    pub fn please_shellcheck(&self, except: &str) {
        if tool("shellcheck").is_none() {
            return;
        }
        let said = Command::new("shellcheck")
            .args(["-s", "sh", "-e", except, "-f", "gcc"])
            .args(&self.paths)
            .output()
            .expect("shellcheck exists");
        let text = String::from_utf8_lossy(&said.stdout);
        let first = text.split(':').next().unwrap_or_default();
        assert!(
            said.status.success(),
            "{text}{}",
            self.text(Path::new(first))
        );
    }

    /// Numbers say nothing: the text itself is shown.
    fn text(&self, path: &Path) -> String {
        let text = fs::read_to_string(path).unwrap_or_default();
        format!("{}\n{text}", path.display())
    }
}
