//! What people leave to the control plane.

use crate::{Config, PEOPLE};
use sdk::{Guard, Mode, Question, Rule, Target};

fn masters(_: &Config, question: &Question<'_>) -> Option<String> {
    question.is_from(&["superuser"]).then(|| {
        format!(
            "`{}` is in system:masters, whom kube-apiserver allows everything before it asks anybody; so this question \
             does not come from it",
            question.user()
        )
    })
}

fn reserved(_: &Config, question: &Question<'_>) -> Option<String> {
    if !question.is_from(&["reserved"]) {
        return None;
    }
    let what = match &question.request.target {
        Target::NonResource(at) if at.verb == "get" => return None,
        Target::NonResource(at) => format!("{} {}", at.verb, at.path),
        Target::Resource(at) => {
            let is_secret = at.group.is_empty() && at.resource == "secrets";
            let is_plain = question.context.traversal() == "plain";
            // About itself everybody may ask.
            let is_self = at.verb == "create" && at.resource.starts_with("selfsubject");
            if is_self || (at.is_read() && is_plain && !is_secret) {
                return None;
            }
            at.describe()
        }
    };
    Some(format!(
        "`{}` begins with `system:`, which is reserved for Kubernetes, and is none of its names; it may not {what}",
        question.user()
    ))
}

fn service_status(_: &Config, question: &Question<'_>) -> Option<String> {
    let at = question.resource().filter(|at| at.tuple() == ("", "services", "status") && !at.is_read())?;
    question.is_from(PEOPLE).then(|| {
        format!(
            "`{}` may not {}: the address of a load balancer there catches traffic to it from every pod; the cloud \
             controller manager writes it",
            question.user(),
            at.describe()
        )
    })
}

fn host_volumes(_: &Config, question: &Question<'_>) -> Option<String> {
    let at = question.resource().filter(|at| at.tuple() == ("", "persistentvolumes", ""))?;
    (question.is_from(PEOPLE) && matches!(at.verb.as_str(), "create" | "update" | "patch")).then(|| {
        format!(
            "`{}` may not {}: a volume can be any folder of a node; ask for a claim, and a storage class makes the volume",
            question.user(),
            at.describe()
        )
    })
}

fn debug_containers(_: &Config, question: &Question<'_>) -> Option<String> {
    let at = question.resource().filter(|at| at.tuple() == ("", "pods", "ephemeralcontainers") && !at.is_read())?;
    question.is_from(PEOPLE).then(|| {
        format!(
            "`{}` may not {}: a container that is added to a running pod passes by what checked the pod; debug a copy of it \
             (kubectl debug --copy-to)",
            question.user(),
            at.describe()
        )
    })
}

pub const MASTERS: Guard<Config> = Guard {
    rule: Rule {
        id: "masters-are-not-asked-about",
        summary: "kube-apiserver asks nothing about members of system:masters.",
        advice: "In the shadow by default, because it refuses nobody that kube-apiserver knows: a question about them comes \
                 from another program that uses the gate, or from a forged one. Look who connects.",
        source: "https://kubernetes.io/docs/reference/access-authn-authz/rbac/#user-facing-roles",
    },
    mode: Mode::Shadow,
    allow: &[],
    check: masters,
};

pub const RESERVED: Guard<Config> = Guard {
    rule: Rule {
        id: "reserved-names",
        summary: "A user that begins with `system:` and is none of Kubernetes' own changes nothing and opens nothing.",
        advice: "It is a misspelt component, a component of your distribution, or somebody who wants to look like one. If it \
                 is yours, add it to `allow.reserved-names`.",
        source: "https://kubernetes.io/docs/reference/access-authn-authz/rbac/#referring-to-subjects",
    },
    mode: Mode::On,
    allow: &[],
    check: reserved,
};

pub const SERVICE_STATUS: Guard<Config> = Guard {
    rule: Rule {
        id: "service-status",
        summary: "People do not write a service's status.",
        advice: "The load balancer's address in it is believed by every node. If somebody stands in for a cloud controller, \
                 add the user to `allow.service-status`. What a service's spec claims as external IPs is in the body, for \
                 the admission plugin DenyServiceExternalIPs.",
        source: "CVE-2020-8554 (kubernetes/kubernetes#97076)",
    },
    mode: Mode::On,
    allow: &[],
    check: service_status,
};

pub const HOST_VOLUMES: Guard<Config> = Guard {
    rule: Rule {
        id: "host-volumes",
        summary: "Persistent volumes are made by storage classes.",
        advice: "A volume of the type hostPath is the node's own disk. In the shadow by default, because administrators with \
                 a group of their own make volumes by hand: add them to `allow.host-volumes`, `group:NAME` for a group, then \
                 set `rules.host-volumes` to `on`.",
        source: "rbac-good-practices: persistent volume creation",
    },
    mode: Mode::Shadow,
    allow: &["group:kubeadm:cluster-admins"],
    check: host_volumes,
};

pub const DEBUG_CONTAINERS: Guard<Config> = Guard {
    rule: Rule {
        id: "debug-containers",
        summary: "Nobody adds a container to a running pod.",
        advice: "In the shadow by default, because `kubectl debug` does it. Admission plugins that look at pods have missed \
                 these containers before. Add who may to `allow.debug-containers`, then set `rules.debug-containers` to `on`.",
        source: "CVE-2023-2727, CVE-2023-2728 (kubernetes/kubernetes#118640)",
    },
    mode: Mode::Shadow,
    allow: &["group:kubeadm:cluster-admins"],
    check: debug_containers,
};
