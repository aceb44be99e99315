use super::{import::Entries, *};
use clap::Parser;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, IsCa, KeyIdMethod, KeyPair,
    KeyUsagePurpose, RevokedCertParams, SerialNumber, date_time_ymd,
};

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    entries: Entries,
}

#[test]
fn a_crl_revokes_those_of_its_issuer_whose_certificates_are_at_hand() {
    let folder = tempfile::tempdir().unwrap();
    let issuer = |name: &str| {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
    };
    let (ours, other) = (issuer("ours"), issuer("other"));
    let leaf = |by: &CertifiedIssuer<'_, KeyPair>, serial: u64| {
        let mut params = CertificateParams::new(["leaf".to_owned()]).unwrap();
        params.serial_number = Some(SerialNumber::from(serial));
        params.signed_by(&KeyPair::generate().unwrap(), by).unwrap()
    };
    let (dead, alive, namesake) = (leaf(&ours, 7), leaf(&ours, 8), leaf(&other, 7));
    let revoked = |serial: u64| RevokedCertParams {
        serial_number: SerialNumber::from(serial),
        revocation_time: date_time_ymd(2026, 1, 1),
        reason_code: None,
        invalidity_date: None,
    };
    let crl = CertificateRevocationListParams {
        this_update: date_time_ymd(2026, 1, 1),
        next_update: date_time_ymd(2036, 1, 1),
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs: vec![revoked(7), revoked(9)],
        key_identifier_method: KeyIdMethod::Sha256,
    };
    let crl = crl.signed_by(&ours).unwrap().pem().unwrap();
    let file = |name: &str, text: String| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (crl, among) =
        (file("crl.pem", crl), file("among.pem", [&dead, &alive, &namesake].map(rcgen::Certificate::pem).concat()));
    let line = Line::try_parse_from(["revoke", "--crl", &crl, "--among", &among]).unwrap();
    let found = line.entries.read("").ok().unwrap();
    let wanted = Revoked::from([(Kind::Certificates, [(crate::plugins::digest(dead.der()), String::new())].into())]);
    assert_eq!(found, wanted);
}
