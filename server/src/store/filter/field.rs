//! The fields of an event that can be asked for.

/// A field of an event, to filter or to group by.
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

/// A field with a single value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dimension {
    /// The application.
    App,
    /// The event's name.
    Name,
    /// The client's address.
    Ip,
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

/// A field that is JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JsonField {
    /// The identifiers of the user.
    User,
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
