//! Keys that are exchanged anew in the middle of everything.

use super::*;
use holdpoint::model::reply::Claim;

/// So many key exchanges the server has finished, after the first of each connection.
fn rekeys(server: &Sshd, connections: usize) -> usize {
    let log = server.log();
    let taken = log
        .lines()
        .filter(|line| line.contains("SSH2_MSG_NEWKEYS received"));
    taken.count().saturating_sub(connections)
}

/// Prints numbered lines, `kib` KiB more or less.
fn long(job: &str, kib: usize) -> (String, Vec<String>) {
    let lines = kib * 1024 / 64;
    let filler = "0123456789abcdefghijklmnopqrstuvwxyz";
    let script = format!(
        "echo ran >>\"$HOME/ran.{job}\"; awk 'BEGIN {{ for (i = 1; i <= {lines}; i++) printf \"{job} %08d {filler}\\n\", i }}'"
    );
    let printed = (1..=lines)
        .map(|i| format!("{job} {i:08} {filler}"))
        .collect();
    (script, printed)
}

fn assert_whole(field: &Field, order: &Order, printed: &[String], why: &str) {
    let done = JobReport::Ended {
        claim: Claim::Exited { code: 0 },
    };
    assert_eq!(field.board.ends(order), [&done], "{why}");
    let lines = field.board.lines(order);
    let differs = lines
        .iter()
        .zip(printed)
        .position(|(got, sent)| got != sent);
    assert_eq!(
        differs,
        None,
        "{why}: line {:?}",
        differs.map(|at| &lines[at])
    );
    assert_eq!(lines.len(), printed.len(), "{why}");
    let ran = std::fs::read_to_string(field.server.home.join(format!("ran.{}", order.job)));
    assert_eq!(ran.expect("it ran"), "ran\n", "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn long_output_is_whole_over_many_key_exchanges_while_another_channel_goes_on() {
    let config = ["RekeyLimit 64K", "LogLevel DEBUG1"];
    let Some(server) = Sshd::start_with("rekeying", "127.0.123.11", &config) else {
        return;
    };
    let mut field = Field::connected(server, "127.0.123.11", 1).await;
    let (script, printed) = long("r1.long.1", 6 << 10);
    let order = field.order(0, "r1.long.1", &script);
    let node = field.nodes[0].clone();
    field.look(Look::Watch { node: node.clone() });
    let before = field.readings()[0];
    field.change(Change::Start {
        order: order.clone(),
    });
    field
        .until("its end", |board| !board.ends(&order).is_empty())
        .await;
    let watched = field.readings()[0] - before;
    assert_whole(&field, &order, &printed, "");
    assert!(watched > 0, "the watch stood still meanwhile");
    assert_eq!(
        field.board.link(&node).downs.len(),
        0,
        "one connection did it all"
    );
    let rekeys = rekeys(&field.server, 1);
    assert!(rekeys >= 50, "only {rekeys} key exchanges");
}

#[tokio::test(flavor = "multi_thread")]
async fn long_output_and_a_check_are_whole_while_we_exchange_keys_again_and_again() {
    let ip = "127.0.163.11";
    let Some(server) = Sshd::start_with("our-rekeys", ip, &["LogLevel DEBUG1"]) else {
        return;
    };
    let mut field = Field::tuned(server, ip, 1, every(64 << 10)).await;
    field.connect_all();
    field.all_up("the link").await;
    let (script, printed) = long("r1.ours.1", 6 << 10);
    let order = field.order(0, "r1.ours.1", &script);
    let node = field.nodes[0].clone();
    field.change(Change::Start {
        order: order.clone(),
    });
    field
        .until("its first lines", |board| !board.lines(&order).is_empty())
        .await;
    field.look(Look::Check {
        node: node.clone(),
        check: "facts".into(),
    });
    field
        .until("the check and the job's end", |board| {
            !board.link(&node).checks.is_empty() && !board.ends(&order).is_empty()
        })
        .await;
    assert_whole(&field, &order, &printed, "");
    let told = field.board.link(&node);
    let [Ok(facts)] = &told.checks[..] else {
        panic!("{:?}", told.checks);
    };
    assert_eq!(facts["service"].to_string(), "running");
    assert_eq!(told.downs.len(), 0, "one connection did it all");
    // The server has no limit that it could have reached: these are ours. They are few, because what is on its way when
    // we ask for other keys comes first, and on a fast way that is up to 2 MiB.
    let rekeys = rekeys(&field.server, 1);
    assert!(rekeys >= 4, "only {rekeys} key exchanges");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_arrives_whole_while_we_exchange_keys_again_and_again() {
    let ip = "127.0.163.14";
    let config = ["LogLevel DEBUG1", "Subsystem sftp internal-sftp"];
    let Some(server) = Sshd::start_with("our-rekeys", ip, &config) else {
        return;
    };
    let mut dice = Dice::new(1, "package");
    let bytes: Vec<u8> = (0..4 << 20).map(|_| dice.below(256) as u8).collect();
    let (from, to) = (server.dir.join("pack.bin"), server.home.join("pack.bin"));
    std::fs::write(&from, &bytes).expect("a package");
    let mut field = Field::tuned(server, ip, 1, every(64 << 10)).await;
    field.connect_all();
    field.all_up("the link").await;
    let order = field.upload(0, "r1.file.1", &from, &to);
    field.change(Change::Start {
        order: order.clone(),
    });
    field
        .until("its end", |board| !board.ends(&order).is_empty())
        .await;
    let done = JobReport::Ended {
        claim: Claim::Exited { code: 0 },
    };
    let lines = field.board.lines(&order).join("\n");
    assert_eq!(field.board.ends(&order), [&done], "{lines}");
    assert!(std::fs::read(&to).expect("it is there") == bytes, "{lines}");
    let downs = &field.board.link(&field.nodes[0]).downs;
    assert!(downs.is_empty(), "one connection did it all: {downs:?}");
    // What waits to be sent when keys are due is sent first.
    let rekeys = rekeys(&field.server, 1);
    assert!(rekeys >= 8, "only {rekeys} key exchanges");
}

/// Keys are exchanged anew by us after so many bytes.
fn every(bytes: u64) -> impl Fn(&mut Tuning) {
    move |tuning| tuning.rekey.bytes = Some(bytes)
}

/// Most of what passes is key exchange here, so that most faults strike one.
async fn strike_while_rekeying(ip: &str, kinds: [Kind; 2]) {
    let Some(server) = Sshd::start_with("rekeying", ip, &["RekeyLimit 2K"]) else {
        return;
    };
    let mut field = Field::connected(server, ip, 12).await;
    let mut jobs = Vec::new();
    for number in 0..12 {
        let job = format!("r1.rekeyed{number}.1");
        let (script, printed) = long(&job, 96);
        let order = field.order(number, &job, &script);
        let fault = somewhere(number as u64, kinds[number % 2], 90_000, 150_000);
        field.ways[number].strike(fault);
        field.change(Change::Start {
            order: order.clone(),
        });
        jobs.push((order, printed, fault));
    }
    field
        .until("every job's end", |board| {
            jobs.iter().all(|(order, ..)| !board.ends(order).is_empty())
        })
        .await;
    field.all_up("every link again").await;
    field.round_trip().await;
    field.assert_nobody_was_asked();
    for (order, printed, fault) in &jobs {
        if let [JobReport::NotStarted { .. }] = field.board.ends(order)[..] {
            let ran = field.server.home.join(format!("ran.{}", order.job));
            assert!(!ran.exists(), "{fault:?}");
            continue;
        }
        assert_whole(&field, order, printed, &format!("{fault:?}"));
    }
    let struck: usize = field.ways.iter().map(Faulty::struck).sum();
    assert!(struck >= 6, "only {struck} struck");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_cut_or_reset_while_keys_are_exchanged_costs_nothing() {
    strike_while_rekeying("127.0.123.12", [Kind::Cut, Kind::Reset]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_stalls_while_keys_are_exchanged_costs_nothing() {
    strike_while_rekeying("127.0.123.13", [Kind::Stall, Kind::HalfOpen]).await;
}

/// After so few bytes (the fewest that ssh takes) everything that we send wants other keys, and so does the probe here: the
/// first that comes back belongs to an exchange that we began.
#[tokio::test(flavor = "multi_thread")]
async fn a_link_lost_amid_an_exchange_that_we_began_costs_nothing() {
    let ip = "127.0.163.12";
    let Some(server) = Sshd::start_with("our-rekeys", ip, &["LogLevel DEBUG1"]) else {
        return;
    };
    let mut field = Field::tuned(server, ip, 12, every(16)).await;
    field.connect_all();
    field.all_up("every link").await;
    let mut jobs = Vec::new();
    for number in 0..12 {
        let job = format!("r1.amid{number}.1");
        let (script, printed) = in_two_halves(&job);
        let order = field.order(number, &job, &script);
        field.change(Change::Start {
            order: order.clone(),
        });
        jobs.push((order, printed));
    }
    field
        .until("the first half of every job's output", |board| {
            let half = |(order, printed): &(Order, Vec<String>)| {
                board.lines(order).len() == printed.len() / 2
            };
            jobs.iter().all(half)
        })
        .await;
    let kinds = [Kind::Cut, Kind::Reset, Kind::Stall, Kind::HalfOpen];
    for (number, node) in field.nodes.clone().into_iter().enumerate() {
        let after = 120 * number as u64;
        let fault = Fault::new(kinds[number % 4], Direction::FromNode, after);
        field.ways[number].strike(fault);
        field.look(Look::Probe { node });
    }
    let nodes = field.nodes.clone();
    field
        .until("the loss of every link", |board| {
            nodes.iter().all(|node| !board.link(node).downs.is_empty())
        })
        .await;
    std::fs::write(field.server.home.join("go"), "").expect("a file");
    field
        .until("every job's end", |board| {
            jobs.iter().all(|(order, ..)| !board.ends(order).is_empty())
        })
        .await;
    field.assert_nobody_was_asked();
    for (order, printed) in &jobs {
        assert_whole(&field, order, printed, &order.job);
    }
    let log = field.server.log();
    let count = |what: &str| log.lines().filter(|line| line.contains(what)).count();
    let (begun, done) = (
        count("SSH2_MSG_KEXINIT received"),
        count("SSH2_MSG_NEWKEYS received"),
    );
    assert!(
        begun >= done + 6,
        "{begun} key exchanges were begun and {done} came to their end"
    );
}

/// A job that prints the second half of its output when it is let go on.
fn in_two_halves(job: &str) -> (String, Vec<String>) {
    let script = format!(
        "echo ran >>\"$HOME/ran.{job}\"; seq -f '{job} %04.0f' 1 400; until [ -e \"$HOME/go\" ]; do sleep 0.1; done; \
         seq -f '{job} %04.0f' 401 800"
    );
    let printed = (1..=800).map(|n| format!("{job} {n:04}"));
    (script, printed.collect())
}
