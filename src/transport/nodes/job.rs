//! One job: started, followed over as many sessions as it takes, its end told once.

use std::time::Duration;

use secrecy::SecretString;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::ends::end;
use super::giving::{Given, ask_to_stop, give};
use super::lock;
use super::prompts::{Human, Listener};
use super::tell::{Teller, words};
use super::typing::Typist;
use crate::model::lock::{Holder, LockReport};
use crate::model::reply::JobReport;
use crate::model::telemetry::Stream;
use crate::model::text::Cleaner;
use crate::model::wheel::WheelAct;
use crate::transport::Order;
use crate::transport::backoff::delay;
use crate::transport::job::{
    self, Followed, Follower, JobFailure, JobId, JobSpec, JobState, Refusal, Standing,
};
use crate::transport::ssh::Session;

/// How long the node holds an answer back for news. A server that allows one channel at a time lets nothing else
/// through meanwhile.
const POLL: Duration = Duration::from_secs(5);
/// How long a cancelled script may take to end by itself. Part of what the node compares when a start is repeated:
/// never change it.
pub(super) const GRACE: Duration = Duration::from_secs(30);
/// So often a start is repeated that the node has not begun yet; each waits there for up to five seconds.
const STARTS: u32 = 6;
/// So much output is cleaned before it is told (bytes).
const CLEANED_AT_ONCE: usize = 64 << 10;
/// So often an acknowledgement is repeated; what it frees is only space.
const ACKS: u32 = 5;

/// What may be asked of a job's task.
#[derive(Debug)]
pub(super) enum JobAsk {
    /// With the values of the script's secrets, or the name of one that nobody gave.
    Start(Result<Vec<SecretString>, String>),
    Attach,
    Cancel,
    Answer(Given),
    Wheel(WheelAct),
    Acknowledge,
}

/// What goes on beside the following of a job.
enum Aside {
    Cancel,
    Answer(Given),
    Wheel(WheelAct),
}

/// The tasks of it.
#[derive(Default)]
struct Asides {
    tasks: JoinSet<()>,
    typist: Option<UnboundedSender<WheelAct>>,
}

/// The task of one job.
pub(super) struct Job {
    order: Order,
    asks: UnboundedReceiver<JobAsk>,
    session: watch::Receiver<Option<Session>>,
    teller: Teller,
    /// From the first byte: lines that another process of ours has shown are told again, none is left out.
    offset: u64,
    cleaner: Cleaner,
    /// Of a job that asks.
    listener: Option<Listener>,
    /// The last act at its wheel, as far as the node has told.
    turn: Option<u64>,
    /// It was told that it runs, and nothing else since.
    accepted: bool,
}

/// Nobody is there any more to follow it for.
struct Over;

/// What ends the following of a job.
enum Step {
    Ask(JobAsk),
    News(Result<Followed, JobFailure>),
}

impl Job {
    pub(super) fn new(
        order: Order,
        asks: UnboundedReceiver<JobAsk>,
        session: watch::Receiver<Option<Session>>,
        teller: Teller,
    ) -> Job {
        Job {
            order,
            asks,
            session,
            teller,
            offset: 0,
            cleaner: Cleaner::new(),
            listener: None,
            turn: None,
            accepted: false,
        }
    }

    /// Lives until the transport is dropped; the job itself does not care.
    pub(super) async fn run(mut self) {
        let id = match JobId::new(&self.order.job) {
            Ok(id) => id,
            Err(bad) => return self.never_ran(words(&bad)).await,
        };
        if let Err(why) = self.listen() {
            return self.never_ran(why).await;
        }
        while let Some(ask) = self.asks.recv().await {
            let gone = match ask {
                JobAsk::Start(Ok(secrets)) => self.start(&id, secrets).await,
                JobAsk::Start(Err(name)) => {
                    let why = format!("nobody gave the secret {name}; nothing was sent");
                    self.never_ran(why).await;
                    Ok(())
                }
                JobAsk::Attach => self.follow(&id, None).await,
                JobAsk::Cancel => self.follow(&id, Some(Aside::Cancel)).await,
                JobAsk::Answer(given) => self.follow(&id, Some(Aside::Answer(given))).await,
                JobAsk::Wheel(act) => self.follow(&id, Some(Aside::Wheel(act))).await,
                JobAsk::Acknowledge => self.acknowledge(&id).await,
            };
            if let Err(Over) = gone {
                return;
            }
        }
    }

    /// Sets out to find its questions, if it is to ask any.
    fn listen(&mut self) -> Result<(), String> {
        if let Some(dialogue) = &self.order.dialogue {
            let prompts = dialogue.prompts.iter();
            let prompts = prompts.map(|p| (p.id.as_str(), p.pattern.as_str(), p.times));
            let silence = dialogue.silence.map(|span| Duration::from_millis(span.0));
            self.listener = Some(Listener::new(prompts, silence)?);
        }
        Ok(())
    }

    /// Asks for the start and follows. A request whose answer did not come is not repeated: it is asked what became of it.
    async fn start(&mut self, id: &JobId, secrets: Vec<SecretString>) -> Result<(), Over> {
        let Some(script) = self.order.script() else {
            // Files have a task of another kind.
            return Ok(());
        };
        let spec = JobSpec {
            id: id.clone(),
            payload: script.text.clone().into_bytes(),
            secrets,
            grace: GRACE,
            asks: self.order.dialogue.is_some(),
            terminal: self.order.dialogue.as_ref().is_some_and(|d| d.terminal),
            fence: self.order.fence.as_deref().cloned(),
        };
        let session = self.session.borrow().clone();
        let Some(session) = session else {
            let why = format!("no connection to {}", self.order.node);
            self.out_of_sight(why).await;
            return self.follow(id, None).await;
        };
        for attempt in 0..STARTS {
            match job::start(&session, &spec).await {
                Ok(answer) if answer.state.standing() == Standing::NotBegun => {}
                Ok(_) => break,
                Err(JobFailure::NotSent(bad)) => {
                    self.never_ran(words(&bad)).await;
                    return Ok(());
                }
                Err(
                    refused @ JobFailure::Refused {
                        refusal: Refusal::SpecMismatch,
                        ..
                    },
                ) => {
                    let why = words(&refused);
                    self.told(JobReport::Vanished { why }).await;
                    return Ok(());
                }
                // The request before this one was taken: what it set going may begin yet, unless it is kept from it.
                Err(JobFailure::Refused { .. }) if attempt > 0 => break,
                Err(JobFailure::Refused {
                    refusal: Refusal::Locked(by),
                    ..
                }) => {
                    self.fenced_off(by).await;
                    return Ok(());
                }
                Err(refused @ JobFailure::Refused { .. }) => {
                    self.never_ran(words(&refused)).await;
                    return Ok(());
                }
                Err(failure @ JobFailure::NoAnswer(_)) => {
                    self.out_of_sight(words(&failure)).await;
                    break;
                }
            }
        }
        self.follow(id, None).await
    }

    /// Follows the job to its end and tells it. Never starts it: one that has not begun is kept from ever beginning.
    async fn follow(&mut self, id: &JobId, first: Option<Aside>) -> Result<(), Over> {
        let mut follower = Follower::new(id.clone(), self.offset, POLL);
        let mut asides = Asides::default();
        if let Some(aside) = first {
            self.begin_aside(&mut asides, id, aside);
        }
        self.accepted = false;
        let mut failures = 0;
        loop {
            let session = self.next_session().await?;
            let (most, _held) = self.teller.piece(follower.wanted());
            follower.at_most(most);
            // What it has printed already is fetched without a pause.
            let listener = self.listener.as_ref().filter(|_| !follower.is_behind());
            let pace = listener.map(|listener| listener.pace(POLL));
            let news = async {
                if let Some(pace) = pace {
                    sleep(pace.pause).await;
                    follower.hold_back(pace.wait);
                }
                follower.next(&session).await
            };
            let step = tokio::select! {
                news = news => Step::News(news),
                ask = self.asks.recv() => Step::Ask(ask.ok_or(Over)?),
            };
            match step {
                Step::Ask(JobAsk::Start(_) | JobAsk::Attach) => {
                    self.accepted = false;
                    self.listener.iter_mut().for_each(Listener::forget_told);
                    // A new one does not wait for news before it says where the job stands.
                    follower = Follower::new(id.clone(), self.offset, POLL);
                }
                Step::Ask(JobAsk::Cancel) => self.begin_aside(&mut asides, id, Aside::Cancel),
                Step::Ask(JobAsk::Answer(given)) => {
                    self.begin_aside(&mut asides, id, Aside::Answer(given));
                }
                Step::Ask(JobAsk::Wheel(act)) => {
                    self.begin_aside(&mut asides, id, Aside::Wheel(act));
                }
                // Its end is not told yet, so this is about nothing.
                Step::Ask(JobAsk::Acknowledge) => {}
                Step::News(Ok(news)) => {
                    failures = 0;
                    self.offset = follower.offset();
                    if self.ended(&session, id, news).await {
                        return Ok(());
                    }
                }
                Step::News(Err(failure)) => {
                    self.out_of_sight(words(&failure)).await;
                    self.pause(&session, failures).await?;
                    failures += 1;
                }
            }
        }
    }

    fn begin_aside(&self, asides: &mut Asides, id: &JobId, aside: Aside) {
        let (session, id) = (self.session.clone(), id.clone());
        let (order, teller) = (self.order.clone(), self.teller.clone());
        match aside {
            Aside::Cancel => {
                asides.tasks.spawn(ask_to_stop(session, id));
            }
            Aside::Answer(given) => {
                let given = Given {
                    turn: self.turn,
                    ..given
                };
                asides.tasks.spawn(give(session, id, given, order, teller));
            }
            Aside::Wheel(act) => {
                let unsent = match &asides.typist {
                    Some(typist) => typist.send(act).err().map(|unsent| unsent.0),
                    None => Some(act),
                };
                if let Some(act) = unsent {
                    let (typist, acts) = unbounded_channel();
                    // The task that takes it begins below.
                    let _ = typist.send(act);
                    asides.typist = Some(typist);
                    let typist = Typist::new(id, session, acts, order, teller);
                    asides.tasks.spawn(typist.run());
                }
            }
        }
    }

    /// Tells the news; whether they were the last.
    async fn ended(&mut self, session: &Session, id: &JobId, news: Followed) -> bool {
        let standing = news.answer.state.standing();
        if matches!(standing, Standing::Going | Standing::Claimed) && !self.accepted {
            self.accepted = true;
            self.teller.job(&self.order, JobReport::Accepted).await;
        }
        self.tell_printed(news.offset, &news.log).await;
        self.listen_to(&news).await;
        if !news.last {
            return false;
        }
        let answer = match standing {
            Standing::NotBegun => match job::cancel(session, id, GRACE).await {
                Ok(answer) => answer,
                Err(failure) => {
                    self.out_of_sight(words(&failure)).await;
                    return false;
                }
            },
            Standing::Going | Standing::Claimed | Standing::NeverRan | Standing::InDoubt => {
                news.answer
            }
        };
        let Some(report) = end(&answer) else {
            return false;
        };
        let last = self.cleaner.finish().into_iter().collect();
        self.teller.lines(&self.order, Stream::Out, last).await;
        self.told(report).await;
        true
    }

    /// Tells the lines that have come to their end, a piece at a time: what a piece becomes when it is cleaned is not kept.
    async fn tell_printed(&mut self, offset: u64, log: &[u8]) {
        let (mut text, mut offset) = (String::new(), offset);
        for piece in log.chunks(CLEANED_AT_ONCE) {
            if self.listener.is_some() {
                self.teller.printed(&self.order, offset, piece).await;
                offset += piece.len() as u64;
            }
            text.clear();
            self.cleaner.feed_into(piece, &mut text);
            self.teller.text(&self.order, Stream::Out, &text).await;
        }
    }

    /// Tells the question that the job waits with, if it does.
    async fn listen_to(&mut self, news: &Followed) {
        let Some(listener) = &mut self.listener else {
            return;
        };
        let hand = news.answer.hand;
        self.turn = hand.map(|hand| hand.act).or(self.turn);
        let human = Human {
            act: hand.map_or(0, |hand| hand.act),
            types: hand.is_some_and(|hand| hand.held),
            handed_back: news.answer.handed,
        };
        listener.hear(&news.log, &news.answer.answered, human);
        let alive = match news.answer.state {
            JobState::Running | JobState::Orphaned => self.offset >= news.answer.size,
            JobState::Done
            | JobState::BadRecord
            | JobState::None
            | JobState::New
            | JobState::Cancelled
            | JobState::RebootedBeforeExec
            | JobState::Rebooted
            | JobState::Starting
            | JobState::DiedBeforeExec
            | JobState::Vanished => false,
        };
        if let Some(question) = listener.question(alive) {
            self.teller.job(&self.order, question).await;
        }
        if alive && let Some(line) = listener.long_silence() {
            self.teller
                .lines(&self.order, Stream::Err, vec![line])
                .await;
        }
    }

    async fn acknowledge(&mut self, id: &JobId) -> Result<(), Over> {
        for attempt in 0..ACKS {
            let session = self.session.wait_for(Option::is_some).await;
            let session = session.map_err(|_| Over)?.clone();
            let Some(session) = session else {
                continue;
            };
            match job::ack(&session, id).await {
                Ok(_) | Err(JobFailure::NotSent(_) | JobFailure::Refused { .. }) => return Ok(()),
                Err(JobFailure::NoAnswer(_)) => sleep(delay(attempt, 0)).await,
            }
        }
        Ok(())
    }

    /// A session to ask on. What is asked of the job while there is none is answered when there is one.
    async fn next_session(&mut self) -> Result<Session, Over> {
        loop {
            let session = self.session.borrow_and_update().clone();
            if let Some(session) = session {
                return Ok(session);
            }
            self.session.changed().await.map_err(|_| Over)?;
        }
    }

    /// Waits before the node is asked again: for another session if this one is gone.
    async fn pause(&mut self, session: &Session, failures: u32) -> Result<(), Over> {
        if session.is_closed() {
            return self.session.changed().await.map_err(|_| Over);
        }
        tokio::select! {
            () = sleep(delay(failures, 0)) => Ok(()),
            changed = self.session.changed() => changed.map_err(|_| Over),
        }
    }

    async fn out_of_sight(&mut self, why: String) {
        self.told(JobReport::OutOfSight { why }).await;
    }

    /// Another run has taken the node over: the lock is told first, so that the start is not taken for a failure.
    async fn fenced_off(&mut self, by: Option<Holder>) {
        let report = by.map_or(LockReport::Free, |by| LockReport::Held { by });
        lock::tell(&self.teller, &self.order.node, report).await;
        self.never_ran(lock::FENCED.into()).await;
    }

    async fn never_ran(&mut self, why: String) {
        self.told(JobReport::NotStarted { why }).await;
    }

    /// Tells what ends its being seen to run: from then on nothing counts as told that it says while it runs.
    async fn told(&mut self, report: JobReport) {
        self.accepted = false;
        self.listener.iter_mut().for_each(Listener::forget_told);
        self.teller.job(&self.order, report).await;
    }
}
