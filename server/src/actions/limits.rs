//! Every limit on security responses and the allow list.

/// The most actions in force.
pub(crate) const MAX_LIVE: usize = 1_000_000;
/// The most addresses, networks or users of one action.
pub(crate) const MAX_TARGETS: usize = 1_000;
/// The most bytes of one action's targets, roughly as they are kept.
pub(crate) const MAX_TARGET_BYTES: usize = 256 << 10;
/// The most identifiers of one user.
pub(crate) const MAX_IDENTIFIERS: usize = 16;
/// The most bytes of an identifier's name.
pub(crate) const MAX_IDENTIFIER_NAME: usize = 128;
/// The most bytes of an identifier's value.
pub(crate) const MAX_IDENTIFIER_VALUE: usize = 8_192;
/// The most bytes of a comment.
pub(crate) const MAX_COMMENT: usize = 1_000;
/// The most bytes of an application's name.
pub(crate) const MAX_APP: usize = 256;
/// The most bytes of the address that a redirect leads to.
pub(crate) const MAX_URL: usize = 2_048;
/// The longest duration that ends, in seconds: ten years.
pub(crate) const MAX_DURATION: f64 = 315_360_000.0;
/// The shortest duration, in seconds.
pub(crate) const MIN_DURATION: f64 = 0.001;
/// The most entries of the allow list in force.
pub(crate) const MAX_ALLOW_ENTRIES: usize = 1_000;
/// The most addresses and networks, and the most paths, of one entry of the allow list.
pub(crate) const MAX_ALLOWED: usize = 100;
/// The most bytes of a path on the allow list.
pub(crate) const MAX_PATH: usize = 1_024;

/// The most changes that are kept for streams that are behind or come again.
pub(super) const MAX_CHANGES: usize = 4_096;
/// The most bytes of targets that these changes keep.
pub(super) const MAX_CHANGES_BYTES: usize = 4 << 20;
/// The most changes that one piece of a stream carries.
pub(super) const MAX_PIECE: usize = 256;

/// The most applications whose proxies are remembered.
pub(super) const MAX_PROXY_APPS: usize = 1_000;
/// The most proxies of one application; the one that was seen last the longest ago makes room for another.
pub(super) const MAX_PROXIES: usize = 256;

/// Node's timers take no more milliseconds than fit in 31 bits, and fire at once beyond: the longest duration, in
/// seconds, that old agents are given. Theirs starts anew with each pack.
pub(super) const MAX_LEGACY_DURATION: f64 = 2_000_000.0;
