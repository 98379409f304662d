//! How large the head of an answer may be.

use http::HeaderMap;

/// How large the head of an answer may be: as much as hyper takes by itself, if the spec does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HeadBounds {
    /// How many headers it may have.
    pub count: u32,
    /// How many bytes they may have together. With HTTP/2 it is told to the server; by HTTP/1.1 hyper takes no more than the default.
    pub size: u32,
}

impl Default for HeadBounds {
    fn default() -> Self {
        Self { count: 100, size: 400 * 1024 }
    }
}

impl HeadBounds {
    /// The largest number of headers that any client takes.
    const MOST: u32 = 16_384;

    /// Tells whether these headers are within the bounds.
    pub(super) fn hold(self, headers: &HeaderMap) -> bool {
        // As they stand in HTTP/1.1, each with `: ` and the end of its line.
        let size: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
        let within = |found: usize, most: u32| u32::try_from(found).is_ok_and(|found| found <= most);
        within(headers.len(), self.count) && within(size, self.size)
    }

    /// Returns what a client has to take: the same for bounds that are near each other, so that there are few clients.
    pub(super) fn of_client(self) -> Self {
        let usual = Self::default();
        let rounded = |own: u32, usual: u32| if own <= usual { usual } else { own.next_power_of_two() };
        Self { count: rounded(self.count, usual.count).min(Self::MOST), size: rounded(self.size, usual.size) }
    }
}
