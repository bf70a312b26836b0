//! The event that the layer itself tracks of a response with status 404.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::agent::Call;
use crate::context::RequestContext;
use crate::event::Event;
use crate::limiter::Limits;
use crate::protocol::names;

/// A playbook counts events, and those that are suppressed are none: so many of one client in a
/// minute are more than a threshold that tells a scanner from a visitor.
pub(crate) const LIMITS: Limits = Limits {
    reports: 120,
    period: Duration::from_secs(60),
    all_per_second: Some(500),
};

/// Tracks that a request's response has status 404, unless there were many of the same client; the
/// next event then tells how many were left out.
pub(crate) fn report(context: &Arc<RequestContext>) {
    let Some(limiter) = &context.agent.not_found else {
        return;
    };
    let client = context.client_ip().map(network);
    let Some(suppressed) = limiter.permit(client, Instant::now()) else {
        return;
    };
    let mut event = Event::unchecked(names::NOT_FOUND.into());
    if suppressed > 0 {
        event = event.property("suppressed", suppressed);
    }
    context.send(Call::NotFound, event);
}

/// What one client has: an IPv4 address, or a /64 of IPv6, in which it may take any address.
fn network(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(ip) => Ipv6Addr::from(u128::from(ip) >> 64 << 64).into(),
    }
}
