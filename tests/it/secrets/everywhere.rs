//! A whole run with a secret of every kind: the passphrase of a key, the password of sudo, parameters from a file and from a
//! command, answers that a human types. While it runs every process of the machine is looked at, on both sides; afterwards
//! every file that it left.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use crate::support::site::Site;
use crate::support::sshd::new_key;
use crate::support::tool;
use crate::support::users::TestUser;
use crate::support::walk::{Walk, run, tail, usual};

/// With what shells, templates and the line protocol would make something of.
const PASSPHRASE: &str = ":leave 5% 'of' the-Key$HOME";
const SUDO: &str = "s'u\"d o {target} 100%";
const ADMIN: &str = "ad`m`in & <pass> \\n word";
const STORE: &str = ":note store/pass+word?=";
const CODE: &str = "code 492 $(881)";

/// A secret in every form in which somebody might find it.
struct Canary {
    name: &'static str,
    forms: Vec<Vec<u8>>,
}

impl Canary {
    fn of(name: &'static str, secret: &str) -> Canary {
        let bytes = secret.as_bytes();
        let hex = |of: fn(&u8) -> String| bytes.iter().map(of).collect::<String>();
        let percent = |safe: &str| -> String {
            let one = |byte: &u8| {
                let plain = byte.is_ascii_alphanumeric() || safe.as_bytes().contains(byte);
                if plain {
                    char::from(*byte).to_string()
                } else {
                    format!("%{byte:02X}")
                }
            };
            bytes.iter().map(one).collect()
        };
        let json = serde_json::to_string(secret).expect("text");
        let mut forms: Vec<String> = vec![
            secret.into(),
            json.trim_matches('"').into(),
            format!("{secret:?}").trim_matches('"').into(),
            secret.replace('\'', "'\\''"),
            secret
                .replace('&', "&amp;")
                .replace('<', "&lt;")
                .replace('>', "&gt;"),
            hex(|byte| format!("{byte:02x}")),
            hex(|byte| format!("{byte:02X}")),
            percent("-._~"),
            percent(""),
            percent("-._~/:?=").to_lowercase(),
        ];
        // Wherever it begins in a longer text: three ways, without the characters at the edges that its neighbours change.
        for before in 0..3 {
            let padded = [vec![0; before], bytes.to_vec()].concat();
            for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
                let text = engine.encode(&padded);
                let from = (before * 8).div_ceil(6);
                let to = padded.len() * 8 / 6;
                forms.push(text[from..to].into());
            }
        }
        forms.sort();
        forms.dedup();
        let forms = forms.into_iter().map(String::into_bytes).collect();
        Canary { name, forms }
    }

    /// The form of it that stands in this text, if one does.
    fn seen_in(&self, text: &[u8]) -> Option<String> {
        let found = |form: &&Vec<u8>| text.windows(form.len()).any(|part| part == *form);
        let form = self.forms.iter().find(found)?;
        Some(format!("{}: {}", self.name, String::from_utf8_lossy(form)))
    }
}

fn canaries() -> Vec<Canary> {
    vec![
        Canary::of("passphrase", PASSPHRASE),
        Canary::of("sudo", SUDO),
        Canary::of("admin", ADMIN),
        Canary::of("store", STORE),
        Canary::of("code", CODE),
    ]
}

fn seen_in(text: &[u8]) -> Option<String> {
    canaries().iter().find_map(|canary| canary.seen_in(text))
}

/// Looks at the arguments and the environment of every process, again and again.
struct Lookout {
    over: Arc<AtomicBool>,
    looks: JoinHandle<(usize, Vec<String>)>,
}

impl Lookout {
    fn begin() -> Lookout {
        let over = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&over);
        let looks = std::thread::spawn(move || {
            let canaries = canaries();
            let (mut looks, mut found) = (0, Vec::new());
            while !told.load(Ordering::SeqCst) {
                looks += 1;
                for process in fs::read_dir("/proc").expect("/proc").flatten() {
                    for listing in ["cmdline", "environ"] {
                        let path = process.path().join(listing);
                        let text = fs::read(&path).unwrap_or_default();
                        let seen = canaries.iter().find_map(|canary| canary.seen_in(&text));
                        found.extend(seen.map(|seen| format!("{}: {seen}", path.display())));
                    }
                }
                // The pace of looking, no wait for something.
                std::thread::sleep(Duration::from_millis(20));
            }
            (looks, found)
        });
        Lookout { over, looks }
    }

    /// How often it looked, and what it saw.
    fn end(self) -> (usize, Vec<String>) {
        self.over.store(true, Ordering::SeqCst);
        self.looks.join().expect("it looks without panic")
    }
}

/// Every file below the folder holds none; gives how many there were.
fn none_below(folder: &Path) -> usize {
    let mut files = 0;
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let kind = fs::symlink_metadata(&path)
            .expect("it is there")
            .file_type();
        if kind.is_dir() {
            files += none_below(&path);
        } else if kind.is_file() {
            let text = fs::read(&path).expect("it can be read");
            assert_eq!(seen_in(&text), None, "{}", path.display());
            files += 1;
        }
    }
    files
}

struct Vaults {
    site: Site,
    /// Where the operator keeps what the cluster file names.
    desk: tempfile::TempDir,
    user: Option<TestUser>,
}

impl Vaults {
    fn start(first_ip: u8) -> Option<Vaults> {
        let site = Site::start(&["v1", "v2"], first_ip)?;
        let user = tool("sudo").and_then(|_| TestUser::new(SUDO));
        let desk = tempfile::tempdir().expect("a folder");
        let mut vaults = Vaults { site, desk, user };
        vaults.furnish();
        Some(vaults)
    }

    fn furnish(&mut self) {
        let (site, desk) = (&self.site, self.desk.path());
        fs::write(desk.join("admin"), format!("{ADMIN}\n")).expect("a file");
        fs::write(desk.join("store"), format!("{STORE}\n")).expect("a file");
        let key = desk.join("key");
        new_key(&key, PASSPHRASE);
        let procedure = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/vault.toml");
        let (mut ssh, mut nodes) = (site.ssh_table(), String::new());
        if let Some(user) = &mut self.user {
            user.sudoers("$USER ALL=(ALL) ALL");
            let ours = format!("user = {:?}", site.servers[0].user);
            ssh = ssh.replace(&ours, &format!("user = {:?}", user.name));
            ssh +=
                "become = { method = \"sudo\", user = \"root\", password = { prompt = true } }\n";
        }
        for (index, server) in site.servers.iter().enumerate() {
            server.authorize(&key.with_extension("pub"));
            if let Some(user) = &self.user {
                user.at_home_in(server);
            }
            fs::write(server.home.join("level"), "1\n").expect("a level");
            let folder = ("folder", format!("{:?}", server.home));
            let node = site.node_table(index, &["vault"], &[folder]);
            let unlocked = server.login_key.display().to_string();
            nodes += &node.replace(&unlocked, &key.display().to_string());
        }
        site.write(&format!(
            "[cluster]\nname = \"vaults\"\nprocedure = \"{procedure}\"\ntarget = \"2\"\nplace = \"lab\"\n\n{ssh}agent = \"none\"\n\n\
             [params]\nadmin_password = {{ command = \"cat '{desk}/admin'\" }}\nstore_password = {{ file = \"{desk}/store\" }}\n{nodes}",
            desk = desk.display(),
        ));
    }
}

#[test]
fn no_secret_of_a_run_is_seen_in_any_process_or_left_in_any_file() {
    let Some(vaults) = Vaults::start(233) else {
        return;
    };
    let site = &vaults.site;
    let lookout = Lookout::begin();
    let mut walk = Walk::start(&site.state(), &["run", &site.file_arg(), "--plain"]);
    let (mut printed, mut given) = (String::new(), Vec::new());
    let (mut hold, mut asked) = (String::new(), String::new());
    while let Some(line) = walk.line() {
        printed += &format!("{line}\n");
        if line.starts_with("HOLD ") {
            (hold, asked) = (line.clone(), String::new());
        }
        asked += &line;
        let Some(expected) = line.strip_prefix("  expect: ") else {
            continue;
        };
        let answer = match hold.split(' ').nth(1) {
            Some("secret") if asked.contains("passphrase") => PASSPHRASE.to_string(),
            Some("secret") => SUDO.to_string(),
            Some("prompt") => format!("answer-hidden {CODE}"),
            _ => usual(expected),
        };
        given.push(hold.split(' ').nth(1).unwrap_or_default().to_string());
        walk.type_line(&answer);
        assert!(given.len() < 60, "{}", tail(&walk.transcript));
    }
    let ended = walk.end();
    let (looks, found) = lookout.end();
    assert_eq!(ended.code, Some(0), "{}\n{}", tail(&printed), ended.errors);
    assert_eq!(found, [""; 0]);
    assert!(looks > 20, "it was looked only {looks} times");
    let many = |kind: &str| given.iter().filter(|given| *given == kind).count();
    assert_eq!(many("prompt"), 2, "{given:?}");
    // One for both nodes; a second one where a node asked in the moment in which the other was answered.
    let secrets = 1 + usize::from(vaults.user.is_some());
    let asked = many("secret");
    assert!(
        (secrets..=2 * secrets).contains(&asked),
        "{given:?}\n{printed}"
    );

    // The programs got them as they are.
    let sum = fs::read_to_string(site.servers[1].home.join("sum")).expect("it was raised");
    let bytes = format!("{ADMIN}\n{STORE}\n{CODE}\n").len();
    assert!(sum.contains(&format!(" {bytes}")), "{sum}");

    assert_eq!(seen_in(printed.as_bytes()), None);
    assert_eq!(seen_in(ended.errors.as_bytes()), None);
    let runs = run(&site.state(), &["runs"]).transcript;
    let id = runs.lines().find(|line| line.contains("vaults"));
    let id = id.and_then(|line| line.split_whitespace().next());
    for form in ["markdown", "html", "json"] {
        let report = run(
            &site.state(),
            &["report", id.expect(&runs), "--format", form],
        );
        assert_eq!(report.code, Some(0), "{}", report.errors);
        assert_eq!(seen_in(report.transcript.as_bytes()), None, "{form}");
    }
    // State, known_hosts and the cluster file; jobs, logs and homes of the nodes.
    let mut files = none_below(site.folder.path());
    for server in &site.servers {
        files += none_below(&server.dir);
    }
    assert!(files > 20, "only {files} files were looked into");
}

#[test]
fn a_canary_is_recognised_in_every_dress() {
    let canary = Canary::of("admin", ADMIN);
    let dressed = [
        format!("admin={ADMIN};"),
        format!("{:?}", [ADMIN]),
        serde_json::json!({ "note": ADMIN }).to_string(),
        STANDARD_NO_PAD.encode(format!("{ADMIN}:x")),
        STANDARD_NO_PAD.encode(format!("u:{ADMIN}:x")),
        URL_SAFE_NO_PAD.encode(format!("me:{ADMIN}:x")),
        ADMIN.bytes().map(|byte| format!("{byte:02x}")).collect(),
        "ad%60m%60in%20%26%20%3Cpass%3E%20%5Cn%20word".into(),
    ];
    for text in dressed {
        assert!(canary.seen_in(text.as_bytes()).is_some(), "{text}");
    }
    assert_eq!(canary.seen_in(b"admin pass word"), None);
}
