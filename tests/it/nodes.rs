//! The pretended nodes themselves: what the other stories take for granted about them.

use std::process::{Command, Stdio};

use crate::support::{sshd::Sshd, tool};

/// Runs one line on the node with the OpenSSH client, so that the harness is judged by a stranger.
fn by_openssh(node: &Sshd, line: &str) -> String {
    let output = Command::new(tool("ssh").expect("installed with ssh-keygen"))
        .args(["-F", "none", "-o", "StrictHostKeyChecking=no", "-o"])
        .arg("UserKnownHostsFile=/dev/null")
        .arg("-i")
        .arg(&node.login_key)
        .args(["-p", &node.port.to_string(), &node.ip, line])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .expect("ssh runs");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[test]
fn three_nodes_at_once_have_their_own_home_and_survive_a_restart() {
    let nodes: Option<Vec<Sshd>> = [("a", "127.0.0.2"), ("b", "127.0.0.3"), ("c", "127.0.0.4")]
        .into_iter()
        .map(|(name, ip)| Sshd::start(name, ip))
        .collect();
    let Some(nodes) = nodes else { return };
    for node in &nodes {
        assert_eq!(
            by_openssh(node, "echo $HOME"),
            node.home.display().to_string()
        );
        node.restart();
        assert_eq!(by_openssh(node, "echo back"), "back");
        node.stop();
        assert_eq!(by_openssh(node, "echo back"), "");
    }
}
