//! The wheel of a running program: who may type into it, and what became of what was typed.
//!
//! Every act at the wheel of one attempt has a number, counted from 1. The node does each of them once, in this order, and
//! says which keys it wrote last; so a cut link never types twice, and what did not arrive is known.

/// Keys on their way to a program. Never printed, never kept.
#[derive(Clone, PartialEq, Eq)]
pub struct Keys {
    bytes: Vec<u8>,
    /// How many keys were pressed.
    pub count: u32,
}

impl Keys {
    /// Most bytes that are sent at once: so many are written into a pipe in one piece, or not at all (POSIX: 512 or more;
    /// 4096 on Linux).
    pub const MOST: usize = 2048;

    /// The bytes that so many keys send.
    pub fn new(bytes: Vec<u8>, count: u32) -> Keys {
        Keys { bytes, count }
    }

    /// What a terminal would send.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Both, one behind the other, if they still go at once.
    pub fn joined(&self, next: &Keys) -> Option<Keys> {
        if self.bytes.len() + next.bytes.len() > Self::MOST {
            return None;
        }
        let bytes = [self.bytes.as_slice(), &next.bytes].concat();
        Some(Keys::new(bytes, self.count.saturating_add(next.count)))
    }
}

impl std::fmt::Debug for Keys {
    /// How many, never which.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keys({} keys)", self.count)
    }
}

/// One act at the wheel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WheelAct {
    /// Its number within the attempt.
    pub number: u64,
    pub does: Does,
}

/// What an act does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Does {
    /// From now on the node takes the operator's keys, and no answer of the procedure.
    Take,
    Type(Keys),
    /// The other way round again. What was printed until now is settled.
    HandBack,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_counted_and_never_printed() {
        let keys = Keys::new(b"swordfish\r".to_vec(), 10);
        let act = WheelAct {
            number: 3,
            does: Does::Type(keys.clone()),
        };
        assert_eq!(
            format!("{act:?}"),
            "WheelAct { number: 3, does: Type(Keys(10 keys)) }"
        );
        let more = keys.joined(&Keys::new(vec![b'y'], 1)).expect("they fit");
        assert_eq!((more.bytes(), more.count), (&b"swordfish\ry"[..], 11));
        let many = Keys::new(vec![0; Keys::MOST], 1);
        assert_eq!(many.joined(&keys), None);
    }
}
