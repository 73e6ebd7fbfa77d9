//! One contract for five kinds of node: simulated, and behind four kinds of SSH server. What each of them keeps stands in
//! the table of the page for operators; `HOLDPOINT_BLESS=1` writes it there.

mod bench;
mod clauses;
mod far;
pub mod in_process;
mod servers;
mod table;
mod wire;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bench::Bench;
use clauses::Clause;
use far::Meeting;
use in_process::{Opened, Part};
use servers::Server;
use table::Cell;

use crate::support::eventually;

/// One clause, with all its waiting.
const LIMIT: Duration = Duration::from_secs(150);

/// What stands at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Simulator,
    InProcess,
    OpenSsh,
    Dropbear,
    AsyncSsh,
}

impl Kind {
    /// In the order of the table.
    const ALL: [Kind; 5] = [
        Kind::Simulator,
        Kind::InProcess,
        Kind::OpenSsh,
        Kind::Dropbear,
        Kind::AsyncSsh,
    ];

    fn name(self) -> &'static str {
        match self {
            Kind::Simulator => "simulator",
            Kind::InProcess => "russh in the test",
            Kind::OpenSsh => "OpenSSH",
            Kind::Dropbear => "dropbear",
            Kind::AsyncSsh => "AsyncSSH",
        }
    }

    /// Why this kind of node cannot keep a rule, where it cannot.
    fn lacks(self, rule: &str) -> Option<&'static str> {
        let lacks: &[(&str, &str)] = match self {
            Kind::Simulator => &[
                (
                    "a login that is refused says what was offered",
                    "nobody logs in to it",
                ),
                (
                    "a peer that falls silent is noticed",
                    "it has no bytes that could fail to come",
                ),
                (
                    "a job that was killed is told with its signal",
                    "its jobs run no program",
                ),
                (
                    "whoever comes after us finds the job and all of its output",
                    "it ends with the rehearsal",
                ),
                (
                    "a file arrives whole with its checksum, and is not sent twice",
                    "its nodes hold no files",
                ),
                ("a file goes by SFTP", "its nodes hold no files"),
            ],
            Kind::InProcess => &[(
                "a file goes by SFTP",
                "it has no SFTP; the shell takes the file",
            )],
            Kind::OpenSsh | Kind::Dropbear | Kind::AsyncSsh => &[],
        };
        lacks
            .iter()
            .find(|(known, _)| *known == rule)
            .map(|(_, why)| *why)
    }

    /// Where our way to it begins; the server is beside it.
    fn address(self, last: u8) -> String {
        let third = match self {
            Kind::Simulator | Kind::InProcess => 110,
            Kind::OpenSsh => 111,
            Kind::Dropbear => 112,
            Kind::AsyncSsh => 113,
        };
        format!("127.0.{third}.{last}")
    }

    /// The server, or `None` (with a printed reason) where it cannot be had.
    async fn server(self) -> Option<Server> {
        let ip = self.address(1);
        let start = match self {
            Kind::Simulator => return None,
            Kind::InProcess => return Server::in_process(&ip, Arc::default()).await,
            Kind::OpenSsh => Server::openssh,
            Kind::Dropbear => Server::dropbear,
            Kind::AsyncSsh => Server::asyncssh,
        };
        let started = tokio::task::spawn_blocking(move || start(&ip)).await;
        started.expect("the server starts")
    }
}

/// What one kind of node keeps, or `None` where it cannot be had; and what is wrong about it.
async fn column(kind: Kind) -> (Option<Vec<Cell>>, Vec<String>) {
    let server = kind.server().await.map(Arc::new);
    if server.is_none() && kind != Kind::Simulator {
        return (None, Vec::new());
    }
    let (mut cells, mut wrong) = (Vec::new(), Vec::new());
    for (at, clause) in clauses::ALL.into_iter().enumerate() {
        let told = tell(kind, server.clone(), at, clause).await;
        let lacks = kind.lacks(clause.rule);
        match (told, lacks) {
            (Ok(()), None) | (Err(_), Some(_)) => {}
            (Ok(()), Some(why)) => {
                wrong.push(format!(
                    "{}: {}: it is kept, and declared as not: {why}",
                    kind.name(),
                    clause.rule
                ));
            }
            (Err(why), None) => wrong.push(format!("{}: {}: {why}", kind.name(), clause.rule)),
        }
        cells.push(lacks.map_or(Cell::Kept, Cell::Lacks));
    }
    (Some(cells), wrong)
}

async fn tell(
    kind: Kind,
    server: Option<Arc<Server>>,
    at: usize,
    clause: Clause,
) -> Result<(), String> {
    let telling = tokio::spawn(async move {
        let slug = format!("c{at:02}");
        let mut bench = match server {
            None => Bench::twin(slug),
            Some(server) => Bench::real(server, &kind.address(2), slug).await,
        };
        let story = (clause.story)(&mut bench);
        match tokio::time::timeout(LIMIT, story).await {
            Ok(told) => told.map_err(|why| format!("{why:#}")),
            Err(_) => Err(format!("not done within {} s", LIMIT.as_secs())),
        }
    });
    telling.await.unwrap_or_else(|panic| Err(panic.to_string()))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_node_keeps_the_contract_and_the_page_says_which_part() {
    let telling = Kind::ALL.map(|kind| tokio::spawn(column(kind)));
    let (mut columns, mut wrong) = (Vec::new(), Vec::new());
    for (kind, column) in Kind::ALL.into_iter().zip(telling) {
        let (cells, said) = column.await.expect("a column is told to its end");
        columns.push((kind.name(), cells));
        wrong.extend(said);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let rules: Vec<&str> = clauses::ALL.iter().map(|clause| clause.rule).collect();
    table::assert_on_page(&rules, &columns);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_is_closed_before_its_command_runs_is_asked_for_again() {
    let part = Arc::new(Part {
        closes: 3.into(),
        ..Part::default()
    });
    let Some(server) = Server::in_process("127.0.110.3", part).await else {
        return;
    };
    let mut bench = Bench::real(Arc::new(server), "127.0.110.4", "closes".into()).await;
    bench
        .connect()
        .await
        .expect("the node says which boot it is in");
    let order = bench.order("once", "echo working", &[]);
    bench.start(&order);
    let claim = bench.end(&order).await.expect("the job ends");
    assert!(claim.is_success(), "it {claim}");
    assert_eq!(bench.runs("once", &order), 1);
    assert_eq!(bench.connections(), 1, "the connection was never given up");
}

#[tokio::test(flavor = "multi_thread")]
async fn long_output_and_a_check_are_whole_while_we_exchange_keys_again_and_again() {
    let part = Arc::new(Part::default());
    let Some(server) = Server::in_process("127.0.163.21", Arc::clone(&part)).await else {
        return;
    };
    let mut bench = Bench::real(Arc::new(server), "127.0.163.22", "rekeys".into()).await;
    bench.meet(Meeting::Rekeying).expect("it is a real node");
    bench.connect().await.expect("a link");
    let order = bench.order(
        "long",
        "seq -f 'line %08.0f of the long output' 1 70000",
        &[],
    );
    bench.start(&order);
    let first = "line 00000001 of the long output";
    bench.line(&order, first).await.expect("it prints");
    clauses::checks(&mut bench)
        .await
        .expect("a check meanwhile");
    let claim = bench.end(&order).await.expect("the job ends");
    assert!(claim.is_success(), "it {claim}");
    let printed = (1..=70_000).map(|n| format!("line {n:08} of the long output"));
    assert!(
        bench.lines(&order).into_iter().eq(printed),
        "it is not whole"
    );
    assert_eq!(bench.runs("long", &order), 1);
    assert_eq!(bench.connections(), 1, "the connection was never given up");
    let exchanges = part.groups.load(Ordering::Relaxed);
    assert!(exchanges > 3, "only {exchanges} key exchanges");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_channel_that_a_server_opens_is_taken() {
    let part = Arc::new(Part {
        opens: true.into(),
        ..Part::default()
    });
    let Some(server) = Server::in_process("127.0.233.21", Arc::clone(&part)).await else {
        return;
    };
    let mut bench = Bench::real(Arc::new(server), "127.0.233.22", "opens".into()).await;
    bench.connect().await.expect("a link");
    let order = bench.order("amid", "echo working", &[]);
    bench.start(&order);
    let claim = bench.end(&order).await.expect("the job ends");
    assert!(claim.is_success(), "it {claim}");
    let opened = || part.opened.lock().expect("no panic while held").clone();
    eventually("each was answered", || opened().len() == 7);
    for (kind, became) in opened() {
        assert_eq!(became, Opened::Refused, "{kind}");
    }
    assert_eq!(bench.connections(), 1, "the connection was never given up");
}

#[test]
fn the_page_is_printed_by_the_command_that_shows_how_a_node_is_reached() {
    let told = std::process::Command::new(env!("CARGO_BIN_EXE_holdpoint"))
        .args(["ssh-config", "--guide"])
        .output()
        .expect("the program runs");
    assert!(told.status.success(), "{told:?}");
    assert_eq!(String::from_utf8_lossy(&told.stdout), holdpoint::guide::SSH);
}
