//! A commented cluster file to begin with.

use std::fmt::Write as _;

use toml::Value as Toml;

use crate::model::params::wanted;
use crate::model::procedure::{Param, ParamKind, Procedure, Role};
use crate::model::time::Span;
use crate::model::value::Value;

/// A cluster file for a procedure, with everything in it that one may want to say. It parses, and it fits the procedure, but
/// its hosts and values are only examples.
pub fn sample_cluster(procedure: &Procedure) -> String {
    let mut text = String::new();
    head(&mut text, procedure);
    ssh(&mut text, procedure);
    params(&mut text, procedure);
    let mut number = 0;
    for (id, role) in &procedure.roles {
        nodes(&mut text, id.as_str(), role, &mut number);
    }
    if number == 0 {
        node(&mut text, "node1", &[]);
    }
    text.truncate(text.trim_end().len() + 1);
    text
}

fn head(text: &mut String, procedure: &Procedure) {
    comment(text, &format!("{}: {}", procedure.product, procedure.title));
    comment(text, "Change what is marked with <-, and check the rest.");
    line(text, "");
    line(text, "[cluster]");
    line(
        text,
        "name = \"my-cluster\"                      # <- it is part of the phrases that open gates",
    );
    line(text, &format!("procedure = {}", quoted(&procedure.id)));
    let versions = &procedure.versions;
    let last = || versions.rules.last().map(|rule| rule.to.as_str());
    let target = versions.rehearse_target.as_deref().or_else(last);
    let target = target.unwrap_or("1.0");
    line(
        text,
        &format!(
            "target = {}                           # <- the whole version, as the product prints it",
            quoted(target)
        ),
    );
    line(
        text,
        "place = \"production\"                     # production, staging or lab",
    );
    line(text, "");
    line(
        text,
        "# The maintenance window: countdown and turn-back time. Remove the `#` to use it.",
    );
    line(text, "# [window]");
    line(text, "# start = 2026-11-21T22:00:00+01:00");
    line(text, "# end = 2026-11-22T04:00:00+01:00");
    line(text, "");
}

fn ssh(text: &mut String, procedure: &Procedure) {
    let access = &procedure.access;
    let user = access.user.as_deref().unwrap_or("deploy");
    let port = access.port.unwrap_or(22);
    let (user, port) = (format!("# user = {user:?}"), format!("# port = {port}"));
    for part in [
        "# How the nodes are reached. ~/.ssh/config is read as ssh(1) reads it (`holdpoint ssh-config FILE` shows what it says); what stands here wins. Any of these can stand in a [[node]] as `ssh.port = 2222`.",
        "[ssh]",
        "# config = \"~/.ssh/config\"                       # read this file only, as ssh -F does, not the user's and the machine's; \"none\": no file",
        user.as_str(),
        port.as_str(),
        "# identities = [\"~/.ssh/id_ed25519\"]",
        "# identities_only = true",
        "# known_hosts = [\"~/.ssh/known_hosts\"]",
        "# connect_timeout = \"10s\"",
        "# password = { prompt = true }                    # the login password; or { env = \"NAME\" }, { file = \"path\" }, { command = \"..\" }",
        "# become = { method = \"sudo\", user = \"root\" }   # sudo, su or doas; with password = { .. } as above where one is wanted",
        "# jump = \"ana@bastion.example.net:2222\"           # hosts on the way, as ssh -J takes them; \"none\": straight",
        "# job_dir = \"/var/lib/holdpoint/jobs\"            # where detached jobs and the cluster lock are kept on the nodes: runs that use another folder, or another user, do not see this lock",
        "",
    ] {
        line(text, part);
    }
}

fn params(text: &mut String, procedure: &Procedure) {
    comment(
        text,
        "What the procedure asks for. Any of these can stand in a [[node]] as `params.name = ..`.",
    );
    line(text, "[params]");
    for (id, param) in &procedure.params {
        comment(text, &param.about);
        let key = key(id.as_str());
        match &param.default {
            Some(default) => {
                if let Some(assumption) = &param.assumption {
                    comment(text, &format!("Assumed: {assumption}"));
                }
                line(text, &format!("# {key} = {}", shown(&param.kind, default)));
            }
            None => line(
                text,
                &format!("{key} = {}   # <- {}", example(param), wanted(&param.kind)),
            ),
        }
    }
    line(text, "");
}

fn nodes(text: &mut String, id: &str, role: &Role, number: &mut usize) {
    let least = role.min.max(1).min(role.max.unwrap_or(usize::MAX));
    comment(text, &format!("{id}: {}", role.about));
    comment(text, &wanted_count(role));
    for _ in 0..least {
        *number += 1;
        node(text, &format!("node{number}"), &[id]);
    }
}

fn wanted_count(role: &Role) -> String {
    match (role.min, role.max) {
        (min, None) => format!("{min} or more nodes."),
        (min, Some(max)) if min == max => format!("Exactly {min}."),
        (min, Some(max)) => format!("{min} to {max} nodes."),
    }
}

fn node(text: &mut String, name: &str, roles: &[&str]) {
    let roles: Vec<String> = roles.iter().map(|role| quoted(role)).collect();
    line(text, "[[node]]");
    line(text, &format!("name = {}", quoted(name)));
    line(
        text,
        &format!(
            "host = {}          # <- a name, an address, or an alias of ~/.ssh/config",
            quoted(&format!("{name}.example.net"))
        ),
    );
    line(text, &format!("roles = [{}]", roles.join(", ")));
    line(text, "");
}

/// A value that fits, for a parameter that must be given.
fn example(param: &Param) -> String {
    match &param.kind {
        ParamKind::Text => quoted("change-me"),
        ParamKind::File => quoted("./change-me"),
        ParamKind::Path => quoted("/change/me"),
        ParamKind::Number => "0".into(),
        ParamKind::Bool => "false".into(),
        ParamKind::Duration => quoted("60s"),
        ParamKind::Secret => "{ prompt = true }".into(),
        ParamKind::OneOf(words) => quoted(words.first().map_or("", String::as_str)),
    }
}

/// A default, as one writes it in a cluster file.
fn shown(kind: &ParamKind, value: &Value) -> String {
    match (kind, value) {
        (ParamKind::Duration, Value::Number(seconds)) => {
            quoted(&Span::seconds(seconds.unsigned_abs()).to_string())
        }
        (_, Value::Text(text)) => quoted(text),
        (_, Value::Number(_) | Value::Bool(_)) => value.to_string(),
    }
}

fn quoted(text: &str) -> String {
    // A text of several lines is written by the crate over several lines, which no comment can hold.
    let one_line = text.replace(['\n', '\r'], " ");
    Toml::String(one_line).to_string()
}

fn key(name: &str) -> String {
    if name.contains('.') {
        quoted(name)
    } else {
        name.to_string()
    }
}

fn comment(text: &mut String, words: &str) {
    for part in words.lines().filter(|part| !part.trim().is_empty()) {
        line(text, &format!("# {}", part.trim()));
    }
}

fn line(text: &mut String, part: &str) {
    let clean = part.replace(|c: char| c.is_control(), " ");
    writeln!(text, "{}", clean.trim_end()).expect("writing to a string cannot fail");
}
