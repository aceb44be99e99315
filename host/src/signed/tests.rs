use super::*;
use crate::revocation::{Kind, List};
use serde_json::Value;
use std::time::{Duration, SystemTime};

/// Made by `openssl genpkey -algorithm ed25519` and `openssl pkey -pubout`, for these tests only.
const PRIVATE: &str = include_str!("fixtures/test.key");
const PUBLIC: &str = include_str!("fixtures/test.pub");

fn list() -> List {
    let mut list = List::new();
    list.revoked.entry(Kind::Users).or_default().insert("mallory".into(), "left".into());
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    list.next(now, now + Duration::from_secs(3_600))
}

fn signed() -> String {
    Signed::sign(list(), &Key::from_pem(PRIVATE.as_bytes()).unwrap()).unwrap().to_json().unwrap()
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
fn hostile_lists_are_refused_with_their_reason() {
    for (text, reason) in [
        ("", "is no RevocationList: EOF"),
        ("[]", "is no RevocationList"),
        (r#"{"document": 1, "signature": ""}"#, "is no RevocationList"),
        (
            &signed().replacen("\"document\"", "\"more\": 1, \"document\"", 1),
            "is no RevocationList: unknown field `more`",
        ),
        (&signed().replacen("\"users\"", "\"people\"", 1), "is no RevocationList: unknown variant `people`"),
        (&signed().replacen("\"signature\": \"", "\"signature\": \"!", 1), "is not signed by that key"),
    ] {
        let error = read(text).unwrap_err().to_string();
        assert!(error.starts_with(reason), "{error}");
    }
    assert!(matches!(Signed::<List>::from_json(&vec![b' '; LONGEST + 1]), Err(Error::Long(_))));
}

#[test]
fn what_is_no_ed25519_key_is_refused() {
    assert!(matches!(Key::from_pem(PUBLIC.as_bytes()), Err(Error::PrivateKey)));
    assert!(matches!(PublicKey::from_pem(PRIVATE.as_bytes()), Err(Error::PublicKey)));
    assert!(matches!(PublicKey::from_pem(b"junk"), Err(Error::PublicKey)));
}
