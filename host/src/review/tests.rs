use super::*;
use wire::{Operator, Requirement, Resource};

/// What kube-apiserver sends for `kubectl get pods -n web --field-selector spec.nodeName=a`.
const V1: &str = r#"{"kind":"SubjectAccessReview","apiVersion":"authorization.k8s.io/v1","metadata":{"creationTimestamp":null},
"spec":{"resourceAttributes":{"namespace":"web","verb":"list","version":"v1","resource":"pods",
"fieldSelector":{"requirements":[{"key":"spec.nodeName","operator":"In","values":["a"]}]}},
"user":"alice","groups":["dev","system:authenticated"],"uid":"7",
"extra":{"authentication.kubernetes.io/credential-id":["JTI=1"],"b":["x","y"]}},"status":{"allowed":false}}"#;

fn spec(version: &str, spec: &str) -> String {
    format!(r#"{{"kind":"SubjectAccessReview","apiVersion":"authorization.k8s.io/{version}","spec":{spec}}}"#)
}

fn parsed(text: &str) -> Request {
    parse(text.as_bytes()).expect("a review").request
}

fn malformed(text: &str) -> String {
    match parsed(text).target {
        Target::Malformed { fault } => fault,
        other => panic!("not malformed: {other:?}"),
    }
}

fn fault(body: &[u8]) -> String {
    parse(body).expect_err("a fault").to_string()
}

#[test]
fn a_v1_review_is_understood_byte_for_byte() {
    let resource = Resource {
        namespace: "web".into(),
        verb: "list".into(),
        version: "v1".into(),
        resource: "pods".into(),
        field_selector: vec![Requirement {
            key: "spec.nodeName".into(),
            operator: Operator::In,
            values: vec!["a".into()],
        }],
        ..Resource::default()
    };
    let request = Request {
        user: "alice".into(),
        uid: "7".into(),
        groups: vec!["dev".into(), "system:authenticated".into()],
        extra: vec![
            ("authentication.kubernetes.io/credential-id".into(), vec!["JTI=1".into()]),
            ("b".into(), vec!["x".into(), "y".into()]),
        ],
        target: Target::Resource(Box::new(resource)),
    };
    assert_eq!(parse(V1.as_bytes()), Ok(Review { version: Version::V1, request }));
}

#[test]
fn a_v1beta1_review_says_group() {
    let text = spec("v1beta1", r#"{"user":"u","group":["g"],"nonResourceAttributes":{"path":"/api","verb":"get"}}"#);
    let target = Target::NonResource { path: "/api".into(), verb: "get".into() };
    let request = Request { user: "u".into(), groups: vec!["g".into()], target, ..Request::default() };
    assert_eq!(parse(text.as_bytes()), Ok(Review { version: Version::V1beta1, request }));
}

#[test]
fn the_groups_key_of_the_other_version_is_malformed_rather_than_no_groups() {
    let attributes = r#""nonResourceAttributes":{"path":"/","verb":"get"}"#;
    assert_eq!(
        [
            malformed(&spec("v1", &format!(r#"{{"user":"u","group":["g"],{attributes}}}"#))),
            malformed(&spec("v1beta1", &format!(r#"{{"user":"u","groups":["g"],{attributes}}}"#))),
        ],
        ["`spec.group` is of v1beta1, v1 says `spec.groups`", "`spec.groups` is of v1, v1beta1 says `spec.group`"]
    );
}

#[test]
fn a_review_must_ask_for_one_kind_of_thing() {
    let both = r#"{"user":"u","resourceAttributes":{"verb":"get"},"nonResourceAttributes":{"verb":"get"}}"#;
    let neither = r#"{"user":"u"}"#;
    let null = r#"{"user":"u","resourceAttributes":null,"nonResourceAttributes":null}"#;
    assert_eq!(
        [both, neither, null].map(|it| malformed(&spec("v1", it))),
        ["both resource and non-resource attributes", "no attributes", "no attributes"]
    );
    assert_eq!(malformed(r#"{"kind":"SubjectAccessReview","apiVersion":"authorization.k8s.io/v1"}"#), "no attributes");
}

#[test]
fn unknown_keys_raw_selectors_and_nulls_change_nothing() {
    let plain = parsed(&spec("v1", r#"{"user":"u","resourceAttributes":{"verb":"list","resource":"pods"}}"#));
    let noisy = parsed(&spec(
        "v1",
        r#"{"user":"u","uid":null,"groups":null,"extra":null,"conditionalAuthorization":{"enabled":true},"x":[[{}]],
        "resourceAttributes":{"verb":"list","resource":"pods","name":null,"later":1,"labelSelector":null,
        "fieldSelector":{"rawSelector":"spec.nodeName=a","requirements":null}}}"#,
    ));
    assert_eq!(noisy, plain);
}

#[test]
fn a_requirement_with_an_operator_of_the_future_is_left_out() {
    let request = parsed(&spec(
        "v1",
        r#"{"user":"u","resourceAttributes":{"verb":"list","labelSelector":{"requirements":[
        {"key":"a","operator":"Gt","values":["1"]},{"key":"b","operator":"Exists"}]}}}"#,
    ));
    let Target::Resource(at) = request.target else { panic!("no resource") };
    assert_eq!(at.label_selector, [Requirement { key: "b".into(), operator: Operator::Exists, values: vec![] }]);
}

#[test]
fn what_a_user_can_make_too_many_is_malformed_and_keeps_who_asked() {
    let list = |item: &str, count: usize| vec![item; count].join(",");
    let resource = |inner: &str| format!(r#"{{"user":"u","resourceAttributes":{{"verb":"list",{inner}}}}}"#);
    let extra: Vec<_> = (0..129).map(|it| format!(r#""k{it}":[]"#)).collect();
    let table = [
        (format!(r#"{{"user":"u","groups":[{}]}}"#, list(r#""g""#, 1_025)), "more than 1024 groups"),
        (format!(r#"{{"user":"u","extra":{{{}}}}}"#, extra.join(",")), "more than 128 extra keys"),
        (
            format!(r#"{{"user":"u","extra":{{"k":[{}]}}}}"#, list(r#""v""#, 1_025)),
            "more than 1024 values of an extra key",
        ),
        (
            resource(&format!(r#""labelSelector":{{"requirements":[{}]}}"#, list(r#"{"key":"a"}"#, 129))),
            "more than 128 requirements in a selector",
        ),
        (
            resource(&format!(r#""fieldSelector":{{"requirements":[{{"values":[{}]}}]}}"#, list(r#""v""#, 1_025))),
            "more than 1024 values in a requirement of a selector",
        ),
    ];
    for (text, expected) in table {
        let request = parsed(&spec("v1", &text));
        assert_eq!(request.target, Target::Malformed { fault: expected.into() });
        assert_eq!(request.user, "u", "{expected}");
        assert!(request.groups.len() <= 1_024, "{expected}");
    }
}

#[test]
fn as_many_groups_as_active_directory_has_are_fine() {
    let groups = vec![r#""CN=a-group-of-usual-length,OU=groups,DC=example,DC=com""#; 1_015].join(",");
    let text = spec("v1", &format!(r#"{{"user":"u","groups":[{groups}],"resourceAttributes":{{"verb":"get"}}}}"#));
    assert_eq!(parsed(&text).groups.len(), 1_015);
}

#[test]
fn a_review_of_a_hundred_thousand_groups_is_malformed_by_its_size() {
    let text = spec("v1", &format!(r#"{{"user":"u","groups":[{}]}}"#, vec![r#""g""#; 100_000].join(",")));
    assert_eq!(malformed(&text), "the review is larger than 256 KiB");
}

#[test]
fn a_cut_off_review_is_known_by_its_beginning_only_if_that_shows_one() {
    let long = "x".repeat(BODY);
    let late = format!(r#"{{"spec":{{"user":"{long}"}},"kind":"SubjectAccessReview"}}"#);
    let other = format!(r#"{{"kind":"TokenReview","apiVersion":"authentication.k8s.io/v1","spec":"{long}"}}"#);
    assert_eq!([late, other].map(|it| parse(it.as_bytes())), [Err(ReviewFault::Large), Err(ReviewFault::Large)]);
}

#[test]
fn a_nul_is_malformed_wherever_it_stands() {
    let table = [
        r#"{"user":"a\u0000b","resourceAttributes":{"verb":"get"}}"#,
        r#"{"user":"u","groups":["\u0000"],"resourceAttributes":{"verb":"get"}}"#,
        r#"{"user":"u","extra":{"k":["\u0000"]},"resourceAttributes":{"verb":"get"}}"#,
        r#"{"user":"u","resourceAttributes":{"verb":"get","name":"\u0000"}}"#,
        r#"{"user":"u","resourceAttributes":{"verb":"get","labelSelector":{"requirements":[{"key":"\u0000","operator":"In"}]}}}"#,
        r#"{"user":"u","nonResourceAttributes":{"path":"/\u0000","verb":"get"}}"#,
    ];
    for text in table {
        assert_eq!(malformed(&spec("v1", text)), "a NUL in a value", "{text}");
    }
    let escaped = parsed(&spec("v1", r#"{"user":"\\u0000","resourceAttributes":{"verb":"get"}}"#));
    assert_eq!((escaped.user.as_str(), escaped.verb()), (r"\u0000", "get"));
}

#[test]
fn what_is_not_a_review_is_a_fault_with_its_place() {
    let table: [(&[u8], &str); 12] = [
        (b"", "line 1, column 0: EOF while parsing a value"),
        (b"null", "line 1, column 4: invalid type: null, expected an object"),
        (b"[]", "line 1, column 0: invalid type: sequence, expected an object"),
        (br#"{"spec":["a"]}"#, "line 1, column 8: invalid type: sequence, expected an object"),
        (b"{}", "`kind` is ``, not `SubjectAccessReview`"),
        (b"{\"kind\":\"\xff\"}", "byte 9 is not UTF-8"),
        (b"{\"kind\":\"a\0\"}", "line 1, column 11: control character (\\u0000-\\u001F) found while parsing a string"),
        (br#"{"kind":"Pod","apiVersion":"v1"}"#, "`kind` is `Pod`, not `SubjectAccessReview`"),
        (
            br#"{"kind":"SubjectAccessReview","apiVersion":"authorization.k8s.io/v2"}"#,
            "`apiVersion` is `authorization.k8s.io/v2`, neither `authorization.k8s.io/v1` nor `authorization.k8s.io/v1beta1`",
        ),
        (br#"{"kind":"a","kind":"b"}"#, "line 1, column 18: duplicate field `kind`"),
        (br#"{"spec":{"user":"a","user":"b"}}"#, "line 1, column 26: duplicate field `user`"),
        (br#"{"spec":{"extra":{"a":[],"a":[]}}}"#, "line 1, column 28: duplicate key in `extra`"),
    ];
    for (body, expected) in table {
        assert_eq!(fault(body), expected);
    }
}

#[test]
fn depth_costs_nothing_where_it_is_ignored_and_is_a_fault_elsewhere() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let ignored = spec("v1", &format!(r#"{{"user":"u","x":{deep}}}"#));
    assert_eq!(malformed(&ignored), "no attributes");
    let known = spec("v1", &format!(r#"{{"groups":{deep}}}"#));
    assert_eq!(fault(known.as_bytes()), "line 1, column 87: invalid type: sequence, expected a string");
}

#[test]
fn an_answer_mirrors_the_version_and_never_allows_and_denies() {
    let answers = [
        answer(Version::V1, Verdict::Deny, "pathgate: \"no\"\n"),
        answer(Version::V1beta1, Verdict::NoOpinion, ""),
        answer(Version::V1, Verdict::Allow, "yes"),
    ];
    assert_eq!(
        answers.map(|it| String::from_utf8(it).expect("text")),
        [
            r#"{"kind":"SubjectAccessReview","apiVersion":"authorization.k8s.io/v1","status":{"allowed":false,"denied":true,"reason":"pathgate: \"no\"\n"}}"#,
            r#"{"kind":"SubjectAccessReview","apiVersion":"authorization.k8s.io/v1beta1","status":{"allowed":false}}"#,
            r#"{"kind":"SubjectAccessReview","apiVersion":"authorization.k8s.io/v1","status":{"allowed":true,"reason":"yes"}}"#,
        ]
    );
}

#[test]
fn many_reviews_come_as_one_as_an_array_or_as_lines() {
    let one = spec("v1", r#"{"user":"a","nonResourceAttributes":{"verb":"get"}}"#);
    let two = V1.to_owned();
    let users = |input: String| -> Vec<String> {
        parse_many(input.as_bytes()).expect("reviews").into_iter().map(|it| it.request.user).collect()
    };
    assert_eq!(users(one.clone()), ["a"]);
    assert_eq!(users(format!("{one}\n{two}\n\n{one}\n")), ["a", "alice", "a"]);
    assert_eq!(users(format!(" [{one} ,\n{two}] \n")), ["a", "alice"]);
    assert_eq!(users(" [ ] ".into()), Vec::<String>::new());
    assert_eq!(users("\n".into()), Vec::<String>::new());
}

#[test]
fn a_fault_among_many_reviews_says_which_and_where() {
    let one = spec("v1", r#"{"user":"a"}"#);
    let length = one.len();
    let table = [
        (
            format!("{one}\n{{\"kind\":3}}"),
            format!(
                "review 2, which starts at line 2 (byte {}): line 1, column 9: invalid type: integer `3`, expected a string",
                length + 1
            ),
        ),
        (
            format!("[{one},\n{{}}]"),
            format!("review 2, which starts at line 2 (byte {}): `kind` is ``, not `SubjectAccessReview`", length + 3),
        ),
        (
            format!("[{one} {one}]"),
            format!(
                "review 2, which starts at line 1 (byte {}): line 1, column 1: a comma or the end of the array was expected",
                length + 2
            ),
        ),
        (
            format!("[{one}"),
            format!(
                "review 2, which starts at line 1 (byte {}): line 1, column 1: a comma or the end of the array was expected",
                length + 1
            ),
        ),
        (
            "[] x".into(),
            "review 1, which starts at line 1 (byte 3): line 1, column 1: nothing may follow the array".into(),
        ),
        ("[".into(), "review 1, which starts at line 1 (byte 1): line 1, column 1: the array does not end".into()),
        ("{".into(), "review 1, which starts at line 1 (byte 0): line 1, column 1: EOF while parsing an object".into()),
    ];
    for (input, expected) in table {
        assert_eq!(parse_many(input.as_bytes()).expect_err("a fault").to_string(), expected, "{input}");
    }
}
