//! The first screen: resume an unfinished run, open a cluster, rehearse.

use ratatui::buffer::Buffer;
use ratatui::crossterm::event::KeyEvent;
use ratatui::layout::Rect;

use super::kit::{inset, panel, put_parts, split_top};
use crate::ui::app::step;
use crate::ui::keymap::{self, Command, Context, Moment};
use crate::ui::session::{Welcome, WelcomeChoice};
use crate::ui::widget::{Cell, Column, Footer, FrameKind, Panel, Table, TableRow, fill};
use crate::ui::{Look, Role};

/// Lines that the help may be scrolled by.
const HELP_LINES: usize = 100;

/// The first screen, with what is selected on it.
pub struct WelcomeScreen {
    pub look: Look,
    items: Welcome,
    selected: usize,
    /// The help is open, scrolled by so many lines.
    help: Option<usize>,
}

impl WelcomeScreen {
    /// Everything selectable in one list, the first one selected.
    pub fn new(look: Look, items: Welcome) -> WelcomeScreen {
        WelcomeScreen {
            look,
            items,
            selected: 0,
            help: None,
        }
    }

    /// A key; the choice when one was made.
    pub fn key(&mut self, key: KeyEvent) -> Option<WelcomeChoice> {
        let command = keymap::lookup(Context::Welcome, key)?;
        if let Some(scrolled) = &mut self.help {
            match command {
                Command::Back | Command::Help | Command::Open => self.help = None,
                Command::Leave => return Some(WelcomeChoice::Leave),
                _ => {
                    step(scrolled, command, HELP_LINES);
                }
            }
            return None;
        }
        let count = self.count();
        if step(&mut self.selected, command, count) {
            return None;
        }
        match command {
            Command::Open => return self.chosen(),
            Command::Rehearse => return self.rehearsal(),
            Command::Help => self.help = Some(0),
            Command::Leave => return Some(WelcomeChoice::Leave),
            _ => {}
        }
        None
    }

    fn count(&self) -> usize {
        self.items.unfinished.len() + self.items.clusters.len() + self.items.procedures.len()
    }

    /// Which part the selection is in, and where in it.
    fn place(&self) -> Option<(Part, usize)> {
        let mut at = self.selected;
        for (part, len) in [
            (Part::Unfinished, self.items.unfinished.len()),
            (Part::Clusters, self.items.clusters.len()),
            (Part::Procedures, self.items.procedures.len()),
        ] {
            if at < len {
                return Some((part, at));
            }
            at -= len;
        }
        None
    }

    fn chosen(&self) -> Option<WelcomeChoice> {
        match self.place()? {
            (Part::Unfinished, at) => Some(WelcomeChoice::Resume {
                run: self.items.unfinished[at].run.clone(),
            }),
            (Part::Clusters, at) => Some(WelcomeChoice::Open {
                file: self.items.clusters[at].file.clone(),
            }),
            (Part::Procedures, at) => Some(WelcomeChoice::Rehearse {
                procedure: self.items.procedures[at].id.clone(),
            }),
        }
    }

    fn rehearsal(&self) -> Option<WelcomeChoice> {
        match self.place() {
            Some((Part::Clusters, at)) => Some(WelcomeChoice::RehearseCluster {
                file: self.items.clusters[at].file.clone(),
            }),
            Some((Part::Procedures, at)) => Some(WelcomeChoice::Rehearse {
                procedure: self.items.procedures[at].id.clone(),
            }),
            Some((Part::Unfinished, _)) | None => {
                let first = self.items.procedures.first()?;
                Some(WelcomeChoice::Rehearse {
                    procedure: first.id.clone(),
                })
            }
        }
    }

    /// Draws it.
    pub fn draw(&self, area: Rect, buf: &mut Buffer) {
        let area = area.intersection(buf.area);
        fill(buf, area, self.look.style(Role::Base));
        if area.is_empty() {
            return;
        }
        let (head, rest) = split_top(area, if area.height >= 20 { 4 } else { 1 });
        self.head(head, buf);
        let (mut body, bottom) = split_top(rest, rest.height.saturating_sub(2));
        let (said, footer) = split_top(bottom, bottom.height.saturating_sub(1));
        if !self.items.unfinished.is_empty() {
            let height = u16::try_from(self.items.unfinished.len() * 2)
                .unwrap_or(u16::MAX)
                .saturating_add(2);
            let (part, left) = split_top(body, height.min(body.height / 2));
            self.unfinished(part, buf);
            body = left;
        }
        if !self.items.clusters.is_empty() {
            let height = u16::try_from(self.items.clusters.len())
                .unwrap_or(u16::MAX)
                .saturating_add(3);
            let (part, left) = split_top(body, height.min(body.height / 2));
            self.clusters(part, buf);
            body = left;
        }
        self.procedures(body, buf);
        let words = match self.place() {
            Some((Part::Unfinished, _)) => {
                "Enter resumes: every node is looked at again before anything runs."
            }
            Some((Part::Clusters, _)) => {
                "Enter opens it for real; each change has a gate.  R only rehearses it."
            }
            Some((Part::Procedures, _)) => {
                "Enter rehearses it on a pretend cluster: nothing real is touched."
            }
            None => "Nothing to choose from.",
        };
        let mark = (Role::StepRunning, format!(" {} ", self.look.signs.works));
        put_parts(
            &self.look,
            said,
            buf,
            said.x,
            said.y,
            &[mark, (Role::Base, words.into())],
        );
        Footer::new(
            &self.look,
            Context::Welcome,
            Moment {
                panes: 1,
                ..Moment::default()
            },
        )
        .render(footer, buf);
        if let Some(scrolled) = self.help {
            super::dialog::draw_help(&self.look, Context::Welcome, scrolled, area, buf);
        }
    }

    fn head(&self, area: Rect, buf: &mut Buffer) {
        let title = [
            (Role::Key, " holdpoint".to_string()),
            (Role::Dim, format!("  {}", env!("CARGO_PKG_VERSION"))),
        ];
        let (top, below) = split_top(area, area.height.min(2));
        put_parts(
            &self.look,
            top,
            buf,
            top.x + 1,
            top.bottom().saturating_sub(1),
            &title,
        );
        let text = "walks you through an upgrade; stops until the cluster and you both say go";
        put_parts(
            &self.look,
            below,
            buf,
            below.x + 2,
            below.y,
            &[(Role::Dim, text.into())],
        );
    }

    fn unfinished(&self, area: Rect, buf: &mut Buffer) {
        let frame = Panel::new(&self.look, "Unfinished runs on this machine")
            .kind(FrameKind::Heavy)
            .role(Role::GateFrame);
        let inner = frame.render(area, buf);
        let mut y = inner.y;
        for (at, run) in self.items.unfinished.iter().enumerate() {
            let here = self.place() == Some((Part::Unfinished, at));
            let pointer = if here { self.look.signs.pointer } else { " " };
            let mode = if run.rehearsal { "rehearsal, " } else { "" };
            let name_role = if here { Role::Key } else { Role::Title };
            let first = [
                (Role::Key, format!(" {pointer} ")),
                (name_role, format!("{}  {}", run.run, run.cluster)),
                (
                    Role::Base,
                    format!("  {}  {mode}{}", run.versions, run.stopped),
                ),
            ];
            put_parts(&self.look, inner, buf, inner.x, y, &first);
            let doubts = if run.doubts.is_empty() {
                "nothing is in doubt".into()
            } else {
                run.doubts.join("; ")
            };
            let role = if run.doubts.is_empty() {
                Role::Dim
            } else {
                Role::Warn
            };
            put_parts(
                &self.look,
                inner,
                buf,
                inner.x,
                y.saturating_add(1),
                &[(role, format!("   {doubts}"))],
            );
            y = y.saturating_add(2);
        }
    }

    fn clusters(&self, area: Rect, buf: &mut Buffer) {
        let selected = self.selected_in(Part::Clusters);
        let inner = panel(&self.look, "Clusters", "", selected.is_some()).render(area, buf);
        let rows: Vec<TableRow> = self
            .items
            .clusters
            .iter()
            .map(|cluster| TableRow {
                cells: vec![
                    Cell::new(cluster.name.clone(), Role::Title),
                    cluster.nodes.to_string().into(),
                    cluster.product.clone().into(),
                    Cell::new(cluster.last.clone(), Role::Dim),
                    Cell::new(cluster.file.clone(), Role::Dim),
                ],
            })
            .collect();
        let columns = [
            Column::new("NAME", 16),
            Column::new("NODES", 5).right(),
            Column::new("PRODUCT", 22).drop(2),
            Column::new("LAST RUN", 24).drop(1),
            Column::new("FILE", 16).grow(1),
        ];
        table(&self.look, &columns, &rows, selected).render(indented(inset(inner), selected), buf);
    }

    fn procedures(&self, area: Rect, buf: &mut Buffer) {
        let selected = self.selected_in(Part::Procedures);
        let inner = panel(
            &self.look,
            "Rehearse a procedure",
            "no cluster is needed",
            selected.is_some(),
        )
        .render(area, buf);
        let rows: Vec<TableRow> = self
            .items
            .procedures
            .iter()
            .map(|procedure| TableRow {
                cells: vec![
                    Cell::new(procedure.id.clone(), Role::Title),
                    Cell::new(procedure.title.clone(), Role::Base),
                    Cell::new(procedure.product.clone(), Role::Dim),
                    Cell::new(procedure.steps.to_string(), Role::Dim),
                ],
            })
            .collect();
        let longest = self
            .items
            .procedures
            .iter()
            .map(|procedure| procedure.id.len())
            .max();
        let longest = u16::try_from(longest.unwrap_or(0))
            .unwrap_or(u16::MAX)
            .clamp(9, 48);
        let columns = [
            Column::new("PROCEDURE", longest),
            Column::new("WHAT", 24).grow(1),
            Column::new("PRODUCT", 22).drop(1),
            Column::new("STEPS", 5).right(),
        ];
        let height = u16::try_from(rows.len())
            .unwrap_or(u16::MAX)
            .saturating_add(1);
        table(&self.look, &columns, &rows, selected).render(indented(inset(inner), selected), buf);
        let (_, below) = split_top(inset(inner), height.saturating_add(1));
        self.first_steps(below, buf);
    }

    /// How a cluster of one's own comes into this list, as long as none is in it.
    fn first_steps(&self, room: Rect, buf: &mut Buffer) {
        let words = [
            (Role::Title, "A cluster of your own:"),
            (
                Role::Base,
                "holdpoint init PROCEDURE > cluster.toml   then fill it in",
            ),
            (
                Role::Base,
                "holdpoint check cluster.toml              look only",
            ),
            (
                Role::Base,
                "holdpoint run cluster.toml                for real",
            ),
        ];
        if !self.items.clusters.is_empty() || usize::from(room.height) < words.len() {
            return;
        }
        for (y, (role, text)) in (room.y..).zip(words) {
            put_parts(&self.look, room, buf, room.x + 2, y, &[(role, text.into())]);
        }
    }

    fn selected_in(&self, part: Part) -> Option<usize> {
        self.place()
            .filter(|(here, _)| *here == part)
            .map(|(_, at)| at)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Unfinished,
    Clusters,
    Procedures,
}

fn table<'a>(
    look: &'a Look,
    columns: &'a [Column<'a>],
    rows: &'a [TableRow],
    selected: Option<usize>,
) -> Table<'a> {
    Table::new(look, columns, rows).selected(selected)
}

/// A table without a selection stands where it would stand with one.
fn indented(area: Rect, selected: Option<usize>) -> Rect {
    let by = if selected.is_some() { 0 } else { 2 };
    Rect {
        x: (area.x + by).min(area.right()),
        width: area.width.saturating_sub(by),
        ..area
    }
}
