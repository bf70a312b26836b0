//! Room on a page: what there is much of takes no more than its share, and a link leads to the rest.

use maud::{Markup, html};

use super::access::value;
use super::actions::table;
use super::explorer::link;
use super::text::grouped;
use crate::api::Params;

/// The most bytes of a page.
pub(super) const MOST: usize = 100_000;

/// Those of the pieces that this many bytes have room for: the first ones, one at least.
pub(super) fn fit(pieces: impl Iterator<Item = Markup>, most: usize) -> Vec<Markup> {
    let mut bytes = 0;
    let mut fitting = Vec::new();
    for piece in pieces {
        bytes += piece.0.len();
        if bytes > most && !fitting.is_empty() {
            break;
        }
        fitting.push(piece);
    }
    fitting
}

/// The last of those that are shown, if there are more: where the next page goes on from.
pub(super) fn cut<T>(all: &[T], shown: usize) -> Option<&T> {
    let last = shown.checked_sub(1).filter(|_| shown < all.len());
    last.and_then(|last| all.get(last))
}

/// The pieces of one cell that this many bytes have room for, and how many there are besides.
pub(super) fn some<T>(
    all: impl ExactSizeIterator<Item = T>,
    most: usize,
    piece: impl Fn(T) -> Markup,
) -> Markup {
    let count = all.len();
    let shown = fit(all.map(piece), most);
    html! {
        @for piece in &shown { (piece) }
        @if shown.len() < count { small { "and " (grouped((count - shown.len()) as u64)) " more" } }
    }
}

/// The start of the text that takes at most this many bytes in a page.
pub(super) fn start_in(text: &str, most: usize) -> &str {
    let mut bytes = 0;
    let end = text.char_indices().find(|(_, letter)| {
        bytes += match letter {
            '"' => "&quot;".len(),
            '&' => "&amp;".len(),
            '<' | '>' => "&lt;".len(),
            letter => letter.len_utf8(),
        };
        bytes > most
    });
    end.and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}

/// The tables of a page, of which each begins where a parameter of its own says: at how many of its rows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tables<'a> {
    path: &'a str,
    /// What the page's links take along.
    kept: &'a [(&'a str, &'a str)],
    params: &'a Params,
}

impl<'a> Tables<'a> {
    pub(super) fn new(path: &'a str, kept: &'a [(&'a str, &'a str)], params: &'a Params) -> Self {
        Self { path, kept, params }
    }

    /// Whether the page is about a later part of this table.
    pub(super) fn within(&self, of: &str) -> bool {
        value(self.params, of).is_some()
    }

    /// The table whose parameter, and whose section's `id`, is `of`, in so many bytes.
    pub(super) fn table<T>(
        &self,
        of: &str,
        (name, heads): (&str, &[&str]),
        all: &[T],
        most: usize,
        row: impl Fn(&T) -> Markup,
    ) -> Markup {
        let (rows, ways) = self.part((of, name), all, most, row);
        html! { (table(name, heads, rows.into_iter())) (ways) }
    }

    /// The rows of such a table alone, and the ways to the others.
    pub(super) fn part<T>(
        &self,
        (of, name): (&str, &str),
        all: &[T],
        most: usize,
        row: impl Fn(&T) -> Markup,
    ) -> (Vec<Markup>, Markup) {
        let start = value(self.params, of).and_then(|text| text.parse().ok());
        let start = start.filter(|start| *start < all.len()).unwrap_or(0);
        let rows = fit(all.iter().skip(start).map(row), most);
        let end = start + rows.len();
        let way = |start: usize| {
            let from = start.to_string();
            let from = (start > 0).then_some((of, from.as_str()));
            link(self.path, self.kept.iter().copied().chain(from)) + "#" + of
        };
        let number = |number: usize| grouped(number as u64);
        let ways = html! {
            @if start > 0 || end < all.len() {
                nav aria-label={ (name) ", further rows" } {
                    (number(start + 1)) " to " (number(end)) " of " (number(all.len())) ". "
                    @if start > 0 { a href=(way(0)) { "From the start" } " " }
                    @if end < all.len() { a rel="next" href=(way(end)) { "Next page" } }
                }
            }
        };
        (rows, ways)
    }
}
