//! What the certificate may be used for, and what else the request asks for.

use super::{SIGNERS, deny};
use crate::{
    Config,
    csr::{Asked, Check, Kind, shown},
};
use sdk::Rule;
use x509_parser::{
    cri_attributes::ParsedCriAttribute,
    extensions::ParsedExtension,
    oid_registry::{OID_PKCS9_CHALLENGE_PASSWORD, OID_PKCS9_EXTENSION_REQUEST},
};

pub const RULES: &[Check] = &[
    deny(
        Rule {
            id: "csr-usages",
            summary: "The usages are `digital signature` and `client auth` or `server auth`, perhaps `key encipherment`.",
            advice: "The signer refuses others after approval, and a request that waits for it is a trap for whoever loosens the \
                     signer.",
            source: SIGNERS,
        },
        usages,
    ),
    deny(
        Rule {
            id: "csr-authority",
            summary: "A kubelet's certificate signs no others.",
            advice: "Kubernetes' signer drops these wishes, others might not. No kubelet has them.",
            source: "RFC 5280, sections 4.2.1.3 and 4.2.1.9",
        },
        authority,
    ),
    deny(
        Rule {
            id: "csr-usage-extensions",
            summary: "What the PKCS#10 asks for and what `spec.usages` says is the same.",
            advice: "kube-controller-manager signs by `spec.usages`, other signers by the PKCS#10: both must be looked at.",
            source: "pkg/controller/certificates/signer of Kubernetes; RFC 5280, sections 4.2.1.3 and 4.2.1.12",
        },
        usage_extensions,
    ),
    deny(
        Rule {
            id: "csr-extensions",
            summary: "The PKCS#10 asks for names and usages, and no other extension.",
            advice: "Kubernetes' signer drops them, others might not. No kubelet asks for any.",
            source: SIGNERS,
        },
        extensions,
    ),
    deny(
        Rule {
            id: "csr-extension-requests",
            summary: "Extensions are asked for once, each once.",
            advice: "Readers differ in which of two they take.",
            source: "RFC 2985, section 5.4.2; RFC 5280, section 4.2",
        },
        extension_requests,
    ),
    deny(
        Rule {
            id: "csr-attributes",
            summary: "The PKCS#10 has no attribute but the extension request.",
            advice: "A challenge password is readable by everybody who may list requests. No kubelet sends one.",
            source: "RFC 2985, section 5.4.1",
        },
        attributes,
    ),
];

fn usages(_: &Config, asked: &Asked<'_>) -> Option<String> {
    let auth = auth(asked)?;
    let usages = &asked.csr.usages;
    let has = |usage: &str| usages.iter().any(|it| it == usage);
    let is_known = |usage: &String| *usage == auth || usage == "digital signature" || usage == "key encipherment";
    match usages.iter().find(|it| !is_known(it)) {
        Some(other) => Some(format!("usage `{}` is none of a kubelet's", shown(other))),
        None if !has(auth) => Some(format!("usage `{auth}` is missing")),
        None if !has("digital signature") => Some("usage `digital signature` is missing".into()),
        None => None,
    }
}

fn auth(asked: &Asked<'_>) -> Option<&'static str> {
    match asked.kind {
        Kind::Serving => Some("server auth"),
        Kind::Renewal | Kind::Bootstrap => Some("client auth"),
        Kind::Foreign => None,
    }
}

fn usage_extensions(_: &Config, asked: &Asked<'_>) -> Option<String> {
    auth(asked)?;
    let has = |usage: &str| asked.csr.usages.iter().any(|it| it == usage);
    asked.read()?.extensions().find_map(|it| match it.parsed_extension() {
        ParsedExtension::KeyUsage(usage) => {
            let signs = usage.flags & 1 != 0;
            let enciphers = usage.flags & 4 != 0;
            let rest = usage.flags & !(1 | 4);
            let differs = signs != has("digital signature") || enciphers != has("key encipherment") || rest != 0;
            differs.then(|| format!("the PKCS#10 asks for key usage `{usage}`, and `spec.usages` differs"))
        }
        ParsedExtension::ExtendedKeyUsage(usage) => {
            let rest = usage.any
                || usage.code_signing
                || usage.email_protection
                || usage.time_stamping
                || usage.ocsp_signing
                || !usage.other.is_empty();
            let differs = usage.server_auth != has("server auth") || usage.client_auth != has("client auth") || rest;
            differs.then(|| "the PKCS#10 asks for an extended key usage that differs from `spec.usages`".to_owned())
        }
        _ => None,
    })
}

fn authority(_: &Config, asked: &Asked<'_>) -> Option<String> {
    auth(asked)?;
    asked.read()?.extensions().find_map(|it| match it.parsed_extension() {
        ParsedExtension::BasicConstraints(basic) if basic.ca || basic.path_len_constraint.is_some() => {
            Some("the PKCS#10 asks to be an authority".to_owned())
        }
        ParsedExtension::KeyUsage(usage) if usage.key_cert_sign() || usage.crl_sign() => {
            Some("the PKCS#10 asks to sign certificates or revocation lists".to_owned())
        }
        _ => None,
    })
}

fn extensions(_: &Config, asked: &Asked<'_>) -> Option<String> {
    auth(asked)?;
    let other = asked.read()?.extensions().find(|it| {
        !matches!(
            it.parsed_extension(),
            ParsedExtension::BasicConstraints(_)
                | ParsedExtension::ExtendedKeyUsage(_)
                | ParsedExtension::KeyUsage(_)
                | ParsedExtension::SubjectAlternativeName(_)
                | ParsedExtension::SubjectKeyIdentifier(_)
        )
    })?;
    Some(format!("the PKCS#10 asks for the extension {}, or it is malformed", shown(&other.oid.to_id_string())))
}

fn extension_requests(_: &Config, asked: &Asked<'_>) -> Option<String> {
    auth(asked)?;
    let pkcs10 = asked.read()?;
    if pkcs10.superfluous > 0 {
        return Some("the PKCS#10 has several extension requests".into());
    }
    let mut seen = Vec::new();
    for extension in pkcs10.extensions() {
        if seen.contains(&&extension.oid) {
            return Some(format!("the PKCS#10 asks twice for the extension {}", shown(&extension.oid.to_id_string())));
        }
        seen.push(&extension.oid);
    }
    None
}

fn attributes(_: &Config, asked: &Asked<'_>) -> Option<String> {
    auth(asked)?;
    let mut attributes = asked.read()?.request.certification_request_info.iter_attributes();
    let other = attributes.find(|it| !matches!(it.parsed_attribute(), ParsedCriAttribute::ExtensionRequest(_)))?;
    Some(if other.oid == OID_PKCS9_CHALLENGE_PASSWORD {
        "the PKCS#10 has a challenge password".to_owned()
    } else if other.oid == OID_PKCS9_EXTENSION_REQUEST {
        "the PKCS#10 has a malformed extension request".to_owned()
    } else {
        format!("the PKCS#10 has the attribute {}", shown(&other.oid.to_id_string()))
    })
}
