//! One session: the driver on one thread, the face that the operator sees on the other.

use std::sync::Arc;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::exit::{CliError, Kind};
use super::lines::{Lines, Words};
use super::screens;
use super::settings::{Face, Settings};
use crate::driver::{Clock, Driver, Fanout, Feed, FromOperator, Hands, Recorder, Session, Signals};
use crate::engine::brief::{Brief, Person};
use crate::engine::event::Entry;
use crate::engine::input::Input;
use crate::engine::state::RunState;
use crate::journal::{Owner, RunDir};

/// Everything that a session begins with.
pub struct Start<T> {
    pub state: RunState,
    pub first: Input,
    pub hands: T,
    pub recorder: Box<dyn Recorder>,
    pub clock: Clock,
    /// The run's folder, if it keeps one and so can be resumed.
    pub dir: Option<RunDir>,
    /// What was told before, when a run is resumed: the screens show it again.
    pub past: Vec<Arc<Entry>>,
    /// Where line mode puts what it tells.
    pub words: Words,
}

/// What the face gets.
pub(super) struct Sight {
    pub brief: Arc<Brief>,
    pub state: RunState,
    pub past: Vec<Arc<Entry>>,
    pub feed: Feed,
    pub operators: UnboundedSender<FromOperator>,
}

/// Walks a session to its end.
///
/// # Errors
/// When the machine does not let us: no threads, no signals. What stops the run itself is told in [`Session::how`].
pub fn walk<T: Hands + 'static>(
    settings: &Settings,
    mut start: Start<T>,
) -> Result<Session, CliError> {
    let mut fanout = Fanout::new();
    let feed = match settings.face {
        Face::Screens => fanout.watch_ticking(),
        Face::Plain | Face::Json => fanout.watch(),
    };
    let (operators, messages) = unbounded_channel();
    let sight = Sight {
        brief: Arc::clone(&start.state.brief),
        state: start.state.clone(),
        past: std::mem::take(&mut start.past),
        feed,
        operators,
    };
    let (dir, words, stepped) = (start.dir.clone(), start.words, start.clock.is_stepped());
    let run = dir.as_ref().map(|dir| dir.id().to_string());
    let driving = std::thread::Builder::new()
        .name("driver".into())
        .spawn(move || drive(start, messages, fanout))
        .map_err(|error| internal("start the driver", &error))?;
    match settings.face {
        Face::Screens => screens::show(settings, sight, dir)?,
        Face::Plain | Face::Json => lines(settings, sight, run.as_deref(), words, stepped),
    }
    driving.join().unwrap_or_else(|_| {
        let hint = run.map_or("nothing was changed".into(), |run| {
            format!("running jobs go on; `holdpoint resume {run}`")
        });
        Err(CliError::new(
            Kind::Internal,
            anyhow::anyhow!("go on: holdpoint itself broke, see above"),
        )
        .hint(hint))
    })
}

fn drive<T: Hands>(
    start: Start<T>,
    messages: UnboundedReceiver<FromOperator>,
    fanout: Fanout,
) -> Result<Session, CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| internal("start the runtime", &error))?;
    let session = runtime.block_on(async move {
        let signals = Signals::listen().map_err(|error| internal("listen to signals", &error))?;
        let driver = Driver::new(
            start.state,
            start.hands,
            start.recorder,
            start.clock,
            messages,
            fanout,
            signals,
        );
        Ok(driver.run(start.first).await)
    });
    runtime.shutdown_background();
    session
}

/// Shows the session line by line until it is over, on this thread.
fn lines(settings: &Settings, sight: Sight, run: Option<&str>, words: Words, stepped: bool) {
    let Sight {
        brief,
        state,
        past: _,
        feed,
        operators,
    } = sight;
    let lines = Lines::new(state, brief.mode, person(), operators, run)
        .form(settings.face, words)
        .reading(settings.interactive, stepped);
    lines.show(feed);
}

/// Who sits here.
pub fn person() -> Person {
    let owner = Owner::current();
    Person {
        user: owner.user,
        host: owner.host,
    }
}

fn internal(doing: &str, error: &std::io::Error) -> CliError {
    CliError::new(Kind::Internal, anyhow::anyhow!("{doing}: {error}"))
}
