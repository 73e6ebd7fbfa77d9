//! Faults while a connection is being made: in every part of the key exchange and the login.

use super::*;
use crate::support::faulty::{KEX_INIT, NEW_KEYS};

/// Byte counts of one direction that lie in every part of a connection's making.
fn moments(way: &Faulty, direction: Direction) -> Vec<u64> {
    let opening = way.opening(direction);
    let (init_begins, init_ends) = opening.packet(KEX_INIT);
    let (keys_begin, keys_end) = opening.packet(NEW_KEYS);
    let logged_in = way.passed(direction);
    assert_eq!(init_begins, opening.greeting);
    vec![
        0,
        opening.greeting / 2,
        opening.greeting,
        init_begins + 1,
        (init_begins + init_ends) / 2,
        init_ends,
        keys_begin - 1,
        keys_begin,
        keys_end - 1,
        keys_end,
        keys_end + 1,
        (keys_end + logged_in) / 2,
        logged_in - 1,
    ]
}

/// Strikes the first connection of many nodes, each at another moment; every link comes to be all the same.
async fn strike_while_connecting(ip: &str, kind: Kind) {
    let Some(server) = Sshd::start("making", ip) else {
        return;
    };
    let mut first = Field::connected(server, ip, 1).await;
    let both = [Direction::ToNode, Direction::FromNode];
    let faults: Vec<Fault> = both
        .into_iter()
        .flat_map(|direction| {
            let moments = moments(&first.ways[0], direction);
            moments
                .into_iter()
                .map(move |after| Fault::new(kind, direction, after))
        })
        .collect();
    first.round_trip().await;
    let mut field = Field::new(first.server, ip, faults.len()).await;
    for (way, fault) in field.ways.iter().zip(&faults) {
        way.strike_next(*fault);
    }
    field.connect_all();
    field.all_up("every link").await;
    field.round_trip().await;
    field.assert_nobody_was_asked();
    for (number, fault) in faults.iter().enumerate() {
        let told = field.board.link(&field.nodes[number]);
        let way = &field.ways[number];
        assert_eq!(way.struck(), 1, "{fault:?} never struck");
        assert!(
            way.accepted() > 1 || told.downs.is_empty(),
            "{fault:?}: {told:#?}"
        );
        // What is said is about the connection, never about keys or passwords.
        for why in &told.downs {
            let honest = [
                "before its SSH greeting",
                "was lost during",
                "was lost before",
                "closed without a word",
                "it was reset",
                // It was reset before we knew that there was a connection.
                "does not answer",
            ];
            assert!(
                honest.iter().any(|words| why.contains(words)),
                "{fault:?}: {why}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_cut_in_its_making_is_made_again() {
    strike_while_connecting("127.0.120.11", Kind::Cut).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_reset_in_its_making_is_made_again() {
    strike_while_connecting("127.0.120.12", Kind::Reset).await;
}

/// A server that stops in the middle of the key exchange holds nobody for ever.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_exchange_that_stalls_is_given_up_and_begun_anew() {
    let ip = "127.0.120.13";
    let Some(server) = Sshd::start("stalling", ip) else {
        return;
    };
    let first = Field::connected(server, ip, 1).await;
    let opening = first.ways[0].opening(Direction::FromNode);
    let (init, _) = opening.packet(KEX_INIT);
    let (keys, _) = opening.packet(NEW_KEYS);
    let moments = [0, init, init + 300, keys, keys + 4];
    let mut field = Field::new(first.server, ip, 2 * moments.len()).await;
    for (way, n) in field.ways.iter().zip(0..) {
        let kind = [Kind::Stall, Kind::HalfOpen][n % 2];
        way.strike_next(Fault::new(kind, Direction::FromNode, moments[n / 2]));
    }
    field.connect_all();
    field.all_up("every link").await;
    field.assert_nobody_was_asked();
    for node in &field.nodes {
        let told = field.board.link(node);
        assert!(
            told.downs[0].contains("the SSH handshake took longer than"),
            "{told:#?}"
        );
    }
}

/// A node that goes down or comes up takes the login, and ends the shell that it gave.
#[tokio::test(flavor = "multi_thread")]
async fn a_booting_node_that_ends_our_shell_is_tried_again() {
    let ip = "127.0.120.14";
    let Some(server) = Sshd::start("booting", ip) else {
        return;
    };
    let mut field = Field::connected(server, ip, 1).await;
    let node = field.nodes[0].clone();
    let login = field.server.home.join(".bashrc");
    std::fs::write(&login, "kill -KILL $$\n").expect("a login script");
    field.ways[0].end(Kind::Cut);
    let ended = |why: &String| why.contains("it was ended by signal");
    field
        .until("a shell that is ended", |board| {
            board.link(&node).downs.iter().any(ended)
        })
        .await;
    std::fs::remove_file(&login).expect("it was there");
    field.all_up("the booted node").await;
    field.assert_nobody_was_asked();
}
