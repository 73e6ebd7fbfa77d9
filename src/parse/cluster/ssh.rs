//! How the nodes are reached: `[ssh]`, and a node's own part of it.

use super::secret;
use crate::model::cluster::{Become, BecomeMethod, ConfigFile, SecretSource, Ssh};
use crate::model::time::Span;
use crate::parse::reader::{Item, Table};

/// `[ssh]`, or a node's own part of it. What is not said comes from below.
#[derive(Clone, Default)]
pub(super) struct SshPart {
    config: Option<ConfigFile>,
    user: Option<String>,
    port: Option<u16>,
    jump: Option<String>,
    identities: Option<Vec<String>>,
    identities_only: Option<bool>,
    agent: Option<String>,
    known_hosts: Option<Vec<String>>,
    connect_timeout: Option<Span>,
    password: Option<SecretSource>,
    r#become: Option<Become>,
    job_dir: Option<String>,
}

impl SshPart {
    pub(super) fn over(self, defaults: &SshPart) -> Ssh {
        let below = defaults.clone();
        Ssh {
            config: self.config.or(below.config),
            user: self.user.or(below.user),
            port: self.port.or(below.port),
            jump: self.jump.or(below.jump),
            identities: self.identities.or(below.identities).unwrap_or_default(),
            identities_only: self
                .identities_only
                .or(below.identities_only)
                .unwrap_or_default(),
            agent: self.agent.or(below.agent),
            known_hosts: self.known_hosts.or(below.known_hosts).unwrap_or_default(),
            connect_timeout: self.connect_timeout.or(below.connect_timeout),
            password: self.password.or(below.password),
            r#become: self.r#become.or(below.r#become),
            job_dir: self.job_dir.or(below.job_dir),
        }
    }
}

pub(super) fn ssh(mut table: Table<'_>) -> SshPart {
    let part = SshPart {
        config: table.item("config").and_then(|item| config(&item)),
        user: table.item("user").and_then(|item| user(&item)),
        port: table.item("port").and_then(|item| port(&item)),
        jump: table.optional_text("jump"),
        identities: table.item("identities").map(|item| item.texts()),
        identities_only: table.item("identities_only").and_then(|item| item.flag()),
        agent: table.optional_text("agent"),
        known_hosts: table.item("known_hosts").map(|item| item.texts()),
        connect_timeout: table
            .item("connect_timeout")
            .and_then(|item| item.duration()),
        password: table.item("password").and_then(|item| secret(&item)),
        r#become: table
            .table("become", "how scripts become another user")
            .and_then(become_user),
        job_dir: table.item("job_dir").and_then(|item| absolute(&item)),
    };
    table.finish();
    part
}

/// A path that leads to the same file wherever the run is taken up again.
fn config(item: &Item<'_>) -> Option<ConfigFile> {
    let path = item.full_text()?;
    let odd = path.contains(char::is_control);
    if odd || !(path == "none" || path.starts_with('/') || path.starts_with("~/")) {
        item.complain(
            format!("`{path}` is not a whole path"),
            "write the whole path on this machine, beginning with `/` or `~/`; or `none`, to read no ssh configuration at all",
        );
    }
    Some(ConfigFile {
        path,
        place: item.place(),
    })
}

fn user(item: &Item<'_>) -> Option<String> {
    let user = item.full_text()?;
    let odd = |c: char| c.is_whitespace() || c.is_control();
    if user.starts_with('-') || user.contains(odd) {
        item.complain(
            format!("`{user}` cannot be a user"),
            "write the login name on the nodes",
        );
    }
    Some(user)
}

fn port(item: &Item<'_>) -> Option<u16> {
    let number = item.number()?;
    let port = u16::try_from(number).ok().filter(|port| *port > 0);
    if port.is_none() {
        item.complain(
            format!("{number} is not a port"),
            "write a number from 1 to 65535",
        );
    }
    port
}

fn absolute(item: &Item<'_>) -> Option<String> {
    let path = item.full_text()?;
    if !path.starts_with('/') {
        item.complain(
            format!("`{path}` is not an absolute path"),
            "write the whole path on the node, beginning with `/`",
        );
    }
    Some(path)
}

fn become_user(mut table: Table<'_>) -> Option<Become> {
    let methods = [
        ("sudo", BecomeMethod::Sudo),
        ("su", BecomeMethod::Su),
        ("doas", BecomeMethod::Doas),
    ];
    let method = table.need("method", "\"sudo\"");
    let method = method.and_then(|item| item.word(&methods));
    let password = table.item("password").and_then(|item| secret(&item));
    let user = table.need("user", "\"root\"").and_then(|item| user(&item));
    table.finish();
    Some(Become {
        method: method?,
        user: user?,
        password,
    })
}
