//! The tokens in force, in memory, so that no request asks the state store.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use sqreen::protocol::Timestamp;

use super::{Secret, TokenHash, random_hex};
use crate::config::ServerConfig;
use crate::state::{Id, StateError, StateStore, TokenKind, TokenRecord};

/// The last use of a token is kept to this many microseconds: an hour.
const USE_STEP: i64 = 60 * 60 * 1_000_000;

/// The most applications that are kept; agents of further ones are served all the same.
const MAX_APPS: usize = 10_000;

/// Whether a token was revoked. What begins with the token keeps it, so that it ends with the token, even if it began
/// just while the token was revoked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Revocation(Arc<AtomicBool>);

impl Revocation {
    pub(crate) fn is_revoked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// What a token opens.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(crate) revocation: Revocation,
    /// The one application that it is for.
    pub(crate) app: Option<Arc<str>>,
}

#[derive(Debug)]
struct Live {
    /// None for a token of the configuration, which cannot be revoked.
    id: Option<Id>,
    grant: Grant,
    kind: TokenKind,
    /// When it was used last, in microseconds since the Unix epoch; 0 for never.
    used_at: AtomicI64,
    /// The last use that the store knows of.
    noted_at: AtomicI64,
}

/// The server's tokens, and in clear those that were made just now.
#[derive(Debug)]
pub(crate) struct Tokens {
    state: Arc<dyn StateStore>,
    configured: HashMap<TokenHash, Arc<Live>>,
    /// Looked up by their hash: whoever guesses cannot choose it, so the time of the lookup tells nothing.
    live: RwLock<HashMap<TokenHash, Arc<Live>>>,
    /// The version of the store that `live` is of.
    version: Mutex<i64>,
    apps: Mutex<HashSet<String>>,
    pub(crate) new_ingest: Option<Secret>,
    pub(crate) new_api: Option<Secret>,
}

/// A token that is to be made.
#[derive(Debug)]
pub(crate) struct NewToken {
    pub(crate) kind: TokenKind,
    pub(crate) app: Option<String>,
    pub(crate) comment: String,
}

impl NewToken {
    /// Makes and stores it, and the application that it is for. The token itself is in the answer alone.
    pub(crate) fn store(self, state: &dyn StateStore) -> Result<(Secret, Id), StateError> {
        let digits = random_hex().map_err(|_: io::Error| StateError::Random)?;
        // Old agents know by `org_` that they must name an application.
        let token = Secret(format!("{}_{digits}", self.kind.name()));
        let now = Timestamp::now().as_micros();
        if let Some(app) = &self.app {
            state.add_app(app, now)?;
        }
        let record = TokenRecord {
            id: Id::random()?,
            kind: self.kind,
            app: self.app,
            hash: TokenHash::of(&token.0).0,
            comment: self.comment,
            created_at: now,
            used_at: None,
            revoked_at: None,
        };
        state.add_token(&record)?;
        Ok((token, record.id))
    }
}

impl Tokens {
    /// Takes the tokens of the configuration and of the store. Where neither has one for agents, or for the API, and
    /// the store never had, makes one.
    pub(crate) fn load(
        config: &ServerConfig,
        state: Arc<dyn StateStore>,
    ) -> Result<Self, StateError> {
        let known = state.tokens()?;
        let make = |configured: &Option<String>, kinds: &[TokenKind], kind: TokenKind| {
            if configured.is_some() || known.iter().any(|token| kinds.contains(&token.kind)) {
                return Ok(None);
            }
            let token = NewToken {
                kind,
                app: None,
                comment: "made at the first start".to_owned(),
            };
            token.store(&*state).map(|(token, _)| Some(token))
        };
        let for_agents = [TokenKind::Org, TokenKind::App];
        let new_ingest = make(&config.ingest_token, &for_agents, TokenKind::Org)?;
        let new_api = make(&config.api_token, &[TokenKind::Api], TokenKind::Api)?;
        let configured = [
            (TokenKind::Org, &config.ingest_token),
            (TokenKind::Api, &config.api_token),
        ];
        let configured = configured.into_iter().filter_map(|(kind, token)| {
            let live = Live {
                id: None,
                grant: Grant {
                    revocation: Revocation::default(),
                    app: None,
                },
                kind,
                used_at: AtomicI64::new(0),
                noted_at: AtomicI64::new(0),
            };
            Some((TokenHash::of(token.as_ref()?), Arc::new(live)))
        });
        let tokens = Self {
            configured: configured.collect(),
            live: RwLock::default(),
            version: Mutex::new(state.version()?),
            apps: Mutex::new(state.apps()?.into_iter().collect()),
            new_ingest,
            new_api,
            state,
        };
        tokens.read()?;
        Ok(tokens)
    }

    /// What the token opens for an agent.
    pub(crate) fn agent(&self, token: &str) -> Option<Grant> {
        self.grant(token, |kind| {
            matches!(kind, TokenKind::Org | TokenKind::App)
        })
    }

    /// What the token opens for a reader of the API.
    pub(crate) fn api(&self, token: &str) -> Option<Grant> {
        self.grant(token, |kind| kind == TokenKind::Api)
    }

    fn grant(&self, token: &str, is_for: impl Fn(TokenKind) -> bool) -> Option<Grant> {
        let hash = TokenHash::of(token);
        let of = |tokens: &HashMap<TokenHash, Arc<Live>>| {
            tokens
                .get(&hash)
                .filter(|live| is_for(live.kind))
                .map(Arc::clone)
        };
        let live = of(&self.configured).or_else(|| of(&self.read_live()))?;
        let now = Timestamp::now().as_micros();
        live.used_at.store(now, Ordering::Relaxed);
        Some(live.grant.clone())
    }

    /// Stores the application, if it is new. Blocks then.
    pub(crate) fn add_app(&self, name: &str) -> Result<(), StateError> {
        self.state.add_app(name, Timestamp::now().as_micros())?;
        let mut apps = self.apps.lock().unwrap_or_else(PoisonError::into_inner);
        if apps.insert(name.to_owned()) {
            tracing::info!(app = name, "new application");
        }
        if apps.len() == MAX_APPS {
            tracing::warn!(
                limit = MAX_APPS,
                "further applications are served, and not listed"
            );
        }
        Ok(())
    }

    /// Says whether the application is stored, or there is no room for it.
    pub(crate) fn knows_app(&self, name: &str) -> bool {
        let apps = self.apps.lock().unwrap_or_else(PoisonError::into_inner);
        apps.contains(name) || apps.len() >= MAX_APPS
    }

    /// Takes in what another process changed, such as `sqreen-server token`, and notes the last uses. Blocks.
    pub(crate) fn refresh(&self) -> Result<(), StateError> {
        self.note_uses()?;
        let found = self.state.version()?;
        let mut version = self.version.lock().unwrap_or_else(PoisonError::into_inner);
        if *version != found {
            self.read()?;
            *version = found;
        }
        Ok(())
    }

    /// Reads the tokens of the store.
    fn read(&self) -> Result<(), StateError> {
        let records = self.state.tokens()?;
        let mut live = self.live.write().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::take(&mut *live);
        for record in records
            .into_iter()
            .filter(|record| record.revoked_at.is_none())
        {
            let hash = TokenHash(record.hash);
            let kept = before.get(&hash).map(Arc::clone);
            live.insert(hash, kept.unwrap_or_else(|| Arc::new(record.into())));
        }
        for (_, ended) in before.iter().filter(|(hash, _)| !live.contains_key(*hash)) {
            ended.grant.revocation.0.store(true, Ordering::Relaxed);
            if let Some(id) = ended.id {
                tracing::info!(%id, "token revoked");
            }
        }
        Ok(())
    }

    fn note_uses(&self) -> Result<(), StateError> {
        let tokens: Vec<_> = self.read_live().values().map(Arc::clone).collect();
        for token in tokens {
            let used = token.used_at.load(Ordering::Relaxed);
            let used = used.saturating_sub(used.rem_euclid(USE_STEP));
            if let Some(id) = token.id
                && used > token.noted_at.load(Ordering::Relaxed)
            {
                self.state.note_token_use(id, used)?;
                token.noted_at.store(used, Ordering::Relaxed);
            }
        }
        Ok(())
    }

    fn read_live(&self) -> std::sync::RwLockReadGuard<'_, HashMap<TokenHash, Arc<Live>>> {
        self.live.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<TokenRecord> for Live {
    fn from(record: TokenRecord) -> Self {
        let used_at = record.used_at.unwrap_or_default();
        Self {
            id: Some(record.id),
            grant: Grant {
                revocation: Revocation::default(),
                app: record.app.map(Arc::from),
            },
            kind: record.kind,
            used_at: AtomicI64::new(used_at),
            noted_at: AtomicI64::new(used_at),
        }
    }
}
