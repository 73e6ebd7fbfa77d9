//! 50 MB to 10 nodes, with a checksum on both ends.
//!
//! For holdpoint it is an upload step; the whole run is timed, with its checks, its gate, its probes and the syncing of
//! the file on the node. The peer is scp to all nodes at once, then sha256sum on each.

use std::fs;
use std::process::Command;
use std::time::Duration;

use super::contest::{Contender, Limits, contest, timed};
use super::farm::Farm;
use super::holdpoint::{self, timed_walk};
use super::peers::{on_path, ssh_options};

const NODES: usize = 10;
const BYTES: usize = 50 << 20;
const LIMIT: Duration = Duration::from_secs(300);

/// Measures it.
///
/// # Errors
/// What could not be measured, in words.
pub fn measure(rounds: usize, limits: &mut Limits) -> Result<(), String> {
    let farm = Farm::start(NODES)?;
    let package = farm.path("package");
    fs::write(&package, noise(BYTES)).map_err(|error| format!("write the package: {error}"))?;
    let file = holdpoint::cluster(&farm, NODES, "upload", |node| {
        let folder = farm.path(&format!("{node}.jobs"));
        format!("params.folder = {folder:?}\nparams.package = {package:?}")
    })?;
    let mut contenders = vec![Contender {
        name: "holdpoint".into(),
        run: Box::new(|| {
            for node in &farm.nodes {
                let _ = fs::remove_file(farm.path(&format!("{}.jobs/package", node.name)));
            }
            let taken = timed_walk(&farm, holdpoint::command(&farm, "run", &file), LIMIT)?;
            for node in &farm.nodes {
                let there = fs::metadata(farm.path(&format!("{}.jobs/package", node.name)));
                if there.map_or(0, |data| data.len()) != BYTES as u64 {
                    return Err(format!("the package is not on {}", node.name));
                }
            }
            Ok(taken)
        }),
    }];
    if on_path("scp").is_some() && on_path("xargs").is_some() {
        let options = ssh_options(&farm).join(" ");
        let there = farm.folder_in("there")?;
        let script = format!(
            "wanted=$(sha256sum <{package}) && export wanted && xargs -a {hosts} -P {NODES} -I{{}} sh -c '\
             scp -q {options} {package} {user}@{{}}:{there}/{{}} && \
             test \"$wanted\" = \"$(ssh -n {options} -l {user} {{}} sha256sum \\<{there}/{{}})\"'",
            hosts = farm.addresses().display(),
            user = farm.user,
            package = package.display(),
            there = there.display(),
        );
        let farm = &farm;
        contenders.push(Contender {
            name: "scp under xargs".into(),
            run: Box::new(move || {
                let _ = fs::remove_dir_all(&there);
                farm.folder_in("there")?;
                let mut command = Command::new("sh");
                command.args(["-c", &script]);
                timed(farm, command, LIMIT, |_| Ok(()))
            }),
        });
    }
    let title = format!("50 MB to each of {NODES} nodes, SHA-256 on both ends");
    let results = contest(&title, rounds, contenders)?;
    limits.faster(&results, &["scp under xargs"], 1.5);
    Ok(())
}

/// Bytes that do not compress.
fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut noise = Vec::with_capacity(bytes + 8);
    while noise.len() < bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        noise.extend(state.to_le_bytes());
    }
    noise.truncate(bytes);
    noise
}
