//! Holds our own reading of ssh_config against `ssh -G`, the truth about it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use holdpoint::transport::ssh::config::{
    Ask, Files, Machine, NameList, NameLists, openssh_lists, resolve_alone,
};

use super::tool;

/// The options that both must agree about.
const COMPARED: [&str; 34] = [
    "hostname",
    "user",
    "port",
    "identityfile",
    "identitiesonly",
    "identityagent",
    "certificatefile",
    "proxyjump",
    "proxycommand",
    "userknownhostsfile",
    "globalknownhostsfile",
    "stricthostkeychecking",
    "hostkeyalias",
    "hostkeyalgorithms",
    "kexalgorithms",
    "ciphers",
    "macs",
    "pubkeyacceptedalgorithms",
    "casignaturealgorithms",
    "requiredrsasize",
    "connecttimeout",
    "serveraliveinterval",
    "serveralivecountmax",
    "rekeylimit",
    "addressfamily",
    "bindaddress",
    "preferredauthentications",
    "pubkeyauthentication",
    "passwordauthentication",
    "kbdinteractiveauthentication",
    "numberofpasswordprompts",
    "batchmode",
    "hashknownhosts",
    "ignoreunknown",
];

type Lines = BTreeMap<String, Vec<String>>;

/// The ssh program of this machine and what it says about itself.
pub struct Truth {
    program: PathBuf,
    machine: Machine,
    lists: NameLists,
}

impl Truth {
    /// `None` (with a printed reason) where there is no ssh.
    pub fn find() -> Option<Self> {
        let program = tool("ssh")?;
        let bare = lines(&run(&program, &["-G", "-F", "none", "nobody"]).expect("ssh -G"));
        let known = &bare["userknownhostsfile"][0];
        let home = known.split("/.ssh/known_hosts").next().expect("a path");
        let machine = Machine::here(&bare["user"][0], Path::new(home));
        let lists = lists(&program, &bare);
        Some(Self {
            program,
            machine,
            lists,
        })
    }

    /// The program.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Whom it resolves for.
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// What differs between the two about `ask` by the configuration in `file`; nothing when they agree.
    pub fn difference(&self, file: &Path, ask: &Ask) -> Option<String> {
        let ours = resolve_alone(&self.machine, &Files::Only(file.into()), ask, &self.lists);
        let theirs = self.asked(file, ask);
        match (ours, theirs) {
            (Err(_), Err(_)) => None,
            (Err(why), Ok(_)) => Some(format!("we refuse: {why}")),
            (Ok(_), Err(why)) => Some(format!("ssh refuses: {why}")),
            (Ok(ours), Ok(theirs)) => {
                let ours = compared(lines(&ours.lines().join("\n")));
                let theirs = compared(lines(&theirs));
                let option = COMPARED
                    .iter()
                    .find(|name| ours.get(**name) != theirs.get(**name))?;
                Some(format!(
                    "{option}: ours {:?}, ssh {:?}",
                    ours.get(*option),
                    theirs.get(*option)
                ))
            }
        }
    }

    /// Whether ssh takes the configuration at all.
    pub fn takes(&self, file: &Path, ask: &Ask) -> bool {
        self.asked(file, ask).is_ok()
    }

    fn asked(&self, file: &Path, ask: &Ask) -> Result<String, String> {
        let file = file.display().to_string();
        let port = ask.port.map(|port| port.to_string());
        let mut arguments = vec!["-G", "-F", &file];
        if let Some(user) = &ask.user {
            arguments.extend(["-l", user]);
        }
        if let Some(port) = &port {
            arguments.extend(["-p", port]);
        }
        if let Some(jump) = &ask.jump {
            arguments.extend(["-J", jump]);
        }
        arguments.extend(["--", &ask.host]);
        run(&self.program, &arguments)
    }
}

fn run(program: &Path, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("ssh runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match output.status.success() {
        true => Ok(text(&output.stdout)),
        false => Err(text(&output.stderr)),
    }
}

fn lines(text: &str) -> Lines {
    let mut lines = Lines::new();
    for line in text.lines() {
        let (option, value) = line.split_once(' ').unwrap_or((line, ""));
        let values = lines.entry(option.to_ascii_lowercase()).or_default();
        values.push(value.to_owned());
    }
    lines
}

fn compared(mut lines: Lines) -> Lines {
    lines.retain(|option, _| COMPARED.contains(&option.as_str()));
    lines
}

/// The algorithms of this very ssh: older and newer ones differ, and so may the two of us not.
fn lists(program: &Path, bare: &Lines) -> NameLists {
    let mut lists = openssh_lists();
    for (option, query) in [
        ("ciphers", "cipher"),
        ("macs", "mac"),
        ("kexalgorithms", "kex"),
        ("hostkeyalgorithms", "key-sig"),
        ("pubkeyacceptedalgorithms", "key-sig"),
        ("casignaturealgorithms", "key-sig"),
    ] {
        let all = run(program, &["-Q", query]).expect("ssh -Q");
        let plain = option == "casignaturealgorithms";
        let list = NameList {
            default: bare[option][0].split(',').map(str::to_owned).collect(),
            all: all
                .lines()
                .filter(|name| !plain || !name.contains("-cert-"))
                .map(str::to_owned)
                .collect(),
        };
        lists.insert(option.into(), list);
    }
    lists
}
