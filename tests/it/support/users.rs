//! Users of the machine for stories about passwords and about becoming somebody else: made only by root, gone afterwards.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use super::sshd::Sshd;
use super::{eventually, tool};

static COUNT: AtomicU32 = AtomicU32::new(0);
/// The tools lock the user files and fail when they are locked.
static TOOLS: Mutex<()> = Mutex::new(());

/// One user with a password, without a home of its own.
pub struct TestUser {
    pub name: String,
    rules: Option<PathBuf>,
}

impl TestUser {
    /// `None` (with a printed reason) where the test may make no users.
    pub fn new(password: &str) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            eprintln!("skipped: only root can make users");
            return None;
        }
        tool("useradd")?;
        tool("chpasswd")?;
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("hpt{}x{count}", std::process::id());
        run_quietly(&["useradd", "-M", "-d", "/", "-s", "/bin/sh", &name]);
        let user = Self { name, rules: None };
        eventually("the password is set", || user.set_password(password));
        Some(user)
    }

    fn set_password(&self, password: &str) -> bool {
        let _one = TOOLS.lock().unwrap_or_else(PoisonError::into_inner);
        let child = Command::new("chpasswd")
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut child = child.expect("chpasswd runs");
        let mut input = child.stdin.take().expect("it was piped");
        let _ = writeln!(input, "{}:{password}", self.name);
        drop(input);
        child.wait().is_ok_and(|status| status.success())
    }

    /// Lets sudo know this user: `rules` with `$USER` for the name.
    pub fn sudoers(&mut self, rules: &str) {
        let file = PathBuf::from(format!("/etc/sudoers.d/{}", self.name));
        let text = rules.replace("$USER", &self.name) + "\n";
        let opened = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o440)
            .open(&file);
        self.rules = Some(file);
        opened
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .expect("a rule for sudo");
    }

    /// Lets the user log in to the node by its key, and write into its home.
    pub fn at_home_in(&self, node: &Sshd) {
        for folder in [&node.dir, &node.home] {
            fs::set_permissions(folder, PermissionsExt::from_mode(0o755)).expect("its own folder");
        }
        run_quietly(&["chown", &self.name, &node.home.display().to_string()]);
        let keys = node.dir.join("authorized_keys");
        fs::set_permissions(keys, PermissionsExt::from_mode(0o644)).expect("its own file");
    }
}

impl Drop for TestUser {
    fn drop(&mut self) {
        if let Some(rules) = &self.rules {
            let _ = fs::remove_file(rules);
        }
        run_quietly(&["userdel", "-f", &self.name]);
    }
}

/// Tries for a while: another process may hold the user files.
fn run_quietly(words: &[&str]) {
    let _one = TOOLS.lock().unwrap_or_else(PoisonError::into_inner);
    for _ in 0..20 {
        let done = Command::new(words[0])
            .args(&words[1..])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        if done.is_ok_and(|status| status.success() || words[0] == "userdel") {
            return;
        }
        std::thread::yield_now();
    }
    eprintln!("{words:?} did not work");
}
