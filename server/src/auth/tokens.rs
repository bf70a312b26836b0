//! The tokens in force, in memory, so that no request asks the state store.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use sqreen::protocol::Timestamp;

use super::token_changes::{NewToken, TokenError, revoke};
use super::{Caller, Client, Secret, TokenHash};
use crate::config::ServerConfig;
use crate::state::{Id, Role, StateError, StateStore, TokenKind, TokenRecord};

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

/// What a token opens for an agent.
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
    /// Of a token of the API.
    role: Option<Role>,
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
    /// Held from the look at the store until memory is as it was found: an older look must not come last.
    reading: Mutex<()>,
    apps: Mutex<HashSet<String>>,
    pub(crate) new_ingest: Option<Secret>,
    pub(crate) new_api: Option<Secret>,
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
            let stored = NewToken::first(kind).store(&*state, &Caller::configuration());
            stored.map(|(token, _)| Some(token))
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
                role: (kind == TokenKind::Api).then_some(Role::Admin),
                used_at: AtomicI64::new(0),
                noted_at: AtomicI64::new(0),
            };
            Some((TokenHash::of(token.as_ref()?), Arc::new(live)))
        });
        let tokens = Self {
            configured: configured.collect(),
            live: RwLock::default(),
            reading: Mutex::default(),
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
        let live = self.used(token, |kind| {
            matches!(kind, TokenKind::Org | TokenKind::App)
        })?;
        Some(live.grant.clone())
    }

    /// Who calls the API with this token, and until when they may.
    pub(crate) fn api(&self, token: &str, client: Client) -> Option<(Caller, Revocation)> {
        let live = self.used(token, |kind| kind == TokenKind::Api)?;
        let caller = Caller::token(live.id, live.role?, client);
        Some((caller, live.grant.revocation.clone()))
    }

    fn used(&self, token: &str, is_for: impl Fn(TokenKind) -> bool) -> Option<Arc<Live>> {
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
        Some(live)
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

    /// All tokens of the store, revoked ones too, in the order of creation. Blocks.
    pub(crate) fn all(&self) -> Result<Vec<TokenRecord>, StateError> {
        self.state.tokens()
    }

    /// Makes a token, which is in force from now on. Its text is in the answer alone. Blocks.
    pub(crate) fn create(
        &self,
        new: NewToken,
        by: &Caller,
    ) -> Result<(Secret, TokenRecord), TokenError> {
        let made = new.create(&*self.state, by)?;
        self.read()?;
        Ok(made)
    }

    /// Ends a token, and what began with it; one that has ended already stays as it is. `None` if there never was one
    /// of this id. Blocks.
    pub(crate) fn revoke(&self, id: Id, by: &Caller) -> Result<Option<TokenRecord>, StateError> {
        if revoke(&*self.state, id, by)? {
            self.read()?;
        }
        Ok(self.all()?.into_iter().find(|token| token.id == id))
    }

    /// Reads the tokens of the store. Blocks.
    pub(crate) fn read(&self) -> Result<(), StateError> {
        let _reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
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

    /// Notes the last uses. Blocks.
    pub(crate) fn note_uses(&self) -> Result<(), StateError> {
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
            role: record.role,
            used_at: AtomicI64::new(used_at),
            noted_at: AtomicI64::new(used_at),
        }
    }
}
