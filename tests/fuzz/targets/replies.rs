//! Any bytes as what a node answers to a job's request, a script or an upload: whole or nothing, never more than asked for.
#![no_main]

use holdpoint::transport::job::{JobState, read_reply};
use holdpoint::transport::nodes::read_upload_reply;
use holdpoint::transport::ssh::{Incarnation, read_streams};
use libfuzzer_sys::fuzz_target;

const NONCE: &str = "0011";
const OFFSET: u64 = 4101;
const MOST: usize = 100;

fuzz_target!(|text: &[u8]| {
    if let Some(Ok(answer)) = read_reply(text, NONCE, OFFSET, MOST) {
        assert!(answer.log.len() <= MOST);
        assert_eq!(answer.exit.is_some(), answer.state == JobState::Done);
        assert!(answer.answered.is_sorted());
        // Cut anywhere in its last line it is no answer.
        assert!(
            read_reply(&text[..text.len() / 2], NONCE, OFFSET, MOST).is_none() || text.len() < 2
        );
    }
    let _ = read_upload_reply(text, NONCE);
    for kept in [0, 64, 1 << 16] {
        if let Some(read) = read_streams(text, text, NONCE, 100, kept) {
            assert!(read.stdout.len() <= 100 && read.stderr.len() <= 100);
        }
    }
    if let Ok(text) = std::str::from_utf8(text)
        && let Some(boot) = Incarnation::parse(text)
    {
        assert_eq!(boot.as_str(), text);
    }
});
