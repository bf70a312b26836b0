//! The fields of an event that can be asked for.

/// A field of an event, to filter or to group by.
///
/// As text it is its name, such as `ip`, and for JSON the names on the way to a value, separated by dots:
/// `properties.amount`, `headers.x-request-id`. A name with other characters than those of a bare one is quoted, as in
/// `user."e mail"`; see [`Filter`](super::Filter) for the grammar.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Field {
    /// One that has a single value.
    Dimension(Dimension),
    /// A value within one that is JSON, by the names on the way to it; without any, all of it.
    ///
    /// Of [`JsonField::Headers`], whose first name is matched whatever its case, both forms that agents send are
    /// understood: an object, and a list of pairs.
    Json(JsonField, Vec<String>),
}

impl Field {
    /// The names of all fields, as completion offers them: the dimensions, then those that are JSON.
    pub fn names() -> impl Iterator<Item = &'static str> {
        let dimensions = Dimension::ALL.iter().map(|dimension| dimension.name());
        dimensions.chain(JsonField::ALL.iter().map(|field| field.name()))
    }

    /// The field of this name; `path` leads into it.
    pub(super) fn of(name: &str, path: &[String]) -> Option<Self> {
        let json = JsonField::ALL.iter().find(|field| field.name() == name);
        if let Some(field) = json {
            return Some(Self::Json(*field, path.to_vec()));
        }
        let dimension = Dimension::ALL.iter().find(|field| field.name() == name);
        dimension
            .filter(|_| path.is_empty())
            .map(|dimension| Self::Dimension(*dimension))
    }
}

/// A field with a single value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dimension {
    /// The application.
    App,
    /// The event's name.
    Name,
    /// The client's address.
    Ip,
    /// The country of the client's address.
    Country,
    /// The number of the autonomous system that announces the client's address.
    Asn,
    /// The request's method.
    Method,
    /// The request's path.
    Path,
    /// The route that the request matched.
    Route,
    /// The host that the client asked for.
    Host,
    /// `http` or `https`.
    Scheme,
    /// The `User-Agent` header.
    UserAgent,
    /// The `Referer` header.
    Referer,
    /// The request's own id.
    RequestId,
    /// The status that the application answered.
    Status,
    /// The agent and its version.
    Agent,
    /// The host that the agent runs on.
    Hostname,
    /// The environment that the application runs in.
    Environment,
    /// Whether the event stands for one counted login or signup.
    Aggregated,
}

impl Dimension {
    /// All of them.
    pub const ALL: [Self; 18] = [
        Self::App,
        Self::Name,
        Self::Ip,
        Self::Country,
        Self::Asn,
        Self::Method,
        Self::Path,
        Self::Route,
        Self::Host,
        Self::Scheme,
        Self::UserAgent,
        Self::Referer,
        Self::RequestId,
        Self::Status,
        Self::Agent,
        Self::Hostname,
        Self::Environment,
        Self::Aggregated,
    ];

    /// Whether its values are numbers, which are compared by size.
    #[must_use]
    pub const fn is_number(self) -> bool {
        matches!(self, Self::Asn | Self::Status)
    }

    /// Its name in filters, the same as in the JSON of an event.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::App => "app",
            Self::Name => "name",
            Self::Ip => "ip",
            Self::Country => "country",
            Self::Asn => "asn",
            Self::Method => "method",
            Self::Path => "path",
            Self::Route => "route",
            Self::Host => "host",
            Self::Scheme => "scheme",
            Self::UserAgent => "user_agent",
            Self::Referer => "referer",
            Self::RequestId => "request_id",
            Self::Status => "status",
            Self::Agent => "agent",
            Self::Hostname => "hostname",
            Self::Environment => "environment",
            Self::Aggregated => "aggregated",
        }
    }
}

/// A field that is JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JsonField {
    /// The identifiers of the user.
    User,
    /// The names of the lists that contain the client's address.
    Network,
    /// The request's parameters.
    Params,
    /// The request's body.
    Body,
    /// The event's properties.
    Properties,
    /// The user's traits.
    Traits,
    /// The request's headers.
    Headers,
}

impl JsonField {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::User,
        Self::Network,
        Self::Params,
        Self::Body,
        Self::Properties,
        Self::Traits,
        Self::Headers,
    ];

    /// Its name in filters, the same as in the JSON of an event.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Network => "network",
            Self::Params => "params",
            Self::Body => "body",
            Self::Properties => "properties",
            Self::Traits => "traits",
            Self::Headers => "headers",
        }
    }
}
