use super::*;
use serde_json::json;
use std::time::Duration;

/// Made by `openssl genpkey -algorithm ed25519` and `openssl pkey -pubout`, for these tests only.
const PRIVATE: &str = include_str!("fixtures/test.key");
const PUBLIC: &str = include_str!("fixtures/test.pub");

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

fn list() -> List {
    let mut list = List::new();
    list.revoked.entry(Kind::Users).or_default().insert("mallory".into(), "left".into());
    list.next(now(), now() + Duration::from_secs(3_600))
}

fn signed() -> String {
    list().sign(&Key::from_pem(PRIVATE.as_bytes()).unwrap()).unwrap().to_json().unwrap()
}

fn read(text: &str) -> Result<List, Error> {
    Signed::from_json(text.as_bytes())?.verify(&PublicKey::from_pem(PUBLIC.as_bytes()).unwrap())
}

#[test]
fn what_openssls_key_signs_its_public_half_confirms() {
    assert_eq!(Key::from_pem(PRIVATE.as_bytes()).unwrap().public(), PublicKey::from_pem(PUBLIC.as_bytes()).unwrap());
    assert_eq!(read(&signed()).unwrap(), list());
}

#[test]
fn any_change_breaks_the_signature() {
    let text = signed();
    for (from, to) in [("mallory", "mallorx"), ("left", "lefu"), ("\"serial\": 1", "\"serial\": 2"), ("users", "nodes")]
    {
        assert!(text.contains(from));
        assert!(matches!(read(&text.replacen(from, to, 1)), Err(Error::Signature)), "{from}");
    }
}

#[test]
fn another_form_of_the_same_json_is_the_same_list() {
    let value: Value = serde_json::from_str(&signed()).unwrap();
    assert_eq!(read(&value.to_string()).unwrap(), list());
}

#[test]
fn an_older_list_does_not_bring_a_credential_back() {
    assert!(follows(1, 0).is_ok() && follows(1, 1).is_ok());
    assert_eq!(
        follows(1, 2).unwrap_err().to_string(),
        "has the serial 1, and 2 was in force before: an older list must not bring a credential back"
    );
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
fn hostile_lists_are_refused_with_their_reason() {
    for (text, reason) in [
        ("", "is no revocation list: EOF"),
        ("[]", "is no revocation list"),
        (r#"{"list": 1, "signature": ""}"#, "is no revocation list"),
        (&signed().replacen("\"list\"", "\"more\": 1, \"list\"", 1), "is no revocation list: unknown field `more`"),
        (&signed().replacen("\"users\"", "\"people\"", 1), "is no revocation list: unknown variant `people`"),
        (&signed().replacen("\"signature\": \"", "\"signature\": \"!", 1), "is not signed by that key"),
    ] {
        let error = read(text).unwrap_err().to_string();
        assert!(error.starts_with(reason), "{error}");
    }
    assert!(matches!(Signed::from_json(&vec![b' '; LONGEST + 1]), Err(Error::Long(_))));
}

#[test]
fn more_than_fits_is_not_signed() {
    let mut list = list();
    list.revoked.insert(Kind::Uids, (0..MOST).map(|it| (it.to_string(), String::new())).collect());
    let error = list.sign(&Key::from_pem(PRIVATE.as_bytes()).unwrap()).unwrap_err();
    assert!(matches!(error, Error::Many(count) if count == MOST + 1));
}

#[test]
fn what_is_no_ed25519_key_is_refused() {
    assert!(matches!(Key::from_pem(PUBLIC.as_bytes()), Err(Error::PrivateKey)));
    assert!(matches!(PublicKey::from_pem(PRIVATE.as_bytes()), Err(Error::PublicKey)));
    assert!(matches!(PublicKey::from_pem(b"junk"), Err(Error::PublicKey)));
}
