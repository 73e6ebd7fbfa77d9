//! The machines of a real cluster, whatever product runs on them: OpenSSH servers on addresses of their own, the
//! operator's known_hosts, and the parts of the cluster file that have to do with them.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use super::sshd::Sshd;

pub struct Site {
    pub servers: Vec<Sshd>,
    /// State folder, known_hosts and cluster file.
    pub folder: tempfile::TempDir,
}

impl Site {
    /// One server for each name, all of them known by their host keys. `None` (with a printed reason) where no sshd is
    /// installed. `first_ip` keeps stories that run at the same time apart: 127.0.`first_ip`.1 and so on.
    pub fn start(names: &[&str], first_ip: u8) -> Option<Site> {
        Site::start_at(names, first_ip, 1)
    }

    /// The same, with the first server on 127.0.`first_ip`.`first`.
    pub fn start_at(names: &[&str], first_ip: u8, first: u8) -> Option<Site> {
        let mut servers = Vec::new();
        for (name, number) in names.iter().zip(first..) {
            let ip = format!("127.0.{first_ip}.{number}");
            servers.push(Sshd::start(name, &ip)?);
        }
        let site = Site {
            servers,
            folder: tempfile::tempdir().expect("a folder for the operator"),
        };
        site.know_all();
        Some(site)
    }

    /// Puts `path` as the search path of everything that runs on the node: it sees its own double's commands.
    pub fn see_only(&self, index: usize, path: &str) {
        let script = format!("export PATH='{path}'\n");
        fs::write(self.servers[index].home.join(".bashrc"), script)
            .expect("the node's login script");
    }

    /// The operator's known_hosts file.
    pub fn known_hosts(&self) -> PathBuf {
        self.folder.path().join("known_hosts")
    }

    /// Writes every server's present host key into it.
    pub fn know_all(&self) {
        let lines: Vec<String> = self.servers.iter().map(Sshd::known_hosts_line).collect();
        fs::write(self.known_hosts(), lines.join("\n") + "\n").expect("known_hosts");
    }

    /// The cluster file.
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("cluster.toml")
    }

    pub fn file_arg(&self) -> String {
        self.file().display().to_string()
    }

    pub fn write(&self, text: &str) {
        fs::write(self.file(), text).expect("the cluster file");
    }

    pub fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// The cluster file's `[ssh]` table.
    pub fn ssh_table(&self) -> String {
        format!(
            "[ssh]\nuser = \"{}\"\nidentities_only = true\nknown_hosts = [\"{}\"]\n",
            self.servers[0].user,
            self.known_hosts().display(),
        )
    }

    /// A `[[node]]` table of the cluster file, with `params` (`name = value` lines) for this node alone.
    pub fn node_table(&self, index: usize, roles: &[&str], params: &[(&str, String)]) -> String {
        let server = &self.servers[index];
        let mut text = format!(
            r#"
[[node]]
name = "{name}"
host = "{ip}"
roles = {roles:?}
ssh.port = {port}
ssh.identities = ["{key}"]
ssh.job_dir = "{jobs}"
"#,
            name = server.name,
            ip = server.ip,
            port = server.port,
            key = server.login_key.display(),
            jobs = server.dir.join("jobs").display(),
        );
        for (name, value) in params {
            writeln!(text, "params.{name} = {value}").expect("writing to a text");
        }
        text
    }

    /// Whether any job was ever put on a node.
    pub fn has_jobs(&self) -> bool {
        self.servers
            .iter()
            .any(|server| server.dir.join("jobs").exists())
    }
}
