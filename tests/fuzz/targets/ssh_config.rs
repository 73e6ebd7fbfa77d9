//! Any bytes as an ssh configuration: values or a refusal, no panic, no hang.
#![no_main]

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use holdpoint::transport::ssh::config::{Ask, Files, Machine, openssh_lists, resolve_alone};
use libfuzzer_sys::{Corpus, fuzz_target};
use tempfile::TempDir;

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().expect("a folder"));

fuzz_target!(|text: &[u8]| -> Corpus {
    // What else lies on this machine is not the input's business.
    if text
        .to_ascii_lowercase()
        .windows(7)
        .any(|word| word == b"include")
    {
        return Corpus::Reject;
    }
    let file = FOLDER.path().join("config");
    fs::write(&file, text).expect("a configuration");
    let machine = Machine::here("ana", Path::new("/home/ana"));
    for (host, user) in [("st1", None), ("st1.example.net", Some("axway"))] {
        let ask = Ask {
            host: host.into(),
            user: user.map(str::to_owned),
            ..Ask::default()
        };
        let files = Files::Only(file.clone());
        let once = resolve_alone(&machine, &files, &ask, &openssh_lists());
        if let Err(refused) = &once {
            let said = format!("{} {:?}", refused.why, refused.place);
            assert!(!said.is_empty());
        }
    }
    Corpus::Keep
});
