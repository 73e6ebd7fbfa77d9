//! A server that falls silent in the middle of the login, with its TCP alive.

use holdpoint::transport::ssh::{ConnectFailure, Endpoint, Session, Stage};

use super::*;
use crate::support::faulty::NEW_KEYS;

/// The time that a login gives one answer which waits for nobody.
const LIMIT: Duration = Duration::from_secs(20);

/// What becomes of a connection whose server falls silent after so many bytes, and how long the silence was borne.
async fn silent_after(
    way: &Faulty,
    endpoint: &Endpoint,
    after: u64,
) -> (Result<Session, ConnectFailure>, Duration) {
    let before = way.struck();
    way.strike_next(Fault::new(Kind::Stall, Direction::FromNode, after));
    let endpoint = endpoint.clone();
    let mut connecting =
        tokio::spawn(async move { Session::connect(&endpoint, &Credentials::default()).await });
    tokio::select! {
        done = &mut connecting => return (done.expect("it comes to an end"), Duration::ZERO),
        () = way.has_struck(before + 1) => {}
    }
    // From here on nothing comes but the end of our patience: its clock need not be waited for.
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    let ended = connecting.await.expect("it comes to an end");
    let borne = began.elapsed();
    tokio::time::resume();
    way.release();
    (ended, borne)
}

/// A server, our way to it, and the first and the last byte of what it says in the login.
async fn login(ip: &str) -> Option<(Sshd, Faulty, Endpoint, std::ops::Range<u64>)> {
    let server = Sshd::start("silent", ip)?;
    let way = Faulty::to(&server, ip).await;
    let mut endpoint = way.endpoint(&server);
    endpoint.connect_timeout = Duration::from_secs(10);
    let session = Session::connect(&endpoint, &Credentials::default()).await;
    let session = session.unwrap_or_else(|failure| panic!("{failure}\n{}", server.log()));
    let (_, keys_end) = way.opening(Direction::FromNode).packet(NEW_KEYS);
    let said = keys_end..way.passed(Direction::FromNode);
    drop(session);
    Some((server, way, endpoint, said))
}

#[tokio::test]
async fn a_server_that_falls_silent_in_the_login_is_given_up_soon_and_the_stage_is_told() {
    let Some((server, way, endpoint, said)) = login("127.0.163.31").await else {
        return;
    };
    let mut stages = Vec::new();
    // No packet is shorter than this.
    for after in said.step_by(28) {
        let (ended, borne) = silent_after(&way, &endpoint, after).await;
        match ended {
            // What it says after the login is not waited for.
            Ok(_) => {}
            Err(ConnectFailure::TimedOut { stage, limit }) => {
                assert_eq!(limit, LIMIT);
                assert!(borne <= LIMIT + Duration::from_secs(1), "{borne:?}");
                stages.push(stage);
            }
            Err(other) => panic!("silent after {after}: {other}\n{}", server.log()),
        }
    }
    stages.dedup();
    // Whether anything is asked before the first key is offered is all the same here.
    stages.retain(|stage| *stage != Stage::Request);
    assert_eq!(stages, [Stage::Offer, Stage::Proof]);
}

#[tokio::test]
async fn a_longer_connect_timeout_waits_longer_for_the_greeting_too() {
    let Some((_server, way, mut endpoint, _)) = login("127.0.231.43").await else {
        return;
    };
    endpoint.connect_timeout = Duration::from_secs(45);
    let (ended, borne) = silent_after(&way, &endpoint, 1).await;
    let told = ended.expect_err("it says nothing").to_string();
    assert!(
        told.contains("the SSH handshake took longer than 45 s"),
        "{told}"
    );
    assert!(borne <= Duration::from_secs(46), "{borne:?}");
}

#[tokio::test]
async fn a_longer_connect_timeout_waits_longer_for_the_login_too() {
    let Some((_server, way, mut endpoint, said)) = login("127.0.163.32").await else {
        return;
    };
    endpoint.connect_timeout = Duration::from_secs(45);
    let (ended, borne) = silent_after(&way, &endpoint, said.start + 1).await;
    let failure = ended.expect_err("it says nothing");
    let told = failure.to_string();
    assert!(told.starts_with("the server's answer to"), "{told}");
    assert!(told.contains("took longer than 45 s"), "{told}");
    assert!(borne <= Duration::from_secs(46), "{borne:?}");
    assert!(failure.is_transient(), "it is tried again by itself");
}
