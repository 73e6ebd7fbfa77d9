//! One node's connection: made, kept, taken up again with back-off, or refused for good.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;

use super::{Node, Wanted, lock};
use crate::model::reply::{HostKey, LinkReport, Refusal};
use crate::transport::backoff;
use crate::transport::ssh::{ConnectFailure, PinnedKey, Session, append_known_host};

/// What the supervisor is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Connect,
    /// Try again now, whatever it waits for.
    Retry,
    Disconnect,
    HostKey {
        accept: bool,
    },
}

/// Keeps one node connected for as long as that is wanted.
pub async fn supervise(node: Arc<Node>, mut orders: UnboundedReceiver<Order>) {
    while let Some(order) = orders.recv().await {
        if matches!(order, Order::Connect | Order::Retry)
            && keep(&node, &mut orders).await.is_none()
        {
            return;
        }
    }
}

/// Connects, again and again, until told to stop. `None` when holdpoint's session is over.
async fn keep(node: &Node, orders: &mut UnboundedReceiver<Order>) -> Option<()> {
    let mut attempt = 0;
    // A key that an earlier session of this run has seen holds for the rest of it.
    let mut pinned: Option<PinnedKey> = node.setup.endpoint.pinned.clone();
    let mut said: Option<String> = None;
    loop {
        if let Some(name) = missing_secret(node) {
            let secret = format!("parameter {name} (not echoed, not kept)");
            if !wait_for_secret(node, Wanted::Param(name), secret, orders).await? {
                return Some(());
            }
            continue;
        }
        match connect(node, pinned.as_ref()).await {
            Ok((session, key, incarnation)) => {
                (attempt, said) = (0, None);
                let user = node.setup.endpoint.user.clone();
                let host_key = HostKey {
                    algorithm: key.algorithm.clone(),
                    fingerprint: key.fingerprint.clone(),
                };
                pinned = Some(key);
                node.tell_link(LinkReport::Up {
                    incarnation,
                    host_key: Some(host_key),
                    user,
                });
                node.session.send_replace(Some(session.clone()));
                let lost = stand(&session, orders).await?;
                node.session.send_replace(None);
                match lost {
                    Some(why) => node.tell_link(LinkReport::Down { why }),
                    None => return Some(()),
                }
            }
            Err(failure) if failure.is_transient() => {
                let why = failure.to_string();
                if said.as_ref() != Some(&why) {
                    node.tell_link(LinkReport::Down { why: why.clone() });
                    said = Some(why);
                }
                let seed = node.setup.seed;
                let pause = match failure {
                    ConnectFailure::ClosedBeforeGreeting { .. } => {
                        backoff::delay_after_refusal(attempt, seed)
                    }
                    _ => backoff::delay(attempt, seed),
                };
                attempt += 1;
                if !pause_or_retry(pause, orders).await? {
                    return Some(());
                }
            }
            Err(failure) => {
                said = None;
                if !refused(node, failure, orders).await? {
                    return Some(());
                }
            }
        }
    }
}

/// One attempt: the connection, the key that the server showed, and which boot answers.
async fn connect(
    node: &Node,
    pinned: Option<&PinnedKey>,
) -> Result<(Session, PinnedKey, String), ConnectFailure> {
    let permit = node.common.handshakes.acquire().await;
    let mut endpoint = node.setup.endpoint.clone();
    endpoint.pinned = pinned.cloned();
    let credentials = lock(&node.common.credentials).clone();
    let session = Session::connect(&endpoint, &credentials).await?;
    drop(permit);
    let seen = session.host_key();
    let key = PinnedKey {
        algorithm: seen.algorithm.clone(),
        fingerprint: seen.fingerprint.clone(),
    };
    let incarnation = match session.identity().await {
        Ok(incarnation) => incarnation.to_string(),
        // Without it a reboot could not be told from an outage; everything else works.
        Err(_) if !session.is_closed() => "unknown".into(),
        Err(why) => {
            return Err(ConnectFailure::Lost {
                stage: crate::transport::ssh::Stage::Login,
                why: why.to_string(),
            });
        }
    };
    Ok((session, key, incarnation))
}

/// Waits while the connection stands: why it was lost, or `Some(None)` if it was given up.
async fn stand(session: &Session, orders: &mut UnboundedReceiver<Order>) -> Option<Option<String>> {
    let mut closed = std::pin::pin!(session.closed());
    loop {
        tokio::select! {
            why = &mut closed => return Some(Some(why)),
            order = orders.recv() => match order? {
                Order::Disconnect => {
                    session.close().await;
                    return Some(None);
                }
                Order::Connect | Order::Retry | Order::HostKey { .. } => {}
            },
        }
    }
}

/// Waits out a pause; whether to go on.
async fn pause_or_retry(pause: Duration, orders: &mut UnboundedReceiver<Order>) -> Option<bool> {
    let until = tokio::time::Instant::now() + pause;
    loop {
        tokio::select! {
            () = tokio::time::sleep_until(until) => return Some(true),
            order = orders.recv() => match order? {
                Order::Retry => return Some(true),
                Order::Disconnect => return Some(false),
                Order::Connect | Order::HostKey { .. } => {}
            },
        }
    }
}

/// A human has to do something first; whether to go on then.
async fn refused(
    node: &Node,
    failure: ConnectFailure,
    orders: &mut UnboundedReceiver<Order>,
) -> Option<bool> {
    match &failure {
        ConnectFailure::HostKeyUnknown {
            name,
            algorithm,
            fingerprint,
            key,
            ..
        } => {
            let shown = HostKey {
                algorithm: algorithm.clone(),
                fingerprint: fingerprint.clone(),
            };
            node.tell_link(LinkReport::UnknownHostKey { key: shown });
            loop {
                match orders.recv().await? {
                    Order::HostKey { accept: true } => {
                        let own = &node.setup.endpoint.known_hosts.own;
                        if let Err(why) = append_known_host(own, name, key) {
                            let why = format!(
                                "its accepted host key cannot be written to {}: {why}",
                                own.display()
                            );
                            node.tell_link(LinkReport::Refused {
                                refusal: Refusal::Setup,
                                why,
                            });
                            return wait_for_retry(orders).await;
                        }
                        return Some(true);
                    }
                    Order::HostKey { accept: false } => return wait_for_retry(orders).await,
                    Order::Disconnect => return Some(false),
                    Order::Connect | Order::Retry => return Some(true),
                }
            }
        }
        ConnectFailure::PassphraseWanted { path, .. } => {
            let secret = format!("passphrase of {}", path.display());
            wait_for_secret(node, Wanted::Passphrase(path.clone()), secret, orders).await
        }
        other => {
            let refusal = match other {
                ConnectFailure::HostKeyChanged { .. }
                | ConnectFailure::HostKeyRevoked { .. }
                | ConnectFailure::PinnedKeyDiffers { .. }
                | ConnectFailure::HostKeyWeak { .. } => Refusal::HostKey,
                ConnectFailure::LoginRefused { .. } => Refusal::Login,
                ConnectFailure::BecomeRefused { .. } => Refusal::Become,
                _ => Refusal::Setup,
            };
            node.tell_link(LinkReport::Refused {
                refusal,
                why: failure.to_string(),
            });
            wait_for_retry(orders).await
        }
    }
}

async fn wait_for_retry(orders: &mut UnboundedReceiver<Order>) -> Option<bool> {
    loop {
        match orders.recv().await? {
            Order::Retry | Order::Connect => return Some(true),
            Order::Disconnect => return Some(false),
            Order::HostKey { .. } => {}
        }
    }
}

async fn wait_for_secret(
    node: &Node,
    wanted: Wanted,
    secret: String,
    orders: &mut UnboundedReceiver<Order>,
) -> Option<bool> {
    *lock(&node.wanted) = Some(wanted);
    node.tell_link(LinkReport::WantsSecret { secret });
    let go_on = wait_for_retry(orders).await;
    *lock(&node.wanted) = None;
    go_on
}

/// The first secret parameter that only a human can give and that nobody has given yet.
fn missing_secret(node: &Node) -> Option<String> {
    lock(&node.common.secrets).missing(&node.setup.node)
}
