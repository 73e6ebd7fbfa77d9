//! The key table.

use ratatui::crossterm::event::KeyCode;

use super::Command as Do;
use super::Context::{
    self, Connect, Execute, Failure, Field, Gate, Help, Hold, Page, Plan, Readiness, Report,
    Terminal, Welcome,
};
use super::{Needs, Row, Stroke};

const EVERYWHERE: &[Context] = &Context::ALL;
/// Where letters are commands and not text.
const NO_FIELD: &[Context] = &[
    Welcome, Connect, Readiness, Plan, Execute, Failure, Hold, Page, Report, Terminal, Help,
];
/// The same where there is a run.
const OF_A_RUN: &[Context] = &[
    Connect, Readiness, Plan, Execute, Failure, Hold, Page, Report, Terminal, Help,
];
/// Everything but the first screen.
const AFTER_WELCOME: &[Context] = &[
    Connect, Readiness, Plan, Execute, Gate, Failure, Hold, Page, Report, Terminal, Help, Field,
];
const FIELDS: &[Context] = &[Gate, Field];
const LISTS: &[Context] = NO_FIELD;
const SIDEWAYS: &[Context] = &[Execute, Terminal];
const PANES: &[Context] = &[Execute];
const BELOW_DIALOGS: &[Context] = &[Welcome, Connect, Readiness, Plan, Execute, Report];
const RUN: &[Context] = &[
    Connect, Readiness, Plan, Execute, Failure, Hold, Page, Report,
];
const SEARCHED: &[Context] = &[Readiness, Plan, Execute];
const CHOICES: &[Context] = &[Failure, Hold];
const WHAT_IF: &[Context] = &[Plan, Execute, Failure, Hold, Page];
const PLAYED: &[Context] = &[Connect, Readiness, Plan, Execute, Failure, Hold, Page];

const fn key(c: char) -> Stroke {
    Stroke {
        code: KeyCode::Char(c),
        ctrl: false,
    }
}
const fn ctrl(c: char) -> Stroke {
    Stroke {
        code: KeyCode::Char(c),
        ctrl: true,
    }
}
const fn code(code: KeyCode) -> Stroke {
    Stroke { code, ctrl: false }
}
const fn row(
    command: Do,
    strokes: &'static [Stroke],
    contexts: &'static [Context],
    label: &'static str,
    help: &'static str,
) -> Row {
    Row {
        command,
        strokes,
        contexts,
        label,
        help,
        needs: Needs::Nothing,
        footer: None,
    }
}
impl Row {
    const fn needs(self, needs: Needs) -> Row {
        Row { needs, ..self }
    }
    const fn footer(self, rank: u8) -> Row {
        Row {
            footer: Some(rank),
            ..self
        }
    }
}

/// Keeps one row on one line: a table is read by columns.
macro_rules! table {
    ($($row:expr;)*) => { &[$($row),*] };
}

/// Every key of the program, once.
pub(super) const ROWS: &[Row] = table! {
    row(Do::Open, &[code(KeyCode::Enter)], &[Welcome], "open", "Open what is selected.").footer(1);
    row(Do::Open, &[code(KeyCode::Enter)], &[Connect, Readiness, Execute, Hold], "open", "Open what is selected.").footer(20);
    row(Do::Open, &[code(KeyCode::Enter)], &[Plan], "go on", "Go on with this plan; the first gate still asks.").footer(1);
    row(Do::Open, &[code(KeyCode::Enter)], &[Failure], "open", "Open what is selected.");
    row(Do::Open, &[code(KeyCode::Enter)], &[Page], "do it", "Do what is described.").footer(1);
    row(Do::Open, &[code(KeyCode::Enter)], &[Gate], "approve", "Approve, only when the text is complete.").footer(1);
    row(Do::Open, &[code(KeyCode::Enter)], &[Field], "accept", "Accept the text.").footer(1);
    row(Do::OpenWaiting, &[key('o')], &[Connect, Readiness, Execute], "open what waits", "Open the gate, failure or question that waits for you.").needs(Needs::Waiting).footer(0);
    row(Do::OpenWaiting, &[key('o')], &[Failure], "whole log", "Open the log at the line of the failure.").footer(3);
    row(Do::Choose(1), &[key('1')], CHOICES, "open a choice", "Open the page of a choice; nothing starts from the list.").footer(0);
    row(Do::Choose(2), &[key('2')], CHOICES, "open a choice", "Open choice 2.");
    row(Do::Choose(3), &[key('3')], CHOICES, "open a choice", "Open choice 3.");
    row(Do::Choose(4), &[key('4')], CHOICES, "open a choice", "Open choice 4.");
    row(Do::Choose(5), &[key('5')], CHOICES, "open a choice", "Open choice 5.");
    row(Do::Choose(6), &[key('6')], CHOICES, "open a choice", "Open choice 6.");
    row(Do::Choose(7), &[key('7')], CHOICES, "open a choice", "Open choice 7.");
    row(Do::Choose(8), &[key('8')], CHOICES, "open a choice", "Open choice 8.");
    row(Do::Choose(9), &[key('9')], CHOICES, "open a choice", "Open choice 9.");
    row(Do::Rehearse, &[key('R')], &[Welcome], "rehearse", "Rehearse on a simulated cluster; no node is changed.").footer(2);
    row(Do::TakeWheel, &[key('t')], &[Terminal], "take the wheel", "Type into the program, after a typed word; Ctrl-] hands it back.").needs(Needs::Program).footer(0);
    row(Do::Terminal, &[key('v')], &[Execute, Hold], "its screen", "Watch the screen of the program; take the wheel there.").needs(Needs::Program).footer(1);
    row(Do::Pause, &[key('p')], &[Execute], "pause after step", "Pause after this step; again takes it back.").footer(4);
    row(Do::WhatIf, &[key('W'), code(KeyCode::F(2))], WHAT_IF, "what if", "See ways out and around; nothing runs from there.").footer(5);
    row(Do::WhatIf, &[code(KeyCode::F(2))], FIELDS, "what if", "See ways out and around; nothing runs from there.").footer(6);
    row(Do::CheckAgain, &[key('r')], &[Connect, Readiness], "again", "Try this one again.").footer(2);
    row(Do::CheckAllAgain, &[key('R')], &[Connect, Readiness], "all again", "Try all again.").footer(3);
    row(Do::Waive, &[key('x')], &[Readiness], "waive", "Waive a warning with a reason, which the report prints. A block cannot be waived.").footer(4);
    row(Do::HoldClock, &[key(' ')], PLAYED, "hold clock", "Hold or release the clock of the rehearsal.").needs(Needs::Rehearsal).footer(7);
    row(Do::Faster, &[key('+')], PLAYED, "speed", "Play the rehearsal faster.").needs(Needs::Rehearsal).footer(8);
    row(Do::Slower, &[key('-')], PLAYED, "slower", "Play the rehearsal slower.").needs(Needs::Rehearsal);
    row(Do::NextEvent, &[key('.')], PLAYED, "next event", "Jump to the next event of the rehearsal.").needs(Needs::Rehearsal);
    row(Do::Faults, &[key('F')], PLAYED, "faults", "Choose what goes wrong in the rehearsal.").needs(Needs::Rehearsal).footer(6);
    row(Do::NextPane, &[code(KeyCode::Tab)], PANES, "pane", "Go to the next pane.").needs(Needs::Panes).footer(10);
    row(Do::NextPane, &[code(KeyCode::Tab)], FIELDS, "next field", "Go to the next field or part.");
    row(Do::PreviousPane, &[code(KeyCode::BackTab)], PANES, "pane back", "Go to the previous pane.").needs(Needs::Panes);
    row(Do::Pane(1), &[key('1')], PANES, "first pane", "Go to the first pane.").needs(Needs::Panes);
    row(Do::Pane(2), &[key('2')], PANES, "second pane", "Go to the second pane.").needs(Needs::Panes);
    row(Do::Pane(3), &[key('3')], PANES, "third pane", "Go to the third pane.").needs(Needs::Panes);
    row(Do::Down, &[key('j'), code(KeyCode::Down)], LISTS, "move", "Go down.").footer(11);
    row(Do::Up, &[key('k'), code(KeyCode::Up)], LISTS, "up", "Go up.");
    row(Do::Down, &[code(KeyCode::Down)], FIELDS, "scroll", "Scroll the text down.");
    row(Do::Up, &[code(KeyCode::Up)], FIELDS, "scroll", "Scroll the text up.");
    row(Do::Left, &[key('h'), code(KeyCode::Left)], SIDEWAYS, "left", "Scroll sideways to the left.");
    row(Do::Right, &[key('l'), code(KeyCode::Right)], SIDEWAYS, "right", "Scroll sideways to the right.");
    row(Do::First, &[key('g'), code(KeyCode::Home)], LISTS, "first", "Go to the first line.");
    row(Do::Last, &[key('G'), code(KeyCode::End)], LISTS, "last", "Go to the last line; a log follows again.");
    row(Do::PageUp, &[code(KeyCode::PageUp)], EVERYWHERE, "page up", "Go up a page.");
    row(Do::PageDown, &[code(KeyCode::PageDown)], EVERYWHERE, "page down", "Go down a page.");
    row(Do::HalfUp, &[ctrl('u')], LISTS, "half page up", "Go up half a page.");
    row(Do::HalfDown, &[ctrl('d')], LISTS, "half page down", "Go down half a page.");
    row(Do::Search, &[key('/')], SEARCHED, "search", "Search or filter; ! in front inverts; Esc clears.").footer(13);
    row(Do::SearchNext, &[key('n')], SEARCHED, "next match", "Go to the next match.");
    row(Do::SearchPrevious, &[key('N')], SEARCHED, "previous match", "Go to the previous match.");
    row(Do::Follow, &[key('f')], &[Execute], "follow", "Follow the end of the log, or hold.");
    row(Do::Wrap, &[key('w')], &[Execute], "wrap", "Wrap long lines of the log.");
    row(Do::TimeFormat, &[key('t')], &[Execute], "time", "Show elapsed time, UTC or local time in the log.");
    row(Do::Mark, &[key('m')], &[Execute], "mark", "Put a mark with the time into the log.");
    row(Do::Zoom, &[key('z')], PANES, "zoom", "Show this pane alone, or all panes again.").needs(Needs::Panes).footer(12);
    row(Do::ShowCommand, &[key('c')], &[Connect, Readiness, Plan, Execute, Failure], "command", "Show the exact command, host and account.").footer(14);
    row(Do::SaveScreen, &[key('s')], OF_A_RUN, "save screen", "Save this screen as text and picture in the folder of the run.");
    row(Do::Note, &[key('a')], RUN, "note", "Add a note to the journal.");
    row(Do::Themes, &[key('T')], OF_A_RUN, "themes", "Show the next theme.");
    row(Do::Redraw, &[ctrl('l')], AFTER_WELCOME, "redraw", "Draw the screen anew.");
    row(Do::Suspend, &[ctrl('z')], AFTER_WELCOME, "suspend", "Go to the shell for a while; at rest or at a gate only.").needs(Needs::Rest);
    row(Do::Back, &[code(KeyCode::Esc)], &[Gate], "not now", "Not now: the run waits here, nothing is undone.").footer(2);
    row(Do::Back, &[code(KeyCode::Esc)], &[Failure, Hold, Terminal, Help, Field], "close", "Close, go one up. Never stops work.").footer(15);
    row(Do::Back, &[code(KeyCode::Esc)], &[Page], "back", "Go back to the list; nothing is done.").footer(2);
    row(Do::Back, &[code(KeyCode::Esc)], BELOW_DIALOGS, "back", "Close, go one up. Never stops work.");
    row(Do::Palette, &[key(':'), ctrl('p')], OF_A_RUN, "commands", "Every action by name, with its key and why it is off now.").footer(89);
    row(Do::Help, &[key('?'), code(KeyCode::F(1))], NO_FIELD, "help", "Keys and signs of this screen.").footer(90);
    row(Do::Help, &[code(KeyCode::F(1))], FIELDS, "help", "Keys and signs of this screen.").footer(90);
    row(Do::Leave, &[key('q'), ctrl('c')], NO_FIELD, "leave", "Leave; asks first. What runs on a node goes on.").footer(91);
    row(Do::Leave, &[ctrl('c')], FIELDS, "leave", "Leave; asks first. What runs on a node goes on.");
};
