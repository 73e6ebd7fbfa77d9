//! Writes holdpoint's own `known_hosts` file, in the form in which ssh(1) writes its own.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use russh::keys::PublicKey;
use sha1::Sha1;

use super::{Marker, names_match, read_limited, split_line};

/// The name as ssh(1) writes it with HashKnownHosts: `|1|salt|hash`.
pub fn hashed_name(name: &str) -> io::Result<String> {
    let mut salt = [0; 20];
    File::open("/dev/urandom")?.read_exact(&mut salt)?;
    let mut mac = Hmac::<Sha1>::new_from_slice(&salt).map_err(io::Error::other)?;
    mac.update(name.as_bytes());
    let hash = BASE64_STANDARD.encode(mac.finalize().into_bytes());
    Ok(format!("|1|{}|{hash}", BASE64_STANDARD.encode(salt)))
}

/// Appends `key` for `name` to holdpoint's own file: one write, mode 0600, a missing last newline made good.
pub fn append_known_host(own: &Path, name: &str, key: &PublicKey) -> io::Result<()> {
    let text = key_text(key)?;
    if let Some(folder) = own.parent() {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
    }
    let mut file = open_own(own)?;
    let newline = if ends_in_newline(&mut file)? {
        ""
    } else {
        "\n"
    };
    file.write_all(format!("{newline}{name} {text}\n").as_bytes())?;
    file.sync_all()
}

fn open_own(own: &Path) -> io::Result<File> {
    // A symbolic link here would let somebody else choose which file we write.
    let no_link = i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).map_err(io::Error::other)?;
    OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .custom_flags(no_link)
        .open(own)
}

fn ends_in_newline(file: &mut File) -> io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(true);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

/// Puts `key` in the place of every other key for `name` in holdpoint's own file; `written_as` is the name as it is written.
///
/// The new file takes the old one's place in one step, whatever happens; lines about other names, authorities, revoked keys and
/// comments stay byte for byte.
pub fn replace_known_host(
    own: &Path,
    name: &str,
    written_as: &str,
    key: &PublicKey,
) -> io::Result<()> {
    let mut text = Vec::new();
    for line in read_limited(own)?.split_inclusive(|byte| *byte == b'\n') {
        let bare = line.strip_suffix(b"\n").unwrap_or(line);
        let goes = split_line(bare).is_some_and(|line| {
            line.marker == Marker::Plain && names_match(&line.names, name) && line.key().is_some()
        });
        if !goes {
            text.extend_from_slice(bare);
            text.push(b'\n');
        }
    }
    text.extend(format!("{written_as} {}\n", key_text(key)?).into_bytes());
    let beside = own.with_extension(format!("new-{}", std::process::id()));
    let written = write_new(&beside, &text).and_then(|()| fs::rename(&beside, own));
    if let Err(error) = written {
        // What is left of a failed attempt is of no use; that it failed is what counts.
        let _ = fs::remove_file(&beside);
        return Err(error);
    }
    match own.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

fn write_new(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text)?;
    file.sync_all()
}

/// The key as it stands in a `known_hosts` line: without a comment.
fn key_text(key: &PublicKey) -> io::Result<String> {
    let bare = PublicKey::from(key.key_data().clone());
    bare.to_openssh().map_err(io::Error::other)
}
