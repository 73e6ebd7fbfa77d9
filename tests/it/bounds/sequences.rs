//! Control sequences, invisible text and tricks with the cursor, from everything that a node can print: they never reach
//! the terminal.

use super::*;
use crate::support::walk::{Walk, tail, usual};

/// Bytes that would do something to a terminal, or hide what is there. `pwned` stands where only a terminal would take it.
const NASTY: &[u8] = b"a\x1b[2J\x1b[31m\x1b]0;pwned\x07\x1b]52;c;cHduZWQ=\x1b\\\x1bP$qm\x1b\\\x1b_pwned\x1b\\\x9b2Jb\xc2\x9b2Jc\x7f\x08\x08\
d\re\xe2\x80\xaef\xe2\x80\x8bg\xe2\x81\xa6h\x00\x05\x0e\xf3\xa0\x81\x81i";

/// Prints the nasty bytes as they are.
pub fn nasty() -> String {
    let octal: String = NASTY.iter().map(|byte| format!("\\{byte:03o}")).collect();
    format!("printf '{octal}'")
}

/// Everything that must not be printed, be it by a terminal that obeys or by an eye that cannot see it.
fn assert_harmless(what: &str, text: &str) {
    let bad = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{e0000}'..='\u{e007f}')
    };
    let found = text.char_indices().find(|(_, c)| bad(*c));
    if let Some((at, c)) = found {
        let line = text[..at].rsplit('\n').next().unwrap_or_default();
        panic!("{what}: {c:?} after {line:?}");
    }
    assert!(
        !text.contains("pwned"),
        "{what}: what only a terminal should swallow was shown"
    );
}

/// A node that is nasty wherever it can be.
pub fn nasty_site(number: u8) -> Option<Site> {
    let site = Site::start(&["n1"], number)?;
    talkative(&site);
    let node = &site.servers[0];
    let nasty = nasty();
    say(
        node,
        "state=before\n",
        "",
        &format!("{nasty}; {nasty} >&2; echo; {nasty}; echo '? '; {nasty}"),
    );
    let probe =
        format!("{nasty}; echo; printf title=; {nasty}; echo; {nasty} >&2; cat \"$HOME/facts\"\n");
    fs::write(node.home.join("probe.sh"), probe).expect("a file");
    let check = format!("printf word=; {nasty}; echo; {nasty} >&2; exit 3\n");
    fs::write(node.home.join("check.sh"), check).expect("a file");
    fs::write(node.home.join(".bashrc"), format!("{nasty}; {nasty} >&2\n"))
        .expect("a login script");
    Some(site)
}

fn walked(site: &Site, arguments: &[&str]) {
    let file = site.file_arg();
    let mut all = vec![arguments[0], &file];
    all.extend(&arguments[1..]);
    let ended = Walk::start(&site.state(), &all).guide(|_, expected| Some(usual(expected)));
    assert_eq!(
        ended.code,
        Some(0),
        "{arguments:?}: {}\n{}",
        tail(&ended.transcript),
        tail(&ended.errors)
    );
    assert_harmless("standard output", &ended.transcript);
    assert_harmless("standard error", &ended.errors);
    assert!(ended.transcript.contains("n1"), "{}", ended.transcript);
}

#[test]
fn what_a_node_prints_reaches_lines_as_plain_text() {
    let Some(site) = nasty_site(121) else {
        return;
    };
    walked(&site, &["check", "--plain"]);
    walked(&site, &["dry-run", "--plain"]);
    walked(&site, &["run", "--plain"]);
    // And whatever was kept of it.
    for entry in fs::read_dir(site.state())
        .expect("the state folder")
        .flatten()
    {
        let mut files = vec![entry.path()];
        while let Some(path) = files.pop() {
            match path.is_dir() {
                true => files.extend(
                    fs::read_dir(path)
                        .expect("a folder")
                        .flatten()
                        .map(|e| e.path()),
                ),
                false
                    if path
                        .extension()
                        .is_some_and(|end| end == "log" || end == "md" || end == "json") =>
                {
                    let text = fs::read_to_string(&path).expect("it is text");
                    assert_harmless(&path.display().to_string(), &text);
                }
                false => {}
            }
        }
    }
}
