//! What an engine remembers, as bytes.
//!
//! All integers are little-endian; a list is its length, 4 bytes, and its elements, as is a text. The content stands
//! between its magic and its CRC-32:
//!
//! | | |
//! |---|---|
//! | 8 | magic |
//! | 16 | the secret of keys |
//! | 8 each | clock, events, late, firings, trimmed, evicted |
//! | list | the playbooks: slug, and rule as JSON |
//! | list | the actors, the least recently active first: place of the playbook, key, void until, windows |
//! | 4 | CRC-32 of all before |

use std::io::{self, Read, Write};
use std::sync::Arc;

use super::super::draft;
use super::super::model::Playbook;
use super::actors::ActorTable;
use super::groups::Groups;
use super::keys::ActorKey;
use super::window::{Mark, Window};
use super::{Engine, Limits};
use crate::store::EventId;

const MAGIC: &[u8; 8] = b"sqpbwin2";
/// The most bytes of a text.
const MAX_TEXT: usize = 1 << 20;
/// The most elements of a list whose length nothing else bounds.
const MAX_LIST: usize = 1 << 28;

impl Engine {
    /// Writes down what is remembered.
    ///
    /// # Errors
    ///
    /// Those of the writer.
    pub fn checkpoint(&self, to: &mut impl Write) -> io::Result<()> {
        let mut to = Written {
            inner: to,
            sum: crc32fast::Hasher::new(),
        };
        to.write_all(MAGIC)?;
        to.write_all(&self.keyed.0)?;
        to.i64(self.clock)?;
        let evicted = self.actors.evicted;
        for count in [self.events, self.late, self.firings, self.trimmed, evicted] {
            to.write_all(&count.to_le_bytes())?;
        }
        to.length(self.playbooks.len())?;
        for playbook in &self.playbooks {
            to.text(&playbook.slug)?;
            to.text(&rule_text(playbook))?;
        }
        to.length(self.actors.actors)?;
        for node in self.actors.iter() {
            to.write_all(&node.playbook.to_le_bytes())?;
            for half in node.key.0 {
                to.write_all(&half.to_le_bytes())?;
            }
            to.i64(node.void_until)?;
            to.length(node.groups.windows().len())?;
            for (group, window) in node.groups.windows() {
                to.write_all(&group.to_le_bytes())?;
                to.window(window)?;
            }
        }
        let sum = to.sum.clone().finalize();
        to.inner.write_all(&sum.to_le_bytes())
    }

    /// Reads what was written down, for these playbooks: of one that is not among them, or whose rule is another,
    /// nothing is remembered.
    ///
    /// # Errors
    ///
    /// [`InvalidData`](io::ErrorKind::InvalidData) if it was not written by [`checkpoint`](Self::checkpoint), or is
    /// damaged; [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) if it is cut short; those of the reader.
    pub fn restore(
        from: &mut impl Read,
        limits: Limits,
        playbooks: Vec<Arc<Playbook>>,
    ) -> io::Result<Self> {
        let mut from = ReadIn {
            inner: from,
            sum: crc32fast::Hasher::new(),
        };
        if &from.bytes::<8>()? != MAGIC {
            return Err(damaged("it does not begin as it should"));
        }
        let mut engine = Self::new(limits, from.bytes()?);
        engine.clock = from.i64()?;
        engine.events = from.u64()?;
        engine.late = from.u64()?;
        engine.firings = from.u64()?;
        engine.trimmed = from.u64()?;
        let evicted = from.u64()?;
        engine.set(playbooks);
        engine.actors.evicted = evicted;
        let mut places = Vec::new();
        for _ in 0..from.length(MAX_LIST)? {
            let (slug, rule) = (from.text()?, from.text()?);
            let same =
                |playbook: &Arc<Playbook>| playbook.slug == slug && rule_text(playbook) == rule;
            places.push(engine.playbooks.iter().position(same));
        }
        for _ in 0..from.length(MAX_LIST)? {
            from.actor(&places, &mut engine.actors)?;
        }
        let sum = from.sum.clone().finalize();
        let mut written = [0; 4];
        from.inner.read_exact(&mut written)?;
        if sum != u32::from_le_bytes(written) {
            return Err(damaged("its checksum is another"));
        }
        Ok(engine)
    }
}

/// What two playbooks have in common if they evaluate the same, whatever else they do.
fn rule_text(playbook: &Playbook) -> String {
    serde_json::Value::Object(draft::write_rule(&playbook.rule)).to_string()
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// Sums up what is written.
struct Written<W> {
    inner: W,
    sum: crc32fast::Hasher,
}

/// Sums up what is read.
struct ReadIn<R> {
    inner: R,
    sum: crc32fast::Hasher,
}

impl<W: Write> Written<W> {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.sum.update(bytes);
        self.inner.write_all(bytes)
    }

    fn i64(&mut self, number: i64) -> io::Result<()> {
        self.write_all(&number.to_le_bytes())
    }

    fn length(&mut self, length: usize) -> io::Result<()> {
        let length = u32::try_from(length).map_err(|_| damaged("a list is too long"))?;
        self.write_all(&length.to_le_bytes())
    }

    fn text(&mut self, text: &str) -> io::Result<()> {
        self.length(text.len())?;
        self.write_all(text.as_bytes())
    }

    fn window(&mut self, window: &Window) -> io::Result<()> {
        self.i64(window.quiet_until)?;
        self.write_all(&window.thin_at.to_le_bytes())?;
        for marks in [&window.marks[..], window.others()] {
            self.length(marks.len())?;
            for mark in marks {
                self.i64(mark.time)?;
                self.write_all(mark.id.as_bytes())?;
                self.write_all(&mark.value.to_le_bytes())?;
            }
        }
        Ok(())
    }
}

impl<R: Read> ReadIn<R> {
    fn bytes<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.inner.read_exact(&mut bytes)?;
        self.sum.update(&bytes);
        Ok(bytes)
    }

    fn i64(&mut self) -> io::Result<i64> {
        self.bytes().map(i64::from_le_bytes)
    }

    fn u64(&mut self) -> io::Result<u64> {
        self.bytes().map(u64::from_le_bytes)
    }

    fn u32(&mut self) -> io::Result<u32> {
        self.bytes().map(u32::from_le_bytes)
    }

    fn length(&mut self, most: usize) -> io::Result<usize> {
        let length = self.u32()? as usize;
        if length > most {
            return Err(damaged("a list is too long"));
        }
        Ok(length)
    }

    fn text(&mut self) -> io::Result<String> {
        let length = self.length(MAX_TEXT)?;
        let mut text = vec![0; length];
        self.inner.read_exact(&mut text)?;
        self.sum.update(&text);
        String::from_utf8(text).map_err(|_| damaged("a text is not UTF-8"))
    }

    fn actor(&mut self, places: &[Option<usize>], actors: &mut ActorTable) -> io::Result<()> {
        let written = self.u32()? as usize;
        let key = ActorKey([self.u64()?, self.u64()?]);
        let void_until = self.i64()?;
        // Lists are read before they are summed up: what is damaged takes no memory beyond what was read.
        let mut windows = Vec::new();
        for _ in 0..self.length(MAX_LIST)? {
            let group = self.u64()?;
            windows.push((group, self.window()?));
        }
        let place = *places
            .get(written)
            .ok_or_else(|| damaged("an actor is of no playbook"))?;
        if let Some(place) = place.and_then(|place| u32::try_from(place).ok()) {
            actors.add(place, key, void_until, Groups::new(windows));
        }
        Ok(())
    }

    fn window(&mut self) -> io::Result<Window> {
        let (quiet_until, thin_at) = (self.i64()?, self.u32()?);
        let (marks, others) = (self.marks()?, self.marks()?);
        Ok(Window::new(quiet_until, thin_at, marks, others))
    }

    fn marks(&mut self) -> io::Result<Vec<Mark>> {
        let mut marks = Vec::new();
        // A threshold of 10,000 may have as many in each period that the lateness spans.
        for _ in 0..self.length(MAX_LIST)? {
            marks.push(Mark {
                time: self.i64()?,
                id: EventId::from_bytes(self.bytes()?),
                value: self.u64()?,
            });
        }
        Ok(marks)
    }
}
