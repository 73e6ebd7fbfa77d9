//! Makes configurations up: mostly right, now and then wrong; the same seed makes the same.

use std::path::PathBuf;

use holdpoint::transport::ssh::config::Ask;

const HOSTS: [&str; 9] = [
    "st1",
    "st2",
    "ST1",
    "db1.lab",
    "edge.example.net",
    "10.0.0.1",
    "::1",
    "a-b",
    "jump1",
];
const PATTERNS: [&str; 14] = [
    "*",
    "st*",
    "st?",
    "!st2",
    "st1",
    "*.lab",
    "!*.lab",
    "10.0.*",
    "ST1",
    "::1",
    "*.example.*",
    "real*",
    "jump1",
    "\"st2\"",
];
const LISTS: [&str; 8] = [
    "st*",
    "*,!st2",
    "real.lab,db*",
    "*.lab",
    "!st1",
    "ST*",
    "10.*,::1",
    "\"st1,st2\"",
];
const USERS: [&str; 5] = ["root", "u1", "u?,!u2", "*", "!root,*"];

/// What options may say: mostly right, now and then wrong.
const VALUES: [(&str, &[&str]); 35] = [
    (
        "HostName",
        &[
            "real.lab",
            "%h.lab",
            "REAL.Example",
            "10.9.8.7",
            "fe80::1",
            "2001:DB8::0001",
            "a%%b",
            "\"quoted.lab\"",
        ],
    ),
    (
        "User",
        &["u1", "u2", "\"a b\"", "'x y'", "a\\ b", "root # me", "x#y"],
    ),
    ("Port", &["22", "2222", "1", "65535", "+5"]),
    (
        "IdentityFile",
        &[
            "~/.ssh/id_x",
            "/keys/%h",
            "none",
            "rel/key",
            "\"/a b\"",
            "/keys/a",
            "${HOME}/k",
        ],
    ),
    ("IdentitiesOnly", &["yes", "no", "TRUE", "false"]),
    (
        "IdentityAgent",
        &[
            "none",
            "SSH_AUTH_SOCK",
            "~/a-%h",
            "$HOME",
            "${HOME}/s",
            "/run/%u/%i",
        ],
    ),
    ("CertificateFile", &["~/c-cert.pub", "/c-%r", "none", "/c"]),
    (
        "ProxyJump",
        &[
            "jump1",
            "ana@jump1:2222",
            "a,b,c",
            "none",
            "10.0.0.9",
            "x@[::1]:7",
            "ssh://u@h:9",
            "h # why",
            "NONE",
        ],
    ),
    (
        "ProxyCommand",
        &[
            "nc %h %p",
            "none",
            "ssh -W %h:%p x # no",
            "\"a b\" 'c'",
            "NONE",
        ],
    ),
    (
        "UserKnownHostsFile",
        &[
            "/k1 /k2",
            "none",
            "~/k-%h-%p",
            "/k-%k-%n",
            "${HOME}/k",
            "\"/a b\" /c",
            "/x/%C",
            "%d/%u-%L",
        ],
    ),
    ("GlobalKnownHostsFile", &["/g1", "none", "/g1 /g2", "~/g%h"]),
    (
        "StrictHostKeyChecking",
        &["yes", "no", "ask", "accept-new", "off", "TRUE"],
    ),
    ("HostKeyAlias", &["one", "Two.Lab", "none"]),
    (
        "HostKeyAlgorithms",
        &[
            "ssh-ed25519",
            "+ssh-rsa",
            "-ecdsa*",
            "^rsa-sha2-512",
            "ssh-*",
            "-*",
        ],
    ),
    (
        "KexAlgorithms",
        &[
            "curve25519-sha256",
            "-diffie*",
            "+diffie-hellman-group1-sha1",
            "^ecdh-sha2-nistp521,ecdh-sha2-nistp256",
        ],
    ),
    (
        "Ciphers",
        &[
            "aes128-ctr",
            "-chacha*,*gcm*",
            "+aes256-cbc",
            "^aes256-ctr",
            "aes256-ctr,aes128-ctr",
        ],
    ),
    (
        "MACs",
        &["hmac-sha2-256", "-umac*", "+hmac-md5", "^hmac-sha1"],
    ),
    (
        "PubkeyAcceptedAlgorithms",
        &["ssh-ed25519", "+ssh-dss", "-rsa*", "^ssh-ed25519"],
    ),
    (
        "CASignatureAlgorithms",
        &["ssh-ed25519", "-rsa*", "^rsa-sha2-256"],
    ),
    ("ConnectTimeout", &["5", "1m30s", "none", "0", "2H", "1w"]),
    ("ServerAliveInterval", &["15", "1m", "0", "none"]),
    ("ServerAliveCountMax", &["0", "5", "+2"]),
    (
        "RekeyLimit",
        &[
            "64K",
            "1G 1h",
            "default none",
            "default 30m",
            "1.5m 0",
            "\"100\" none",
            "16 1m30s",
            "0",
        ],
    ),
    ("AddressFamily", &["any", "inet", "INET6"]),
    ("BindAddress", &["127.0.0.1", "::1", "*"]),
    (
        "PreferredAuthentications",
        &[
            "publickey",
            "password,publickey",
            "\"keyboard-interactive\"",
        ],
    ),
    (
        "PubkeyAuthentication",
        &["yes", "no", "unbound", "host-bound"],
    ),
    ("PasswordAuthentication", &["yes", "no"]),
    ("KbdInteractiveAuthentication", &["true", "no"]),
    ("NumberOfPasswordPrompts", &["1", "9"]),
    ("RequiredRSASize", &["2048", "4096"]),
    ("HashKnownHosts", &["yes", "no"]),
    ("IgnoreUnknown", &["Fancy*", "nothing", "fancy,x*"]),
    ("SendEnv", &["LANG LC_*", "A"]),
    ("ForwardAgent", &["yes", "no"]),
];

/// Lines that ssh does not take, or only in some places.
const WRONG: [&str; 17] = [
    "Port 0",
    "Port 99999",
    "ConnectTimeout 5x",
    "RekeyLimit 15",
    "RekeyLimit none",
    "RekeyLimit 1G 1h x",
    "User a b",
    "User \"open",
    "Fancy x",
    "IdentitiesOnly perhaps",
    "UserKnownHostsFile none /x",
    "ProxyJump @x",
    "Match",
    "Match all host x",
    "Match user",
    "HostName %z",
    "UserKnownHostsFile /x-%z",
];

/// A small generator of numbers (SplitMix64): the same seed makes the same configurations.
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % sides as u64) as usize
    }

    pub fn one_in(&mut self, chances: usize) -> bool {
        self.roll(chances) == 0
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.roll(from.len())]
    }

    pub fn configuration(&mut self, includes: &[PathBuf]) -> String {
        let mut text = String::new();
        for _ in 0..1 + self.roll(14) {
            let line = self.line(includes);
            let indent = self.pick(&["", "", "  ", "\t"]);
            let end = self.pick(&["\n", "\n", "\n", " \n", "\r\n"]);
            text += &format!("{indent}{line}{end}");
        }
        text
    }

    pub fn line(&mut self, includes: &[PathBuf]) -> String {
        match self.roll(12) {
            0 | 1 => {
                let patterns: Vec<&str> = (0..1 + self.roll(3))
                    .map(|_| self.pick(&PATTERNS))
                    .collect();
                format!("Host {}", patterns.join(" "))
            }
            2 => self.match_line(),
            3 if !includes.is_empty() => {
                let file = includes[self.roll(includes.len())].display().to_string();
                format!("Include {file}")
            }
            4 => self
                .pick(&["", "# comment", "   ", "Protocol 2", "#Port 9"])
                .to_owned(),
            5 if self.one_in(6) => self.pick(&WRONG).to_owned(),
            _ => {
                let (option, values) = self.pick(&VALUES);
                let value = self.pick(values);
                let option = match self.roll(4) {
                    0 => option.to_lowercase(),
                    1 => option.to_uppercase(),
                    _ => option.to_owned(),
                };
                let between = self.pick(&[" ", " ", "\t", "=", " = ", "   "]);
                format!("{option}{between}{value}")
            }
        }
    }

    fn match_line(&mut self) -> String {
        if self.one_in(4) {
            return format!(
                "Match {}",
                self.pick(&["all", "!all", "final all", "final", "canonical"])
            );
        }
        let mut line = "Match".to_owned();
        for _ in 0..1 + self.roll(2) {
            let not = if self.one_in(4) { "!" } else { "" };
            let criterion = match self.roll(6) {
                0 | 1 => format!("host {}", self.pick(&LISTS)),
                2 => format!("originalhost {}", self.pick(&LISTS)),
                3 => format!("user {}", self.pick(&USERS)),
                4 => format!("localuser={}", self.pick(&USERS)),
                _ => self.pick(&["final", "canonical", "FINAL"]).to_owned(),
            };
            line += &format!(" {not}{criterion}");
        }
        line
    }

    pub fn ask(&mut self) -> Ask {
        let often = |given: bool, text: &str| given.then(|| text.to_owned());
        Ask {
            host: self.pick(&HOSTS).to_owned(),
            user: often(self.one_in(6), "eve"),
            port: self.one_in(6).then_some(7),
            jump: often(self.one_in(20), "jump2"),
        }
    }
}
