//! Many nodes lost at once do not come back in step.

use super::*;
use holdpoint::transport::backoff;

/// Most attempts that fall within any quarter of a second, of `nodes` that are all lost at the same moment and stay away.
fn busiest(nodes: u64, attempts: u32) -> Vec<usize> {
    let mut at: Vec<Duration> = vec![Duration::ZERO; nodes as usize];
    let mut busiest = Vec::new();
    for attempt in 0..attempts {
        for (seed, at) in at.iter_mut().enumerate() {
            *at += match attempt {
                0 => backoff::first(seed as u64),
                _ => backoff::delay(attempt - 1, seed as u64),
            };
        }
        let mut times = at.clone();
        times.sort();
        let window = Duration::from_millis(250);
        let count = |from: Duration| {
            let within = times.iter().filter(|t| (from..from + window).contains(t));
            within.count()
        };
        busiest.push(times.iter().map(|from| count(*from)).max().unwrap_or(0));
    }
    busiest
}

#[test]
fn five_hundred_nodes_lost_at_once_are_called_spread_out() {
    let busiest = busiest(500, 8);
    // The first calls fall within a second; later ones are spread ever wider.
    assert!(busiest[0] < 200, "{busiest:?}");
    assert!(busiest[3] < 200, "{busiest:?}");
    assert!(busiest[7] < 60, "{busiest:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn never_more_than_so_many_handshakes_are_under_way() {
    let Some(server) = Sshd::start("herd", "127.0.126.11") else {
        return;
    };
    // All nodes through one way, which takes them and leads nowhere.
    let way = Faulty::to(&server, "127.0.126.11").await;
    way.dead_end(true);
    let setups = (0..60).map(|number| NodeSetup {
        node: NodeId::new(format!("n{number}")),
        seed: number,
        ..watchful(setup(&server, way.endpoint(&server)))
    });
    let setups: Vec<NodeSetup> = setups.collect();
    let mut field = Field {
        nodes: setups.iter().map(|setup| setup.node.clone()).collect(),
        ways: vec![way],
        hands: SshActs::new(SshLooks::new(
            setups,
            Credentials::default(),
            Secrets::default(),
        )),
        board: Board::default(),
        began: Instant::now(),
        server,
    };
    field.connect_all();
    let deadline = Instant::now() + PATIENCE;
    while field.ways[0].accepted() < 60 {
        assert!(
            Instant::now() < deadline,
            "{} came",
            field.ways[0].accepted()
        );
        if field.ways[0].open() == 24 {
            // Those that wait are let in one by one as these are turned away.
            field.ways[0].end(Kind::Cut);
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    // A client that gives up by itself is seen to be gone a little after the next one has come.
    let most = field.ways[0].most_open();
    assert!((24..36).contains(&most), "{most}");
    field.ways[0].end(Kind::Cut);
    // Good again, they all come. Whoever was turned away before the greeting waits for half a minute by itself.
    field.ways[0].dead_end(false);
    field.all_up("all sixty").await;
    field.assert_nobody_was_asked();
}
