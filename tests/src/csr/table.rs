//! What is refused by which rule, and beside each its twin, which differs little and is approved.

use super::draft::*;
use serde_json::{Value, json};

pub struct Row {
    pub rule: &'static str,
    pub verdict: &'static str,
    /// What is asked, as a promise about the attack.
    pub attack: (&'static str, Draft),
    pub twin: (&'static str, Draft),
}

fn deny(rule: &'static str, attack: (&'static str, Draft), twin: (&'static str, Draft)) -> Row {
    Row { rule, verdict: "deny", attack, twin }
}

fn leave(rule: &'static str, attack: (&'static str, Draft), twin: (&'static str, Draft)) -> Row {
    Row { rule, verdict: "leave", attack, twin }
}

/// What the cluster holds for every row. `node-odd` says of itself what no Node should: rules hold whatever it says.
pub fn cluster() -> Vec<Value> {
    let addresses = |all: &[(&str, &str)]| -> Value {
        all.iter().map(|(kind, address)| json!({"type": kind, "address": address})).collect()
    };
    let node = |name: &str, created: &str, ready: &str, all: &[(&str, &str)]| {
        json!({
            "apiVersion": "v1", "kind": "Node",
            "metadata": {"name": name, "uid": format!("uid-{name}"), "creationTimestamp": created},
            "status": {"conditions": [{"type": "Ready", "status": ready}], "addresses": addresses(all)},
        })
    };
    let old = "2026-01-01T00:00:00Z";
    let mut control = node("control-1", old, "True", &[("InternalIP", "10.0.0.10"), ("Hostname", "control-1")]);
    if let Some(Value::Object(metadata)) = control.get_mut("metadata") {
        metadata.insert("labels".into(), json!({"node-role.kubernetes.io/control-plane": ""}));
    }
    vec![
        node(
            "node-a",
            old,
            "True",
            &[
                ("InternalIP", "10.0.0.1"),
                ("InternalIP", "fd00::1"),
                ("Hostname", "node-a"),
                ("InternalDNS", "node-a.internal"),
            ],
        ),
        node("node-b", old, "True", &[("InternalIP", "10.0.0.2"), ("Hostname", "node-b")]),
        node("node-1", old, "True", &[("InternalIP", "10.0.0.11")]),
        node("node-down", old, "Unknown", &[("InternalIP", "10.0.0.3")]),
        node("node-bare", old, "False", &[]),
        node("node-young", "2026-01-25T00:00:00Z", "True", &[("InternalIP", "10.0.0.5"), ("Hostname", "node-young")]),
        node(
            "node-thief",
            old,
            "True",
            &[("InternalIP", "10.0.0.2"), ("InternalIP", "10.0.0.6"), ("InternalIP", "10.244.1.5")],
        ),
        node(
            "node-odd",
            old,
            "True",
            &[
                ("ExternalDNS", "*.example.com"),
                ("ExternalDNS", "kubernetes.default.svc"),
                ("ExternalDNS", "kubernetes"),
                ("ExternalDNS", "localhost"),
                ("ExternalDNS", "Node-Odd"),
                ("ExternalDNS", "node-odd."),
                ("ExternalDNS", "a..b"),
                ("ExternalDNS", "xn--nde-sna"),
                ("ExternalDNS", "shop.web.svc"),
                ("ExternalDNS", "x.cluster.local"),
                ("ExternalDNS", "api.example.com"),
                ("ExternalDNS", "10.0.0.9"),
                ("ExternalDNS", "0x0a.0x9"),
                ("Hostname", "node-odd"),
                ("InternalIP", "127.0.0.1"),
                ("InternalIP", "::1"),
                ("InternalIP", "0.0.0.0"),
                ("InternalIP", "169.254.1.1"),
                ("InternalIP", "fe80::1"),
                ("InternalIP", "224.0.0.1"),
                ("InternalIP", "255.255.255.255"),
                ("InternalIP", "::ffff:10.0.0.9"),
                ("InternalIP", "10.96.0.20"),
            ],
        ),
        control,
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "kubernetes", "namespace": "default"},
               "spec": {"clusterIP": "10.96.0.1", "clusterIPs": ["10.96.0.1"]}}),
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "shop", "namespace": "web"},
               "spec": {"clusterIP": "10.96.0.20", "clusterIPs": ["10.96.0.20"]}}),
        json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
               "metadata": {"name": "kubernetes", "namespace": "default", "labels": {"kubernetes.io/service-name": "kubernetes"}},
               "endpoints": [{"addresses": ["10.0.0.10"]}]}),
        json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
               "metadata": {"name": "exporter-x", "namespace": "web", "labels": {"kubernetes.io/service-name": "exporter"}},
               "endpoints": [{"addresses": ["10.0.0.1"], "nodeName": "node-a"}]}),
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "app", "namespace": "web"},
               "spec": {"nodeName": "node-b"}, "status": {"phase": "Running", "hostIP": "10.0.0.2", "podIPs": [{"ip": "10.244.1.5"}]}}),
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "exporter", "namespace": "web"},
               "spec": {"nodeName": "node-a", "hostNetwork": true},
               "status": {"phase": "Running", "hostIP": "10.0.0.1", "podIPs": [{"ip": "10.0.0.1"}]}}),
    ]
}

/// Every rule, twice or more.
pub fn rows() -> Vec<Row> {
    [form(), requester(), subject(), usages(), names(), foreign(), keys(), history()].into_iter().flatten().collect()
}

fn form() -> Vec<Row> {
    let own = || ("a kubelet's own request", serving("node-a").ip("10.0.0.1"));
    let pem = |title, pem| deny("csr-pem", (title, Draft { pem, ..serving("node-a") }), own());
    vec![
        leave(
            "csr-signer",
            (
                "a client certificate for anything else",
                Draft { signer: "kubernetes.io/kube-apiserver-client", ..renewal("node-a") },
            ),
            ("a kubelet's client certificate", renewal("node-a")),
        ),
        pem("two blocks", |pem| format!("{pem}{pem}")),
        pem("a block of another kind before it", |pem| {
            format!("-----BEGIN ATTESTATION-----\nAAEC\n-----END ATTESTATION-----\n{pem}")
        }),
        pem("text after the block", |pem| format!("{pem}tail")),
        pem("another label", |pem| pem.replace("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST")),
        pem("noise in the base64", |pem| pem.replacen("MI", "M*I", 1)),
        leave("csr-unreadable", ("bytes after the request", Draft { after: b"\x05\x00", ..serving("node-a") }), own()),
        leave(
            "csr-inventory",
            ("a cluster of which nothing is known", Draft { is_cluster_known: false, ..bootstrap("node-new") }),
            ("a cluster that is known", bootstrap("node-new")),
        ),
    ]
}

fn requester() -> Vec<Row> {
    let named = |name: &str| {
        vec![
            vec![(ORGANIZATION, PRINTABLE, "system:nodes".into())],
            vec![(COMMON_NAME, UTF8, format!("system:node:{name}").into())],
        ]
    };
    let static_token = |config| Draft {
        user: "kubelet-bootstrap".into(),
        groups: vec!["system:bootstrappers", "system:authenticated"],
        config,
        ..bootstrap("node-new")
    };
    vec![
        deny(
            "csr-requester",
            (
                "a service account that asks for a node's serving certificate",
                Draft {
                    user: "system:serviceaccount:web:app".into(),
                    groups: vec!["system:serviceaccounts"],
                    ..serving("node-a")
                },
            ),
            ("the node that asks for its own", serving("node-a")),
        ),
        deny(
            "csr-requester",
            (
                "a bootstrap token that asks for a serving certificate",
                Draft {
                    signer: "kubernetes.io/kubelet-serving",
                    usages: vec!["digital signature", "server auth"],
                    ..bootstrap("node-new")
                }
                .dns("node-new"),
            ),
            ("a bootstrap token that asks for a client certificate", bootstrap("node-new")),
        ),
        deny(
            "csr-requester",
            (
                "a node's name outside the group of nodes",
                Draft { groups: vec!["system:authenticated"], ..renewal("node-a") },
            ),
            ("a node's name inside it", renewal("node-a")),
        ),
        leave(
            "csr-bootstrapper",
            (
                "an administrator who asks for a node",
                Draft {
                    user: "kubernetes-admin".into(),
                    groups: vec!["system:masters", "system:authenticated"],
                    ..renewal("node-new")
                },
            ),
            ("a bootstrap token that does", bootstrap("node-new")),
        ),
        leave(
            "csr-bootstrapper",
            ("a static token", static_token(json!({}))),
            (
                "a static token that the operator lists",
                static_token(json!({"allow": {"csr-bootstrapper": ["kubelet-bootstrap"]}})),
            ),
        ),
        deny(
            "csr-own-name",
            ("a node that asks for another's name", Draft { subject: named("node-b"), ..renewal("node-a") }),
            ("a node that asks for its own", Draft { subject: named("node-a"), ..renewal("node-a") }),
        ),
        deny(
            "csr-own-name",
            ("a node that asks to serve as another", Draft { subject: named("node-b"), ..serving("node-a") }),
            ("a node that asks to serve as itself", serving("node-a")),
        ),
        deny(
            "csr-node-name",
            ("a name in upper case", bootstrap("Node-New")),
            ("a name in lower case", bootstrap("node-new")),
        ),
        deny("csr-node-name", ("no name after the prefix", bootstrap("")), ("a name after it", bootstrap("n"))),
        deny("csr-node-name", ("a NUL in the name", bootstrap("node-a\0.x")), ("none", bootstrap("node-a.x"))),
        deny(
            "csr-node-pattern",
            (
                "a name that the operator does not expect",
                Draft { config: json!({"nodeNames": ["ip-*.internal"]}), ..bootstrap("laptop") },
            ),
            (
                "a name that is like the pattern",
                Draft { config: json!({"nodeNames": ["ip-*.internal"]}), ..bootstrap("ip-10-0-0-1.internal") },
            ),
        ),
        leave(
            "csr-node-unknown",
            ("a node that was deleted renews", renewal("gone")),
            ("a node that is there", renewal("node-b")),
        ),
        leave(
            "csr-node-unknown",
            ("a node that was deleted serves", serving("gone")),
            ("a node that is there", serving("node-b")),
        ),
        deny(
            "csr-living-node",
            ("a token that takes a living node's name", bootstrap("node-b")),
            ("a token for a node that is not Ready", bootstrap("node-down")),
        ),
        leave(
            "csr-node-replaced",
            ("a request that is older than its Node", serving("node-young")),
            ("a request that is younger", Draft { created: "2026-01-26T00:00:00Z", ..serving("node-young") }),
        ),
        deny(
            "csr-node-uid",
            (
                "a credential of an earlier Node of this name",
                Draft { extra: json!({"authentication.kubernetes.io/node-uid": ["old"]}), ..renewal("node-a") },
            ),
            (
                "a credential of this Node",
                Draft { extra: json!({"authentication.kubernetes.io/node-uid": ["uid-node-a"]}), ..renewal("node-a") },
            ),
        ),
    ]
}

fn subject() -> Vec<Row> {
    let with = |subject| Draft { subject, ..bootstrap("node-new") };
    let cn = |name: &str| (COMMON_NAME, PRINTABLE, format!("system:node:{name}").into_bytes());
    let o = |name: &str| (ORGANIZATION, PRINTABLE, name.as_bytes().to_vec());
    let good = || ("one of each", with(vec![vec![o("system:nodes")], vec![cn("node-new")]]));
    vec![
        deny(
            "csr-common-name",
            ("two common names", with(vec![vec![o("system:nodes")], vec![cn("node-new")], vec![cn("node-b")]])),
            good(),
        ),
        deny("csr-common-name", ("no common name", with(vec![vec![o("system:nodes")]])), good()),
        deny("csr-organization", ("no organization", with(vec![vec![cn("node-new")]])), good()),
        deny(
            "csr-organization",
            ("system:masters", with(vec![vec![o("system:masters")], vec![cn("node-new")]])),
            good(),
        ),
        deny(
            "csr-organization",
            (
                "system:masters beside system:nodes",
                with(vec![vec![o("system:nodes")], vec![o("system:masters")], vec![cn("node-new")]]),
            ),
            good(),
        ),
        deny(
            "csr-organization",
            (
                "two organizations in one set",
                with(vec![vec![o("system:nodes"), o("system:nodes")], vec![cn("node-new")]]),
            ),
            good(),
        ),
        deny(
            "csr-subject-attributes",
            (
                "an organizational unit",
                with(vec![vec![o("system:nodes")], vec![(UNIT, PRINTABLE, b"x".to_vec())], vec![cn("node-new")]]),
            ),
            good(),
        ),
        deny(
            "csr-subject-shape",
            ("both attributes in one set", with(vec![vec![o("system:nodes"), cn("node-new")]])),
            good(),
        ),
        deny(
            "csr-subject-shape",
            (
                "an odd kind of string",
                with(vec![vec![(ORGANIZATION, 0x16, b"system:nodes".to_vec())], vec![cn("node-new")]]),
            ),
            ("UTF8String", with(vec![vec![(ORGANIZATION, UTF8, b"system:nodes".to_vec())], vec![cn("node-new")]])),
        ),
    ]
}

fn usages() -> Vec<Row> {
    let used = |usages: &[&'static str]| Draft { usages: usages.to_vec(), ..serving("node-a") };
    let extended = |extension: Vec<u8>| Draft { extensions: vec![extension], ..serving("node-a") };
    let key_usage = |bits: &[u8]| extension(KEY_USAGE, &tlv(3, bits));
    let purposes =
        |all: &[&[u8]]| extension(EXTENDED_KEY_USAGE, &sequence(&all.iter().map(|it| oid(it)).collect::<Vec<_>>()));
    let basic = |content: &[u8]| extension(BASIC_CONSTRAINTS, &tlv(0x30, content));
    let asked = |attributes: Vec<Vec<u8>>| Draft { attributes, ..renewal("node-a") };
    let signs = || key_usage(&[7, 0x80]);
    vec![
        deny(
            "csr-usages",
            ("client auth beside server auth", used(&["digital signature", "server auth", "client auth"])),
            ("key encipherment beside it", used(&["key encipherment", "digital signature", "server auth"])),
        ),
        deny(
            "csr-usages",
            ("no server auth", used(&["digital signature"])),
            ("server auth", used(&["server auth", "digital signature"])),
        ),
        deny(
            "csr-usages",
            ("any", used(&["digital signature", "server auth", "any"])),
            ("none besides", used(&["digital signature", "server auth"])),
        ),
        deny(
            "csr-usages",
            ("cert sign", used(&["digital signature", "server auth", "cert sign"])),
            ("none besides", serving("node-a")),
        ),
        deny(
            "csr-usage-extensions",
            ("client auth in the PKCS#10 alone", extended(purposes(&[SERVER_AUTH, CLIENT_AUTH]))),
            ("server auth in both", extended(purposes(&[SERVER_AUTH]))),
        ),
        deny(
            "csr-usage-extensions",
            ("key encipherment in the PKCS#10 alone", extended(key_usage(&[5, 0xa0]))),
            ("digital signature in both", extended(signs())),
        ),
        deny(
            "csr-authority",
            ("an authority", extended(basic(&[1, 1, 0xff]))),
            ("none, and says so", extended(basic(&[]))),
        ),
        deny(
            "csr-authority",
            ("an authority with a path length", extended(basic(&[1, 1, 0xff, 2, 1, 0]))),
            ("none", serving("node-a")),
        ),
        deny(
            "csr-authority",
            ("keyCertSign in the PKCS#10", extended(key_usage(&[2, 0x84]))),
            ("digital signature", extended(signs())),
        ),
        deny(
            "csr-extensions",
            ("name constraints", extended(extension(NAME_CONSTRAINTS, &sequence(&[])))),
            ("no such extension", serving("node-a")),
        ),
        deny(
            "csr-extension-requests",
            (
                "two extension requests",
                asked(vec![extension_request(&[vec![signs()]]), extension_request(&[vec![basic(&[])]])]),
            ),
            ("one with both", asked(vec![extension_request(&[vec![signs(), basic(&[])]])])),
        ),
        deny(
            "csr-extension-requests",
            ("one with two values", asked(vec![extension_request(&[vec![signs()], vec![basic(&[1, 1, 0xff])]])])),
            ("one with one", asked(vec![extension_request(&[vec![signs()]])])),
        ),
        deny(
            "csr-extension-requests",
            ("an extension twice", asked(vec![extension_request(&[vec![signs(), signs()]])])),
            ("once", asked(vec![extension_request(&[vec![signs()]])])),
        ),
        deny(
            "csr-attributes",
            ("a challenge password", asked(vec![attribute(CHALLENGE_PASSWORD, &[tlv(UTF8, b"secret")])])),
            ("no attribute", asked(Vec::new())),
        ),
        deny(
            "csr-expiration",
            ("ten years", Draft { expiration: Some(315_360_000), ..serving("node-a") }),
            ("a year", Draft { expiration: Some(31_536_000), ..serving("node-a") }),
        ),
        deny(
            "csr-expiration",
            ("a minute", Draft { expiration: Some(60), ..serving("node-a") }),
            ("ten minutes", Draft { expiration: Some(600), ..serving("node-a") }),
        ),
        leave(
            "csr-expiration-missing",
            (
                "no duration where one is demanded",
                Draft { config: json!({"rules": {"csr-expiration-missing": "on"}}), ..renewal("node-a") },
            ),
            (
                "a duration",
                Draft {
                    config: json!({"rules": {"csr-expiration-missing": "on"}}),
                    expiration: Some(86_400),
                    ..renewal("node-a")
                },
            ),
        ),
    ]
}

fn names() -> Vec<Row> {
    let odd = |name: &str| serving("node-odd").dns(name);
    let address = |address: &str| serving("node-odd").ip(address);
    let own = || ("the node's own name", serving("node-odd"));
    let kind = |tag, content: &[u8]| {
        let mut draft = serving("node-a");
        draft.names.push((tag, content.to_vec()));
        draft
    };
    vec![
        deny(
            "csr-client-names",
            ("a client certificate with a server's name", renewal("node-a").dns("node-a")),
            ("without", renewal("node-a")),
        ),
        deny(
            "csr-client-names",
            ("the same by a token", bootstrap("node-new").ip("10.0.0.77")),
            ("without", bootstrap("node-new")),
        ),
        deny(
            "csr-names-missing",
            ("a serving certificate without a name", Draft { names: vec![], ..serving("node-a") }),
            ("with one", serving("node-a")),
        ),
        deny("csr-name-kinds", ("an email address", kind(EMAIL, b"a@example.com")), own()),
        deny("csr-name-kinds", ("a URI", kind(URI, b"spiffe://example.com/node")), own()),
        deny("csr-wildcard", ("a wildcard", odd("*.example.com")), own()),
        deny("csr-wildcard", ("nothing but a wildcard", odd("*")), own()),
        deny("csr-name-form", ("upper case", odd("Node-Odd")), own()),
        deny("csr-name-form", ("a final dot", odd("node-odd.")), own()),
        deny("csr-name-form", ("an empty label", odd("a..b")), own()),
        deny("csr-name-form", ("an empty name", odd("")), own()),
        deny("csr-name-form", ("punycode", odd("xn--nde-sna")), own()),
        deny("csr-name-form", ("a NUL", odd("node-odd\0.example.com")), own()),
        deny("csr-name-form", ("letters that are not ASCII", odd("nöde-odd")), own()),
        deny("csr-address-as-name", ("an address as a name", odd("10.0.0.9")), own()),
        deny("csr-address-as-name", ("an address in old spelling", odd("0x0a.0x9")), own()),
        deny("csr-loopback", ("localhost", odd("localhost")), own()),
        deny("csr-loopback", ("127.0.0.1", address("127.0.0.1")), own()),
        deny("csr-loopback", ("::1", address("::1")), own()),
        deny("csr-address-form", ("0.0.0.0", address("0.0.0.0")), own()),
        deny("csr-address-form", ("a link-local address", address("169.254.1.1")), own()),
        deny("csr-address-form", ("a link-local address of IPv6", address("fe80::1")), own()),
        deny("csr-address-form", ("a multicast address", address("224.0.0.1")), own()),
        deny("csr-address-form", ("the broadcast address", address("255.255.255.255")), own()),
        deny("csr-address-form", ("IPv4 inside IPv6", address("::ffff:10.0.0.9")), own()),
        deny(
            "csr-address-form",
            ("an address of five bytes", kind(IP, &[10, 0, 0, 1, 0])),
            ("of four", kind(IP, &[10, 0, 0, 1])),
        ),
        deny("csr-control-plane-name", ("kubernetes.default.svc", odd("kubernetes.default.svc")), own()),
        deny("csr-control-plane-name", ("kubernetes", odd("kubernetes")), own()),
        deny("csr-service-name", ("a service's name", odd("shop.web.svc")), own()),
        deny("csr-service-name", ("a name in the cluster's domain", odd("x.cluster.local")), own()),
        deny("csr-service-name", ("a service's address", address("10.96.0.20")), own()),
        deny(
            "csr-reserved",
            (
                "a name that clients use for kube-apiserver",
                Draft { config: json!({"reserved": ["api.example.com", "10.0.0.10"]}), ..odd("api.example.com") },
            ),
            (
                "another name",
                Draft { config: json!({"reserved": ["api.example.com", "10.0.0.10"]}), ..serving("node-odd") },
            ),
        ),
    ]
}

fn foreign() -> Vec<Row> {
    let all = || ("its own names and addresses", serving("node-a").dns("node-a.internal").ip("10.0.0.1").ip("fd00::1"));
    vec![
        deny("csr-foreign-name", ("another node's address", serving("node-a").ip("10.0.0.2")), all()),
        deny("csr-foreign-name", ("another node's name", serving("node-a").dns("node-b")), all()),
        deny("csr-foreign-name", ("another node's name and no address", Draft { names: vec![(DNS, b"node-b".to_vec())], ..serving("node-a") }), all()),
        deny("csr-foreign-name", ("a name that begins as its own", serving("node-1").dns("node-10")), ("its own", serving("node-1").ip("10.0.0.11"))),
        deny("csr-foreign-name", ("its own name under another domain", serving("node-1").dns("node-1.evil.com")), ("its own", serving("node-1"))),
        deny("csr-foreign-name", ("a company's name", serving("node-a").dns("auth.company.com")), all()),
        deny("csr-foreign-name", ("a Node's address that nobody has", serving("node-a").ip("10.0.0.99")), all()),
        deny("csr-service-name", ("the address of the service kubernetes", serving("node-a").ip("10.96.0.1")), all()),
        leave("csr-node-addresses", ("a Node without addresses", serving("node-bare")), ("a Node with some", serving("node-b"))),
        leave("csr-contested-name", ("another node's address that the thief wrote into its Node", serving("node-thief").ip("10.0.0.2")),
            ("its own address", serving("node-thief").ip("10.0.0.6"))),
        leave("csr-contested-name", ("a pod's address", serving("node-thief").ip("10.244.1.5")), ("its own address", serving("node-thief").ip("10.0.0.6"))),
        leave(
            "csr-contested-name",
            ("kube-apiserver's address, by a worker", serving("node-b").with(json!({
                "kind": "Node", "apiVersion": "v1", "metadata": {"name": "node-b", "creationTimestamp": "2026-01-01T00:00:00Z"},
                "status": {"addresses": [{"type": "InternalIP", "address": "10.0.0.10"}]}})).ip("10.0.0.10")),
            ("the same, by the node of the control plane", serving("control-1").ip("10.0.0.10")),
        ),
    ]
}

fn keys() -> Vec<Row> {
    let with = |key| Draft { key, ..renewal("node-a") };
    let curve = |bytes: &[u8]| with(Key::Raw(ecdsa(&oid(bytes))));
    let p256 = || ("P-256", with(Key::Own));
    let of_rsa = || ("RSA of 2048 bits", with(Key::Rsa));
    let earlier = |draft: Draft| draft.approved().unwrap_or_default();
    let old = |node: &str| Draft { name: "old", created: "2026-01-10T00:00:00Z", key: Key::Shared, ..renewal(node) };
    vec![
        deny("csr-key", ("RSA of 1024 bits", with(Key::Raw(rsa(1024, &[1, 0, 1])))), of_rsa()),
        deny("csr-key", ("RSA of 16384 bits", with(Key::Raw(rsa(16_384, &[1, 0, 1])))), of_rsa()),
        deny("csr-key", ("RSA with the exponent 3", with(Key::Raw(rsa(2048, &[3])))), of_rsa()),
        deny("csr-key", ("P-192", curve(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 1])), p256()),
        deny("csr-key", ("P-224", curve(&[0x2b, 0x81, 4, 0, 33])), p256()),
        deny(
            "csr-key",
            ("a curve of its own", with(Key::Raw(ecdsa(&sequence(&[tlv(2, &[1])]))))),
            ("P-384", with(Key::P384)),
        ),
        deny(
            "csr-key-listed",
            (
                "a key that everybody has",
                Draft {
                    config: json!({"weakKeys": [pin(&Key::Raw(rsa(2048, &[1, 0, 1])))]}),
                    ..with(Key::Raw(rsa(2048, &[1, 0, 1])))
                },
            ),
            (
                "a key of its own",
                Draft { config: json!({"weakKeys": [pin(&Key::Raw(rsa(2048, &[1, 0, 1])))]}), ..with(Key::Rsa) },
            ),
        ),
        deny(
            "csr-signature-hash",
            ("SHA-1", Draft { signed_as: Some(sequence(&[oid(ECDSA_SHA1)])), ..renewal("node-a") }),
            p256(),
        ),
        leave("csr-algorithm", ("P-521", with(Key::P521)), ("Ed25519", with(Key::Ed25519))),
        deny("csr-possession", ("somebody else's signature", Draft { is_tampered: true, ..renewal("node-a") }), p256()),
        deny(
            "csr-key-of-another",
            ("another node's key", with(Key::Shared).with(earlier(old("node-b")))),
            ("its own key", with(Key::Own).with(earlier(old("node-b")))),
        ),
        leave(
            "csr-key-again",
            ("the key of its certificate of before", with(Key::Shared).with(earlier(old("node-a")))),
            ("a new key", with(Key::Own).with(earlier(old("node-a")))),
        ),
    ]
}

fn history() -> Vec<Row> {
    let old = |user: &str| Draft {
        name: "old",
        created: "2026-01-10T00:00:00Z",
        user: user.into(),
        ..bootstrap("node-first")
    };
    let approved = |user: &str| old(user).approved().unwrap_or_default();
    let pending = |user: &str| old(user).object().unwrap_or_default();
    vec![
        deny(
            "csr-token-spent",
            ("a token that has joined a node", bootstrap("node-new").with(approved("system:bootstrap:abcdef"))),
            ("another token", bootstrap("node-new").with(approved("system:bootstrap:ghijkl"))),
        ),
        leave(
            "csr-token-pending",
            ("a token of which an older request waits", bootstrap("node-new").with(pending("system:bootstrap:abcdef"))),
            (
                "a token of which a younger request waits",
                Draft { created: "2026-01-09T00:00:00Z", ..bootstrap("node-new") }
                    .with(pending("system:bootstrap:abcdef")),
            ),
        ),
    ]
}

fn pin(key: &Key) -> String {
    match key {
        Key::Raw(spki) => format!("sha256:{}", host::plugins::digest(spki)),
        Key::Own | Key::Shared | Key::Rsa | Key::Ed25519 | Key::P384 | Key::P521 => String::new(),
    }
}
