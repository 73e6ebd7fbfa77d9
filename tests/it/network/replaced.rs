//! A server that is replaced while we are connected: the connection that we have goes on being of use.

use super::*;
use holdpoint::model::reply::Claim;

async fn run(field: &mut Field, job: &str, script: &str) -> Vec<String> {
    let order = field.order(0, job, script);
    field.change(Change::Start {
        order: order.clone(),
    });
    field
        .until("its end", |board| !board.ends(&order).is_empty())
        .await;
    let claim = Claim::Exited { code: 0 };
    assert_eq!(
        field.board.ends(&order),
        [&JobReport::Ended { claim }],
        "{job}"
    );
    field.board.lines(&order).to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_sshd_that_is_replaced_or_broken_does_not_lock_us_out() {
    let Some(server) = Sshd::start("replaced", "127.0.125.11") else {
        return;
    };
    let mut field = Field::connected(server, "127.0.125.11", 1).await;
    let node = field.nodes[0].clone();
    // Its upgrade went wrong: nobody can log in any more. What stands stays, and can still do everything.
    field.server.stop_listening();
    assert!(std::net::TcpStream::connect((field.server.ip.as_str(), field.server.port)).is_err());
    let repaired = "echo repaired >\"$HOME/sshd_state\"; cat \"$HOME/sshd_state\"";
    assert_eq!(run(&mut field, "r1.repair.1", repaired).await, ["repaired"]);
    field.round_trip().await;
    // The new one listens. Nothing changes for the connection that there is.
    field.server.listen_again();
    assert_eq!(
        run(&mut field, "r1.before.1", "echo old one").await,
        ["old one"]
    );
    assert_eq!(field.ways[0].accepted(), 1);
    assert!(
        field.board.link(&node).downs.is_empty(),
        "{:?}",
        field.board
    );
    // Only when it is lost the new one is met, and it is the same node.
    field.ways[0].end(Kind::Reset);
    field
        .until("the loss", |board| !board.link(&node).downs.is_empty())
        .await;
    field.all_up("the new server").await;
    assert_eq!(
        run(&mut field, "r1.after.1", "echo new one").await,
        ["new one"]
    );
    let ups = &field.board.link(&node).ups;
    assert_eq!(ups.len(), 2);
    assert_eq!(ups[0], ups[1], "same boot, same key, same user");
}
