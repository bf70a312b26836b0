//! Destinations and deliveries.

use super::super::{
    Channel, Delivery, DeliveryQuery, DeliveryStatus, Destination, Ended, Id, NotSaved, Place,
    Queued, StateStore, StoredNotice,
};

fn destination(name: &str, number: u64) -> Destination {
    Destination {
        id: format!("{number:016x}").parse().unwrap(),
        name: name.to_owned(),
        channel: Channel::Webhook,
        target: "https://hooks.example.com/".to_owned(),
        secret: Some("whsec_".to_owned()),
        former_secret: None,
        playbooks: Some(vec!["logins".to_owned(), "carding".to_owned()]),
        digest: false,
        enabled: true,
        created_at: 10,
        created_by: "ann".to_owned(),
    }
}

pub(super) fn destinations_are_kept(store: &dyn StateStore) {
    let (one, two) = (destination("one", 1), destination("two", 2));
    store.add_destination(&two, 2).unwrap().unwrap();
    let namesake = Destination {
        id: Id::random().unwrap(),
        ..two.clone()
    };
    assert_eq!(
        store.add_destination(&namesake, 2).unwrap(),
        Err(NotSaved::Taken)
    );
    store.add_destination(&one, 2).unwrap().unwrap();
    let full = store.add_destination(&destination("three", 3), 2);
    assert_eq!(full.unwrap(), Err(NotSaved::Full));
    assert_eq!(store.destinations().unwrap(), [one.clone(), two.clone()]);
    let taken = Destination {
        name: "two".to_owned(),
        ..one.clone()
    };
    assert_eq!(
        store.change_destination(&taken, 20).unwrap(),
        Err(NotSaved::Taken)
    );
    let changed = Destination {
        playbooks: None,
        enabled: false,
        ..one.clone()
    };
    assert_eq!(store.change_destination(&changed, 20).unwrap(), Ok(true));
    assert!(!store.forget_former_secret(one.id).unwrap());
    let secrets = || {
        let one = store.destinations().unwrap().remove(0);
        (one.secret.unwrap(), one.former_secret)
    };
    for secret in ["lost", "new"] {
        assert!(store.change_secret(one.id, secret).unwrap());
        let expected = (secret.to_owned(), Some("whsec_".to_owned()));
        assert_eq!(secrets(), expected);
    }
    assert!(store.forget_former_secret(one.id).unwrap());
    assert_eq!(secrets(), ("new".to_owned(), None));
    assert!(store.change_secret(one.id, "whsec_").unwrap());
    assert!(store.forget_former_secret(one.id).unwrap());
    assert!(!store.change_secret(Id::random().unwrap(), "new").unwrap());
    assert_eq!(
        store
            .change_destination(&destination("four", 4), 20)
            .unwrap(),
        Ok(false)
    );
    assert!(store.remove_destination(two.id).unwrap());
    assert!(!store.remove_destination(two.id).unwrap());
}

pub(super) fn destinations_stay(store: &dyn StateStore) {
    let one = Destination {
        playbooks: None,
        enabled: false,
        ..destination("one", 1)
    };
    assert_eq!(store.destinations().unwrap(), [one]);
}

/// Of the destination's four deliveries, the first was delivered, the second died, and the others wait.
pub(super) fn deliveries_are_kept_in_order(store: &dyn StateStore) {
    let hook = destination("one", 1);
    store.add_destination(&hook, 2).unwrap().unwrap();
    let queue = |id: &str, playbook, now| {
        let place = Place {
            destination: hook.id,
            playbook,
            due_at: now + 60,
        };
        store.queue(&notice(id), &[place], now).unwrap()[0]
    };
    assert_eq!(queue("a", Some("logins"), 0), Queued::Added);
    assert_eq!(queue("b", Some("logins"), 59), Queued::Added);
    assert_eq!(queue("c", Some("carding"), 59), Queued::Added);
    assert_eq!(queue("b", Some("logins"), 59), Queued::Known);
    assert_eq!(queue("d", Some("logins"), 60), Queued::Added);
    assert_eq!(queue("e", None, 70), Queued::Added);
    assert_eq!(store.pending(Channel::Webhook).unwrap(), 4);
    assert_eq!(store.pending(Channel::Email).unwrap(), 0);

    assert_eq!(
        (store.due(59).unwrap().len(), store.next_due().unwrap()),
        (0, Some(60))
    );
    let head = |now| store.due(now).unwrap().pop().unwrap();
    let ends = |status| Ended {
        status,
        at: 100,
        due_at: 100,
        answer: "ä",
    };
    let first = head(200);
    let begun = store.begin(first.row).unwrap();
    assert_eq!(begun.unwrap(), [notice("a"), notice("b")]);
    store.end(first.row, ends(DeliveryStatus::Pending)).unwrap();
    assert_eq!(head(100).row, first.row, "the head stays the head");
    store.begin(first.row).unwrap();
    store
        .end(first.row, ends(DeliveryStatus::Delivered))
        .unwrap();
    assert!(store.begin(first.row).unwrap().is_none(), "it is delivered");
    let second = head(200);
    store.begin(second.row).unwrap();
    store.end(second.row, ends(DeliveryStatus::Dead)).unwrap();
    assert!(!store.replay(first.id, 150).unwrap(), "only what is dead");
    assert!(store.replay(second.id, 150).unwrap());
    assert_eq!(head(150).id, second.id, "before those that came later");
    store.begin(second.row).unwrap();
    store.end(second.row, ends(DeliveryStatus::Dead)).unwrap();

    let ended = Delivery {
        id: Id::random().unwrap(),
        ..first
    };
    store.add_ended(&ended, &notice("test")).unwrap();
    store.forget_ended(100, 100).unwrap();
    assert_eq!(deliveries(store).len(), 5, "they are as old as that");
    let off = Destination {
        enabled: false,
        ..hook
    };
    store.change_destination(&off, 160).unwrap().unwrap();
    assert!(store.due(200).unwrap().is_empty());
}

pub(super) fn deliveries_stay(store: &dyn StateStore) {
    let all = deliveries(store);
    let told: Vec<_> = all
        .iter()
        .map(|delivery| {
            (
                delivery.playbook.as_deref(),
                delivery.notices,
                delivery.status.name(),
                delivery.attempts,
            )
        })
        .collect();
    let expected = [
        (Some("logins"), 1, "pending", 0),
        (None, 1, "pending", 0),
        (Some("logins"), 1, "pending", 0),
        (Some("carding"), 1, "dead", 2),
        (Some("logins"), 2, "delivered", 2),
    ];
    assert_eq!(told, expected);
    assert_eq!(
        (all[4].ended_at, all[4].answer.as_deref()),
        (Some(100), Some("ä"))
    );
    assert_eq!(all[1].due_at, 160, "it was a digest");
    let query = DeliveryQuery {
        status: Some(DeliveryStatus::Dead),
        destination: Some(all[0].destination),
        before: Some(all[0].row),
        limit: 1,
    };
    assert_eq!(store.deliveries(query).unwrap(), [all[3].clone()]);
    assert_eq!(store.delivery(all[3].id).unwrap().as_ref(), Some(&all[3]));
    assert_eq!(store.delivery(Id::random().unwrap()).unwrap(), None);
    assert_eq!(
        store.notices(all[4].row).unwrap(),
        [notice("a"), notice("b")]
    );
}

/// The newest first.
fn deliveries(store: &dyn StateStore) -> Vec<Delivery> {
    let query = DeliveryQuery {
        limit: 10,
        ..DeliveryQuery::default()
    };
    store.deliveries(query).unwrap()
}

fn notice(id: &str) -> StoredNotice {
    StoredNotice {
        id: id.to_owned(),
        body: format!("{{\"id\": \"{id}\"}}"),
    }
}
