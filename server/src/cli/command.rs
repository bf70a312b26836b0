//! The subcommands.

/// What the program is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    Serve,
    Backup,
    Check,
    Export,
    Import,
    Playbooks,
    Token,
    User,
    Config,
}

impl Command {
    pub(super) const ALL: [Self; 9] = [
        Self::Serve,
        Self::Backup,
        Self::Check,
        Self::Export,
        Self::Import,
        Self::Playbooks,
        Self::Token,
        Self::User,
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
            Self::Playbooks => "playbooks",
            Self::Token => "token",
            Self::User => "user",
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
            Self::Playbooks => {
                "playbooks as files, also while the backend runs; exits with 1 if a file is wrong, a test fails,\n      \
                 or others changed in the backend what the files would change, with 2 for wrong arguments,\n      \
                 and plan with 3 if apply would change something"
            }
            Self::Token => "make, list and revoke tokens, also while the backend runs",
            Self::User => "add, list and change people who sign in, also while the backend runs",
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
            Self::Playbooks => &[
                "check FILE...                      read the files, without a data directory",
                "test FILE...                       run the tests in the files, without a data directory",
                "plan FILE... [--prune] [--overwrite]    say what apply would do",
                "apply FILE... [--prune] [--overwrite]   store what the files say if no test fails; --prune removes the others,\n                                                   \
                 --overwrite what was edited otherwise since",
                "export                             print the backend's playbooks as a file",
                "backtest FILE [--slug SLUG] [--from TIME] [--to TIME]   run one over the stored events",
            ],
            Self::Token => &[
                "create org [--comment TEXT]        agents of any application, which they name",
                "create app NAME [--comment TEXT]   agents of this application",
                "create api --role viewer|operator|admin [--comment TEXT]   /api/v1 and /metrics",
                "list",
                "revoke ID",
            ],
            Self::User => &[
                "add NAME --role viewer|operator|admin   prints a link to set a password",
                "list",
                "role NAME --role viewer|operator|admin",
                "password-link NAME                      a link to set another password",
                "disable NAME",
                "enable NAME",
            ],
            Self::Config => &["[--effective]"],
        }
    }

    /// Its own flags: whether each has a value.
    pub(super) fn flags(self) -> &'static [(&'static str, bool)] {
        match self {
            Self::Serve | Self::Backup | Self::Check | Self::Import => &[],
            Self::Export => &[("from", true), ("to", true)],
            Self::Playbooks => &[
                ("slug", true),
                ("from", true),
                ("to", true),
                ("prune", false),
                ("overwrite", false),
            ],
            Self::Token => &[("comment", true), ("role", true)],
            Self::User => &[("role", true)],
            Self::Config => &[("effective", false)],
        }
    }
}
