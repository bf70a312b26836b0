use super::table::Table;

/// What an action does, and to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ActionKind {
    BlockIp,
    RedirectIp,
    BlockUser,
    RedirectUser,
}

impl ActionKind {
    pub(super) fn of(name: &str) -> Option<Self> {
        let all = [
            Self::BlockIp,
            Self::RedirectIp,
            Self::BlockUser,
            Self::RedirectUser,
        ];
        all.into_iter().find(|kind| kind.as_str() == name)
    }

    /// The name on the wire.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::BlockIp => "block_ip",
            Self::RedirectIp => "redirect_ip",
            Self::BlockUser => "block_user",
            Self::RedirectUser => "redirect_user",
        }
    }

    /// The name of the event that reports an application.
    pub(crate) const fn event(self) -> &'static str {
        match self {
            Self::BlockIp => "sq.action.block_ip",
            Self::RedirectIp => "sq.action.redirect_ip",
            Self::BlockUser => "sq.action.block_user",
            Self::RedirectUser => "sq.action.redirect_user",
        }
    }

    pub(super) const fn redirects(self) -> bool {
        matches!(self, Self::RedirectIp | Self::RedirectUser)
    }
}

/// An action that applies. It borrows the snapshot: hold neither across an await.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hit<'a> {
    pub(super) table: &'a Table,
    pub(super) action: u32,
    pub(crate) kind: ActionKind,
    /// Only report what would be done: the action, or the whole pack, is a dry run.
    pub(crate) dry_run: bool,
}

impl<'a> Hit<'a> {
    pub(crate) fn action_id(&self) -> &'a str {
        self.table.id(self.action)
    }

    /// Where a redirect leads: an absolute URL of ASCII without blanks. `None` for a block.
    pub(crate) fn url(&self) -> Option<&'a str> {
        let url = self.table.url(self.action);
        self.kind.redirects().then_some(url)
    }

    /// Whether the backend wants the application reported (`send_response`).
    pub(crate) fn reported(&self) -> bool {
        self.table.reported(self.action)
    }
}
