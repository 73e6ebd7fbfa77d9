//! Keeps the beginning and the very end of an endless stream.

use std::ops::Range;

/// So many last bytes (plus what one packet adds) stay visible even when the middle was thrown away.
const TAIL: usize = 512;

/// The first bytes of a stream up to a limit, its last ones, and its length.
#[derive(Debug, Default)]
pub(crate) struct Collected {
    head: Vec<u8>,
    tail: Vec<u8>,
    limit: usize,
    total: u64,
}

impl Collected {
    pub(crate) fn keeping(limit: usize) -> Self {
        Self {
            limit,
            ..Self::default()
        }
    }

    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.total += bytes.len() as u64;
        let room = self.limit - self.head.len();
        self.head.extend_from_slice(&bytes[..bytes.len().min(room)]);
        let last = &bytes[bytes.len().saturating_sub(TAIL)..];
        self.tail.extend_from_slice(last);
        let surplus = self.tail.len().saturating_sub(TAIL);
        self.tail.drain(..surplus);
    }

    /// The first bytes, up to the limit.
    pub(crate) fn first(&self) -> &[u8] {
        &self.head
    }

    /// A part of the first bytes, without a copy.
    ///
    /// Panics if there are not so many of them.
    pub(crate) fn into_first(self, part: Range<usize>) -> Vec<u8> {
        let mut head = self.head;
        head.truncate(part.end);
        head.drain(..part.start);
        head
    }

    /// The last bytes.
    pub(crate) fn last(&self) -> &[u8] {
        &self.tail
    }

    /// Whether anything was thrown away.
    pub(crate) fn is_cut(&self) -> bool {
        self.total > self.head.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_and_the_end_stay() {
        let mut all = Vec::new();
        let mut kept = Collected::keeping(1000);
        for size in [0, 1, 700, 299, 1, 5000, 3] {
            let bytes: Vec<u8> = (0..size).map(|n| (n % 251) as u8).collect();
            kept.add(&bytes);
            all.extend(bytes);
            assert_eq!(kept.first(), &all[..all.len().min(1000)]);
            assert_eq!(kept.last(), &all[all.len().saturating_sub(TAIL)..]);
            assert_eq!(kept.is_cut(), all.len() > 1000);
        }
    }
}
