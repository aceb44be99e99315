use super::*;
use crate::generate::{Api, Cache, Chain, authorization_configuration};
use proptest::prelude::*;

fn chain() -> Chain {
    Chain {
        api: Api::V1,
        kubeconfig: "/etc/kubernetes/pathgate/webhook.kubeconfig".into(),
        failure: FailurePolicy::NoOpinion,
        timeout: Duration::from_secs(3),
        cache: Cache::For(Duration::from_secs(10)),
        only: None,
    }
}

fn expected() -> Expected {
    Expected {
        revoked_within: Duration::from_secs(10),
        conditions: Some(Conditions::Only("request.user == 'a'".into())),
    }
}

/// The rules that find something, with their lines.
fn found(text: &str) -> Vec<(&'static str, u64)> {
    let document = read(text, "f").unwrap().expect("an AuthorizationConfiguration");
    document.check(&expected()).findings.iter().map(|it| (it.rule.id, it.line)).collect()
}

fn edited(from: &str, to: &str) -> Vec<&'static str> {
    let text = authorization_configuration(&chain());
    assert!(text.contains(from), "{from:?} is not in {text}");
    found(&text.replacen(from, to, 1)).into_iter().map(|(rule, _)| rule).collect()
}

const GATE: &str = "- type: Webhook
  name: pathgate
  webhook:
    timeout: 3s
    authorizedTTL: 10s
    unauthorizedTTL: 10s
    subjectAccessReviewVersion: v1
    failurePolicy: NoOpinion
    connectionInfo: {type: KubeConfigFile, kubeConfigFile: /k}
";

fn chain_of(before: &str, after: &str) -> String {
    format!(
        "apiVersion: apiserver.config.k8s.io/v1\nkind: AuthorizationConfiguration\nauthorizers:\n{before}{GATE}{after}"
    )
}

#[test]
fn nothing_is_found_in_what_is_generated() {
    let all = [
        chain(),
        Chain { failure: FailurePolicy::Deny, ..chain() },
        Chain { cache: Cache::Nothing, ..chain() },
        Chain { timeout: Duration::from_millis(1_500), ..chain() },
        Chain { only: Some("request.user == 'a'".into()), ..chain() },
        Chain { kubeconfig: "/with blank: and # more".into(), ..chain() },
    ];
    let findings: Vec<_> = all.iter().flat_map(|it| found(&authorization_configuration(it))).collect();
    assert_eq!(findings, []);
}

#[test]
fn what_is_generated_leads_where_it_was_told_to() {
    for kubeconfig in ["/a", "/with blank: and # more", "/\u{e9}\"quoted\"", "/true"] {
        let text = authorization_configuration(&Chain { kubeconfig: kubeconfig.into(), ..chain() });
        let leads = read(&text, "f").unwrap().unwrap().check(&expected()).leads;
        assert_eq!(leads.iter().map(|it| it.kubeconfig.as_str()).collect::<Vec<_>>(), [kubeconfig]);
    }
}

#[test]
fn a_gate_behind_an_authorizer_is_found_and_before_all_is_not() {
    assert_eq!(found(&chain_of("", "- {type: Node, name: n}\n- {type: RBAC, name: r}\n")), []);
    assert_eq!(found(&chain_of("- {type: RBAC, name: r}\n", "")), [("order", 5)]);
    assert_eq!(found(&chain_of("- {type: Node, name: n}\n", "")), [("order", 5)]);
    let webhook = GATE.replace("pathgate", "other");
    assert_eq!(found(&chain_of(&webhook, "")), []);
}

#[test]
fn who_allows_everything_is_found_wherever_it_stands() {
    assert_eq!(found(&chain_of("", "- {type: AlwaysDeny, name: d}\n")), []);
    assert_eq!(found(&chain_of("", "- {type: AlwaysAllow, name: a}\n")), [("always-allow", 13)]);
    assert_eq!(found(&chain_of("- {type: AlwaysAllow, name: a}\n", "")), [("always-allow", 4), ("order", 5)]);
}

#[test]
fn a_chain_without_the_gate_is_found() {
    let without = chain_of("", "- {type: RBAC, name: r}\n").replace(GATE, "");
    assert_eq!(found(&without), [("no-webhook", 4)]);
}

#[test]
fn names_and_types_that_come_twice_are_found() {
    let after = |name: &str, kind: &str| {
        chain_of("", &format!("- {{type: RBAC, name: r}}\n- {{type: {kind}, name: {name}}}\n"))
    };
    assert_eq!(found(&after("n", "Node")), []);
    assert_eq!(found(&after("r", "Node")), [("duplicate", 14)]);
    assert_eq!(found(&after("n", "RBAC")), [("duplicate", 14)]);
}

#[test]
fn calls_that_outlast_a_request_are_found() {
    assert_eq!(edited("timeout: 3s", "timeout: 11s"), [""; 0]);
    assert_eq!(edited("timeout: 3s", "timeout: 12s"), ["timeout-budget"]);
}

#[test]
fn answers_that_are_kept_longer_than_promised_are_found() {
    assert_eq!(edited("unauthorizedTTL: 10s", "unauthorizedTTL: 9s"), [""; 0]);
    assert_eq!(edited("unauthorizedTTL: 10s", "unauthorizedTTL: 11s"), ["ttl"]);
    // Zero and absent are the default: thirty seconds, and five minutes.
    assert_eq!(edited("unauthorizedTTL: 10s", "unauthorizedTTL: 0s"), ["ttl"]);
    assert_eq!(edited("    authorizedTTL: 10s\n", ""), ["ttl"]);
    assert_eq!(edited("    authorizedTTL: 10s\n", "    cacheAuthorizedRequests: false\n"), [""; 0]);
}

#[test]
fn only_conditions_that_follow_from_the_plugins_are_taken() {
    let with = |condition: &str| {
        let text = format!(
            "matchConditionSubjectAccessReviewVersion: v1\n    matchConditions: [{{expression: \"{condition}\"}}]\n    timeout: 3s"
        );
        edited("timeout: 3s", &text)
    };
    assert_eq!(with("request.user ==\\n   'a'"), [""; 0]);
    assert_eq!(with("request.user == 'b'"), ["match-conditions"]);
    let text = authorization_configuration(&Chain { only: Some("request.user == 'a'".into()), ..chain() });
    let document = read(&text, "f").unwrap().unwrap();
    let all = Expected { conditions: Some(Conditions::Everything("revocation".into())), ..expected() };
    let report = document.check(&all);
    assert_eq!(report.findings.iter().map(|it| it.rule.id).collect::<Vec<_>>(), ["match-conditions"]);
}

#[test]
fn old_versions_are_found() {
    assert_eq!(edited("k8s.io/v1\n", "k8s.io/v1beta1\n"), ["api-version"]);
    assert_eq!(edited("ReviewVersion: v1\n", "ReviewVersion: v1beta1\n"), ["review-version"]);
}

#[test]
fn what_kube_apiserver_refuses_is_found_with_its_line() {
    let cases = [
        ("k8s.io/v1\n", "k8s.io/v2\n", "apiVersion"),
        ("timeout: 3s", "timeout: 31s", "timeout"),
        ("timeout: 3s", "timeout: 0s", "timeout"),
        ("timeout: 3s", "timeout: 1d", "timeout"),
        ("timeout: 3s", "timeout: 3s\n    surprise: 1", "surprise"),
        ("    failurePolicy: NoOpinion\n", "", "failurePolicy"),
        ("failurePolicy: NoOpinion", "failurePolicy: Allow", "failurePolicy"),
        ("type: KubeConfigFile", "type: InClusterConfig", "connectionInfo.type"),
        ("kubeConfigFile: /etc", "kubeConfigFile: etc", "connectionInfo"),
        ("name: pathgate", "name: Path_Gate", "name"),
        ("type: Node", "type: node", "type"),
        ("  name: node\n", "  name: node\n  webhook: {timeout: 3s}\n", "webhook"),
        (
            "timeout: 3s",
            "timeout: 3s\n    matchConditions: [{expression: \"request.user == 'a'\"}]",
            "matchConditionSubject",
        ),
    ];
    for (from, to, key) in cases {
        let text = authorization_configuration(&chain()).replacen(from, to, 1);
        let report = read(&text, "f").unwrap().unwrap().check(&expected());
        let [finding] = report.findings.as_slice() else { panic!("{to:?}: {:?}", report.findings) };
        assert_eq!(
            (finding.rule.id, finding.line > 5, finding.message.contains(key)),
            ("invalid", true, true),
            "{finding:?}"
        );
    }
}

#[test]
fn other_kinds_are_left_alone_and_broken_ones_are_faults() {
    assert!(read("kind: Pod\n", "f").unwrap().is_none());
    assert!(read("a: [", "f").unwrap().is_none());
    assert!(read("[]", "f").unwrap().is_none());
    assert!(read("kind: AuthorizationConfiguration\na: [", "f").is_err());
}

fn kubeconfig(server: &str, cluster: &str, user: &str) -> String {
    format!(
        "kind: Config\ncurrent-context: c\ncontexts: [{{name: c, context: {{cluster: g, user: u}}}}]\n\
         clusters: [{{name: g, cluster: {{server: '{server}'{cluster}}}}}]\nusers: [{{name: u, user: {{{user}}}}}]\n"
    )
}

fn reached_by(text: &str, failure: FailurePolicy) -> Vec<&'static str> {
    let lead = Lead { kubeconfig: "k".into(), line: 7, failure };
    reached(text, &lead, "f").iter().map(|it| it.rule.id).collect()
}

const PAIR: &str = "client-certificate: c, client-key: k";

#[test]
fn a_kubeconfig_that_leads_to_anybody_is_found() {
    let gate = "https://127.0.0.1:9443/authorize";
    let by = |text: &str| reached_by(text, FailurePolicy::NoOpinion);
    assert_eq!(by(&kubeconfig(gate, "", PAIR)), [""; 0]);
    assert_eq!(by(&kubeconfig(gate, "", "client-certificate-data: Yw==, client-key-data: aw==")), [""; 0]);
    assert_eq!(by(&kubeconfig("http://127.0.0.1:9443", "", PAIR)), ["kubeconfig-plain-http"]);
    assert_eq!(by(&kubeconfig(gate, ", insecure-skip-tls-verify: true", PAIR)), ["kubeconfig-unchecked-server"]);
    assert_eq!(by(&kubeconfig(gate, "", "token: t")), ["kubeconfig-no-client-certificate"]);
    assert_eq!(by(&kubeconfig("https://127.0.0.1:9443/?a=b", "", PAIR)), ["kubeconfig-invalid"]);
    assert_eq!(by("kind: Config\ncurrent-context: other\n"), ["kubeconfig-invalid"]);
    assert_eq!(by("{"), ["kubeconfig-invalid"]);
}

#[test]
fn a_gate_in_the_cluster_that_nothing_goes_without_is_found() {
    let by = |server: &str, failure| reached_by(&kubeconfig(server, "", PAIR), failure);
    for near in
        ["https://127.0.0.1:9443/authorize", "https://localhost:9443", "https://[::1]:9443/", "https://127.0.0.9"]
    {
        assert_eq!(by(near, FailurePolicy::Deny), [""; 0], "{near}");
    }
    for far in ["https://10.96.0.9/authorize", "https://pathgate.kube-system.svc:443", "https://localhost.evil:1"] {
        assert_eq!(by(far, FailurePolicy::Deny), ["self-hosting-deadlock"], "{far}");
        assert_eq!(by(far, FailurePolicy::NoOpinion), [""; 0], "{far}");
    }
}

#[test]
fn one_plugin_that_is_asked_about_everything_leaves_no_condition() {
    let of = |asks: &[&str]| conditions(&[("p".into(), asks.iter().map(|it| (*it).into()).collect())]);
    let everything = Conditions::Everything("p".into());
    assert_eq!(of(&[]), everything);
    assert_eq!(of(&["traversal:plain"]), everything);
    assert_eq!(of(&["source:malformed"]), everything);
    assert_eq!(of(&["source:bootstrap", "a word of tomorrow"]), everything);
    assert_eq!(conditions(&[]), Conditions::Everything("gate".into()));
    assert_eq!(
        of(&["source:superuser", "source:superuser"]),
        Conditions::Only("'system:masters' in request.groups".into())
    );
}

proptest! {
    /// Whatever somebody's editor left behind.
    #[test]
    fn any_text_is_read_checked_or_refused(at in 0_usize..2_000, cut in 0_usize..60, text in "[ -~\\n\u{e9}]{0,12}") {
        let whole: Vec<char> = authorization_configuration(&chain()).chars().collect();
        let (at, end) = (at.min(whole.len()), at.saturating_add(cut).min(whole.len()));
        let spliced: String = whole[..at].iter().copied().chain(text.chars()).chain(whole[end..].iter().copied()).collect();
        if let Ok(Some(document)) = read(&spliced, "f") {
            let report = document.check(&expected());
            prop_assert!(report.findings.iter().all(|it| !it.message.is_empty()));
        }
        let lead = Lead { kubeconfig: "k".into(), line: 1, failure: FailurePolicy::Deny };
        let _no_panic = reached(&spliced, &lead, "f");
    }
}
