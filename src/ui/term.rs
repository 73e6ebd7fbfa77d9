//! The real terminal: taken over by one guard and given back in every way out.
//!
//! [`Term`] switches on raw mode, alternate screen, bracketed paste and the title, and hides the cursor. Its drop,
//! the panic hook and [`restore`] switch all of it off again, once. Signals are not handled here: whoever
//! handles SIGTERM or SIGHUP calls [`restore`], or [`abandon`] when the terminal is gone.

use std::io::{self, IsTerminal as _, Stdout, Write as _};
use std::panic;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Once};
use std::thread::{self, ThreadId};
use std::time::Duration;

use ratatui::Frame;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::{cursor, event, execute, queue, style, terminal};
use ratatui::layout::{Position, Rect};

use super::watchdog::Watchdog;

/// True while the terminal is ours. Whoever turns it off gives the terminal back.
static OURS: AtomicBool = AtomicBool::new(false);

/// The thread that draws, and where panics of other threads are told.
static UI: Mutex<Option<(ThreadId, PanicSink)>> = Mutex::new(None);

static HOOK: Once = Once::new();

/// Most events that are thrown away when a modal opens; bounds the loop.
const TYPED_AHEAD: usize = 10_000;

/// Where a panic of another thread is passed on to (one line: message and place).
pub type PanicSink = Arc<dyn Fn(String) + Send + Sync>;

/// The terminal, taken over. Dropping it gives the terminal back.
pub struct Term {
    terminal: Terminal<CrosstermBackend<Stdout>>,
    title: String,
    _watchdog: Watchdog,
}

/// What the guard reports from its own threads.
pub struct Reports {
    /// The terminal has gone away (hang-up). Nothing can be drawn any more; end the run in order.
    pub gone: Box<dyn FnOnce() + Send>,
    /// A panic on a thread that is not the drawing one; the screen stays up.
    pub panicked: PanicSink,
}

impl Term {
    /// Takes the terminal over. The calling thread becomes the one thread that draws.
    ///
    /// Fails when standard input or output is no terminal, or when the terminal refuses; it is given back then.
    pub fn open(title: &str, reports: Reports) -> io::Result<Self> {
        if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
            return Err(io::Error::other(
                "standard input and output must be a terminal; use --plain",
            ));
        }
        *lock_ui() = Some((thread::current().id(), reports.panicked));
        HOOK.call_once(install_panic_hook);
        // The theme already knows the depth; under NO_COLOR crossterm would wipe bold and reverse.
        style::force_color_output(true);
        take()?;
        let opened = Terminal::new(CrosstermBackend::new(io::stdout()))
            .and_then(|terminal| Ok((terminal, Watchdog::start(reports.gone)?)));
        let (terminal, watchdog) = opened.inspect_err(|_| restore())?;
        let mut term = Self {
            terminal,
            title: String::new(),
            _watchdog: watchdog,
        };
        term.set_title(title)?;
        term.redraw()?;
        Ok(term)
    }

    /// Draws one frame inside a synchronized update, so that slow links show no half frames.
    pub fn draw(&mut self, view: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        queue!(io::stdout(), terminal::BeginSynchronizedUpdate)?;
        let drawn = self.terminal.draw(view).map(|_| ());
        execute!(io::stdout(), terminal::EndSynchronizedUpdate)?;
        drawn
    }

    /// Draws everything anew with the next frame (after a foreign write). `Terminal::clear` would ask the terminal
    /// for its cursor and wait for the answer; resizing to the same size does not.
    pub fn redraw(&mut self) -> io::Result<()> {
        let size = self.terminal.size()?;
        self.terminal.resize(Rect::from((Position::ORIGIN, size)))
    }

    /// Sets the window title, without control characters; does nothing when it is the same.
    pub fn set_title(&mut self, title: &str) -> io::Result<()> {
        let safe = crate::model::text::clean_line(title);
        if safe != self.title {
            execute!(io::stdout(), terminal::SetTitle(&safe))?;
            self.title = safe;
        }
        Ok(())
    }

    /// Rings the bell: something waits for the operator.
    pub fn bell(&mut self) -> io::Result<()> {
        io::stdout().write_all(b"\x07")?;
        io::stdout().flush()
    }

    /// Waits for an event at most so long. `None` when nothing came.
    pub fn event(&self, wait: Duration) -> io::Result<Option<event::Event>> {
        if event::poll(wait)? {
            event::read().map(Some)
        } else {
            Ok(None)
        }
    }

    /// Throws away what was typed before a modal opened.
    pub fn drop_typed_ahead(&self) -> io::Result<()> {
        for _ in 0..TYPED_AHEAD {
            if self.event(Duration::ZERO)?.is_none() {
                break;
            }
        }
        Ok(())
    }

    /// Gives the terminal back, runs `meanwhile` (stop this process, run an editor), takes it again.
    pub fn suspended(&mut self, meanwhile: impl FnOnce()) -> io::Result<()> {
        restore();
        meanwhile();
        take()?;
        let title = std::mem::take(&mut self.title);
        self.set_title(&title)?;
        self.redraw()
    }
}

impl Drop for Term {
    fn drop(&mut self) {
        restore();
        *lock_ui() = None;
    }
}

/// Takes the terminal; on failure it is given back.
fn take() -> io::Result<()> {
    terminal::enable_raw_mode()?;
    OURS.store(true, Ordering::SeqCst);
    execute!(
        io::stdout(),
        // Titles are kept on a stack by the terminal (XTWINOPS 22 and 23); others ignore it.
        style::Print("\x1b[22;0t"),
        terminal::EnterAlternateScreen,
        event::EnableBracketedPaste,
        cursor::Hide,
    )
    .inspect_err(|_| restore())
}

/// Gives the terminal back. May be called from any thread, any number of times; only the first call after a take-over
/// acts. Errors are ignored: there is nobody left to tell.
pub fn restore() {
    if !OURS.swap(false, Ordering::SeqCst) {
        return;
    }
    let _ = execute!(
        io::stdout(),
        terminal::EndSynchronizedUpdate,
        event::DisableBracketedPaste,
        style::ResetColor,
        // tmux leaves parts of this screen on the other one where the window has grown meanwhile.
        terminal::Clear(terminal::ClearType::All),
        terminal::LeaveAlternateScreen,
        cursor::Show,
        style::Print("\x1b[23;0t"),
    );
    let _ = terminal::disable_raw_mode();
}

/// Lets go of a terminal that is gone: nothing is written to it any more.
pub fn abandon() {
    OURS.store(false, Ordering::SeqCst);
}

/// True while the terminal is taken over.
pub fn is_ours() -> bool {
    OURS.load(Ordering::SeqCst)
}

/// On the drawing thread a panic gives the terminal back before it is printed; on any other thread the
/// screen stays and the panic is passed on. With no terminal taken, panics go their usual way.
fn install_panic_hook() {
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let ui = if is_ours() { lock_ui().clone() } else { None };
        match ui {
            Some((drawing, sink)) if drawing != thread::current().id() => {
                let name = thread::current().name().unwrap_or("unnamed").to_owned();
                sink(format!(
                    "thread {name}: {}",
                    info.to_string().replace('\n', " ")
                ));
            }
            Some(_) | None => {
                restore();
                usual(info);
            }
        }
    }));
}

fn lock_ui() -> std::sync::MutexGuard<'static, Option<(ThreadId, PanicSink)>> {
    UI.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
