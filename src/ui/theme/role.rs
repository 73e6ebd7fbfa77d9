//! The meanings that a theme gives a look to.

/// One meaning. Screens ask for a role, never for a colour; a theme says what it looks like.
macro_rules! roles {
    ($($(#[$doc:meta])* $role:ident = $name:literal, $fallback:expr;)*) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Role { $($(#[$doc])* $role,)* }

        impl Role {
            /// Every role, in the order of the theme files.
            pub const ALL: &'static [Role] = &[$(Role::$role,)*];

            /// Its place in a theme file: table, dot, key.
            pub const fn name(self) -> &'static str {
                match self { $(Role::$role => $name,)* }
            }

            /// What it looks like when the theme does not say; chains end at [`Role::Base`].
            pub const fn fallback(self) -> Option<Role> {
                match self { $(Role::$role => $fallback,)* }
            }
        }
    };
}

roles! {
    /// Text on the theme's background; every other style stands on it.
    Base = "chrome.base", None;
    Surface = "chrome.surface", Some(Role::Base);
    Dim = "chrome.dim", Some(Role::Base);
    Border = "chrome.border", Some(Role::Dim);
    BorderFocus = "chrome.border-focus", Some(Role::Key);
    Title = "chrome.title", Some(Role::Base);
    TitleFocus = "chrome.title-focus", Some(Role::BorderFocus);
    Header = "chrome.header", Some(Role::Dim);
    Selection = "chrome.selection", Some(Role::Base);
    Key = "chrome.key", Some(Role::Base);
    KeyText = "chrome.key-text", Some(Role::Dim);
    Toast = "chrome.toast", Some(Role::Surface);
    Scrollbar = "chrome.scrollbar", Some(Role::Border);
    Field = "chrome.field", Some(Role::Surface);

    Info = "severity.info", Some(Role::Base);
    Ok = "severity.ok", Some(Role::Base);
    Warn = "severity.warn", Some(Role::Base);
    Error = "severity.error", Some(Role::Base);
    Critical = "severity.critical", Some(Role::Error);

    /// Nothing has been seen yet; it blocks, hence not dim.
    NodeUnknown = "node.unknown", Some(Role::Warn);
    NodeRunning = "node.running", Some(Role::Info);
    NodeStopping = "node.stopping", Some(Role::Info);
    NodeStopped = "node.stopped", Some(Role::Base);
    NodeUpgrading = "node.upgrading", Some(Role::Info);
    NodeUpgraded = "node.upgraded", Some(Role::Ok);
    NodeSyncing = "node.syncing", Some(Role::Info);
    NodeSynced = "node.synced", Some(Role::Ok);
    NodeFailed = "node.failed", Some(Role::Error);
    NodeLost = "node.lost", Some(Role::Error);
    NodeLeftOut = "node.left-out", Some(Role::Dim);
    NodeStale = "node.stale", Some(Role::Warn);

    StepPending = "step.pending", Some(Role::Base);
    StepRunning = "step.running", Some(Role::Info);
    StepWaiting = "step.waiting", Some(Role::GateFrame);
    StepDone = "step.done", Some(Role::Ok);
    StepWarned = "step.warned", Some(Role::Warn);
    StepFailed = "step.failed", Some(Role::Error);
    StepSkipped = "step.skipped", Some(Role::Dim);
    StepNotRun = "step.not-run", Some(Role::Dim);

    ChangeReadOnly = "change.read-only", Some(Role::Dim);
    ChangeReversible = "change.reversible", Some(Role::Base);
    ChangeRollback = "change.rollback", Some(Role::Warn);
    /// Not red: nothing has failed yet.
    ChangeOneWay = "change.one-way", Some(Role::GateOneWay);

    GateFrame = "gate.frame", Some(Role::Warn);
    GateTitle = "gate.title", Some(Role::GateFrame);
    GateTarget = "gate.target", Some(Role::Title);
    GateField = "gate.field", Some(Role::Field);
    GateMatch = "gate.match", Some(Role::Ok);
    GateMismatch = "gate.mismatch", Some(Role::Warn);
    GateOneWay = "gate.one-way", Some(Role::GateFrame);

    WindowOk = "window.ok", Some(Role::Ok);
    WindowTight = "window.tight", Some(Role::Warn);
    WindowOver = "window.over", Some(Role::Error);
    WindowMarker = "window.marker", Some(Role::Key);

    LogTime = "log.time", Some(Role::Dim);
    LogOut = "log.out", Some(Role::Base);
    LogErr = "log.err", Some(Role::Warn);
    LogCmd = "log.cmd", Some(Role::Key);
    LogObs = "log.obs", Some(Role::Info);
    LogNote = "log.note", Some(Role::Title);
    LogMatch = "log.match", Some(Role::Selection);
    LogMatchNow = "log.match-now", Some(Role::LogMatch);
    LogMark = "log.mark", Some(Role::Key);

    PlaceProduction = "place.production", Some(Role::Warn);
    PlaceStaging = "place.staging", Some(Role::Info);
    PlaceLab = "place.lab", Some(Role::Dim);
    PlaceRehearsal = "place.rehearsal", Some(Role::Info);
}

impl Role {
    /// The role of that name in a theme file.
    pub fn named(name: &str) -> Option<Role> {
        Role::ALL.iter().copied().find(|role| role.name() == name)
    }
}
