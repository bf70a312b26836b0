use std::net::Ipv4Addr;

use super::*;

const ANN: Actor<'static> = Actor::Ip(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)));
const BEN: Actor<'static> = Actor::Ip(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2)));

#[test]
fn an_actor_and_action_are_reported_every_ten_seconds_with_what_was_not() {
    let limiter = ReportLimiter::new();
    let start = Instant::now();
    let at = |seconds: f64| start + Duration::from_secs_f64(seconds);
    assert_eq!(limiter.permit(ANN, "a", at(0.0)), Some(0));
    for n in 1..100 {
        assert_eq!(limiter.permit(ANN, "a", at(0.1 * f64::from(n))), None);
    }
    assert_eq!(limiter.permit(ANN, "a", at(9.999)), None);
    assert_eq!(limiter.permit(ANN, "a", at(10.0)), Some(100));
    assert_eq!(limiter.permit(ANN, "a", at(11.0)), None);
    assert_eq!(limiter.permit(ANN, "a", at(30.0)), Some(1));
    assert_eq!(limiter.suppressed(), 101);
}

#[test]
fn actors_and_actions_do_not_share_their_reports() {
    let limiter = ReportLimiter::new();
    let now = Instant::now();
    let user = |pairs: [(&str, &str); 2]| UserIdentifiers::from(pairs);
    let users = [
        user([("a", "x"), ("b", "y")]),
        user([("a", "y"), ("b", "x")]),
    ];
    let mut all = vec![(ANN, "a"), (ANN, "b"), (BEN, "a")];
    all.extend(users.iter().map(|user| (Actor::User(user), "a")));
    for (actor, action) in &all {
        assert_eq!(limiter.permit(*actor, action, now), Some(0), "{actor:?}");
    }
    for (actor, action) in all {
        assert_eq!(limiter.permit(actor, action, now), None, "{actor:?}");
    }
    let mapped = Actor::Ip("::ffff:192.0.2.1".parse().unwrap());
    assert_eq!(limiter.permit(mapped, "a", now), None);
}

#[test]
fn no_number_of_actors_gets_more_reports_than_there_is_room_for() {
    let limiter = ReportLimiter::new();
    let start = Instant::now();
    let mut permitted = 0;
    for n in 0..100_000_u32 {
        let now = start + Duration::from_micros(n.into());
        let ip = Actor::Ip(Ipv4Addr::from_bits(n).into());
        permitted += u64::from(limiter.permit(ip, "a", now).is_some());
    }
    assert_eq!(permitted, 1_024);
    assert_eq!(limiter.suppressed(), 100_000 - permitted);
    // Later there is room again, and whoever told all makes it first.
    let later = start + Duration::from_secs(20);
    let next = (200_000..300_000).filter(|n| {
        let ip = Actor::Ip(Ipv4Addr::from_bits(*n).into());
        limiter.permit(ip, "a", later).is_some()
    });
    assert_eq!(next.count(), 1_024);
}
