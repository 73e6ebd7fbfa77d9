//! Tools that a story needs from the machine, and waiting for a condition.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

/// The variable that turns a missing tool from a skip into a failure (set where every story must run).
const REQUIRE_TOOLS: &str = "HOLDPOINT_REQUIRE_TOOLS";

/// Finds a tool, or says why the story is skipped and returns `None`.
///
/// Looks through `PATH` and the two folders where system daemons live. With `HOLDPOINT_REQUIRE_TOOLS=1` a
/// missing tool fails the test instead, so that a machine without it cannot pass by running nothing.
pub fn tool(name: &str) -> Option<PathBuf> {
    require(name, find(name))
}

/// As [`tool`], for what was looked for in another way.
pub fn require(name: &str, found: Option<PathBuf>) -> Option<PathBuf> {
    if found.is_none() {
        let required = std::env::var(REQUIRE_TOOLS).is_ok_and(|value| value == "1");
        assert!(
            !required,
            "{name} is not installed and {REQUIRE_TOOLS}=1 is set"
        );
        eprintln!("skipped: {name} is not installed");
    }
    found
}

/// Finds a tool that is welcome and never required.
pub fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    std::env::split_paths(&path)
        .chain(system)
        .map(|folder| folder.join(name))
        .find(|file| is_runnable(file))
}

/// A port that nobody listens on, on no address of this machine, and that nobody is given by the system: what looks for a
/// listener by its port alone, as products' probes do, finds nobody else's.
pub fn own_port() -> TcpListener {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Below the range from which Linux gives out ports by itself.
    const FIRST: u16 = 12_000;
    const MANY: u16 = 18_000;
    let start = u16::try_from(std::process::id() % u32::from(MANY)).expect("less than that");
    for _ in 0..MANY {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = FIRST + (start.wrapping_add(step) % MANY);
        if let Ok(listener) = TcpListener::bind(("0.0.0.0", port)) {
            return listener;
        }
    }
    panic!("no port is free");
}

fn is_runnable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    file.metadata()
        .is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

/// Waits until `condition` holds, looking every 20 ms; fails the test with `what` after two minutes.
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(120);
    while !condition() {
        assert!(Instant::now() < deadline, "never happened: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
