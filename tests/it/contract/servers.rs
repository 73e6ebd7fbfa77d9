//! The four real servers of the contract, each with a node of its own behind it: folder, home, keys, environment.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use russh::keys::{PrivateKey, PublicKey};
use tokio::task::JoinHandle;

use super::in_process::{self, Part, Rules};
use crate::support::sshd::{NODE_MARK, Sshd, end_all_of, new_key};
use crate::support::tools::{find, require};
use crate::support::users::TestUser;
use crate::support::{eventually, tool};

/// Where the commands of a node are looked for, after its own.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The shell of the node's sessions. Once there is a file `boots`, process 1 has begun so many ticks later than the machine's.
const SH: &str = r#"#!/bin/sh
boots=$(cat "$HOME/boots" 2>/dev/null)
if [ "$*" != -s ] || [ -z "$boots" ]; then exec @SH@ "$@"; fi
line=$(cat /proc/1/stat)
at=0
told=
for word in ${line##*) }; do
  at=$((at + 1))
  if [ "$at" -eq 20 ]; then word=$((word + boots)); fi
  told="$told $word"
done
printf '%s)%s\n' "${line%) *}" "$told" >"$HOME/stat"
sed -u "s,/proc/1/stat,$HOME/stat,g" | @SH@ -s
"#;

/// One server that runs, and the node behind it.
pub struct Server {
    pub ip: String,
    pub port: u16,
    pub user: String,
    /// Algorithm and base64.
    pub host_key: String,
    pub login_key: PathBuf,
    /// What scripts see as `$HOME`.
    pub home: PathBuf,
    /// What the processes of the node carry as their mark.
    dir: PathBuf,
    _keep: Keep,
}

/// What goes away with the server.
enum Keep {
    OpenSsh {
        _sshd: Sshd,
    },
    Process {
        _process: Process,
        _folder: Folder,
        _user: Option<TestUser>,
    },
    Task {
        task: JoinHandle<()>,
        _folder: Folder,
    },
}

impl Drop for Keep {
    fn drop(&mut self) {
        match self {
            Keep::Task { task, .. } => task.abort(),
            Keep::OpenSsh { .. } | Keep::Process { .. } => {}
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        end_all_of(&self.dir);
    }
}

struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Server {
    /// Its host key.
    pub fn key(&self) -> PublicKey {
        PublicKey::from_openssh(&self.host_key).expect("a key as text")
    }

    /// Every process of the node is gone, and from now on it is another boot.
    pub fn boot_again(&self) {
        fs::write(self.home.join("boots"), "1000").expect("the node's home");
        end_all_of(&self.dir);
    }

    pub fn openssh(ip: &str) -> Option<Server> {
        let sshd = Sshd::start_with("openssh", ip, &["Subsystem sftp internal-sftp"])?;
        furnish(&sshd.home, &sshd.dir);
        Some(Server {
            ip: sshd.ip.clone(),
            port: sshd.port,
            user: sshd.user.clone(),
            host_key: sshd.host_key(),
            login_key: sshd.login_key.clone(),
            home: sshd.home.clone(),
            dir: sshd.dir.clone(),
            _keep: Keep::OpenSsh { _sshd: sshd },
        })
    }

    /// Dropbear takes keys from the home of whoever logs in: that is a user of the test's own.
    pub fn dropbear(ip: &str) -> Option<Server> {
        let (program, keys) = (tool("dropbear")?, tool("dropbearkey")?);
        tool("usermod")?;
        let folder = Folder::new("dropbear")?;
        let user = TestUser::new("nobody-logs-in-with-it")?;
        user_of(&folder.home, &user.name);
        let ssh = folder.home.join(".ssh");
        fs::create_dir(&ssh).expect("a folder");
        let authorized = ssh.join("authorized_keys");
        fs::copy(folder.path().join("login_key.pub"), &authorized).expect("authorized_keys");
        fs::set_permissions(&authorized, PermissionsExt::from_mode(0o644)).expect("its mode");
        let host_key = folder.path().join("dropbear_key");
        let made = output(
            Command::new(&keys)
                .args(["-t", "ed25519", "-f"])
                .arg(&host_key),
        );
        let public = made.lines().find(|line| line.starts_with("ssh-ed25519 "));
        let public = public.unwrap_or_else(|| panic!("no key was made: {made}"));
        let public: Vec<&str> = public.split(' ').take(2).collect();
        let (mut process, mut port) = (None, 0);
        // A free port can be taken between our look and the server's bind: take another, a few times.
        for _ in 0..5 {
            port = free_port(ip);
            let mut server = Command::new(&program);
            server.args(["-F", "-E", "-s", "-p", &format!("{ip}:{port}"), "-r"]);
            server
                .arg(&host_key)
                .arg("-P")
                .arg(folder.path().join("pid"));
            let mut child = server
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(folder.log())
                .spawn()
                .expect("dropbear can be run");
            let mut alive = true;
            eventually("dropbear listens or gives up", || {
                alive = matches!(child.try_wait(), Ok(None));
                !alive || TcpStream::connect((ip, port)).is_ok()
            });
            process = Some(Process(child)).filter(|_| alive);
            if process.is_some() {
                break;
            }
        }
        let process = process.unwrap_or_else(|| panic!("it did not start: {}", folder.said()));
        let name = user.name.clone();
        let mut server = folder.server(ip, port, public.join(" "), |folder| Keep::Process {
            _process: process,
            _folder: folder,
            _user: Some(user),
        });
        server.user = name;
        Some(server)
    }

    pub fn asyncssh(ip: &str) -> Option<Server> {
        let python = python_with_asyncssh()?;
        let folder = Folder::new("asyncssh")?;
        let script = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/doubles/ssh-servers/asyncssh_server.py");
        let mut server = Command::new(python);
        server
            .arg(script)
            .arg(ip)
            .arg(folder.path().join("host_key"));
        server.arg(folder.path().join("login_key.pub"));
        server.args(
            folder
                .environment()
                .iter()
                .map(|(name, value)| format!("{name}={value}")),
        );
        let mut child = server
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(folder.log())
            .spawn()
            .expect("python can be run");
        let mut said = String::new();
        let stdout = child.stdout.take().expect("it is piped");
        let process = Process(child);
        let _ = BufReader::new(stdout).read_line(&mut said);
        let port = said.trim().parse();
        let port = port.unwrap_or_else(|_| panic!("it did not start: {}", folder.said()));
        let host_key = folder.host_key();
        Some(folder.server(ip, port, host_key, |folder| Keep::Process {
            _process: process,
            _folder: folder,
            _user: None,
        }))
    }

    /// A server within the test that plays this part.
    pub async fn in_process(ip: &str, part: Arc<Part>) -> Option<Server> {
        let folder = Folder::new("in-process")?;
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).expect("a key file");
        let rules = Rules {
            host_key: PrivateKey::from_openssh(read("host_key")).expect("a private key"),
            login: PublicKey::from_openssh(&read("login_key.pub")).expect("a public key"),
            environment: folder.environment(),
            part,
        };
        let (port, task) = in_process::serve(ip, rules).await;
        let host_key = folder.host_key();
        Some(folder.server(ip, port, host_key, |folder| Keep::Task {
            task,
            _folder: folder,
        }))
    }
}

/// The folder of a node: its keys, its home, its server's log.
struct Folder {
    dir: tempfile::TempDir,
    home: PathBuf,
}

impl Folder {
    fn new(name: &str) -> Option<Folder> {
        tool("ssh-keygen")?;
        let dir = tempfile::Builder::new()
            .prefix(&format!("holdpoint-{name}-"))
            .tempdir()
            .expect("a folder for the node");
        let home = dir.path().join("home");
        fs::create_dir(&home).expect("the node's home");
        for key in ["host_key", "login_key"] {
            new_key(&dir.path().join(key), "");
        }
        furnish(&home, dir.path());
        Some(Folder { dir, home })
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn host_key(&self) -> String {
        let text = fs::read_to_string(self.path().join("host_key.pub")).expect("a public key");
        let words: Vec<&str> = text.split(' ').take(2).collect();
        words.join(" ")
    }

    /// The whole environment of what runs on the node.
    fn environment(&self) -> Vec<(String, String)> {
        let home = self.home.display().to_string();
        let pair = |name: &str, value: String| (name.to_owned(), value);
        vec![
            pair("PATH", format!("{home}/bin:{PATH}")),
            pair("HOME", home),
            pair("USER", "operator".into()),
            pair("LOGNAME", "operator".into()),
            pair("SHELL", "/bin/sh".into()),
            pair(NODE_MARK, self.path().display().to_string()),
        ]
    }

    fn log(&self) -> Stdio {
        let file = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.path().join("log"));
        file.expect("the server's log").into()
    }

    fn said(&self) -> String {
        fs::read_to_string(self.path().join("log")).unwrap_or_default()
    }

    fn server(
        self,
        ip: &str,
        port: u16,
        host_key: String,
        keep: impl FnOnce(Folder) -> Keep,
    ) -> Server {
        Server {
            ip: ip.into(),
            port,
            user: "operator".into(),
            host_key,
            login_key: self.path().join("login_key"),
            home: self.home.clone(),
            dir: self.path().to_owned(),
            _keep: keep(self),
        }
    }
}

/// Puts into a node's home what every node has: its own `sh`, and a login script that finds it and marks what runs.
fn furnish(home: &Path, dir: &Path) {
    let shell = find("sh").expect("every machine has it");
    let bin = home.join("bin");
    fs::create_dir(&bin).expect("a folder");
    fs::write(
        bin.join("sh"),
        SH.replace("@SH@", &shell.display().to_string()),
    )
    .expect("a script");
    fs::set_permissions(bin.join("sh"), PermissionsExt::from_mode(0o755)).expect("its mode");
    let login = format!(
        "export PATH=\"$HOME/bin:$PATH\" {NODE_MARK}='{}'\n",
        dir.display()
    );
    fs::write(home.join(".bashrc"), login).expect("a login script");
}

/// Makes this the home of the user, with a shell that reads a login script.
fn user_of(home: &Path, name: &str) {
    let parent = home.parent().expect("the node's folder");
    fs::set_permissions(parent, PermissionsExt::from_mode(0o755)).expect("its own folder");
    // The user files may be locked by another process just now.
    eventually("the user gets a home", || {
        let mut usermod = Command::new("usermod");
        usermod.arg("-d").arg(home).args(["-s", "/bin/bash", name]);
        usermod
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    });
    let number = |what: &str| output(Command::new("id").args([what, name])).trim().parse();
    let (user, group) = (
        number("-u").expect("a number"),
        number("-g").expect("a number"),
    );
    chown(home, Some(user), Some(group)).expect("only root comes here");
}

fn python_with_asyncssh() -> Option<PathBuf> {
    let candidates = ["/usr/bin/python3".into()]
        .into_iter()
        .chain(find("python3"));
    let has = |python: &PathBuf| {
        let mut asked = Command::new(python);
        asked.args(["-W", "ignore", "-c", "import asyncssh"]);
        asked
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    };
    require("a Python with AsyncSSH", candidates.into_iter().find(has))
}

fn output(command: &mut Command) -> String {
    let done = command.stdin(Stdio::null()).stderr(Stdio::null()).output();
    String::from_utf8_lossy(&done.expect("it can be run").stdout).into_owned()
}

fn free_port(ip: &str) -> u16 {
    let listener = TcpListener::bind((ip, 0)).expect("a loopback address");
    listener.local_addr().expect("its own address").port()
}
