//! The windows of one actor, one for each group.

use super::terms::Terms;
use super::window::Window;

/// The most groups of an actor: without it, one address could send as many as it likes, and drive all others out.
pub(crate) const MAX_GROUPS: usize = 1_024;

/// The windows of an actor, in the order of the keys of their groups; 0 where there are none.
#[derive(Debug, Default)]
pub(super) struct Groups {
    windows: Windows,
    /// The bytes that they take beside their own.
    pub(super) bytes: usize,
}

/// Most actors have one alone, which lies where they do.
#[derive(Debug, Default)]
enum Windows {
    #[default]
    None,
    One((u64, Window)),
    Many(Vec<(u64, Window)>),
}

impl Windows {
    fn as_slice(&self) -> &[(u64, Window)] {
        match self {
            Self::None => &[],
            Self::One(window) => std::slice::from_ref(window),
            Self::Many(windows) => windows,
        }
    }

    fn as_mut_slice(&mut self) -> &mut [(u64, Window)] {
        match self {
            Self::None => &mut [],
            Self::One(window) => std::slice::from_mut(window),
            Self::Many(windows) => windows,
        }
    }

    fn into_vec(self) -> Vec<(u64, Window)> {
        match self {
            Self::None => Vec::new(),
            Self::One(window) => vec![window],
            Self::Many(windows) => windows,
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::None | Self::One(_) => 0,
            Self::Many(windows) => windows.len() * size_of::<(u64, Window)>(),
        }
    }
}

impl Groups {
    /// Windows that were written down, in any order.
    pub(super) fn new(mut windows: Vec<(u64, Window)>) -> Self {
        windows.sort_unstable_by_key(|(group, _)| *group);
        let mut groups = Self::default();
        groups.put(windows);
        groups
    }

    fn put(&mut self, mut windows: Vec<(u64, Window)>) {
        self.windows = match windows.len() {
            0 | 1 => windows.pop().map_or(Windows::None, Windows::One),
            _ => Windows::Many(windows),
        };
        self.count();
    }

    fn count(&mut self) {
        let windows = self.windows.as_slice().iter();
        let inner: usize = windows.map(|(_, window)| window.bytes()).sum();
        self.bytes = self.windows.bytes() + inner;
    }

    /// The windows, by the keys of their groups.
    pub(super) fn windows(&self) -> &[(u64, Window)] {
        self.windows.as_slice()
    }

    fn place(&self, group: u64) -> Result<usize, usize> {
        self.windows()
            .binary_search_by_key(&group, |(known, _)| *known)
    }

    fn retain(&mut self, keep: impl Fn(&Window) -> bool) {
        let mut windows = std::mem::take(&mut self.windows).into_vec();
        windows.retain(|(_, window)| keep(window));
        self.put(windows);
    }

    /// Lets groups go that were active the longest ago, where there is no room for this one; says whether any went.
    pub(super) fn make_room(&mut self, group: u64) -> bool {
        if self.windows().len() < MAX_GROUPS || self.place(group).is_ok() {
            return false;
        }
        let windows = self.windows().iter();
        let mut active: Vec<_> = windows.map(|(_, window)| window.active()).collect();
        // An eighth at once, so that not every new one looks at all.
        let (_, last, _) = active.select_nth_unstable(MAX_GROUPS / 8);
        let last = *last;
        self.retain(|window| window.active() > last);
        true
    }

    /// Changes the window of a group, which is made if there is none.
    pub(super) fn change<T>(&mut self, group: u64, change: impl FnOnce(&mut Window) -> T) -> T {
        let place = self.place(group).unwrap_or_else(|place| {
            self.add(place, group);
            place
        });
        let window = &mut self.windows.as_mut_slice()[place].1;
        let before = window.bytes();
        let changed = change(window);
        self.bytes = self.bytes - before + window.bytes();
        changed
    }

    fn add(&mut self, place: usize, group: u64) {
        let before = self.windows.bytes();
        let new = (group, Window::default());
        self.windows = match std::mem::take(&mut self.windows) {
            Windows::None => Windows::One(new),
            windows => {
                let mut windows = windows.into_vec();
                windows.insert(place, new);
                Windows::Many(windows)
            }
        };
        self.bytes = self.bytes - before + self.windows.bytes();
    }

    /// Voids what happened until then.
    pub(super) fn void(&mut self, until: i64, terms: &Terms) {
        for (_, window) in self.windows.as_mut_slice() {
            window.void(until, terms);
        }
        self.count();
    }

    /// Forgets groups of which nothing can matter any more; answers when to look again.
    pub(super) fn forget(&mut self, open: i64, terms: &Terms) -> Option<i64> {
        let times = self.windows().iter();
        let first = times.map(|(_, window)| window.over_at(terms)).min()?;
        if first > open {
            return Some(first);
        }
        self.retain(|window| window.over_at(terms) > open);
        let times = self.windows().iter();
        times.map(|(_, window)| window.over_at(terms)).min()
    }
}
