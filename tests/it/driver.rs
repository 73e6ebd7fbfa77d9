//! The loop: nothing leaves before its reason is kept, nothing leaves when it cannot be kept, and no entry is lost.

use std::sync::mpsc;
use std::sync::{Arc, Mutex};

use secrecy::SecretString;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use holdpoint::driver::{
    Clock, DriveError, Driver, Fanout, Feed, FromOperator, Hands, How, Notice, RecordError,
    Recorder, Session, Signals, Speed,
};
use holdpoint::engine::brief::{Brief, Goal, Mode, Person};
use holdpoint::engine::event::{Entry, Event, Opening};
use holdpoint::engine::hold::{self, Expect};
use holdpoint::engine::input::Input;
use holdpoint::engine::state::RunState;
use holdpoint::engine::summary::Exit;
use holdpoint::engine::update::Update;
use holdpoint::journal::JournalError;
use holdpoint::model::ids::{ActionId, NodeId, RunId};
use holdpoint::model::lines::Lines;
use holdpoint::model::time::Stamp;
use holdpoint::sim::{self, SimWorld};
use holdpoint::transport::sim::SimTransport;
use holdpoint::transport::{Acts, Arrival, Change, Due, Look, Looks};

/// What happened at the borders of the loop, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Deed {
    Kept { starts: Vec<ActionId> },
    Looked,
    Started(ActionId),
    Failed,
}

type Deeds = Arc<Mutex<Vec<Deed>>>;

/// Keeps in memory, and fails at one append.
struct Kept {
    deeds: Deeds,
    appends: usize,
    fails_at: Option<usize>,
}

impl Recorder for Kept {
    fn append(&mut self, entries: &[Arc<Entry>]) -> Result<(), RecordError> {
        self.appends += 1;
        let mut deeds = self.deeds.lock().expect("no story panicked here");
        if self.fails_at == Some(self.appends) {
            deeds.push(Deed::Failed);
            return Err(JournalError::Poisoned {
                path: "journal".into(),
                first: "write record 7: no space left".into(),
            }
            .into());
        }
        let starts = entries.iter().filter_map(|entry| match &entry.event {
            Event::ActionStarted { action, .. } => Some(action.clone()),
            _ => None,
        });
        deeds.push(Deed::Kept {
            starts: starts.collect(),
        });
        Ok(())
    }

    fn last_word(&mut self, _: &Entry) {}

    fn output(&mut self, _: &ActionId, _: u32, _: &Lines) -> Option<String> {
        None
    }

    fn warning(&mut self) -> Option<String> {
        None
    }
}

/// A simulated cluster that notes what is asked of it.
struct Noted {
    hands: SimTransport,
    deeds: Deeds,
}

impl Noted {
    fn note(&self, deed: Deed) {
        self.deeds
            .lock()
            .expect("no story panicked here")
            .push(deed);
    }
}

impl Looks for Noted {
    fn look(&mut self, look: Look, now: Stamp) {
        self.note(Deed::Looked);
        self.hands.look(look, now);
    }

    fn due(&self) -> Due {
        self.hands.due()
    }

    async fn arrival(&mut self, now: Stamp) -> Arrival {
        self.hands.arrival(now).await
    }
}

impl Acts for Noted {
    fn change(&mut self, change: Change, now: Stamp) {
        if let Change::Start { order } = &change {
            self.note(Deed::Started(order.action.clone()));
        }
        self.hands.change(change, now);
    }
}

impl Hands for Noted {
    fn secret(&mut self, _: &NodeId, _: SecretString) {}
}

fn brief() -> Arc<Brief> {
    let text = include_str!("../fixtures/relay.toml");
    let procedure = holdpoint::parse::procedure(text, "relay.toml").expect("the fixture is good");
    let cluster = sim::twin(&procedure.value, 2).expect("two nodes are enough");
    Arc::new(Brief::new(
        procedure.value,
        cluster,
        Mode::Rehearse,
        Goal::Walk,
    ))
}

fn ana() -> Person {
    Person {
        user: "ana".into(),
        host: "jump".into(),
    }
}

fn opening(brief: &Brief) -> Input {
    Input::Open(Box::new(Opening {
        run: RunId::new("test"),
        mode: Mode::Rehearse,
        goal: Goal::Walk,
        program: "holdpoint".into(),
        cluster: brief.cluster.name.clone(),
        procedure: brief.procedure.id.clone(),
        target: brief.cluster.target.clone(),
        procedure_hash: String::new(),
        cluster_hash: String::new(),
        by: ana(),
        wall: 0,
        seed: Some(1),
    }))
}

struct Story {
    session: Session,
    deeds: Vec<Deed>,
    entries: Vec<Arc<Entry>>,
}

/// Walks a rehearsal with a diligent operator; the `fails_at`th append fails.
fn walk(fails_at: Option<usize>) -> Story {
    let deeds = Deeds::default();
    let brief = brief();
    let world = SimWorld::new(Arc::new(brief.procedure.clone()), &brief.cluster, None, 1);
    let hands = Noted {
        hands: SimTransport::new(world),
        deeds: Arc::clone(&deeds),
    };
    let kept = Kept {
        deeds: Arc::clone(&deeds),
        appends: 0,
        fails_at,
    };
    let mut fanout = Fanout::new();
    let feed = fanout.watch();
    let (operators, messages) = unbounded_channel();
    let state = RunState::new(Arc::clone(&brief));
    let watched = state.clone();
    let (sender, seen) = mpsc::channel();
    let operator = std::thread::spawn(move || sender.send(operate(watched, &feed, &operators)));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let session = runtime.block_on(async {
        let clock = Clock::paced(Speed::Max, Stamp::default());
        Driver::new(
            state,
            hands,
            Box::new(kept),
            clock,
            messages,
            fanout,
            Signals::none(),
        )
        .run(opening(&brief))
        .await
    });
    operator
        .join()
        .expect("the operator ends")
        .expect("somebody listens");
    let deeds = deeds.lock().expect("no story panicked here").clone();
    Story {
        session,
        deeds,
        entries: seen.recv().expect("it was sent"),
    }
}

/// Answers everything that is asked, and returns every entry that was seen.
fn operate(
    mut state: RunState,
    feed: &Feed,
    operators: &UnboundedSender<FromOperator>,
) -> Vec<Arc<Entry>> {
    let mut entries = Vec::new();
    let mut sent = 0;
    while let Some(notice) = feed.next() {
        match notice {
            Notice::Update(Update::Entry(entry)) => {
                state.apply(&entry);
                entries.push(entry);
            }
            Notice::Settled { heard } if heard == sent => {
                let hold = hold::holds(&state)
                    .into_iter()
                    .next()
                    .expect("something is asked");
                let typed = match &hold.expect {
                    Expect::Type(phrase) | Expect::TypeOr(phrase, _) => phrase.clone(),
                    Expect::Options(options) => match options[0].id {
                        "choose" => "choose keep".into(),
                        word => format!("{word} seen"),
                    },
                    Expect::Fingerprint(_) | Expect::Secret => "yes".into(),
                };
                let says = hold::answer(&hold, &typed).expect("a good answer");
                sent += 1;
                let says = FromOperator::Says { by: ana(), says };
                operators.send(says).expect("the loop listens");
            }
            _ => {}
        }
    }
    entries
}

#[test]
fn a_whole_rehearsal_comes_to_its_end_and_every_entry_is_seen_once_in_order() {
    let story = walk(None);
    assert!(
        matches!(story.session.how, Ok(How::Over(Exit::Finished))),
        "{:?}",
        story.session.how
    );
    let seqs: Vec<u64> = story.entries.iter().map(|entry| entry.seq).collect();
    assert_eq!(seqs, (1..=story.session.state.seq).collect::<Vec<_>>());
    assert!(story.session.state.ended_well());
}

#[test]
fn nothing_is_started_before_its_intent_is_kept() {
    let story = walk(None);
    let mut intended: Vec<ActionId> = Vec::new();
    let mut started = 0;
    for deed in &story.deeds {
        match deed {
            Deed::Kept { starts } => intended.extend(starts.iter().cloned()),
            Deed::Started(action) => {
                started += 1;
                assert!(
                    intended.contains(action),
                    "{action} was sent before it was kept"
                );
            }
            Deed::Looked | Deed::Failed => {}
        }
    }
    assert!(started > 4, "{started} starts");
    assert_eq!(
        story.deeds.first(),
        Some(&Deed::Kept { starts: Vec::new() })
    );
}

#[test]
fn when_the_journal_fails_nothing_leaves_any_more() {
    let appends = |deeds: &[Deed]| {
        deeds
            .iter()
            .filter(|deed| matches!(deed, Deed::Kept { .. }))
            .count()
    };
    let all = appends(&walk(None).deeds);
    for fails_at in 1..=all {
        let story = walk(Some(fails_at));
        assert!(
            matches!(story.session.how, Err(DriveError::Record(_))),
            "append {fails_at}: {:?}",
            story.session.how
        );
        assert_eq!(story.deeds.last(), Some(&Deed::Failed), "append {fails_at}");
        assert_eq!(appends(&story.deeds), fails_at - 1);
    }
}

#[test]
fn what_was_not_kept_is_not_shown() {
    let whole = walk(None);
    let story = walk(Some(12));
    let shown = story.entries.len();
    assert!(shown > 0 && shown < whole.entries.len());
    assert!(
        story.session.state.seq > shown as u64,
        "the failed decision was never published"
    );
}

#[test]
fn time_stands_still_at_a_hold_point_until_somebody_answers() {
    let (one, other) = (walk(None), walk(None));
    let moments =
        |story: &Story| -> Vec<Stamp> { story.entries.iter().map(|entry| entry.at).collect() };
    assert_eq!(moments(&one), moments(&other));
}
