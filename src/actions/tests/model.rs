//! Random packs and changes, against a reference that looks at every action each time.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::protocol::ActionParameters;

/// What happens to what is in force.
#[derive(Clone, Debug)]
enum Step {
    Load(Vec<Action>, bool),
    /// Also changes that are refused, for a second action with the same id.
    Change(Vec<Action>, Vec<String>),
    Wait(u64),
    Tidy,
}

/// The reference.
#[derive(Default)]
struct Model {
    actions: BTreeMap<String, Kept>,
    dry_run: bool,
    now: u64,
}

struct Kept {
    action: Action,
    networks: Vec<IpNet>,
    /// In milliseconds.
    end: u64,
}

/// What decides between actions, the highest first: enforced, length, block, end.
type Rank = (bool, u8, bool, u64);

impl Model {
    fn put(&mut self, action: &Action) {
        let ms = |seconds: f64| self.now + (seconds * 1_000.0).round() as u64;
        let networks = action.parameters.ip_cidr.iter();
        let kept = Kept {
            action: action.clone(),
            networks: networks.map(|text| network_of(text)).collect(),
            end: action.duration.map_or(u64::MAX, ms),
        };
        self.actions.insert(action.action_id.clone(), kept);
    }

    fn live(&self) -> impl Iterator<Item = &Kept> {
        self.actions.values().filter(|kept| self.now < kept.end)
    }

    /// The ranks of all actions that match, by id.
    fn ranks(&self, matches: impl Fn(&Kept) -> Option<u8>) -> BTreeMap<&str, Rank> {
        let ranks = self.live().filter_map(|kept| {
            let Kept { action, end, .. } = kept;
            let blocks = action.action.starts_with("block");
            let rank = (!action.dry_run, matches(kept)?, blocks, *end);
            Some((action.action_id.as_str(), rank))
        });
        ranks.collect()
    }

    fn by_ip(&self, ip: IpAddr) -> BTreeMap<&str, Rank> {
        self.ranks(|kept| {
            let of_ip = kept.action.action.ends_with("_ip");
            let networks = kept.networks.iter().filter(|_| of_ip);
            let holding = networks.filter(|network| network.contains(&ip));
            holding.map(IpNet::prefix_len).max()
        })
    }

    fn by_user(&self, user: &BTreeMap<String, String>) -> BTreeMap<&str, Rank> {
        self.ranks(|Kept { action, .. }| {
            let of_user = action.action.ends_with("_user");
            let mut users = action.parameters.users.iter().filter(|_| of_user);
            let same = |(key, value): (&String, &Value)| {
                user.get(key).is_some_and(|text| *text == text_of(value))
            };
            let hit = users.any(|listed| {
                if action.parameters.match_any {
                    listed.iter().any(same)
                } else {
                    listed.len() == user.len() && listed.iter().all(same)
                }
            });
            hit.then_some(0)
        })
    }

    /// Whether a lookup found the best action, or one as good.
    fn agrees(&self, hit: Option<Hit<'_>>, ranks: &BTreeMap<&str, Rank>) -> bool {
        let Some(hit) = hit else {
            return ranks.is_empty();
        };
        let best = ranks.values().max();
        let rank = ranks.get(hit.action_id());
        let Some(Kept { action, .. }) = self.actions.get(hit.action_id()) else {
            return false;
        };
        rank == best
            && hit.kind.as_str() == action.action
            && hit.dry_run == (self.dry_run || action.dry_run)
            && hit.url() == action.parameters.url.as_deref()
            && hit.reported() == action.send_response
    }
}

fn network_of(text: &str) -> IpNet {
    let address = || text.parse::<IpAddr>().map(IpNet::from);
    text.parse().or_else(|_| address()).unwrap()
}

fn text_of(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// Few addresses, so that networks overlap and queries hit.
fn address() -> impl Strategy<Value = IpAddr> {
    let bases = select(vec![0x0a00_0000, 0x0a00_0000, 0x7fff_fff8, 0xffff_fff8]);
    let v4 = (bases, 0_u32..8).prop_map(|(base, low)| Ipv4Addr::from_bits(base + low).into());
    let bases = select(vec![0, 0x2001_0db8 << 96, u128::MAX - 7]);
    let v6 = (bases, 0_u128..8, select(vec![0, 0, 64]))
        .prop_map(|(base, low, shift)| Ipv6Addr::from_bits(base ^ (low << shift)).into());
    prop_oneof![2 => v4, 1 => v6]
}

/// Mostly of a few lengths, so that networks have a lot around them and within.
fn network() -> impl Strategy<Value = String> {
    let host_bits = prop_oneof![select(vec![0, 0, 1, 2, 3, 4, 8, 32, 64]), 0_u8..=128,];
    (address(), host_bits).prop_map(|(ip, host_bits)| {
        let bits = if ip.is_ipv4() { 32_u8 } else { 128 };
        match bits.checked_sub(host_bits) {
            Some(len) if host_bits > 0 => format!("{ip}/{len}"),
            _ => ip.to_string(),
        }
    })
}

fn user() -> impl Strategy<Value = BTreeMap<String, Value>> {
    let value = select(vec![
        json!("x"),
        json!("y"),
        json!("7"),
        json!(7),
        json!(true),
    ]);
    btree_map("[ab]", value, 1..=2)
}

fn any_action() -> impl Strategy<Value = Action> {
    let kinds = select(vec![
        "block_ip",
        "block_ip",
        "redirect_ip",
        "block_user",
        "redirect_user",
    ]);
    let duration = proptest::option::of((1_u32..50).prop_map(|n| f64::from(n) / 10.0));
    let flags = any::<(bool, bool, bool)>();
    let targets = (vec(network(), 1..4), vec(user(), 1..3));
    ("[a-z]", kinds, duration, flags, targets).prop_map(
        |(id, kind, duration, (sent, dry_run, match_any), (ip_cidr, users))| Action {
            action_id: id,
            action: kind.to_owned(),
            duration,
            send_response: sent,
            dry_run,
            parameters: ActionParameters {
                ip_cidr: if kind.ends_with("_ip") {
                    ip_cidr
                } else {
                    Vec::new()
                },
                users,
                url: kind
                    .starts_with("redirect")
                    .then(|| "https://example.com/".to_owned()),
                match_any,
            },
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    let pack = btree_map("[a-z]", any_action(), 0..24).prop_map(|actions| {
        let named = actions.into_iter();
        let named = named.map(|(action_id, action)| Action {
            action_id,
            ..action
        });
        named.collect()
    });
    let put = vec(any_action(), 0..3);
    prop_oneof![
        1 => (pack, any::<bool>()).prop_map(|(pack, dry)| Step::Load(pack, dry)),
        6 => (put, vec("[a-z]", 0..6)).prop_map(|(put, lift)| Step::Change(put, lift)),
        2 => (0_u64..3_000).prop_map(Step::Wait),
        1 => Just(Step::Tidy),
    ]
}

fn differ(actions: &[Action]) -> bool {
    let ids = actions.iter().map(|action| &action.action_id);
    ids.collect::<std::collections::BTreeSet<_>>().len() == actions.len()
}

/// Does a step to both; `crowd` makes changes large enough to be merged.
fn run(fixture: &mut Fixture, model: &mut Model, step: Step, crowd: bool) {
    match step {
        Step::Load(actions, dry_run) => {
            let loaded = fixture.load_all(&actions, &Allowlist::default(), dry_run);
            assert_eq!(loaded.is_ok(), differ(&actions));
            if loaded.is_ok() {
                model.actions.clear();
                model.dry_run = dry_run;
                actions.iter().for_each(|action| model.put(action));
            }
        }
        Step::Change(mut put, lift) => {
            if let Some(action) = put.first_mut().filter(|_| crowd) {
                let all = (0..400).map(|n| Ipv4Addr::from_bits(0xc000_0000 + n).to_string());
                action.parameters.ip_cidr.extend(all);
            }
            let ids: Vec<&str> = lift.iter().map(String::as_str).collect();
            let changed = fixture.change(&put, &ids);
            assert_eq!(changed.is_ok(), differ(&put));
            if changed.is_ok() {
                lift.iter().for_each(|id| drop(model.actions.remove(id)));
                put.iter().for_each(|action| model.put(action));
            }
        }
        Step::Wait(ms) => {
            fixture.now += Duration::from_millis(ms);
            model.now += ms;
        }
        Step::Tidy => fixture.updater.tidy(fixture.now),
    }
}

proptest! {
    #[test]
    fn lookups_find_what_a_look_at_every_action_finds(
        steps in vec(step(), 1..24),
        crowd in any::<bool>(),
        ips in vec(address(), 1..24),
        users in vec(btree_map("[ab]", select(vec!["x", "y", "7", "true"]), 0..=2), 1..8),
    ) {
        let mut fixture = Fixture::with(&[]);
        let mut model = Model::default();
        let enforced = fixture.updater.enforced();
        for step in steps {
            run(&mut fixture, &mut model, step, crowd);
            let (now, snapshot) = (fixture.now, enforced.load());
            for ip in &ips {
                let ranks = model.by_ip(*ip);
                let hit = snapshot.by_ip(*ip, || now);
                prop_assert!(model.agrees(hit, &ranks), "{}: {:?} of {:?}", ip, hit, ranks);
            }
            for user in &users {
                let user = user.iter().map(|(key, value)| (key.clone(), value.to_string()));
                let user: BTreeMap<String, String> = user.collect();
                let ranks = model.by_user(&user);
                let identifiers: UserIdentifiers = user.clone().into_iter().collect();
                let hit = snapshot.by_user(&identifiers, || now);
                prop_assert!(model.agrees(hit, &ranks), "{:?}: {:?} of {:?}", user, hit, ranks);
            }
            prop_assert_eq!(fixture.live(), model.live().count() as u64);
        }
    }

    #[test]
    fn allowed_is_what_some_entry_allows(
        networks in vec(network(), 0..8),
        paths in vec("/[ab/]{0,4}", 0..6),
        ip in address(),
        path in "/[ab/]{0,6}",
    ) {
        let mut fixture = Fixture::new();
        let list = Allowlist { ips: networks.clone(), paths: paths.clone() };
        fixture.load_all(&[], &list, false).unwrap();
        let holds = |text: &String| network_of(text).contains(&ip);
        let snapshot = fixture.updater.enforced();
        let snapshot = snapshot.load();
        prop_assert_eq!(snapshot.allows(Some(ip), "-"), networks.iter().any(holds));
        let starts = paths.iter().any(|start| path.starts_with(start));
        prop_assert_eq!(snapshot.allows(None, &path), starts);
    }

    #[test]
    fn no_pack_panics(
        actions in vec(wild_action(), 0..8),
        ips in vec(".{0,12}", 0..3),
        paths in vec(".{0,12}", 0..3),
        ip in any::<IpAddr>(),
        user in btree_map(".{0,4}", ".{0,4}", 0..4),
    ) {
        let mut fixture = Fixture::with(&[block("before", &["192.0.2.1"])]);
        let list = Allowlist { ips, paths };
        if let Err(error) = fixture.load_all(&actions, &list, false) {
            prop_assert!(error.to_string().len() < 1_000);
            prop_assert_eq!(fixture.ip("192.0.2.1"), "before");
        }
        drop(fixture.change(&actions, &["before"]));
        let snapshot = fixture.updater.enforced();
        let snapshot = snapshot.load();
        snapshot.by_ip(ip, || fixture.now);
        let user: UserIdentifiers = user.into_iter().collect();
        snapshot.by_user(&user, || fixture.now);
    }
}

/// Mostly no valid action.
fn wild_action() -> impl Strategy<Value = Action> {
    let address = prop_oneof![network(), ".{0,20}", "[0-9a-f:./%]{0,20}"];
    let value = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
        Just(json!([1])),
    ];
    let kinds = select(vec![
        "block_ip",
        "redirect_ip",
        "block_user",
        "redirect_user",
        "x",
    ]);
    let users = vec(btree_map(".{0,3}", value, 0..10), 0..3);
    let url = proptest::option::of(prop_oneof![".{0,20}", "https?://[a-z:/@\\[\\]]{0,9}"]);
    let head = (".{0,4}", kinds, proptest::option::of(any::<f64>()));
    (head, vec(address, 0..4), users, url, any::<bool>()).prop_map(
        |((action_id, kind, duration), ip_cidr, users, url, match_any)| Action {
            action_id,
            action: kind.to_owned(),
            duration,
            parameters: ActionParameters {
                ip_cidr,
                users,
                url,
                match_any,
            },
            ..Action::default()
        },
    )
}
