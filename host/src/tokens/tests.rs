use super::*;
use serde_json::json;

fn found(findings: &[Finding]) -> Vec<(&str, u64)> {
    findings.iter().map(|it| (it.rule.id, it.line)).collect()
}

#[test]
fn each_line_of_a_token_file_is_judged_for_itself() {
    let good = "0f3a5c77b1e2d49688aa01c3f7e6b25d,kubelet-bootstrap,10001,\"system:bootstrappers\"";
    let text = format!(
        "{good}\n\n02b50b05283e98dd0fd71db496ef01e8,a,1\n0f3a5c77b1e2d496,b,2\n\
         1f3a5c77b1e2d49688aa01c3f7e6b25d,c,3,\"x,system:masters\"\n2f3a5c77b1e2d49688aa01c3f7e6b25d,d\n,e,5\n\
         3f3a5c77b1e2d49688aa01c3f7e6b25d,f,6,x,y\n{good}\n4f3a5c77b1e2d49688aa01c3f7e6b25d,system:node:n,7\n\"x,g,8\n"
    );
    assert_eq!(
        found(&file(&text, "tokens.csv")),
        [
            ("token-example", 3),
            ("token-capacity", 4),
            ("token-groups", 5),
            ("token-columns", 6),
            ("token-columns", 7),
            ("token-columns", 8),
            ("token-twice", 9),
            ("token-groups", 10),
            ("token-columns", 11),
            ("token-file", 0),
        ]
    );
    assert_eq!(found(&file(good, "tokens.csv")), [("token-file", 0)]);
    assert_eq!(file("\n", "tokens.csv"), []);
}

#[test]
fn no_finding_repeats_a_token() {
    let tokens = ["02b50b05283e98dd0fd71db496ef01e8", "0f3a5c77b1e2d496", "1f3a5c77b1e2d49688aa01c3f7e6b25d"];
    let text = tokens.map(|it| format!("{it},u,1,system:masters\n{it},u\n\"{it}\n{it},u,1,a,b\n")).concat();
    let findings = file(&text, "tokens.csv");
    assert!(findings.len() > 9);
    assert!(findings.iter().all(|it| tokens.iter().all(|token| !it.message.contains(token))), "{findings:?}");
}

#[test]
fn a_token_has_room_for_what_its_length_and_alphabet_give() {
    let tokens = [
        "0f3a5c77b1e2d49688aa01c3f7e6b25d",
        "31415926535897932384626433832795",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "aB3dEf6hIj9LmN2pQr5tUv",
    ];
    assert_eq!(tokens.map(capacity), [128, 105, 36, 132]);
}

#[test]
fn a_bootstrap_token_is_judged_by_its_secret() {
    let good = json!({
        "kind": "Secret", "type": KIND, "metadata": {"name": "bootstrap-token-q1w2e3", "namespace": "kube-system"},
        "stringData": {"token-id": "q1w2e3", "token-secret": "r4t5y6u7i8o9p0a1", "expiration": "2026-01-02T00:00:00Z",
                       "usage-bootstrap-authentication": "true", "auth-extra-groups": "system:bootstrappers:workers"},
    });
    let now = 1_767_225_600;
    let judged = |pointer: &str, value: &str| {
        let mut changed = good.clone();
        *changed.pointer_mut(pointer).unwrap() = json!(value);
        found(&secret(&changed, "a\nname: bootstrap-token-q1w2e3\n", "s.yaml", now))
            .iter()
            .map(|it| it.0.to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(judged("/kind", "Secret"), [""; 0]);
    assert_eq!(judged("/type", "Opaque"), ["bootstrap-token-shape"]);
    assert_eq!(judged("/metadata/namespace", "default"), ["bootstrap-token-shape"]);
    assert_eq!(judged("/stringData/token-id", "other1"), ["bootstrap-token-shape"]);
    assert_eq!(judged("/stringData/token-secret", "short"), ["bootstrap-token-shape"]);
    assert_eq!(judged("/stringData/token-secret", "aaaaaaaaaaaaaaab"), ["token-capacity"]);
    assert_eq!(judged("/stringData/expiration", "2027-01-02T00:00:00Z"), ["bootstrap-token-expiry"]);
    assert_eq!(judged("/stringData/expiration", "soon"), ["bootstrap-token-expiry"]);
    assert_eq!(judged("/stringData/usage-bootstrap-authentication", "yes"), ["bootstrap-token-usages"]);
    assert_eq!(judged("/stringData/usage-bootstrap-authentication", "false"), ["bootstrap-token-usages"]);
    assert_eq!(judged("/stringData/auth-extra-groups", "system:masters"), ["token-groups"]);
}

#[test]
fn the_token_of_the_documentation_is_known_in_its_secret_too() {
    let example = json!({
        "kind": "Secret", "type": KIND, "metadata": {"name": "bootstrap-token-07401b", "namespace": "kube-system"},
        "data": {"token-id": "MDc0MDFi", "token-secret": "ZjM5NWFjY2QyNDZhZTUyZA==", "usage-bootstrap-signing": "dHJ1ZQ=="},
    });
    let list = json!({"kind": "List", "items": [example, {"kind": "Secret", "metadata": {"name": "x"}}]});
    let judged: Vec<_> =
        secrets(&list).into_iter().flat_map(|it| secret(it, "bootstrap-token-07401b", "s.yaml", 0)).collect();
    assert_eq!(found(&judged), [("token-example", 1), ("bootstrap-token-expiry", 1)]);
}
