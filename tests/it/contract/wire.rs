//! The network between us and one server: a relay that a story can cut, or let fall silent.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

const PIECE: usize = 32 << 10;

#[derive(Clone, Copy, Default)]
struct Weather {
    cuts: u64,
    silent: bool,
}

/// One way to one server. Dropping it cuts everything that goes through it.
pub struct Wire {
    pub ip: String,
    pub port: u16,
    weather: watch::Sender<Weather>,
    connections: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Wire {
    /// A way from a free port of `ip` to the server.
    pub async fn new(ip: &str, server: (String, u16)) -> Wire {
        let listener = TcpListener::bind((ip, 0)).await.expect("a free port");
        let port = listener.local_addr().expect("its own address").port();
        let (weather, forecast) = watch::channel(Weather::default());
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        let task = tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(relay(near, server.clone(), forecast.clone()));
            }
        });
        Wire {
            ip: ip.into(),
            port,
            weather,
            connections,
            task,
        }
    }

    /// Closes every connection that goes through it; new ones are let through.
    pub fn cut(&self) {
        self.weather.send_modify(|weather| weather.cuts += 1);
    }

    /// Whether nothing gets through, with every connection left open.
    pub fn silent(&self, silent: bool) {
        self.weather.send_modify(|weather| weather.silent = silent);
    }

    /// How many connections were made so far.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn relay(near: TcpStream, server: (String, u16), weather: watch::Receiver<Weather>) {
    let Ok(far) = TcpStream::connect(server).await else {
        return;
    };
    for stream in [&near, &far] {
        let _ = stream.set_nodelay(true);
    }
    let mut forecast = weather.clone();
    let cuts = forecast.borrow_and_update().cuts;
    let cut = async {
        let _ = forecast.wait_for(|weather| weather.cuts != cuts).await;
    };
    let (near_read, near_write) = near.into_split();
    let (far_read, far_write) = far.into_split();
    let there = carry(near_read, far_write, weather.clone());
    let back = carry(far_read, near_write, weather);
    let both = async {
        tokio::join!(there, back);
    };
    tokio::select! {
        () = both => {}
        () = cut => {}
    }
}

async fn carry(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut weather: watch::Receiver<Weather>,
) {
    let mut piece = vec![0; PIECE];
    while let Ok(read) = from.read(&mut piece).await {
        if weather.wait_for(|weather| !weather.silent).await.is_err() {
            return;
        }
        if read == 0 {
            let _ = to.shutdown().await;
            return;
        }
        if to.write_all(&piece[..read]).await.is_err() {
            return;
        }
    }
}
