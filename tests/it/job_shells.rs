//! The job protocol cut down at random moments, under every shell that nodes have: whoever asks for a start may die at any
//! point of it, many may ask at once, the whole node may lose its power; each job runs once, and no state is a lie.
//!
//! `HOLDPOINT_EFFORT=n` does n times as much.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use holdpoint::sim::rng::Rng;
use holdpoint::transport::job::{JobState, Standing, start_text};

use crate::support::endpoint::session;
use crate::support::job::{finish, folder, spec, state};
use crate::support::sshd::{NODE_MARK, Sshd, end_all_of};
use crate::support::{eventually, tool};

const SHELLS: [&str; 3] = ["dash", "bash", "busybox"];

fn effort() -> usize {
    let effort = std::env::var("HOLDPOINT_EFFORT").ok();
    effort.and_then(|times| times.parse().ok()).unwrap_or(1)
}

/// A folder that is a node: what runs there has one shell as its `sh`.
struct Node {
    folder: tempfile::TempDir,
    shell: &'static str,
}

impl Node {
    fn with(shell: &'static str) -> Option<Node> {
        let program = tool(shell)?;
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("bin")).expect("a folder");
        std::os::unix::fs::symlink(program, folder.path().join("bin/sh")).expect("a link");
        Some(Node { folder, shell })
    }

    fn home(&self) -> &Path {
        self.folder.path()
    }

    fn jobs(&self) -> PathBuf {
        self.home().join("jobs")
    }

    /// A start of this job, as a login shell would be given it; its input stays open.
    fn shell(&self) -> Child {
        let path = std::env::var("PATH").unwrap_or_default();
        Command::new(self.home().join("bin/sh"))
            .arg("-s")
            .env("PATH", format!("{}/bin:{path}", self.home().display()))
            .env("HOME", self.home())
            .env(NODE_MARK, self.home())
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it is installed")
    }

    fn ask(&self, text: &[u8]) -> Child {
        let mut shell = self.shell();
        let mut input = shell.stdin.take().expect("it is piped");
        input.write_all(text).expect("it reads its script");
        shell
    }

    fn text(&self, job: &str) -> Vec<u8> {
        let payload = format!("echo ran >>\"$HOME/ran.{job}\"; sleep 0.05; echo done; exit 3");
        let base = self.jobs().display().to_string();
        start_text(Some(&base), &spec(job, &payload)).expect("it can be sent")
    }

    /// The job has come to its end, with its code and its output, and ran once.
    fn assert_once(&self, job: &str, told: &str) {
        let folder = self.jobs().join(job);
        eventually(&format!("{told}: its result"), || {
            folder.join("rc").exists()
        });
        let ran = fs::read_to_string(self.home().join(format!("ran.{job}")));
        assert_eq!(ran.expect("it ran"), "ran\n", "{told}");
        let rc = fs::read_to_string(folder.join("rc")).expect("a result");
        assert!(
            rc.starts_with("3 0 5 ") && rc.contains(" ok\n"),
            "{told}: {rc:?}"
        );
        assert_eq!(
            fs::read_to_string(folder.join("log")).expect("a log"),
            "done\n",
            "{told}"
        );
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        end_all_of(self.folder.path());
    }
}

/// The same on a node of each shell, side by side.
fn under_every_shell(story: impl Fn(&Node) + Sync) {
    let nodes: Vec<Node> = SHELLS.into_iter().filter_map(Node::with).collect();
    std::thread::scope(|scope| {
        for node in &nodes {
            scope.spawn(|| story(node));
        }
    });
}

#[test]
fn whoever_asks_for_a_start_may_be_killed_at_any_moment() {
    under_every_shell(|node| {
        let mut dice = Rng::keyed(1, &["kills", node.shell]);
        for number in 0..12 * effort() {
            let job = format!("r.killed.{number}");
            let text = node.text(&job);
            let pause = Duration::from_millis(dice.draw() % 120);
            let told = format!("{} {job}, killed after {pause:?}", node.shell);
            let mut first = node.ask(&text);
            // Not a wait for something: each round is cut at another moment.
            std::thread::sleep(pause);
            first.kill().expect("it is ours");
            first.wait().expect("it is ours");
            let mut again = node.ask(&text);
            assert!(again.wait().expect("it is ours").success(), "{told}");
            node.assert_once(&job, &told);
        }
    });
}

#[test]
fn many_starts_at_the_same_moment_are_one() {
    under_every_shell(|node| {
        for number in 0..3 * effort() {
            let job = format!("r.many.{number}");
            let text = node.text(&job);
            let (last, most) = text.split_last().expect("a text");
            let mut shells: Vec<Child> = (0..8).map(|_| node.shell()).collect();
            let mut inputs = Vec::new();
            for shell in &mut shells {
                let mut input = shell.stdin.take().expect("it is piped");
                input.write_all(most).expect("it reads its script");
                inputs.push(input);
            }
            // Each waits for its very last character.
            for mut input in inputs {
                input.write_all(&[*last]).expect("it reads its script");
            }
            for mut shell in shells {
                assert!(shell.wait().expect("it is ours").success());
            }
            node.assert_once(&job, &format!("{} {job}", node.shell));
        }
    });
}

/// The boot identity stays the machine's here, so that what a reboot leaves is told apart by the processes alone.
#[tokio::test]
async fn a_node_that_loses_its_power_at_any_moment_tells_no_lie() {
    let Some(node) = Sshd::start("power", "127.0.234.31") else {
        return;
    };
    let mut dice = Rng::keyed(1, &["power"]);
    let mut met = std::collections::BTreeMap::new();
    for number in 0..10 * effort() {
        let job = spec(
            &format!("r.power.{number}"),
            &format!("echo begun; echo ran >>\"$HOME/ran.{number}\"; sleep 0.1; echo over"),
        );
        let first = session(&node).await;
        let pause = Duration::from_millis(dice.draw() % 350);
        let starting = tokio::spawn({
            let job = job.clone();
            async move { holdpoint::transport::job::start(&first, &job).await }
        });
        // Not a wait for something: each round is cut at another moment.
        tokio::time::sleep(pause).await;
        node.power_cut();
        // It may have been told of, or not.
        let _ = starting.await.expect("no panic");
        node.restart();
        let again = session(&node).await;
        let now = state(&again, &job).await;
        let told = format!("{}: cut after {pause:?}, {now:?}", job.id);
        let ran = fs::read_to_string(node.home.join(format!("ran.{number}")));
        *met.entry(format!("{:?}", now.standing())).or_insert(0) += 1;
        assert!(
            ran.as_ref().is_ok_and(|ran| ran == "ran\n") || ran.is_err(),
            "{told}: {ran:?}"
        );
        match now.standing() {
            Standing::NotBegun | Standing::NeverRan => assert!(ran.is_err(), "{told}"),
            Standing::Claimed => {
                let (answer, output) = finish(&again, &job).await;
                let exit = answer.exit.expect("its end");
                // The processes go one after another here: the payload may be killed before the eyes of its supervisor.
                if exit.signal() != Some(9) {
                    assert_eq!(exit.code, 0, "{told}");
                    assert_eq!(output, b"begun\nover\n", "{told}");
                    assert!(ran.is_ok(), "{told}");
                }
            }
            Standing::InDoubt => {
                assert!(folder(&node, &job).join("exec").exists(), "{told}");
                assert_eq!(now, JobState::Vanished, "{told}");
            }
            Standing::Going => panic!("nothing lives: {told}"),
        }
    }
    println!("{met:?}");
}
