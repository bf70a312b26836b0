//! The subcommands.

/// What the program is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    Serve,
    Backup,
    Check,
    Export,
    Import,
    Token,
    Config,
}

impl Command {
    pub(super) const ALL: [Self; 7] = [
        Self::Serve,
        Self::Backup,
        Self::Check,
        Self::Export,
        Self::Import,
        Self::Token,
        Self::Config,
    ];

    pub(super) fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|command| command.name() == name)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Serve => "serve",
            Self::Backup => "backup",
            Self::Check => "check",
            Self::Export => "export",
            Self::Import => "import",
            Self::Token => "token",
            Self::Config => "config",
        }
    }

    /// What it does, in a line.
    pub(super) fn about(self) -> &'static str {
        match self {
            Self::Serve => "run the backend; what is done without a command",
            Self::Backup => {
                "copy the data directory, also while the backend runs, and check the copy"
            }
            Self::Check => "read every file of the data directory, also while the backend runs",
            Self::Export => {
                "write events to FILE, .ndjson or .parquet, also while the backend runs"
            }
            Self::Import => "store the events of exports, each id once; the backend must not run",
            Self::Token => "make, list and revoke tokens, also while the backend runs",
            Self::Config => "check the settings; --effective prints each with its source",
        }
    }

    /// The arguments that it takes, one way to call it a line.
    pub(super) fn usage(self) -> &'static [&'static str] {
        match self {
            Self::Serve => &[""],
            Self::Backup => &["DIR"],
            Self::Check => &[""],
            Self::Export => &["FILE [--from TIME] [--to TIME]"],
            Self::Import => &["FILE..."],
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
            Self::Serve | Self::Backup | Self::Check | Self::Import => &[],
            Self::Export => &[("from", true), ("to", true)],
            Self::Token => &[("comment", true)],
            Self::Config => &[("effective", false)],
        }
    }
}
