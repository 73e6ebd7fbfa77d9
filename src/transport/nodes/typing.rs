//! A human at the wheel of a job's program: acts are sent one after another, each until the node has answered; keys only once.

use std::collections::VecDeque;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;
use tokio::time::sleep;

use super::giving::next;
use super::tell::{Teller, words};
use crate::model::reply::JobReport;
use crate::model::wheel::{Does, Keys, WheelAct};
use crate::transport::Order;
use crate::transport::backoff::delay;
use crate::transport::job::{self, Hand, JobFailure, JobId, Wheel};
use crate::transport::ssh::Session;

/// Carries out acts at the wheel of one job, in their order.
pub(super) struct Typist {
    id: JobId,
    session: watch::Receiver<Option<Session>>,
    acts: UnboundedReceiver<WheelAct>,
    /// Taken from `acts`, and not begun.
    waiting: VecDeque<WheelAct>,
    order: Order,
    teller: Teller,
}

/// There will never be a session again.
struct Over;

impl Typist {
    pub(super) fn new(
        id: JobId,
        session: watch::Receiver<Option<Session>>,
        acts: UnboundedReceiver<WheelAct>,
        order: Order,
        teller: Teller,
    ) -> Typist {
        let waiting = VecDeque::new();
        Typist {
            id,
            session,
            acts,
            waiting,
            order,
            teller,
        }
    }

    /// Lives as long as somebody has acts to do, and the job is followed.
    pub(super) async fn run(mut self) {
        while let Some(act) = self.next_act().await {
            let number = act.number;
            let done = match act.does {
                Does::Take => self.until_answered(number, Wheel::Take).await.map(drop),
                Does::Type(keys) => self.type_once(number, keys).await,
                Does::HandBack => self.hand_back(number).await,
            };
            if let Err(Over) = done {
                return;
            }
        }
    }

    async fn next_act(&mut self) -> Option<WheelAct> {
        match self.waiting.pop_front() {
            Some(act) => Some(act),
            None => self.acts.recv().await,
        }
    }

    /// Sends keys, with those that have come meanwhile, once. If no answer comes they are never sent again.
    async fn type_once(&mut self, first: u64, keys: Keys) -> Result<(), Over> {
        let (mut last, mut keys) = (first, keys);
        self.gather();
        while let Some(WheelAct {
            number,
            does: Does::Type(more),
        }) = self.waiting.front()
            && let Some(joined) = keys.joined(more)
        {
            (last, keys) = (*number, joined);
            self.waiting.pop_front();
        }
        let session = self.session.borrow().clone();
        let before = first - 1;
        let keys = Wheel::Type {
            before,
            keys: &keys,
        };
        // If the job ends before it can be asked: what may have been typed at most.
        let mut unsure = before;
        let why = match &session {
            None => format!("no connection to {}", self.order.node),
            Some(session) => match job::wheel(session, &self.id, last, keys).await {
                Ok(answer) if answer.hand.is_some_and(|hand| hand.typed >= last) => return Ok(()),
                Ok(_) => "the node had been told to take them no more".to_string(),
                Err(failure) => {
                    if let JobFailure::NoAnswer(_) = failure {
                        unsure = last;
                    }
                    words(&failure)
                }
            },
        };
        let act = first;
        self.teller
            .job(&self.order, JobReport::KeysInDoubt { act, why })
            .await;
        self.settle(before, unsure, last).await
    }

    /// Makes sure that no keys up to `last` are written any more, with all that wait behind them, and tells which were.
    async fn settle(&mut self, before: u64, unsure: u64, last: u64) -> Result<(), Over> {
        let mut last = last;
        let found = next(&mut self.session).await.ok_or(Over)?;
        drop(found);
        self.gather();
        while let Some(WheelAct {
            number,
            does: Does::Type(_),
        }) = self.waiting.front()
        {
            last = *number;
            self.waiting.pop_front();
        }
        let hand = self.until_answered(last, Wheel::Settle).await?;
        let (typed, unsure) = hand.map_or((before, unsure), |hand| (hand.typed, hand.unsure));
        self.known(typed, unsure).await;
        Ok(())
    }

    async fn hand_back(&mut self, number: u64) -> Result<(), Over> {
        if let Some(hand) = self.until_answered(number - 1, Wheel::Settle).await? {
            self.known(hand.typed, hand.unsure).await;
        }
        self.until_answered(number, Wheel::HandBack).await.map(drop)
    }

    async fn known(&self, typed: u64, unsure: u64) {
        let report = JobReport::KeysKnown { typed, unsure };
        self.teller.job(&self.order, report).await;
    }

    /// Asks until the node has answered: where it stands, or nothing if it says no.
    async fn until_answered(&mut self, act: u64, does: Wheel<'_>) -> Result<Option<Hand>, Over> {
        for attempt in 0.. {
            let session = next(&mut self.session).await.ok_or(Over)?;
            match job::wheel(&session, &self.id, act, does).await {
                Ok(answer) => return Ok(answer.hand),
                // Whoever follows the job tells its end.
                Err(JobFailure::Refused { .. } | JobFailure::NotSent(_)) => return Ok(None),
                Err(JobFailure::NoAnswer(_)) => sleep(delay(attempt, 0)).await,
            }
        }
        Err(Over)
    }

    fn gather(&mut self) {
        while let Ok(act) = self.acts.try_recv() {
            self.waiting.push_back(act);
        }
    }
}
