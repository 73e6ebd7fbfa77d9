//! The loop on the main thread: take updates in, take keys, draw when something changed. The only file of the screens that
//! reads a clock: for the pace of drawing, and for the times of keys.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ratatui::crossterm::event::Event;
use ratatui::layout::Rect;
use signal_hook::consts::SIGTSTP;

use super::Look;
use super::app::{App, Ask};
use super::fade::Fade;
use super::picture;
use super::screen::{self, welcome::WelcomeScreen};
use super::session::{Intent, Keep, Leave, Next, Session, UiError, Welcome, WelcomeChoice};
use super::term::{Reports, Term};

/// How long one look for keys waits.
const PATIENCE: Duration = Duration::from_millis(50);

/// Least time between two draws, and between two when only clocks went on.
const PACE: Duration = Duration::from_millis(100);
const CLOCK_PACE: Duration = Duration::from_millis(500);

/// Most events of keys taken in at once.
const KEYS: usize = 5_000;

/// Most updates taken in at once, so that keys are never kept waiting; each line of an output counts as one.
const BATCH: usize = 5_000;

/// When the bell rings again for something that still waits.
const REMINDERS: [Duration; 4] = [
    Duration::from_secs(10),
    Duration::from_secs(60),
    Duration::from_secs(300),
    Duration::from_secs(900),
];

/// The terminal, taken over for the welcome screen and for a run, one after the other.
pub struct Wizard {
    term: Term,
    gone: Arc<AtomicBool>,
    panicked: Arc<Mutex<Option<String>>>,
    /// Somebody else asked us to stop (SIGTSTP): the terminal is given back first, as for Ctrl-Z.
    to_stop: Arc<AtomicBool>,
    start: Instant,
}

/// Takes the terminal over, shows one session and gives the terminal back.
///
/// Call it on the thread that may draw. Fails when there is no terminal, or when another thread of the program
/// panicked.
pub fn run(session: Session) -> Result<Leave, UiError> {
    Wizard::open()?.run(session)
}

impl Wizard {
    /// Takes the terminal over.
    pub fn open() -> Result<Wizard, UiError> {
        let gone = Arc::new(AtomicBool::new(false));
        let panicked = Arc::new(Mutex::new(None));
        let (told_gone, told_panic) = (Arc::clone(&gone), Arc::clone(&panicked));
        let reports = Reports {
            gone: Box::new(move || told_gone.store(true, Ordering::SeqCst)),
            panicked: Arc::new(move |text| {
                *told_panic.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
            }),
        };
        let term = Term::open("holdpoint", reports).map_err(UiError::Terminal)?;
        let to_stop = Arc::new(AtomicBool::new(false));
        signal_hook::flag::register(SIGTSTP, Arc::clone(&to_stop)).map_err(UiError::Terminal)?;
        Ok(Wizard {
            term,
            gone,
            panicked,
            to_stop,
            start: Instant::now(),
        })
    }

    /// Shows the first screen until something is chosen.
    pub fn welcome(&mut self, items: Welcome, look: Look) -> Result<WelcomeChoice, UiError> {
        let mut screen = WelcomeScreen::new(look, items);
        let mut dirty = true;
        loop {
            if self.gone.load(Ordering::SeqCst) {
                return Ok(WelcomeChoice::TerminalGone);
            }
            dirty |= self.stop_if_asked()?;
            if std::mem::take(&mut dirty) {
                self.draw(|area, buf| screen.draw(area, buf))?;
            }
            match self.term.event(PATIENCE * 4).map_err(UiError::Terminal)? {
                Some(Event::Key(key)) => {
                    dirty = true;
                    if let Some(choice) = screen.key(key) {
                        return Ok(choice);
                    }
                }
                Some(_) => dirty = true,
                None => {}
            }
        }
    }

    /// Shows one session of a run until it ends or the operator leaves.
    pub fn run(&mut self, session: Session) -> Result<Leave, UiError> {
        let Session {
            brief,
            mut updates,
            mut intents,
            mut options,
        } = session;
        let keep = options.keep.take();
        let mut app = App::new(brief, options);
        let mut show = Show {
            keep,
            pace: Pacing::new(),
            fade: Fade::default(),
        };
        loop {
            if self.gone.load(Ordering::SeqCst) {
                intents(Intent::Leave);
                return Ok(Leave::TerminalGone);
            }
            if let Some(why) = self
                .panicked
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take()
            {
                return Err(UiError::Panicked(why));
            }
            show.pace.changed |= self.stop_if_asked()?;
            let mut asks = drain(&mut app, &mut updates, &mut show.pace);
            asks.extend(self.keys(&mut app, &mut show.pace)?);
            for ask in asks {
                if let Some(leave) = self.follow(ask, &mut app, &mut intents, &mut show)? {
                    return Ok(leave);
                }
            }
            if app.run.left.is_some() {
                return Ok(Leave::Left);
            }
            if app.over && app.run.ending.is_none() && app.run.opening.is_none() {
                return Ok(Leave::Over);
            }
            show.pace.changed |= show.fade.look(&mut app.toast, Instant::now());
            self.show(&mut app, &mut show.pace)?;
        }
    }

    /// Stops this process if somebody has asked for it; whether it was stopped and goes on now.
    fn stop_if_asked(&mut self) -> Result<bool, UiError> {
        let asked = self.to_stop.swap(false, Ordering::SeqCst);
        if asked {
            self.term
                .suspended(stop_ourselves)
                .map_err(UiError::Terminal)?;
        }
        Ok(asked)
    }

    /// Takes keys as long as some are there; waits a little for the first.
    fn keys(&mut self, app: &mut App, pace: &mut Pacing) -> Result<Vec<Ask>, UiError> {
        let mut asks = Vec::new();
        let mut wait = pace.wait();
        for _ in 0..KEYS {
            let Some(event) = self.term.event(wait).map_err(UiError::Terminal)? else {
                break;
            };
            wait = Duration::ZERO;
            pace.changed = true;
            let at_ms = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
            match event {
                Event::Key(key) => asks.extend(app.key(key, at_ms)),
                Event::Paste(text) => asks.extend(app.paste(&text, at_ms)),
                Event::Resize(width, height) => app.size = Rect::new(0, 0, width, height),
                Event::FocusGained | Event::FocusLost | Event::Mouse(_) => {}
            }
            // What was typed behind an opening dialog must not reach it.
            if asks.iter().any(|ask| matches!(ask, Ask::DropTypedAhead)) {
                break;
            }
        }
        let at_ms = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        asks.extend(app.send_typed(at_ms));
        Ok(asks)
    }

    fn follow(
        &mut self,
        ask: Ask,
        app: &mut App,
        intents: &mut dyn FnMut(Intent),
        show: &mut Show,
    ) -> Result<Option<Leave>, UiError> {
        match ask {
            Ask::Intent(intent) => intents(intent),
            Ask::Bell => {
                show.pace.rang = Some((Instant::now(), 0));
                self.term.bell().map_err(UiError::Terminal)?;
            }
            Ask::DropTypedAhead => self.term.drop_typed_ahead().map_err(UiError::Terminal)?,
            Ask::Redraw => self.term.redraw().map_err(UiError::Terminal)?,
            Ask::Suspend => self
                .term
                .suspended(stop_ourselves)
                .map_err(UiError::Terminal)?,
            Ask::SaveScreen => save(app, show.keep.as_mut()),
            Ask::Exit(leave) => return Ok(Some(leave)),
        }
        show.pace.changed = true;
        Ok(None)
    }

    fn show(&mut self, app: &mut App, pace: &mut Pacing) -> Result<(), UiError> {
        if pace.rings_again(!app.holds.is_empty()) {
            self.term.bell().map_err(UiError::Terminal)?;
        }
        if !pace.draws() {
            return Ok(());
        }
        self.term
            .set_title(&app.title())
            .map_err(UiError::Terminal)?;
        self.draw(|area, buf| {
            app.size = area;
            screen::draw(app, area, buf);
        })
    }

    fn draw(
        &mut self,
        view: impl FnOnce(Rect, &mut ratatui::buffer::Buffer),
    ) -> Result<(), UiError> {
        let drawn = self.term.draw(|frame| {
            let area = frame.area();
            view(area, frame.buffer_mut());
        });
        match drawn {
            // A terminal that has gone away cannot be drawn on; the watchdog tells.
            Err(_) if self.gone.load(Ordering::SeqCst) => Ok(()),
            drawn => drawn.map_err(UiError::Terminal),
        }
    }
}

struct Show {
    keep: Option<Keep>,
    pace: Pacing,
    fade: Fade,
}

/// When to draw: at once when something changed, but seldom; more seldom when only clocks went on.
struct Pacing {
    drawn: Option<Instant>,
    changed: bool,
    ticked: bool,
    rang: Option<(Instant, usize)>,
}

impl Pacing {
    fn new() -> Pacing {
        Pacing {
            drawn: None,
            changed: true,
            ticked: false,
            rang: None,
        }
    }

    fn draws(&mut self) -> bool {
        let since = self.drawn.map(|drawn| drawn.elapsed());
        let due = match since {
            None => true,
            Some(since) => (self.changed && since >= PACE) || (self.ticked && since >= CLOCK_PACE),
        };
        if due {
            self.drawn = Some(Instant::now());
            self.changed = false;
            self.ticked = false;
        }
        due
    }

    /// How long to wait for a key: less when something is still to be drawn.
    fn wait(&self) -> Duration {
        match self.drawn {
            None => Duration::ZERO,
            Some(drawn) if self.changed => PACE.saturating_sub(drawn.elapsed()).min(PATIENCE),
            Some(_) => PATIENCE,
        }
    }

    fn rings_again(&mut self, waiting: bool) -> bool {
        if !waiting {
            self.rang = None;
            return false;
        }
        let Some((since, count)) = &mut self.rang else {
            return false;
        };
        let due = REMINDERS
            .get(*count)
            .is_some_and(|after| since.elapsed() >= *after);
        *count += usize::from(due);
        due
    }
}

fn drain(app: &mut App, updates: &mut dyn FnMut() -> Next, pace: &mut Pacing) -> Vec<Ask> {
    use crate::engine::update::Update;
    use crate::model::telemetry::Telemetry;
    let (mut took, mut room) = (false, BATCH);
    while room > 0 {
        match updates() {
            Next::Update(update) => {
                room = room.saturating_sub(match &update {
                    Update::Telemetry(telemetry) => telemetry.weight(),
                    Update::Entry(_) => 1,
                });
                match &update {
                    Update::Telemetry(
                        Telemetry::Tick { .. }
                        | Telemetry::Seen { .. }
                        | Telemetry::Heartbeat { .. },
                    ) => pace.ticked = true,
                    Update::Telemetry(
                        Telemetry::Output { .. }
                        | Telemetry::Printed { .. }
                        | Telemetry::Linking { .. }
                        | Telemetry::Dropped { .. },
                    ) => pace.changed = true,
                    Update::Entry(_) => {
                        pace.changed = true;
                        took = true;
                    }
                }
                app.take(&update);
            }
            Next::Remark(text) => {
                room -= 1;
                pace.changed = true;
                app.remark(&text);
            }
            Next::Nothing => break,
            Next::Over => {
                pace.changed |= !app.over;
                app.over = true;
                break;
            }
        }
    }
    if took { app.settle() } else { Vec::new() }
}

/// Keeps the screen as text and as a picture.
fn save(app: &mut App, keep: Option<&mut Keep>) {
    let Some(keep) = keep else {
        app.say("There is no folder to keep it in.");
        return;
    };
    let mut buf = ratatui::buffer::Buffer::empty(app.size);
    screen::draw(app, app.size, &mut buf);
    let name = format!("screen-{:06}", app.now.0 / 1000);
    let svg = picture::svg(&buf, &app.look.theme);
    let kept = keep(&format!("{name}.txt"), &picture::text(&buf))
        .and_then(|path| keep(&format!("{name}.svg"), &svg).map(|_| path));
    match kept {
        Ok(path) => app.say(format!("Kept as {path} (and .svg).")),
        Err(why) => app.say(format!("Could not be kept: {why}")),
    }
}

/// Ctrl-Z, as the shell would do it.
fn stop_ourselves() {
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::STOP);
}
