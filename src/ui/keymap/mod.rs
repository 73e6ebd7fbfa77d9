//! Keys become commands in one table; help, footer and palette are generated from it.

mod table;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use table::ROWS;

/// Where the operator is: a screen, a modal, or a text field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Context {
    Welcome,
    Connect,
    Readiness,
    Plan,
    Execute,
    /// A gate's phrase is being typed: all keys but a few go to the field.
    Gate,
    Failure,
    /// A manual step, something to attest, or a decision.
    Hold,
    Report,
    /// One way on, read before it is done.
    Page,
    /// The screen of a running program, watched. Whoever has its wheel has no commands: their keys go to the program.
    Terminal,
    Help,
    /// Any other text field: note, reason, search, password.
    Field,
}

impl Context {
    pub const ALL: [Context; 13] = [
        Context::Welcome,
        Context::Connect,
        Context::Readiness,
        Context::Plan,
        Context::Execute,
        Context::Gate,
        Context::Failure,
        Context::Hold,
        Context::Page,
        Context::Report,
        Context::Terminal,
        Context::Help,
        Context::Field,
    ];
}

/// What a key asks for. A command names a wish; the screen or the engine decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Command {
    Help,
    Palette,
    Back,
    Leave,
    Suspend,
    Redraw,
    Themes,
    SaveScreen,
    NextPane,
    PreviousPane,
    /// Jump to a pane, counted from 1.
    Pane(u8),
    /// Open a choice of a list, counted from 1.
    Choose(u8),
    Up,
    Down,
    Left,
    Right,
    First,
    Last,
    PageUp,
    PageDown,
    HalfUp,
    HalfDown,
    /// Open what is selected; in a gate: approve; in a field: accept the text.
    Open,
    /// Open what waits for the operator: gate, failure, question.
    OpenWaiting,
    Search,
    SearchNext,
    SearchPrevious,
    Follow,
    Wrap,
    TimeFormat,
    Mark,
    Zoom,
    ShowCommand,
    Note,
    Pause,
    WhatIf,
    CheckAgain,
    CheckAllAgain,
    Waive,
    Rehearse,
    /// Hold or release the clock of a rehearsal.
    HoldClock,
    Faster,
    Slower,
    NextEvent,
    Faults,
    /// Watch the screen of the program at hand.
    Terminal,
    /// Type into it.
    TakeWheel,
}

/// A stroke: a key with or without Ctrl. Shift is part of the character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stroke {
    pub code: KeyCode,
    pub ctrl: bool,
}

/// What must be true for a command to work now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    Nothing,
    /// No step runs.
    Rest,
    Rehearsal,
    /// Something waits for the operator.
    Waiting,
    /// More than one pane is shown.
    Panes,
    /// A program that reads something runs.
    Program,
}

/// One line of the key table.
#[derive(Debug)]
pub struct Row {
    pub command: Command,
    pub strokes: &'static [Stroke],
    pub contexts: &'static [Context],
    /// Two or three words for footer and palette.
    pub label: &'static str,
    /// One sentence for the help.
    pub help: &'static str,
    pub needs: Needs,
    /// Rank in the footer, smallest first; `None` never shows there.
    pub footer: Option<u8>,
}

/// What the screen knows about the moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Moment {
    pub rehearsal: bool,
    /// A step runs on some node.
    pub working: bool,
    /// A gate, failure or question waits.
    pub waiting: bool,
    /// A program that reads something runs on some node.
    pub program: bool,
    /// How many panes the screen shows.
    pub panes: u8,
}

/// A key and its word, as the footer shows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    pub keys: String,
    pub label: &'static str,
}

/// One line of the palette.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub command: Command,
    pub keys: String,
    pub label: &'static str,
    pub help: &'static str,
    /// Why it does not work now.
    pub off: Option<&'static str>,
}

/// Most keys in the footer.
pub const FOOTER_KEYS: usize = 7;

/// The command of a key, or `None`: then the key belongs to the field, if there is one. Only presses count, and
/// repeats for movement.
pub fn lookup(context: Context, key: KeyEvent) -> Option<Command> {
    if key.kind == KeyEventKind::Release
        || key.modifiers.intersects(
            KeyModifiers::ALT | KeyModifiers::SUPER | KeyModifiers::META | KeyModifiers::HYPER,
        )
    {
        return None;
    }
    let stroke = Stroke {
        code: key.code,
        ctrl: key.modifiers.contains(KeyModifiers::CONTROL),
    };
    let row = rows(context).find(|row| row.strokes.contains(&stroke))?;
    (key.kind == KeyEventKind::Press || moves(row.command)).then_some(row.command)
}

/// All rows of a context, in the order of the help.
pub fn rows(context: Context) -> impl Iterator<Item = &'static Row> {
    ROWS.iter()
        .filter(move |row| row.contexts.contains(&context))
}

/// Why a row does not work now; `None` when it does.
pub fn off(row: &Row, moment: Moment) -> Option<&'static str> {
    match row.needs {
        Needs::Rest if moment.working => Some("a step is running"),
        Needs::Rehearsal if !moment.rehearsal => Some("only in a rehearsal"),
        Needs::Waiting if !moment.waiting => Some("nothing waits for you"),
        Needs::Panes if moment.panes < 2 => Some("there is only one pane"),
        Needs::Program if !moment.program => Some("no program that reads anything is running"),
        Needs::Nothing
        | Needs::Rest
        | Needs::Rehearsal
        | Needs::Waiting
        | Needs::Panes
        | Needs::Program => None,
    }
}

/// The keys of the bottom line: only those that work now, at most seven, commands, help and leave always among
/// them.
pub fn footer(context: Context, moment: Moment) -> Vec<Hint> {
    let mut ranked: Vec<_> = rows(context)
        .filter(|row| off(row, moment).is_none())
        .filter_map(|row| Some((row.footer?, row)))
        .collect();
    ranked.sort_by_key(|(rank, _)| *rank);
    let (mut shown, always): (Vec<_>, Vec<_>) =
        ranked.into_iter().partition(|(rank, _)| *rank < ALWAYS);
    shown.truncate(FOOTER_KEYS.saturating_sub(always.len()));
    shown
        .into_iter()
        .chain(always)
        .map(|(_, row)| Hint {
            keys: first_keys(row),
            label: row.label,
        })
        .collect()
}

/// Footer ranks from here on are never pushed out.
const ALWAYS: u8 = 89;

/// Everything that can be asked for in a context, with the reason why it is off now.
pub fn palette(context: Context, moment: Moment) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for row in rows(context) {
        if entries.iter().any(|entry| entry.label == row.label) {
            continue;
        }
        entries.push(Entry {
            command: row.command,
            keys: keys_of(row),
            label: row.label,
            help: row.help,
            off: off(row, moment),
        });
    }
    entries
}

/// All keys of a row: `g, Home`.
pub fn keys_of(row: &Row) -> String {
    row.strokes
        .iter()
        .map(stroke_name)
        .collect::<Vec<_>>()
        .join(", ")
}

/// The one key that the footer shows; neighbours of a pair share a hint (`j/k`).
fn first_keys(row: &Row) -> String {
    match row.command {
        Command::Down => "j/k".to_owned(),
        Command::Choose(_) => "1-9".to_owned(),
        Command::Faster => "+/-".to_owned(),
        _ => row.strokes.first().map(stroke_name).unwrap_or_default(),
    }
}

fn stroke_name(stroke: &Stroke) -> String {
    let name = match stroke.code {
        KeyCode::Char(' ') => "Space".to_owned(),
        KeyCode::Char(c) if stroke.ctrl => c.to_ascii_uppercase().to_string(),
        KeyCode::Char(c) => c.to_string(),
        KeyCode::F(n) => format!("F{n}"),
        KeyCode::BackTab => "Shift-Tab".to_owned(),
        KeyCode::PageUp => "PgUp".to_owned(),
        KeyCode::PageDown => "PgDn".to_owned(),
        other => other.to_string(),
    };
    if stroke.ctrl {
        format!("Ctrl-{name}")
    } else {
        name
    }
}

/// Commands that a held key repeats.
fn moves(command: Command) -> bool {
    use Command::{
        Down, HalfDown, HalfUp, Left, PageDown, PageUp, Right, SearchNext, SearchPrevious, Up,
    };
    matches!(
        command,
        Up | Down
            | Left
            | Right
            | PageUp
            | PageDown
            | HalfUp
            | HalfDown
            | SearchNext
            | SearchPrevious
    )
}
