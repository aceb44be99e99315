//! What cases cannot say: configs that are refused, and lists in either form.

use super::{
    Config,
    list::{Fingerprint, Key, Serial},
};
use sdk::Config as _;

fn parse(json: &str) -> Result<Config, String> {
    sdk::internal::parse::<Config>(json).map_err(|faults| faults.into_iter().map(|it| it.message).collect())
}

#[test]
fn an_unknown_rule_is_a_fault_that_says_where() {
    let mut config = Config::default();
    config.rules.insert("revoked".into(), sdk::Mode::Off);
    let pointers: Vec<_> = config.check().into_iter().map(|fault| fault.pointer).collect();
    assert_eq!(pointers, ["/rules/revoked"]);
}

#[test]
fn a_list_and_a_map_find_the_same_and_a_map_says_why() {
    let list = parse(r#"{"users": ["b", "a", "b"]}"#).ok().unwrap();
    let map = parse(r#"{"users": {"b": "left", "a": ""}}"#).ok().unwrap();
    let found = |config: &Config| ["a", "b", "c"].map(|user| config.users.find(user));
    assert_eq!(found(&list), [Some(String::new()), Some(String::new()), None]);
    assert_eq!(found(&map), [Some(String::new()), Some(" (left)".into()), None]);
}

#[test]
fn each_of_many_is_found_and_nobody_else() {
    for count in [0_u32, 1, 2, 127, 5_000] {
        let digest = |number: u32| format!("{number:064x}");
        let even: Vec<_> = (0..count).map(|it| 2 * it).collect();
        let names: Vec<_> = even.iter().map(|it| format!("user-{it}")).collect();
        let digests: Vec<_> = even.iter().map(|it| digest(*it)).collect();
        let config = parse(&format!(r#"{{"users": {names:?}, "certificates": {digests:?}}}"#)).ok().unwrap();
        for number in 0..2 * count + 2 {
            let is_there = number % 2 == 0 && number < 2 * count;
            assert_eq!(config.users.find(format!("user-{number}").as_str()).is_some(), is_there, "{number} of {count}");
            let digest = Fingerprint::read(&digest(number)).unwrap();
            assert_eq!(config.certificates.find(&digest).is_some(), is_there, "{number} of {count}");
        }
    }
}

#[test]
fn a_fingerprint_is_read_in_every_form_that_openssl_prints() {
    let plain = "ab".repeat(32);
    let colons = ["AB"; 32].join(":");
    assert_eq!(Fingerprint::read(&plain), Fingerprint::read(&colons));
    for bad in ["", "ab", plain.get(1..).unwrap_or_default(), &format!("{plain}0"), &plain.replace('a', "g")] {
        assert!(Fingerprint::read(bad).is_err(), "{bad}");
    }
}

#[test]
fn an_entry_that_is_no_fingerprint_is_named() {
    let fault = parse(r#"{"certificates": ["12:34"]}"#).err().unwrap();
    assert!(fault.starts_with("`12:34` is no SHA-256"), "{fault}");
}

#[test]
fn a_serial_number_is_read_in_every_form_that_openssl_prints() {
    let plain = Serial::read("0a1b CN=kubernetes");
    for same in ["0A:1B CN=kubernetes", "A1B issuer=CN = kubernetes", " 000a1b  CN=kubernetes "] {
        assert_eq!(Serial::read(same), plain, "{same}");
    }
    for bad in ["", "0a1b", "0a1b ", "xyz CN=kubernetes", "CN=kubernetes"] {
        assert!(Serial::read(bad).is_err(), "{bad}");
    }
}
