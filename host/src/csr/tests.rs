use super::{read::pem, *};
use base64::{Engine, engine::general_purpose::STANDARD};

const BLOCK: &str = "-----BEGIN CERTIFICATE REQUEST-----\nAAEC\n-----END CERTIFICATE REQUEST-----\n";

fn yaml(name: &str) -> String {
    format!(
        "apiVersion: certificates.k8s.io/v1\nkind: CertificateSigningRequest\nmetadata: {{name: {name}, \
         creationTimestamp: \"1970-01-01T00:01:00Z\"}}\nspec:\n  signerName: kubernetes.io/kubelet-serving\n  username: \
         system:node:a\n  groups: [system:nodes]\n  extra: {{k: [v]}}\n  usages: [server auth]\n  expirationSeconds: 600\n  \
         request: {}\n",
        STANDARD.encode(BLOCK)
    )
}

fn request(name: &str) -> Request {
    Request {
        name: name.into(),
        created: Some(60),
        signer: "kubernetes.io/kubelet-serving".into(),
        user: "system:node:a".into(),
        groups: vec!["system:nodes".into()],
        extra: vec![("k".into(), vec!["v".into()])],
        usages: vec!["server auth".into()],
        expiration: Some(600),
        der: vec![0, 1, 2],
        size: 3,
        ..Request::default()
    }
}

#[test]
fn documents_lists_and_json_say_the_same() {
    let both = vec![request("a"), request("b")];
    let documents = format!("# two\n---\n{}---\n{}", yaml("a"), yaml("b"));
    let object = |name: &str| serde_json::to_string(&serde_saphyr::from_str::<serde_json::Value>(&yaml(name)).unwrap());
    let (a, b) = (object("a").unwrap(), object("b").unwrap());
    let list = format!(r#"{{"apiVersion": "v1", "kind": "List", "items": [{a}, {b}]}}"#);
    for text in [documents, list, format!("{a}\n{b}\n"), format!("[{a}, {b}]")] {
        assert_eq!(parse_many(text.as_bytes()).as_ref(), Ok(&both), "{text}");
    }
}

#[test]
fn every_fault_has_its_place() {
    let bad = yaml("a").replace("signerName", "signer").replace("request: ", "request: '*' #").replace("600", "x");
    let text = format!("{}---\n{bad}---\nkind: Node\napiVersion: v1\n", yaml("a"));
    let faults = parse_many(text.as_bytes()).unwrap_err();
    assert_eq!(
        faults,
        [
            "document 2: `spec.request` must be PEM in base64: Invalid symbol 42, offset 0.",
            "document 2: `spec.expirationSeconds` must be a whole number of 32 bits",
            "document 2: `spec.signerName` is missing",
            "document 3: must be a CertificateSigningRequest of `certificates.k8s.io/v1`, and is `Node` of `v1`",
        ]
    );
}

#[test]
fn text_that_is_neither_says_in_which_line() {
    let faults = |text: &str| parse_many(text.as_bytes()).unwrap_err().concat();
    assert!(faults("{\"kind\": 1").contains("line 1"), "{}", faults("{\"kind\": 1"));
    let said = faults("---\na: b\n---\nc: d\na: 'x\n");
    assert!(said.contains("line 5") || said.contains("line 6"), "{said}");
}

#[test]
fn anything_but_one_block_is_a_fault_of_the_pem() {
    let other = BLOCK.replace("REQUEST", "X");
    let faults = [
        (BLOCK.to_owned(), None),
        (BLOCK.replace('\n', "\r\n"), None),
        (format!("{BLOCK}{BLOCK}"), Some("there are several blocks")),
        (format!("{BLOCK}{other}"), Some("there are several blocks")),
        (format!("{other}{BLOCK}"), Some("there are several blocks")),
        (format!("{BLOCK}x"), Some("something follows the block")),
        (format!("x\n{BLOCK}"), Some("something stands before the block")),
        (
            BLOCK.replace("REQUEST-----\nAAEC", "REQUEST-----AAEC"),
            Some("the block's first and last line are not lines"),
        ),
    ];
    for (text, fault) in faults {
        assert_eq!(pem(text.as_bytes()), (vec![0, 1, 2], fault), "{text}");
    }
    let empty = [
        (other, "its label is another one"),
        ("x".to_owned(), "there is no block"),
        (BLOCK.replace("END", "X"), "the block does not end"),
        (BLOCK.replace("AAEC", "A: b\n\nAAEC"), "inside the block is not only base64"),
    ];
    for (text, fault) in empty {
        assert_eq!(pem(text.as_bytes()), (Vec::new(), Some(fault)), "{text}");
    }
}

#[test]
fn what_is_decided_or_issued_is_no_longer_pending() {
    let state = |status: &str| parse_many(format!("{}status: {status}\n", yaml("a")).as_bytes()).unwrap()[0].state;
    let condition = |kind: &str| format!("{{conditions: [{{type: {kind}, status: 'True'}}]}}");
    assert_eq!(
        [state("{}"), state(&condition("Approved")), state(&condition("Denied")), state("{certificate: QQ==}")],
        [State::Pending, State::Approved, State::Refused, State::Approved]
    );
}

/// Whoever has a bootstrap token may ask for a megabyte, again and again.
#[test]
fn a_request_that_is_too_long_is_known_by_its_size_alone() {
    let of = |size: usize| {
        let body = STANDARD.encode(vec![0; size]);
        let block = format!("-----BEGIN CERTIFICATE REQUEST-----\n{body}\n-----END CERTIFICATE REQUEST-----\n");
        let text = yaml("a").replace(&STANDARD.encode(BLOCK), &STANDARD.encode(block));
        let request = parse_many(text.as_bytes()).unwrap().remove(0);
        (request.size, request.der.len())
    };
    assert_eq!([of(MAX_REQUEST), of(MAX_REQUEST + 1)], [(MAX_REQUEST, MAX_REQUEST), (MAX_REQUEST + 1, 0)]);
}
