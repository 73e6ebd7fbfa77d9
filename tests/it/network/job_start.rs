//! Faults around the start of a job: whatever is struck, it runs once at most, and what is told is what happened.

use super::*;
use crate::support::eventually;
use holdpoint::model::reply::Claim;

/// Bytes that a start takes towards the node, and that come back from it until the end, more or less.
const START: u64 = 40_000;
const ANSWERS: u64 = 5_000;
/// On the way back the first bytes lie between the request and the reply.
const REPLY: u64 = 700;

fn script(job: &str) -> String {
    format!(
        "echo ran >>\"$HOME/ran.{job}\"; i=0; while [ $i -lt 60 ]; do i=$((i+1)); \
         echo \"{job} line $i 0123456789 abcdefghij\"; [ $((i % 20)) != 0 ] || sleep 0.2; done; exit 7"
    )
}

fn printed(job: &str) -> Vec<String> {
    (1..=60)
        .map(|i| format!("{job} line {i} 0123456789 abcdefghij"))
        .collect()
}

fn runs(field: &Field, order: &Order) -> usize {
    let file = field.server.home.join(format!("ran.{}", order.job));
    std::fs::read_to_string(file).map_or(0, |text| text.lines().count())
}

/// One job for each fault, struck from the moment of its start on.
async fn strike_while_starting(ip: &str, faults: Vec<Fault>) {
    let Some(server) = Sshd::start("starting", ip) else {
        return;
    };
    let mut field = Field::connected(server, ip, faults.len()).await;
    let mut orders = Vec::new();
    for (number, fault) in faults.iter().enumerate() {
        let job = format!("r1.struck{number}.1");
        let order = field.order(number, &job, &script(&job));
        field.ways[number].strike(*fault);
        field.change(Change::Start {
            order: order.clone(),
        });
        orders.push(order);
    }
    field
        .until("every job's end", |board| {
            orders.iter().all(|order| !board.ends(order).is_empty())
        })
        .await;
    field.all_up("every link again").await;
    field.round_trip().await;
    // What was under way when a link was given up arrives now, late.
    field.ways.iter().for_each(Faulty::release);
    eventually("the stalled connections are gone", || {
        field.ways.iter().all(|way| way.open() == 1)
    });
    field.round_trip().await;
    field.assert_nobody_was_asked();
    let mut struck = 0;
    for (number, order) in orders.iter().enumerate() {
        let (fault, ends) = (faults[number], field.board.ends(order));
        struck += field.ways[number].struck();
        match ends[..] {
            [JobReport::Ended { claim }] => {
                assert_eq!(*claim, Claim::Exited { code: 7 }, "{fault:?}");
                assert_eq!(runs(&field, order), 1, "{fault:?}");
                assert_eq!(field.board.lines(order), printed(&order.job), "{fault:?}");
            }
            [JobReport::NotStarted { .. }] => {
                assert_eq!(runs(&field, order), 0, "{fault:?}: {ends:?}");
                assert!(field.board.lines(order).is_empty(), "{fault:?}");
            }
            _ => panic!("{fault:?}: {ends:?}"),
        }
    }
    assert!(
        struck * 2 > faults.len(),
        "only {struck} of {} struck",
        faults.len()
    );
}

fn faults(kind: Kind) -> Vec<Fault> {
    let anywhere = (0..12).map(|seed| somewhere(seed, kind, START, ANSWERS));
    let reply = (0..6).map(|seed| {
        let after = Dice::new(seed, "reply").below(REPLY);
        Fault::new(kind, Direction::FromNode, after)
    });
    anywhere.chain(reply).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_whose_start_is_cut_runs_once_or_never() {
    strike_while_starting("127.0.121.11", faults(Kind::Cut)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_whose_start_is_reset_runs_once_or_never() {
    strike_while_starting("127.0.121.12", faults(Kind::Reset)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_whose_start_stalls_and_arrives_late_runs_once_or_never() {
    strike_while_starting("127.0.121.13", faults(Kind::Stall)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_started_over_a_half_open_link_runs_once_or_never() {
    strike_while_starting("127.0.121.14", faults(Kind::HalfOpen)).await;
}
