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
