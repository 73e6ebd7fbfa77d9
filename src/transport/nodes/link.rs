//! One node's connection: had, kept, lost, taken up again.

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::sleep;

use super::failed::{Failed, Next, Question, next, refused};
use super::keys::{KeyRing, Keys};
use super::tell::{Teller, one_line, words};
use crate::model::ids::NodeId;
use crate::model::reply::{HostKey, LinkReport, Refusal};
use crate::transport::Arrival;
use crate::transport::backoff::first;
use crate::transport::ssh::{
    Changes, Credentials, Endpoint, Incarnation, LiveQuestion, PinnedKey, Route, Session, Vault,
    moment,
};

mod host_keys;

/// What may be asked of a link.
#[derive(Debug)]
pub(super) enum LinkAsk {
    Connect,
    Reconnect,
    Disconnect,
    HostKey { fingerprint: String, accept: bool },
    Secret(SecretString),
}

/// The task that has one node's connection.
pub(super) struct Link {
    pub(super) node: NodeId,
    pub(super) endpoint: Endpoint,
    pub(super) asks: UnboundedReceiver<LinkAsk>,
    /// Where the others find the session.
    pub(super) session: watch::Sender<Option<Session>>,
    pub(super) keys: Keys,
    /// The same, to see what was added since the last attempt.
    pub(super) added: watch::Receiver<KeyRing>,
    /// Passwords that come, prove good or are refused.
    pub(super) changes: Changes,
    /// Shared by all nodes: so many handshakes at once.
    pub(super) handshakes: Arc<Semaphore>,
    pub(super) teller: Teller,
    /// Keeps the nodes' back-off out of step.
    pub(super) seed: u64,
    /// Whether there was a connection before: then a refusal may be a node that is booting.
    pub(super) was_up: bool,
    /// An answer about a host key that came while it was being looked at again.
    pub(super) early: Option<LinkAsk>,
}

/// The wish to have no connection any more, or nobody who could wish.
struct Leave;

/// So often a server's question is put again by itself when nobody answered it before the server hung up.
const UNANSWERED: u32 = 10;
/// Before it is put again.
const AFTER_SILENCE: Duration = Duration::from_secs(1);

/// What one attempt came to.
enum Dialled {
    Done(Result<(Session, Incarnation), Failed>),
    /// The server hung up while it waited for the human.
    Unanswered,
}

impl Link {
    /// Lives until the transport is dropped.
    pub(super) async fn run(mut self) {
        while let Some(ask) = self.asks.recv().await {
            let wanted = matches!(ask, LinkAsk::Connect | LinkAsk::Reconnect);
            if wanted && let Err(Leave) = self.serve().await {
                self.session.send_replace(None);
            }
        }
    }

    /// Has a connection and keeps it, until it is not wanted any more.
    async fn serve(&mut self) -> Result<(), Leave> {
        let (mut attempt, mut unanswered) = (0, 0);
        let mut told = None;
        let mut turn = None;
        loop {
            if let Some((report, question)) = self.missing() {
                self.tell(report).await;
                self.wait_for_answer(question).await?;
                continue;
            }
            match self.dial(turn.take()).await? {
                Dialled::Unanswered if unanswered < UNANSWERED => {
                    // The server gave up waiting for the human: the question stands until it comes again.
                    unanswered += 1;
                    self.pause(AFTER_SILENCE).await?;
                }
                Dialled::Unanswered => {
                    unanswered = 0;
                    let why = "nobody answered the server's question in time".into();
                    self.tell(refused(Refusal::Login, why)).await;
                    self.wait_for_answer(Question::None).await?;
                }
                Dialled::Done(Ok((session, incarnation))) => {
                    (attempt, unanswered, told) = (0, 0, None);
                    let why = self.stay(session, incarnation).await?;
                    self.tell_down(&mut told, why).await;
                    self.pause(first(self.seed)).await?;
                }
                Dialled::Done(Err(failed)) => match next(failed, attempt, self.seed, self.was_up) {
                    Next::Turn => turn = Some(self.turn().await?),
                    Next::Again(pause, why) => {
                        attempt += 1;
                        self.tell_down(&mut told, why).await;
                        self.pause(pause).await?;
                    }
                    // Somebody else was given it meanwhile.
                    Next::Ask(_, question @ Question::Password(_))
                        if self.is_answered(&question) => {}
                    Next::Ask(report, question) => {
                        (attempt, told) = (0, None);
                        self.tell(report).await;
                        self.wait_for_answer(question).await?;
                    }
                },
            }
        }
    }

    /// One attempt. Being told to connect while at it changes nothing. A question of the server is handed to the human, whose
    /// answer goes back into the open connection.
    async fn dial(&mut self, turn: Option<OwnedSemaphorePermit>) -> Result<Dialled, Leave> {
        let (host, port) = (&self.endpoint.host, self.endpoint.port);
        let what = match self.endpoint.route.through() {
            None => format!("connecting to {host}, port {port}"),
            Some(way) => format!("connecting to {host}, port {port}, through {way}"),
        };
        self.teller.linking(&self.node, what).await;
        let endpoint = self.endpoint.clone();
        let mut credentials = self.added.borrow_and_update().credentials.clone();
        let (asker, mut questions) = unbounded_channel();
        // A node that let us in by a key and does not now is booting, not asking.
        if !self.was_up || by_hand(&endpoint, credentials.vault()) {
            credentials = credentials.asking(asker, turn.map(Arc::new));
        }
        let handshakes = Arc::clone(&self.handshakes);
        // Large, and over soon: it must not be a part of a task that lasts as long as the run.
        let mut dialling = Box::pin(connect(endpoint, credentials, handshakes));
        let mut pending: Option<LiveQuestion> = None;
        loop {
            tokio::select! {
                done = &mut dialling => {
                    self.tell_way().await;
                    let gave_up = matches!(&done, Err(Failed::Connect(failure)) if failure.is_transient());
                    let asking = pending.is_some() && gave_up;
                    return Ok(if asking { Dialled::Unanswered } else { Dialled::Done(done) });
                }
                Some(question) = questions.recv() => {
                    let secret = question.text.clone();
                    pending = Some(question);
                    self.tell(LinkReport::WantsSecret { secret }).await;
                }
                ask = self.asks.recv() => match ask {
                    None | Some(LinkAsk::Disconnect) => return Err(Leave),
                    Some(LinkAsk::Secret(secret)) => {
                        if let Some(question) = pending.take() {
                            // A connection that is gone meanwhile asks again.
                            let _ = question.answer.send(secret);
                        }
                    }
                    Some(answer @ LinkAsk::HostKey { .. }) => self.early = Some(answer),
                    Some(LinkAsk::Connect | LinkAsk::Reconnect) => {}
                },
            }
        }
    }

    /// Waits until no other node's question is open within a connection.
    async fn turn(&mut self) -> Result<OwnedSemaphorePermit, Leave> {
        let vault = self.added.borrow().credentials.vault().clone();
        let turn = vault.turn();
        tokio::pin!(turn);
        loop {
            tokio::select! {
                turn = &mut turn => return Ok(turn),
                ask = self.asks.recv() => match ask {
                    None | Some(LinkAsk::Disconnect) => return Err(Leave),
                    Some(LinkAsk::Connect | LinkAsk::Reconnect | LinkAsk::HostKey { .. } | LinkAsk::Secret(_)) => {}
                },
            }
        }
    }

    /// Tells of the new connection and stays until it is lost; gives back why.
    async fn stay(&mut self, session: Session, incarnation: Incarnation) -> Result<String, Leave> {
        self.was_up = true;
        let key = session.host_key();
        let before = self.endpoint.pinned.take();
        let same = before.filter(|pin| pin.fingerprint == key.fingerprint);
        self.endpoint.pinned = Some(same.unwrap_or_else(|| PinnedKey {
            algorithm: key.algorithm.clone(),
            fingerprint: key.fingerprint.clone(),
            let_in: false,
            seen: Some(moment()),
        }));
        // Whoever is asked because of this report must find the session.
        let published = session.clone();
        let sender = &self.session;
        let report = self.up(&session, &incarnation);
        let publish = move || drop(sender.send_replace(Some(published)));
        self.teller.tell_with(publish, self.arrival(report)).await;
        let lost = self.while_up(&session, incarnation).await;
        self.session.send_replace(None);
        if lost.is_err() {
            session.close().await;
        }
        // It would be lost again and again in the same way.
        self.endpoint.tuning.one_at_a_time |= session.was_crowded();
        lost
    }

    async fn while_up(
        &mut self,
        session: &Session,
        mut incarnation: Incarnation,
    ) -> Result<String, Leave> {
        loop {
            let ask = tokio::select! {
                why = session.closed() => return Ok(one_line(&why)),
                ask = self.asks.recv() => ask,
            };
            match ask {
                None | Some(LinkAsk::Disconnect) => return Err(Leave),
                Some(LinkAsk::Connect) => self.tell(self.up(session, &incarnation)).await,
                Some(LinkAsk::Reconnect) => match Box::pin(session.identity()).await {
                    Ok(now) => {
                        incarnation = now;
                        self.tell(self.up(session, &incarnation)).await;
                    }
                    Err(failure) => {
                        session.close().await;
                        return Ok(words(&failure));
                    }
                },
                Some(LinkAsk::HostKey { .. } | LinkAsk::Secret(_)) => {}
            }
        }
    }

    /// Waits before the next attempt; being told to connect ends the wait.
    async fn pause(&mut self, pause: Duration) -> Result<(), Leave> {
        let over = sleep(pause);
        tokio::pin!(over);
        loop {
            tokio::select! {
                () = &mut over => return Ok(()),
                ask = self.asks.recv() => match ask {
                    None | Some(LinkAsk::Disconnect) => return Err(Leave),
                    Some(LinkAsk::Connect | LinkAsk::Reconnect) => return Ok(()),
                    Some(LinkAsk::HostKey { .. } | LinkAsk::Secret(_)) => {}
                },
            }
        }
    }

    /// Waits for a word that makes another attempt worth while.
    async fn wait_for_answer(&mut self, question: Question) -> Result<(), Leave> {
        loop {
            let ask = match self.early.take() {
                Some(early) => Some(early),
                None => tokio::select! {
                    ask = self.asks.recv() => ask,
                    // Another node of the cluster may have been given what this one wants.
                    Ok(()) = self.added.changed() => {
                        if self.is_answered(&question) {
                            return Ok(());
                        }
                        continue;
                    }
                    () = self.changes.next() => {
                        if self.is_answered(&question) {
                            return Ok(());
                        }
                        continue;
                    }
                },
            };
            match (ask, &question) {
                (None | Some(LinkAsk::Disconnect), _) => return Err(Leave),
                (Some(LinkAsk::Connect | LinkAsk::Reconnect), _) => {
                    if matches!(question, Question::None) {
                        self.added.borrow().credentials.vault().forgive();
                    }
                    return Ok(());
                }
                (
                    Some(LinkAsk::HostKey {
                        fingerprint,
                        accept,
                    }),
                    Question::HostKey(unknown),
                ) => {
                    if self.key_answered(unknown, &fingerprint, accept).await {
                        return Ok(());
                    }
                }
                (
                    Some(LinkAsk::HostKey {
                        fingerprint,
                        accept: true,
                    }),
                    Question::NewKey(replaced),
                ) => {
                    if self.new_key_accepted(replaced, &fingerprint).await {
                        return Ok(());
                    }
                }
                (Some(LinkAsk::Secret(secret)), question) => self.keep(question, secret),
                (
                    Some(LinkAsk::HostKey { .. }),
                    Question::NewKey(_)
                    | Question::Passphrase(_)
                    | Question::Password(_)
                    | Question::Param(_)
                    | Question::None,
                ) => {}
            }
        }
    }

    /// Keeps what a human gave, for all nodes. That it was added wakes whoever waits for it, this node too.
    fn keep(&self, question: &Question, secret: SecretString) {
        match question {
            Question::Passphrase(path) => self
                .keys
                .send_modify(|keys| keys.credentials.add_passphrase(path, secret)),
            Question::Password(wanted) => {
                let vault = self.added.borrow().credentials.vault().clone();
                vault.give(wanted, secret);
            }
            Question::Param(name) => self
                .keys
                .send_modify(|keys| keys.secrets.give(name, secret)),
            Question::HostKey(_) | Question::NewKey(_) | Question::None => {}
        }
    }

    fn is_answered(&self, question: &Question) -> bool {
        let keys = self.added.borrow();
        match question {
            Question::Passphrase(path) => keys.credentials.passphrase(path).is_some(),
            Question::Password(wanted) => keys.credentials.vault().is_given(wanted),
            Question::Param(name) => keys.secrets.missing(&self.node).as_ref() != Some(name),
            Question::HostKey(unknown) => {
                let asked = (unknown.name.clone(), unknown.fingerprint.clone());
                keys.accepted.contains(&asked)
            }
            Question::NewKey(_) | Question::None => false,
        }
    }

    /// The first secret parameter that only a human can give and that nobody has given yet.
    fn missing(&mut self) -> Option<(LinkReport, Question)> {
        let name = self.added.borrow_and_update().secrets.missing(&self.node)?;
        let secret = format!("parameter {name} (not echoed, not kept)");
        Some((LinkReport::WantsSecret { secret }, Question::Param(name)))
    }

    /// Down is told once for each reason, not for each attempt.
    async fn tell_down(&self, told: &mut Option<String>, why: String) {
        if told.as_ref() != Some(&why) {
            *told = Some(why.clone());
            self.tell(LinkReport::Down { why }).await;
        }
    }

    async fn tell(&self, report: LinkReport) {
        self.teller.tell(self.arrival(report)).await;
    }

    fn arrival(&self, report: LinkReport) -> Arrival {
        let node = self.node.clone();
        Arrival::Link { node, report }
    }

    fn up(&self, session: &Session, incarnation: &Incarnation) -> LinkReport {
        let key = session.host_key();
        LinkReport::Up {
            incarnation: incarnation.as_str().to_owned(),
            host_key: Some(HostKey {
                algorithm: key.algorithm.clone(),
                fingerprint: key.fingerprint.clone(),
            }),
            user: self.endpoint.user.clone(),
        }
    }
}

/// Whether a human had to type something to get in, here or on the way.
fn by_hand(endpoint: &Endpoint, vault: &Vault) -> bool {
    let on_the_way = match &endpoint.route {
        Route::Direct | Route::Command(_) => false,
        Route::Through(jump) => by_hand(jump.endpoint(), vault),
    };
    on_the_way || vault.is_by_hand(&endpoint.node)
}

async fn connect(
    endpoint: Endpoint,
    credentials: Credentials,
    handshakes: Arc<Semaphore>,
) -> Result<(Session, Incarnation), Failed> {
    // Before our turn comes: whoever waits for a host on the way must not hold up those who do not need it.
    let way = endpoint.route.first_hop(&credentials, &endpoint.node).await;
    let way = way.map_err(Failed::Connect)?;
    let turn = handshakes.acquire().await;
    let session = Session::connect(&endpoint, &credentials).await;
    drop((turn, way));
    let session = session.map_err(Failed::Connect)?;
    let incarnation = session.identity().await.map_err(Failed::Identity)?;
    Ok((session, incarnation))
}
