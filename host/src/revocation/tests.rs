use super::*;
use serde_json::json;
use std::time::Duration;

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

fn list() -> List {
    let mut list = List::new();
    list.revoked.entry(Kind::Users).or_default().insert("mallory".into(), "left".into());
    list.next(now(), now() + Duration::from_secs(3_600))
}

#[test]
fn neither_an_older_list_nor_a_twin_brings_a_credential_back() {
    let mark = |serial, users: &[&str]| {
        let mut list = List { serial, ..list() };
        list.revoked.insert(Kind::Users, users.iter().map(|it| ((*it).to_owned(), String::new())).collect());
        list.mark().unwrap()
    };
    let known = mark(2, &["mallory"]);
    assert_eq!(mark(2, &["mallory"]).follows(&known), Ok(()));
    assert_eq!(mark(3, &[]).follows(&known), Ok(()));
    assert_eq!(mark(1, &["mallory"]).follows(&known), Err(Rollback::Older { serial: 1, known: 2 }));
    assert_eq!(mark(2, &["eve"]).follows(&known), Err(Rollback::Twin(2)));
}

#[test]
fn a_list_expires_at_its_time() {
    assert!(!list().is_expired(now() + Duration::from_secs(3_600)));
    assert!(list().is_expired(now() + Duration::from_secs(3_601)));
}

#[test]
fn entries_join_those_of_the_config_in_either_form() {
    for (own, wanted) in [
        (json!({}), json!({"users": {"mallory": "left"}})),
        (json!({"users": ["eve"], "tokens": ["t"]}), json!({"users": {"mallory": "left", "eve": ""}, "tokens": ["t"]})),
        (json!({"users": {"eve": "why"}}), json!({"users": {"mallory": "left", "eve": "why"}})),
    ] {
        assert_eq!(list().merge_into(&own).unwrap(), wanted);
    }
}

#[test]
fn more_than_fits_is_not_signed() {
    let mut list = list();
    list.revoked.insert(Kind::Uids, (0..MOST).map(|it| (it.to_string(), String::new())).collect());
    assert_eq!(list.check().unwrap_err(), "has 100001 entries; at most 100000 fit into the plugin's memory");
    list.revoked = [(Kind::Uids, [("17".into(), "x".repeat(MOST_BYTES))].into())].into();
    let why = list.check().unwrap_err();
    assert!(why.starts_with("has 16777218 bytes") && why.ends_with("shorten the reasons"), "{why}");
}
