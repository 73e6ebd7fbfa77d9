//! Slow links and links that only pause.

use super::*;
use crate::support::eventually;
use crate::support::faulty::Pace;
use holdpoint::model::reply::Claim;

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_link_and_one_that_passes_single_bytes_are_as_good_as_any() {
    let Some(server) = Sshd::start("slow", "127.0.124.11") else {
        return;
    };
    let mut field = Field::new(server, "127.0.124.11", 2).await;
    let millis = Duration::from_millis;
    // 64 KB in a second, and a byte at a time.
    field.ways[0].slow_down(Pace {
        piece: 640,
        pause: millis(10),
    });
    field.ways[1].slow_down(Pace {
        piece: 1,
        pause: Duration::ZERO,
    });
    field.connect_all();
    field.all_up("both links").await;
    let mut orders = Vec::new();
    for number in 0..2 {
        let order = field.order(number, &format!("r1.slow{number}.1"), "seq 1 200; exit 3");
        field.change(Change::Start {
            order: order.clone(),
        });
        orders.push(order);
    }
    field
        .until("both ends", |board| {
            orders.iter().all(|order| !board.ends(order).is_empty())
        })
        .await;
    let printed: Vec<String> = (1..=200).map(|n| n.to_string()).collect();
    for order in &orders {
        let claim = Claim::Exited { code: 3 };
        assert_eq!(field.board.ends(order), [&JobReport::Ended { claim }]);
        assert_eq!(field.board.lines(order), printed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_that_is_shorter_than_the_limit_is_no_loss() {
    let Some(server) = Sshd::start("pausing", "127.0.124.12") else {
        return;
    };
    let way = Faulty::to(&server, "127.0.124.12").await;
    let mut patient = setup(&server, way.endpoint(&server));
    // A minute of silence is no loss.
    patient.endpoint.tuning.keepalive = Some(Duration::from_secs(20));
    let looks = SshLooks::new(vec![patient], Credentials::default(), Secrets::default());
    let mut field = Field {
        nodes: vec![NodeId::new(&server.name)],
        ways: vec![way],
        hands: SshActs::new(looks),
        board: Board::default(),
        began: Instant::now(),
        server,
    };
    field.connect_all();
    field.all_up("the link").await;
    let script =
        "echo begun; until [ -e \"$HOME/go\" ]; do sleep 0.1; done; echo after; : >\"$HOME/after\"";
    let order = field.order(0, "r1.pause.1", script);
    field.change(Change::Start {
        order: order.clone(),
    });
    field
        .until("its first line", |board| !board.lines(&order).is_empty())
        .await;
    field.ways[0].strike(Fault::new(Kind::Stall, Direction::FromNode, 0));
    std::fs::write(field.server.home.join("go"), "").expect("a file");
    let after = field.server.home.join("after");
    eventually("the job went on", || after.exists());
    eventually("the way is stalled", || field.ways[0].struck() == 1);
    field.ways[0].release();
    field
        .until("its end", |board| !board.ends(&order).is_empty())
        .await;
    assert_eq!(field.board.lines(&order), ["begun", "after"]);
    assert_eq!(
        field.board.link(&field.nodes[0]).downs.len(),
        0,
        "{:?}",
        field.board
    );
    assert_eq!(field.ways[0].accepted(), 1);
}
