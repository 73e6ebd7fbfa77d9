//! A way on which much is under way at once (a fast line over a long distance, a slow reader) while keys are exchanged anew.

use super::*;
use holdpoint::model::reply::Claim;
use holdpoint::model::time::Span;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Logins and small answers pass at once.
const SMALL: usize = 64 << 10;
/// What comes then is held back until it is more than the library takes while keys are exchanged, or nothing more comes.
const HELD: usize = 6 << 20;
const REST: Duration = Duration::from_secs(2);

/// A way to `server` that holds back what comes from it; where it begins, and the tasks that are it.
async fn deep_way(server: &Sshd, ip: &str) -> (String, JoinSet<()>) {
    let listener = TcpListener::bind((ip, 0)).await.expect("a free port");
    let from = listener.local_addr().expect("its own address").to_string();
    let to = (server.ip.clone(), server.port);
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut ways = JoinSet::new();
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(&to).await.expect("sshd listens");
            ways.spawn(carry(client, server));
        }
    });
    (from, tasks)
}

async fn carry(client: TcpStream, server: TcpStream) {
    let (mut said, mut client) = client.into_split();
    let (mut answers, mut server) = server.into_split();
    // Either end may go first; that is part of the story.
    let there = async move { drop(copy(&mut said, &mut server).await) };
    let back = async move {
        let (mut seen, mut held, mut let_go) = (0, Vec::new(), false);
        let mut piece = vec![0; 1 << 16];
        loop {
            let read = timeout(REST, answers.read(&mut piece)).await;
            match read {
                Ok(Ok(0) | Err(_)) => return,
                Ok(Ok(read)) => {
                    seen += read;
                    held.extend_from_slice(&piece[..read]);
                }
                Err(_) => {}
            }
            if seen > SMALL && !let_go && read.is_ok() && held.len() < HELD {
                continue;
            }
            let_go = seen > SMALL;
            if client.write_all(&held).await.is_err() {
                return;
            }
            held.clear();
        }
    };
    tokio::join!(there, back);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_much_for_a_key_exchange_costs_one_link_and_no_answer() {
    let ip = "127.0.234.11";
    let Some(server) = Sshd::start("deep", ip) else {
        return;
    };
    let (start, _tasks) = deep_way(&server, "127.0.234.12").await;
    let way = Faulty::towards(&start, "127.0.234.13").await;
    let mut setup = setup(&server, way.endpoint(&server));
    setup.endpoint.tuning.rekey.bytes = Some(1 << 20);
    let node = setup.node.clone();
    let looks = SshLooks::new(vec![setup], Credentials::default(), Secrets::default());
    let mut field = Field {
        nodes: vec![node.clone()],
        ways: vec![way],
        hands: SshActs::new(looks),
        board: Board::default(),
        began: Instant::now(),
        server,
    };
    field.connect_all();
    field.all_up("the link").await;
    // Each prints more than its channel's window, again and again.
    let orders: Vec<Order> = (0..4)
        .map(|number| Order {
            timeout: Span::seconds(120),
            ..field.order(
                0,
                &format!("r1.read{number}.1"),
                "head -c 6000000 /dev/zero | tr '\\0' x; exit 3",
            )
        })
        .collect();
    for order in orders.clone() {
        field.look(Look::Read { order });
    }
    let is_lost = |board: &Board| !board.link(&node).downs.is_empty();
    field.until("the loss of the link", is_lost).await;
    field.all_up("the link again").await;
    // Nobody knows what became of them, and they change nothing: they are asked for again.
    for order in orders.clone() {
        field.look(Look::Read { order });
    }
    let ended = |board: &Board| orders.iter().all(|order| !board.ends(order).is_empty());
    field.until("every end", ended).await;
    let downs = &field.board.link(&node).downs;
    assert_eq!(downs.len(), 1, "lost once, and not again: {downs:?}");
    assert!(downs[0].contains("while keys are exchanged"), "{downs:?}");
    for order in &orders {
        let claim = Claim::Exited { code: 3 };
        assert_eq!(field.board.ends(order)[0], &JobReport::Ended { claim });
    }
}
