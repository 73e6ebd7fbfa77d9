//! The peers: where they are, and how each runs a command on every node.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::AT_ONCE;
use super::farm::Farm;

/// Runs the commands of AsyncSSH and Fabric.
const SCRIPT: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/bench/peers/by_library.py"
);

/// Who takes part, by the name that is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    Clush,
    Pdsh,
    Pssh,
    Xargs,
    AnsibleRaw,
    AnsibleShell,
    Fabric,
    Asyncssh,
}

pub const ALL: [Peer; 8] = [
    Peer::Clush,
    Peer::Pdsh,
    Peer::Pssh,
    Peer::Xargs,
    Peer::AnsibleRaw,
    Peer::AnsibleShell,
    Peer::Fabric,
    Peer::Asyncssh,
];

impl Peer {
    pub fn name(self) -> &'static str {
        match self {
            Peer::Clush => "clush",
            Peer::Pdsh => "pdsh",
            Peer::Pssh => "pssh",
            Peer::Xargs => "ssh under xargs",
            Peer::AnsibleRaw => "ansible raw",
            Peer::AnsibleShell => "ansible shell",
            Peer::Fabric => "fabric",
            Peer::Asyncssh => "asyncssh",
        }
    }

    /// Whether it can be run here.
    pub fn is_here(self) -> bool {
        match self {
            Peer::Clush => on_path("clush").is_some(),
            Peer::Pdsh => on_path("pdsh").is_some(),
            Peer::Pssh => pssh().is_some(),
            Peer::Xargs => on_path("xargs").is_some() && on_path("ssh").is_some(),
            Peer::AnsibleRaw | Peer::AnsibleShell => {
                on_path("ansible").is_some() && on_path("ansible-playbook").is_some()
            }
            Peer::Fabric => imports("fabric"),
            Peer::Asyncssh => imports("asyncssh"),
        }
    }

    /// `word` once on every node, over connections that are new.
    ///
    /// # Errors
    /// A file that it needs cannot be written.
    pub fn once(self, farm: &Farm, word: &str) -> Result<Command, String> {
        let options = ssh_options(farm).join(" ");
        self.run(farm, word, &options, 1)
    }

    /// `word` so many times on every node; those that run ssh share connections by ControlMaster.
    ///
    /// # Errors
    /// As [`Peer::once`].
    pub fn again(self, farm: &Farm, word: &str, times: usize) -> Result<Command, String> {
        let options = format!("{} {}", ssh_options(farm).join(" "), sharing(farm));
        self.run(farm, word, &options, times)
    }

    fn run(self, farm: &Farm, word: &str, options: &str, times: usize) -> Result<Command, String> {
        let (hosts, user) = (farm.addresses().display().to_string(), &farm.user);
        let one = match self {
            Peer::Clush => {
                // It has a use of its own for the sign.
                let options = options.replace('%', "%%");
                format!("clush -f {AT_ONCE} -l {user} -o '{options}' --hostfile={hosts} '{word}'")
            }
            Peer::Pdsh => format!(
                "PDSH_SSH_ARGS_APPEND='{options}' pdsh -R ssh -f {AT_ONCE} -l {user} -w '^{hosts}' '{word}'"
            ),
            Peer::Pssh => {
                let program = pssh().unwrap_or("pssh");
                format!(
                    "{program} -p {AT_ONCE} -t 0 -l {user} -h {hosts} -i -x '{options}' '{word}'"
                )
            }
            Peer::Xargs => {
                format!("xargs -a {hosts} -P {AT_ONCE} -I@ ssh -n {options} -l {user} @ '{word}'")
            }
            Peer::AnsibleRaw | Peer::AnsibleShell => return self.play(farm, word, times),
            Peer::Fabric | Peer::Asyncssh => return Ok(self.by_library(farm, word, times)),
        };
        let mut command = Command::new("sh");
        command.arg("-c").arg(vec![one; times].join(" && "));
        Ok(command)
    }

    fn by_library(self, farm: &Farm, word: &str, times: usize) -> Command {
        let mut command = Command::new(python());
        command
            .arg(SCRIPT)
            .arg(self.name())
            .args([farm.addresses(), farm.known_hosts(), farm.key()])
            .args([&farm.user, &farm.port.to_string()])
            .args([AT_ONCE.to_string(), times.to_string()])
            .arg(word);
        command
    }

    /// A playbook of so many tasks: Ansible would start anew for each command otherwise.
    fn play(self, farm: &Farm, word: &str, times: usize) -> Result<Command, String> {
        let module = match self {
            Peer::AnsibleShell => "ansible.builtin.shell",
            _ => "ansible.builtin.raw",
        };
        let tasks = format!("    - {module}: {word}\n").repeat(times);
        let play = format!("- hosts: all\n  gather_facts: false\n  tasks:\n{tasks}");
        let play = farm.write("play.yml", &play)?;
        let settings = format!(
            "[defaults]\nhost_key_checking = True\nforks = {AT_ONCE}\nlocal_tmp = {folder}/ansible\nnocows = True\n\
             [ssh_connection]\ncontrol_path_dir = {masters}\n",
            folder = farm.path("").display(),
            masters = farm.masters().display(),
        );
        let settings = farm.write("ansible.cfg", &settings)?;
        let addresses = std::fs::read_to_string(farm.addresses());
        let hosts = format!(
            "[all]\n{}\n[all:vars]\nansible_user={}\nansible_port={}\nansible_ssh_private_key_file={}\n\
             ansible_python_interpreter=/usr/bin/python3\nansible_ssh_common_args='{}'\n",
            addresses.map_err(|error| error.to_string())?,
            farm.user,
            farm.port,
            farm.key().display(),
            ssh_options(farm).join(" "),
        );
        let hosts = farm.write("inventory", &hosts)?;
        let mut command = Command::new("ansible-playbook");
        command.arg("-v").arg("-i").arg(hosts).arg(play);
        command.env("ANSIBLE_CONFIG", settings);
        Ok(command)
    }
}

/// What every ssh gets: the same key, the same known_hosts, no files of the user's.
pub fn ssh_options(farm: &Farm) -> Vec<String> {
    vec![
        "-F none".into(),
        format!("-i {}", farm.key().display()),
        format!("-oPort={}", farm.port),
        format!("-oUserKnownHostsFile={}", farm.known_hosts().display()),
        "-oGlobalKnownHostsFile=/dev/null".into(),
        "-oStrictHostKeyChecking=yes".into(),
        "-oIdentitiesOnly=yes".into(),
        "-oBatchMode=yes".into(),
    ]
}

fn sharing(farm: &Farm) -> String {
    format!(
        "-oControlMaster=auto -oControlPersist=60 -oControlPath={}/%C",
        farm.masters().display()
    )
}

fn pssh() -> Option<&'static str> {
    ["parallel-ssh", "pssh"]
        .into_iter()
        .find(|name| on_path(name).is_some())
}

pub fn on_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

fn python() -> PathBuf {
    let named = env::var_os("HOLDPOINT_PEERS_PYTHON").map(PathBuf::from);
    named.unwrap_or_else(|| "python3".into())
}

fn imports(module: &str) -> bool {
    let tried = Command::new(python())
        .args(["-c", &format!("import {module}")])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    tried.is_ok_and(|status| status.success()) && Path::new(SCRIPT).exists()
}
