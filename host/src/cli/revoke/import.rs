//! What to revoke, from the command line and from files: PEM, certificate revocation lists, plain text.

use super::super::{Faults, read};
use crate::{
    app::chain,
    bundle,
    revocation::{Kind, List, Revoked},
    signed::Signed,
};
use clap::Args;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, pem::PemObject};
use serde_json::{Map, Value};
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};
use x509_parser::{certificate::X509Certificate, prelude::FromDer, revocation_list::CertificateRevocationList};

/// What to revoke. Each may be given several times.
#[derive(Args)]
pub(super) struct Entries {
    /// A client certificate: its file in PEM, or its SHA-256 in hex.
    #[arg(long, value_name = "FILE|SHA256")]
    certificate: Vec<String>,
    /// A token, by its `jti`.
    #[arg(long, value_name = "JTI")]
    token: Vec<String>,
    /// Everything with this user name; a kubelet's is system:node:NAME.
    #[arg(long, value_name = "NAME")]
    user: Vec<String>,
    /// A user or service account, by its uid.
    #[arg(long, value_name = "UID")]
    uid: Vec<String>,
    /// The tokens of a pod, by its uid.
    #[arg(long, value_name = "UID")]
    pod: Vec<String>,
    /// The tokens of all pods of a node, by the Node's uid.
    #[arg(long, value_name = "UID")]
    node: Vec<String>,
    /// A text file, a line each: `KIND ENTRY REASON`, KIND as the options here are called. A line that begins with `#` is a comment.
    #[arg(long, value_name = "FILE")]
    from: Vec<PathBuf>,
    /// A certificate revocation list in PEM. kube-apiserver tells a certificate by its SHA-256 only, so it revokes those
    /// among `--among` that are on it. Its signature is not checked:
    /// take it from where you trust.
    #[arg(long, value_name = "FILE", requires = "among")]
    crl: Vec<PathBuf>,
    /// Certificates in PEM that a `--crl` may revoke.
    #[arg(long, value_name = "FILE")]
    among: Vec<PathBuf>,
}

impl Entries {
    pub(super) fn is_empty(&self) -> bool {
        let named = [&self.certificate, &self.token, &self.user, &self.uid, &self.pod, &self.node];
        named.iter().all(|it| it.is_empty()) && self.from.is_empty() && self.crl.is_empty()
    }

    /// Everything, understood; or every fault.
    pub(super) fn read(&self, reason: &str) -> Result<Revoked, Faults> {
        let mut found = Found { revoked: Revoked::new(), faults: Vec::new() };
        for text in &self.certificate {
            found.certificate(text, reason);
        }
        let named = [
            (Kind::Tokens, &self.token),
            (Kind::Users, &self.user),
            (Kind::Uids, &self.uid),
            (Kind::Pods, &self.pod),
            (Kind::Nodes, &self.node),
        ];
        for (kind, entries) in named {
            for entry in entries {
                found.entry(kind, entry, reason, "");
            }
        }
        for file in &self.from {
            found.text(file, reason);
        }
        if !self.crl.is_empty() {
            found.lists(&self.crl, &self.among, reason);
        }
        if found.faults.is_empty() { Ok(found.revoked) } else { Err(Faults(found.faults)) }
    }
}

struct Found {
    revoked: Revoked,
    faults: Vec<String>,
}

impl Found {
    fn insert(&mut self, kind: Kind, entry: String, reason: &str) {
        self.revoked.entry(kind).or_default().insert(entry, reason.to_owned());
    }

    fn entry(&mut self, kind: Kind, entry: &str, reason: &str, place: &str) {
        if entry.is_empty() || entry.len() > 1_024 || entry.chars().any(char::is_control) {
            self.faults.push(format!("{place}an entry has 1 to 1024 letters, and none of them is a control character"));
        } else if reason.len() > 200 || reason.chars().any(char::is_control) {
            self.faults.push(format!("{place}a reason has at most 200 letters, in one line"));
        } else {
            self.insert(kind, entry.to_owned(), reason);
        }
    }

    fn certificate(&mut self, text: &str, reason: &str) {
        if let Some(digest) = fingerprint(text) {
            return self.entry(Kind::Certificates, &digest, reason, "");
        }
        for (digest, _) in self.certificates(Path::new(text)) {
            self.entry(Kind::Certificates, &digest, reason, "");
        }
    }

    /// The certificates of a file, but for those of authorities: a leaf is not refused by its issuer's fingerprint.
    fn certificates(&mut self, file: &Path) -> Vec<(String, CertificateDer<'static>)> {
        let bytes = match read(file) {
            Ok(bytes) => bytes,
            Err(Faults(faults)) => {
                self.faults.extend(faults);
                return Vec::new();
            }
        };
        let mut found = Vec::new();
        for der in CertificateDer::pem_slice_iter(&bytes) {
            let Ok(der) = der else {
                self.faults.push(format!("`{}` holds a PEM block that cannot be read", file.display()));
                return Vec::new();
            };
            match X509Certificate::from_der(&der) {
                Ok((_, certificate)) if certificate.is_ca() => {
                    eprintln!("left out of `{}`: {}, which is an authority", file.display(), certificate.subject());
                }
                Ok(_) => found.push((crate::plugins::digest(&der), der)),
                Err(_) => self.faults.push(format!("`{}` holds what is no X.509 certificate", file.display())),
            }
        }
        if found.is_empty() && self.faults.is_empty() {
            self.faults.push(format!("`{}` holds no client certificate in PEM", file.display()));
        }
        found
    }

    fn text(&mut self, file: &Path, otherwise: &str) {
        match read(file) {
            Ok(bytes) => self.lines(file, bytes, otherwise),
            Err(Faults(faults)) => self.faults.extend(faults),
        }
    }

    fn lines(&mut self, file: &Path, bytes: Vec<u8>, otherwise: &str) {
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => return self.faults.push(format!("`{}`: {error}", file.display())),
        };
        for (number, line) in text.lines().enumerate() {
            let place = format!("`{}` line {}: ", file.display(), number + 1);
            let line = line.trim();
            let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
            let rest = rest.trim_start();
            let (entry, reason) = rest.split_once(char::is_whitespace).unwrap_or((rest, otherwise));
            let kind = match word {
                "" => continue,
                comment if comment.starts_with('#') => continue,
                "certificate" => Kind::Certificates,
                "token" => Kind::Tokens,
                "user" => Kind::Users,
                "uid" => Kind::Uids,
                "pod" => Kind::Pods,
                "node" => Kind::Nodes,
                _ => {
                    self.faults.push(format!("{place}must begin with certificate, token, user, uid, pod or node"));
                    continue;
                }
            };
            match (kind, fingerprint(entry)) {
                (Kind::Certificates, None) => self.faults.push(format!("{place}a SHA-256 has 64 hex digits")),
                (Kind::Certificates, Some(digest)) => self.entry(kind, &digest, reason.trim(), &place),
                _ => self.entry(kind, entry, reason.trim(), &place),
            }
        }
    }

    fn lists(&mut self, lists: &[PathBuf], among: &[PathBuf], reason: &str) {
        let mut dead = BTreeSet::new();
        for file in lists {
            match read(file) {
                Ok(bytes) => self.list(file, &bytes, &mut dead),
                Err(Faults(faults)) => self.faults.extend(faults),
            }
        }
        let on_lists = dead.len();
        let certificates: Vec<_> = among.iter().flat_map(|file| self.certificates(file)).collect();
        for (digest, der) in certificates {
            let Ok((_, certificate)) = X509Certificate::from_der(&der) else { continue };
            let key = (certificate.issuer().as_raw().to_vec(), certificate.raw_serial().to_vec());
            if dead.remove(&key) {
                self.entry(Kind::Certificates, &digest, reason, "");
            }
        }
        eprintln!(
            "{} of {on_lists} on the lists were found; the others have no certificate here",
            on_lists - dead.len()
        );
    }

    fn list(&mut self, file: &Path, bytes: &[u8], dead: &mut BTreeSet<(Vec<u8>, Vec<u8>)>) {
        let mut any = false;
        for der in CertificateRevocationListDer::pem_slice_iter(bytes) {
            let Ok(der) = der else {
                return self.faults.push(format!("`{}` holds a PEM block that cannot be read", file.display()));
            };
            let Ok((_, list)) = CertificateRevocationList::from_der(&der) else {
                return self.faults.push(format!("`{}` holds a revocation list that cannot be read", file.display()));
            };
            any = true;
            let issuer = list.issuer().as_raw();
            dead.extend(list.iter_revoked_certificates().map(|it| (issuer.to_vec(), it.raw_serial().to_vec())));
        }
        if !any {
            self.faults.push(format!("`{}` holds no certificate revocation list in PEM", file.display()));
        }
    }
}

/// 64 hex digits, with or without colons, as small letters.
fn fingerprint(text: &str) -> Option<String> {
    let hex: String = text.chars().filter(|it| *it != ':').collect();
    (hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| hex.to_ascii_lowercase())
}

/// What files say is revoked, each a signed list, lines of text, or certificates: as the config of the plugin `revocation`.
pub(in crate::cli) fn revoked(files: &[PathBuf]) -> Result<Map<String, Value>, Faults> {
    let mut found = Found { revoked: Revoked::new(), faults: Vec::new() };
    for file in files {
        found.any(file);
    }
    if !found.faults.is_empty() {
        return Err(Faults(found.faults));
    }
    match serde_json::to_value(&found.revoked) {
        Ok(Value::Object(config)) => Ok(config),
        Ok(_) | Err(_) => Ok(Map::new()),
    }
}

impl Found {
    fn any(&mut self, file: &Path) {
        let bytes = match read(file) {
            Ok(bytes) => bytes,
            Err(Faults(faults)) => return self.faults.extend(faults),
        };
        let text = bytes.trim_ascii_start();
        if text.first() == Some(&b'{') {
            match Signed::<List>::from_json(&bytes).and_then(Signed::unverified) {
                Ok(list) => {
                    list.revoked.into_iter().for_each(|(kind, of)| self.revoked.entry(kind).or_default().extend(of))
                }
                Err(error) => self.faults.push(format!("`{}` {}", file.display(), chain(&error))),
            }
        } else if text.windows(11).any(|window| window == b"-----BEGIN ")
            || text.first() == Some(&0x30) && !text.is_ascii()
        {
            match bundle::read(&bytes, bundle::Kind::Certificate) {
                Ok(bundle) => {
                    for der in bundle.blocks {
                        self.insert(Kind::Certificates, crate::plugins::digest(&der), "");
                    }
                }
                Err(faults) => self.faults.extend(faults.iter().map(|it| format!("`{}`: {it}", file.display()))),
            }
        } else {
            self.lines(file, bytes, "");
        }
    }
}
