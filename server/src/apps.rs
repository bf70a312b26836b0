//! What is known of the applications: their agents, how much they tell, and the tokens.

use std::collections::BTreeMap;
use std::time::Duration;

use sqreen::protocol::Timestamp;

use crate::ingest::RefusedFrom;
use crate::server::Shared;
use crate::sessions::LoggedIn;
use crate::state::{StateError, TokenRecord};
use crate::store::{
    Dimension, Field, Filter, Group, GroupQuery, ScanMonitor, StoreError, TimeRange,
};

const DAY: i64 = 86_400_000_000;
/// The most agents that are looked at.
const AGENTS: usize = 20_000;

/// One application.
#[derive(Debug, Default)]
pub(crate) struct Application {
    /// How many agents are connected: logged in, and not silent.
    pub(crate) agents: u64,
    /// How long ago the last of them was heard.
    pub(crate) silence: Option<Duration>,
    /// Its events of the last 24 hours, if there are any.
    pub(crate) events: Option<Group>,
}

/// What is known now.
#[derive(Debug)]
pub(crate) struct Overview {
    /// By name.
    pub(crate) apps: BTreeMap<String, Application>,
    /// The agents that are logged in, the last heard first.
    pub(crate) agents: Vec<LoggedIn>,
    /// How many requests of agents were refused for their token, and where the last of them came from.
    pub(crate) refused: (u64, Vec<RefusedFrom>),
    /// All tokens of the store, revoked ones too, the newest first.
    pub(crate) tokens: Vec<TokenRecord>,
}

/// Why nothing is known now.
#[derive(Debug)]
pub(crate) enum OverviewError {
    State(StateError),
    Store(StoreError),
}

/// Looks at the stores and the sessions. Blocks.
pub(crate) fn overview(app: &Shared, monitor: &ScanMonitor) -> Result<Overview, OverviewError> {
    let query = GroupQuery {
        filter: Filter::default(),
        range: TimeRange {
            from: Some(Timestamp::now().as_micros().saturating_sub(DAY)),
            to: None,
        },
        by: Field::Dimension(Dimension::App),
        limit: GroupQuery::MAX_LIMIT,
        distinct: false,
    };
    let known = app.state.apps().map_err(OverviewError::State)?;
    let mut tokens = app.tokens.all().map_err(OverviewError::State)?;
    tokens.reverse();
    let groups = app
        .store
        .groups(&query, monitor)
        .map_err(OverviewError::Store)?;
    let mut agents = app.sessions.agents(AGENTS);
    agents.reverse();
    let mut apps: BTreeMap<String, Application> = known
        .into_iter()
        .map(|name| (name, Application::default()))
        .collect();
    for logged_in in &agents {
        let app = apps.entry(logged_in.agent.app.clone()).or_default();
        app.agents += u64::from(!logged_in.is_silent());
        app.silence.get_or_insert(logged_in.silence);
    }
    for group in groups.rows {
        let app = apps.entry(group.value.clone()).or_default();
        app.events = Some(group);
    }
    Ok(Overview {
        apps,
        agents,
        refused: (app.intake.refused.total(), app.intake.refused.rows()),
        tokens,
    })
}

impl std::fmt::Display for OverviewError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::State(error) => error.fmt(f),
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for OverviewError {}
