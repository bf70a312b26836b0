//! The subcommands.

/// What the program is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    Serve,
    Token,
    Config,
}

impl Command {
    pub(super) const ALL: [Self; 3] = [Self::Serve, Self::Token, Self::Config];

    pub(super) fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|command| command.name() == name)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Serve => "serve",
            Self::Token => "token",
            Self::Config => "config",
        }
    }

    /// What it does, in a line.
    pub(super) fn about(self) -> &'static str {
        match self {
            Self::Serve => "run the backend; what is done without a command",
            Self::Token => "make, list and revoke tokens, also while the backend runs",
            Self::Config => "check the settings; --effective prints each with its source",
        }
    }

    /// The arguments that it takes, one way to call it a line.
    pub(super) fn usage(self) -> &'static [&'static str] {
        match self {
            Self::Serve => &[""],
            Self::Token => &[
                "create org [--comment TEXT]        agents of any application, which they name",
                "create app NAME [--comment TEXT]   agents of this application",
                "create api [--comment TEXT]        /api/v1, /metrics and the Event Explorer",
                "list",
                "revoke ID",
            ],
            Self::Config => &["[--effective]"],
        }
    }

    /// Its own flags: whether each has a value.
    pub(super) fn flags(self) -> &'static [(&'static str, bool)] {
        match self {
            Self::Serve => &[],
            Self::Token => &[("comment", true)],
            Self::Config => &[("effective", false)],
        }
    }
}
