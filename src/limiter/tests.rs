use std::net::Ipv4Addr;

use super::*;

const PERIOD: Duration = Duration::from_secs(10);

fn limiter(reports: u32, all_per_second: Option<u32>) -> Limiter {
    Limiter::new(Limits {
        reports,
        period: PERIOD,
        all_per_second,
    })
}

/// A key of the first set.
fn actor(n: u64) -> u64 {
    n * SETS as u64
}

#[test]
fn a_full_set_gives_up_who_told_all_before_who_did_not() {
    let limiter = limiter(1, None);
    let start = Instant::now();
    let later = |periods: u32| start + PERIOD * periods;
    // The first one has something left to tell, and so has the last.
    for n in 0..8 {
        assert_eq!(limiter.decide(actor(n), start), Some(0));
    }
    for n in [0, 7] {
        assert_eq!(limiter.decide(actor(n), start), None);
    }
    // Nobody is forgotten in the period.
    assert_eq!(limiter.decide(actor(8), start), None);
    for n in 8..14 {
        assert_eq!(limiter.decide(actor(n), later(1)), Some(0));
    }
    assert_eq!(limiter.decide(actor(0), later(1)), Some(1));
    assert_eq!(limiter.decide(actor(7), later(1)), Some(1));
    assert_eq!(limiter.decide(actor(1), later(1)), None);
    // Then even those who have, the oldest first, rather than be silent for ever.
    for n in [0, 7, 8, 9, 10, 11, 12, 13] {
        assert_eq!(limiter.decide(actor(n), later(1)), None);
    }
    assert_eq!(limiter.decide(actor(20), later(2)), Some(0));
}

#[test]
fn an_actor_gets_its_number_in_each_period_and_is_told_what_was_left_out() {
    let limiter = limiter(3, Some(100));
    let start = Instant::now();
    for _ in 0..3 {
        assert_eq!(limiter.permit("scanner", start), Some(0));
    }
    for _ in 0..5 {
        assert_eq!(limiter.permit("scanner", start + PERIOD / 2), None);
    }
    assert_eq!(limiter.permit("another", start), Some(0));
    assert_eq!(limiter.permit("scanner", start + PERIOD), Some(5));
    assert_eq!(limiter.permit("scanner", start + PERIOD), Some(0));
    assert_eq!(limiter.suppressed(), 5);
}

#[test]
fn all_together_get_no_more_than_their_number_in_a_second() {
    let limiter = limiter(3, Some(10));
    let start = Instant::now() + SECOND;
    let permitted = |now, actors: std::ops::Range<u64>| {
        let permits = actors.filter_map(|actor| limiter.permit(actor, now));
        permits.count()
    };
    assert_eq!(permitted(start, 0..1_000), 10);
    assert_eq!(permitted(start + SECOND / 2, 1_000..2_000), 0);
    assert_eq!(permitted(start + SECOND, 2_000..3_000), 10);
    assert_eq!(limiter.suppressed(), 2_980);
}

#[test]
fn where_all_are_bounded_the_least_active_gives_its_place() {
    let limiter = limiter(3, Some(100));
    let start = Instant::now() + SECOND;
    for n in 0..8 {
        assert_eq!(limiter.decide(actor(n), start), Some(0));
    }
    // All but the fifth come again.
    for n in (0..8).filter(|n| *n != 5) {
        assert_eq!(limiter.decide(actor(n), start), Some(0));
    }
    for _ in 0..3 {
        assert_eq!(limiter.decide(actor(8), start), Some(0));
    }
    assert_eq!(limiter.decide(actor(8), start), None);
    for n in (0..8).filter(|n| *n != 5) {
        assert_eq!(limiter.decide(actor(n), start), Some(0));
        assert_eq!(
            limiter.decide(actor(n), start),
            None,
            "{n} was not forgotten"
        );
    }
}

#[test]
fn one_report_in_ten_seconds_tells_how_many_there_were_in_between() {
    let limiter = limiter(1, None);
    let start = Instant::now();
    let at = |seconds: f64| start + Duration::from_secs_f64(seconds);
    assert_eq!(limiter.permit("ann", at(0.0)), Some(0));
    for n in 1..100 {
        assert_eq!(limiter.permit("ann", at(0.1 * f64::from(n))), None);
    }
    assert_eq!(limiter.permit("ann", at(9.999)), None);
    assert_eq!(limiter.permit("ann", at(10.0)), Some(100));
    assert_eq!(limiter.permit("ann", at(11.0)), None);
    assert_eq!(limiter.permit("ann", at(30.0)), Some(1));
    assert_eq!(limiter.suppressed(), 101);
}

#[test]
fn no_number_of_actors_gets_more_reports_than_there_is_room_for() {
    let limiter = limiter(1, None);
    let start = Instant::now();
    let mut permitted = 0;
    for n in 0..100_000_u32 {
        let now = start + Duration::from_micros(n.into());
        let permit = limiter.permit(Ipv4Addr::from_bits(n), now);
        permitted += u64::from(permit.is_some());
    }
    assert_eq!(permitted, 1_024);
    assert_eq!(limiter.suppressed(), 100_000 - permitted);
    // Later there is room again, and whoever told all makes it first.
    let later = start + Duration::from_secs(20);
    let next =
        (200_000..300_000_u32).filter(|n| limiter.permit(Ipv4Addr::from_bits(*n), later).is_some());
    assert_eq!(next.count(), 1_024);
}
