//! Which boot of a node we are talking to.

use std::fmt;
use std::time::Duration;

use super::connection::Session;
use super::exec::{Limits, ReadFailure};

/// Boot id and start ticks of process 1, as `<boot id>.<ticks>`: changes with every boot.
///
/// The second half is needed because containers share the boot id of their host. Only well-formed text becomes one:
/// an error message must never look like a new boot.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Incarnation(String);

impl Incarnation {
    /// Takes `text` if it is well formed.
    pub fn parse(text: &str) -> Option<Self> {
        let (boot, ticks) = text.split_once('.')?;
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        (is_uuid(boot) && digits(ticks)).then(|| Self(text.to_owned()))
    }

    /// The text form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_uuid(text: &str) -> bool {
    let hex = |part: &str| part.bytes().all(|b| b.is_ascii_hexdigit());
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12] && text.split('-').all(hex)
}

/// Everything after the last `)` of the stat line is plain; the 20th word there is the start time (proc(5), field 22).
/// Read as the jobs' library reads it, so that the two never differ; without any process.
const COMMANDS: &str = "read -r hp_boot </proc/sys/kernel/random/boot_id
read -r hp_stat </proc/1/stat
set -- ${hp_stat##*) }
[ $# -lt 20 ] || shift 19
hp_says=$hp_boot.$1";

impl Session {
    /// Asks the node which boot it is in. Anything but a well-formed answer is no answer.
    pub async fn identity(&self) -> Result<Incarnation, ReadFailure> {
        let limits = Limits {
            time: Duration::from_secs(15),
            bytes: 4096,
        };
        let said = self.read_plain(COMMANDS, limits).await?;
        let text = String::from_utf8_lossy(&said);
        Incarnation::parse(text.trim()).ok_or_else(|| ReadFailure::NoAnswer {
            ending: "the boot identity is not well formed".into(),
            said: text.trim().to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Incarnation;

    #[test]
    fn only_well_formed_text_is_an_incarnation() {
        let good = "9a1c3b52-0f6e-4a1b-9c3d-5e6f7a8b9c0d.42";
        assert_eq!(Incarnation::parse(good).unwrap().as_str(), good);
        for bad in [
            "",
            ".",
            "9a1c3b52-0f6e-4a1b-9c3d-5e6f7a8b9c0d",
            "9a1c3b52-0f6e-4a1b-9c3d-5e6f7a8b9c0d.",
            "9a1c3b52-0f6e-4a1b-9c3d-5e6f7a8b9c0d.4x",
            "9a1c3b52-0f6e-4a1b-9c3d-5e6f7a8b9c0g.42",
            "cat: /proc/sys/kernel/random/boot_id: Permission denied.1",
        ] {
            assert_eq!(Incarnation::parse(bad), None, "{bad}");
        }
    }
}
