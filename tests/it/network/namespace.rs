//! A node in a network of its own, whose cable can be pulled: silence as it really is.
//!
//! Where the machine makes no network namespaces the stories say so and stall a way instead.

use super::*;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use holdpoint::model::procedure::UploadSpec;
use holdpoint::model::reply::Claim;
use holdpoint::transport::Errand;

use crate::support::endpoint::friend;
use crate::support::{eventually, tool};

/// Three seconds of silence are a lost link here; without the configured value it would be twenty.
const NOTICED: Duration = Duration::from_secs(15);

/// So many were made: each has addresses of its own.
static MADE: AtomicU32 = AtomicU32::new(0);

fn ip(arguments: &str) -> Result<(), String> {
    let done = Command::new("ip").args(arguments.split(' ')).output();
    let done = done.map_err(|error| error.to_string())?;
    match done.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&done.stderr).into_owned()),
    }
}

/// A network namespace and one cable to it; gone when this is dropped.
struct Cable {
    space: String,
    here: String,
    address: String,
}

impl Cable {
    fn lay() -> Result<Cable, String> {
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let pid = std::process::id();
        // From the network that is set aside for measurements (RFC 2544), four addresses for each cable.
        let first = (pid % 4096) * 16 + number % 4 * 4;
        let address = |last| format!("198.18.{}.{}", first >> 8, (first & 255) + last);
        let cable = Cable {
            space: format!("holdpoint-{pid}-{number}"),
            here: format!("hp{pid}x{number}"),
            address: address(2),
        };
        let Cable { space, here, .. } = &cable;
        let steps = [
            format!("netns add {space}"),
            format!("link add {here} type veth peer name far netns {space}"),
            format!("address add {}/30 dev {here}", address(1)),
            format!("-n {space} address add {}/30 dev far", address(2)),
            format!("link set {here} up"),
            format!("-n {space} link set lo up"),
            format!("-n {space} link set far up"),
        ];
        steps.iter().try_for_each(|step| ip(step))?;
        Ok(cable)
    }

    /// At its far end: nobody here is told.
    fn pull(&self) {
        ip(&format!("-n {} link set far down", self.space)).expect("the cable is pulled");
    }

    fn plug_in(&self) {
        ip(&format!("-n {} link set far up", self.space)).expect("the cable is plugged in");
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        let _ = ip(&format!("link del {}", self.here));
        let _ = ip(&format!("netns del {}", self.space));
    }
}

/// The node at the far end: processes of its own, which see no others.
struct Machine {
    server: Option<Child>,
    cable: Cable,
    config: PathBuf,
}

impl Machine {
    /// `None` where the machine makes no namespaces, with the reason printed.
    fn set_up(node: &Sshd) -> Option<Machine> {
        tool("ip")?;
        tool("unshare")?;
        let cable = match Cable::lay() {
            Ok(cable) => cable,
            Err(why) => {
                eprintln!(
                    "no network namespaces here ({}); a stalled way instead",
                    why.trim()
                );
                return None;
            }
        };
        let usual =
            std::fs::read_to_string(node.dir.join("sshd_config")).expect("its configuration");
        let listen = format!("ListenAddress {}:22", cable.address);
        let lines = usual
            .lines()
            .map(|line| match line.starts_with("ListenAddress") {
                true => listen.as_str(),
                false => line,
            });
        let config = node.dir.join("sshd_config.away");
        std::fs::write(&config, lines.collect::<Vec<_>>().join("\n")).expect("its configuration");
        let mut machine = Machine {
            server: None,
            cable,
            config,
        };
        machine.boot();
        Some(machine)
    }

    /// Its first process is a new one each time, and so is its boot identity.
    fn boot(&mut self) {
        let server = Command::new("ip")
            .args(["netns", "exec", &self.cable.space])
            .args(["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"])
            .arg(tool("sshd").expect("found before"))
            .args(["-D", "-f"])
            .arg(&self.config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        self.server = Some(server.expect("ip can be run"));
        let there = (self.cable.address.as_str(), 22);
        eventually("the node has booted", || {
            std::net::TcpStream::connect(there).is_ok()
        });
    }

    /// Everything on the node is gone at once.
    fn power_off(&mut self) {
        if let Some(mut server) = self.server.take() {
            let _ = server.kill();
            let _ = server.wait();
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.power_off();
    }
}

/// Hands on a node whose cable can be pulled, or whose way can be stalled.
async fn far_away(name: &str, loopback: &str) -> Option<(Field, Option<Machine>)> {
    let node = Sshd::start_with(name, loopback, &["Subsystem sftp internal-sftp"])?;
    let Some(machine) = Machine::set_up(&node) else {
        return Some((Field::connected(node, loopback, 1).await, None));
    };
    let mut setup = watchful(setup(&node, friend(&node)));
    let known = format!("{} {}\n", machine.cable.address, node.host_key());
    std::fs::write(&setup.endpoint.known_hosts.user[0], known).expect("known_hosts");
    setup.endpoint.host = machine.cable.address.clone();
    setup.endpoint.port = 22;
    setup.endpoint.connect_timeout = Duration::from_secs(2);
    let looks = SshLooks::new(vec![setup], Credentials::default(), Secrets::default());
    let mut field = Field {
        nodes: vec![NodeId::new(&node.name)],
        ways: Vec::new(),
        hands: SshActs::new(looks),
        board: Board::default(),
        began: Instant::now(),
        server: node,
    };
    field.connect_all();
    field.all_up("the first connection").await;
    Some((field, Some(machine)))
}

fn pull(field: &Field, machine: &Option<Machine>) {
    match machine {
        Some(machine) => machine.cable.pull(),
        None => field.ways[0].strike(Fault::new(Kind::Stall, Direction::FromNode, 0)),
    }
}

fn plug_in(machine: &Option<Machine>) {
    if let Some(machine) = machine {
        machine.cable.plug_in();
    }
}

async fn noticed(field: &mut Field) {
    let pulled = Instant::now();
    let node = field.nodes[0].clone();
    field
        .until("the loss", |board| !board.link(&node).downs.is_empty())
        .await;
    assert!(
        pulled.elapsed() < NOTICED,
        "noticed after {:?}",
        pulled.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_vanishes_is_noticed_in_time_and_its_job_is_found_again() {
    let Some((mut field, machine)) = far_away("vanishing", "127.0.127.11").await else {
        return;
    };
    let node = field.nodes[0].clone();
    let script = "echo begun; until [ -e \"$HOME/go\" ]; do sleep 0.1; done; echo alone; : >\"$HOME/alone\"; exit 5";
    let order = field.order(0, "r1.alone.1", script);
    field.change(Change::Start {
        order: order.clone(),
    });
    field
        .until("its first line", |board| !board.lines(&order).is_empty())
        .await;
    pull(&field, &machine);
    noticed(&mut field).await;
    std::fs::write(field.server.home.join("go"), "").expect("a file");
    let alone = field.server.home.join("alone");
    eventually("the job goes on alone", || alone.exists());
    plug_in(&machine);
    field
        .until("its end", |board| !board.ends(&order).is_empty())
        .await;
    let claim = Claim::Exited { code: 5 };
    assert_eq!(field.board.ends(&order), [&JobReport::Ended { claim }]);
    assert_eq!(field.board.lines(&order), ["begun", "alone"]);
    let ups = &field.board.link(&node).ups;
    assert_eq!(ups.len(), 2);
    assert_eq!(ups[0], ups[1], "an outage is no reboot");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_vanishes_under_an_upload_is_noticed_in_time() {
    let Some((mut field, machine)) = far_away("swallowing", "127.0.127.12").await else {
        return;
    };
    let home = field.server.home.clone();
    let package = home.join("package");
    std::fs::write(&package, vec![7; 96 << 20]).expect("a package");
    let to = home.join("pack.bin");
    let spec = UploadSpec {
        from: package.display().to_string(),
        to: to.display().to_string(),
        sha256: None,
        mode: None,
    };
    let order = Order {
        errand: Errand::Upload(Box::new(spec)),
        ..field.order(0, "r1.up.1", "")
    };
    field.change(Change::Start {
        order: order.clone(),
    });
    field
        .until("a tenth of it", |board| !board.lines(&order).is_empty())
        .await;
    pull(&field, &machine);
    assert!(
        !to.exists(),
        "the cable was pulled too late to prove anything"
    );
    noticed(&mut field).await;
    plug_in(&machine);
    field
        .until("its end", |board| !board.ends(&order).is_empty())
        .await;
    let claim = Claim::Exited { code: 0 };
    assert_eq!(field.board.ends(&order), [&JobReport::Ended { claim }]);
    assert!(
        std::fs::read(&to).expect("it is there") == std::fs::read(&package).expect("a package")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reboot_is_told_from_an_outage_by_the_boot_identity() {
    let Some((mut field, Some(mut machine))) = far_away("booting", "127.0.127.13").await else {
        return;
    };
    let node = field.nodes[0].clone();
    let order = field.order(0, "r1.cut.1", "echo begun; sleep 300");
    field.change(Change::Start {
        order: order.clone(),
    });
    field
        .until("its first line", |board| !board.lines(&order).is_empty())
        .await;
    // Gone and back between two life signs: nothing but the boot identity tells.
    machine.power_off();
    machine.boot();
    field
        .until("its end", |board| !board.ends(&order).is_empty())
        .await;
    let ends = format!("{:?}", field.board.ends(&order));
    assert!(
        ends.contains("Vanished") && ends.contains("was booted while the script ran"),
        "{ends}"
    );
    field.all_up("the rebooted node").await;
    let boots: Vec<&str> = field
        .board
        .link(&node)
        .ups
        .iter()
        .filter_map(|up| match up {
            LinkReport::Up { incarnation, .. } => Some(incarnation.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(boots.len(), 2, "{boots:?}");
    assert_ne!(boots[0], boots[1], "a reboot is no outage");
}
