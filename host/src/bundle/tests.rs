use super::*;

/// A sequence of a sequence, which is as much of a certificate as is looked at here.
const DER: [u8; 6] = [0x30, 0x04, 0x30, 0x02, 0x05, 0x00];

fn pem() -> String {
    to_pem(&DER, Kind::Certificate)
}

fn count(bytes: &[u8]) -> Result<usize, Vec<String>> {
    read(bytes, Kind::Certificate).map(|bundle| bundle.blocks.iter().filter(|it| **it == DER).count())
}

#[test]
fn a_certificate_is_found_in_every_form_that_people_have() {
    let base64 = pem().lines().nth(1).unwrap().to_owned();
    let forms: Vec<(&str, Vec<u8>)> = vec![
        ("PEM", pem().into()),
        ("CRLF", pem().replace('\n', "\r\n").into()),
        ("CR", pem().replace('\n', "\r").into()),
        ("junk around it", format!("Certificate chain\n 0 s:CN = a\n{}---\nServer certificate\n", pem()).into()),
        ("a byte order mark", format!("\u{feff}{}", pem()).into()),
        ("bytes that are no text", [&[0xff, 0xfe, b'\n'][..], pem().as_bytes()].concat()),
        ("indented, as in YAML", pem().lines().map(|line| format!("    {line}\n")).collect::<String>().into()),
        ("the older label", pem().replace("CERTIFICATE", "X509 CERTIFICATE").into()),
        ("in short lines", pem().replace("MA", "M\nA").into()),
        ("without padding", pem().replace('=', "").into()),
        ("DER", DER.to_vec()),
        ("base64 of DER", base64.into()),
        ("base64 of PEM", base64::engine::general_purpose::STANDARD.encode(pem()).into()),
    ];
    let counts: Vec<_> = forms.iter().map(|(form, bytes)| (*form, count(bytes))).collect();
    let expected: Vec<_> = forms.iter().map(|(form, _)| (*form, Ok(1))).collect();
    assert_eq!(counts, expected);
    assert_eq!(count((pem() + &pem()).as_bytes()), Ok(2));
    assert_eq!(count(&[DER, DER].concat()), Ok(2));
}

#[test]
fn a_private_key_beside_a_certificate_is_left_out_and_not_repeated() {
    let secret = "MC4CAQAwBQYDK2VwBCIEIHBhdGhnYXRlIHNlY3JldCBzZWNyZXQgc2VjcmV0";
    let file = format!("-----BEGIN PRIVATE KEY-----\n{secret}\n-----END PRIVATE KEY-----\n{}", pem());
    let bundle = read(file.as_bytes(), Kind::Certificate).unwrap();
    let left_out = ["line 1: a private key, which no verifier needs".to_owned()];
    assert_eq!((bundle.blocks.len(), bundle.left_out.as_slice()), (1, &left_out[..]));
}

#[test]
fn what_is_no_certificate_is_refused_with_its_place_and_is_not_repeated() {
    let secret = "MC4CAQAwBQYDK2VwBCIEIHBhdGhnYXRlIHNlY3JldCBzZWNyZXQgc2VjcmV0";
    let key = format!("-----BEGIN PRIVATE KEY-----\n{secret}\n-----END PRIVATE KEY-----\n");
    let mislabelled = key.replace("PRIVATE KEY", "CERTIFICATE");
    let key_der = BASE64.decode(secret).unwrap();
    let fault = |bytes: &[u8]| read(bytes, Kind::Certificate).unwrap_err().join("; ");
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (Vec::new(), "is empty"),
        (b" \r\n\t".to_vec(), "is empty"),
        (vec![b'A'; LONGEST + 1], "is 4194305 bytes long, and may have 4194304"),
        (key.clone().into(), "holds no certificate; line 1: a private key, which no verifier needs"),
        (mislabelled.into(), "line 1: the block holds a private key or an archive with one, and no certificate"),
        (key_der, "byte 0: holds a private key or an archive with one, and no certificate"),
        (secret.into(), "byte 0: holds a private key or an archive with one, and no certificate"),
        (b"apiVersion: v1\nkind: Config\n".to_vec(), "holds no certificate in PEM or DER"),
        (pem().replace("MA", "M*").into(), "line 1: the block is not base64"),
        (b"\n-----BEGIN CERTIFICATE-----\nMAQ=\n".to_vec(), "line 2: the PEM block has no end"),
        (DER[..5].to_vec(), "byte 0: is no DER, or is cut off"),
        ([&DER[..], b"more"].concat(), "byte 6: is no DER, or is cut off"),
    ];
    for (bytes, expected) in cases {
        let told = fault(&bytes);
        assert_eq!(told, expected);
        assert!(!told.contains("MC4C"), "{told}");
    }
}

#[test]
fn a_revocation_list_is_no_certificate() {
    let list = to_pem(&DER, Kind::RevocationList);
    assert_eq!(read(list.as_bytes(), Kind::RevocationList).unwrap().blocks, [DER.to_vec()]);
    assert!(read(list.as_bytes(), Kind::Certificate).is_err());
    assert!(read(pem().as_bytes(), Kind::RevocationList).is_err());
}

#[test]
fn no_bytes_are_a_panic() {
    let mut state = 7_u64;
    for length in 0..2_000 {
        let bytes: Vec<u8> = (0..length % 90)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                [0x30, 0x81, 0x84, 0xff, 0x02, b'-', b'\n'][usize::try_from(state >> 33).unwrap() % 7]
            })
            .collect();
        let _ = read(&bytes, Kind::Certificate);
    }
}
