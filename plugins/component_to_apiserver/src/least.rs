//! The least that a component needs.

use crate::Config;
use sdk::{Guard, Mode, Question, ResourceAttributes, Rule, Target};

fn kubelet_client(config: &Config, question: &Question<'_>) -> Option<String> {
    let is_kubelets = question.resource().is_some_and(|at| {
        at.group.is_empty() && at.resource == "nodes" && (!at.subresource.is_empty() || at.verb == "proxy")
    });
    (question.user() == config.kubelet_client && !is_kubelets).then(|| {
        format!(
            "`{}` is kube-apiserver's client to kubelets, and asks kubelets only, about nodes/*; use an identity of your \
             own",
            question.user()
        )
    })
}

fn aggregator(config: &Config, question: &Question<'_>) -> Option<String> {
    let is_reading = matches!(&question.request.target, Target::NonResource(at) if at.verb == "get");
    (config.aggregators.iter().any(|it| it == question.user()) && !is_reading).then(|| {
        format!(
            "`{}` is kube-apiserver's client to aggregated APIs, and reads their discovery and OpenAPI only; use an \
             identity of your own",
            question.user()
        )
    })
}

/// Everybody in this group counts as control plane, so it must be good for nothing else.
fn monitoring(_: &Config, question: &Question<'_>) -> Option<String> {
    let is_harmless = match &question.request.target {
        Target::NonResource(at) => at.verb == "get",
        Target::Resource(at) => is_check(at) || (at.is_read() && !is_content(at) && !at.is_door()),
    };
    (question.request.is_member("system:monitoring") && !question.user().starts_with("system:") && !is_harmless).then(
        || {
            format!(
                "`{}` is in the group system:monitoring, which reads health and metrics; it writes nothing and reads no \
                 secrets",
                question.user()
            )
        },
    )
}

fn scheduler(config: &Config, question: &Question<'_>) -> Option<String> {
    let is_secret = question.resource().is_some_and(|at| at.group.is_empty() && at.resource == "secrets");
    (question.user() == config.scheduler && is_secret)
        .then(|| "the scheduler needs no secrets; whoever asks has its credential".into())
}

fn kube_proxy(config: &Config, question: &Question<'_>) -> Option<String> {
    let at = question.resource()?;
    let is_event = matches!(at.resource.as_str(), "events") && matches!(at.group.as_str(), "" | "events.k8s.io");
    let is_needed = is_check(at) || is_event || (at.is_read() && !is_content(at) && !at.is_door());
    (question.user() == config.kube_proxy && !is_needed).then(|| {
        format!("kube-proxy reads nodes, services and endpoints and writes events; it needs no `{}`", at.describe())
    })
}

fn opens_nothing(config: &Config, question: &Question<'_>) -> Option<String> {
    let at = question.resource()?;
    ((at.is_door() || at.is_impersonation()) && question.user() != config.kubelet_client).then(|| {
        format!(
            "`{}` is a program of the control plane and needs no `{}`; use a person's identity",
            question.user(),
            at.describe()
        )
    })
}

fn is_content(at: &ResourceAttributes) -> bool {
    at.group.is_empty() && at.resource == "secrets"
}

/// What every authenticated program may ask: about itself, or about who calls it.
fn is_check(at: &ResourceAttributes) -> bool {
    at.verb == "create" && matches!(at.group.as_str(), "authorization.k8s.io" | "authentication.k8s.io")
}

pub const KUBELET_CLIENT: Guard<Config> = Guard {
    rule: Rule {
        id: "kubelet-client-asks-kubelets",
        summary: "kube-apiserver's client certificate for kubelets is good for kubelets, and nothing else.",
        advice: "kubeadm 1.29 to 1.36 puts this certificate into kubeadm:cluster-admins, so its key is an administrator's. Only \
                 kubelets ask about it. If the name is another on your cluster, set `kubeletClient`.",
        source: "https://kubernetes.io/docs/setup/best-practices/certificates/, kubernetes/kubernetes#121837",
    },
    mode: Mode::On,
    allow: &[],
    check: kubelet_client,
};

pub const AGGREGATOR: Guard<Config> = Guard {
    rule: Rule {
        id: "aggregator-reads-discovery",
        summary: "The clients that kube-apiserver uses towards aggregated APIs read discovery and OpenAPI only.",
        advice: "The front proxy's certificate speaks for others, never for itself. If your aggregated API asks about them for \
                 more, add the user to `allow.aggregator-reads-discovery`.",
        source: "https://kubernetes.io/docs/tasks/extend-kubernetes/configure-aggregation-layer/",
    },
    mode: Mode::On,
    allow: &[],
    check: aggregator,
};

pub const MONITORING: Guard<Config> = Guard {
    rule: Rule {
        id: "monitoring-reads",
        summary: "The group system:monitoring writes nothing, reads no secrets and opens no proxy.",
        advice: "The group is made for probes of health and metrics. A person or program that does more needs another group; \
                 otherwise add it to `allow.monitoring-reads`.",
        source: "https://kubernetes.io/docs/reference/access-authn-authz/rbac/#other-component-roles",
    },
    mode: Mode::On,
    allow: &[],
    check: monitoring,
};

pub const SCHEDULER: Guard<Config> = Guard {
    rule: Rule {
        id: "scheduler-reads-no-secrets",
        summary: "The scheduler touches no secrets.",
        advice: "system:kube-scheduler has no right to them by default; a binding gave it one. If an out-of-tree plugin of \
                 yours needs secrets, add the scheduler to `allow.scheduler-reads-no-secrets`.",
        source: "https://kubernetes.io/docs/reference/access-authn-authz/rbac/#core-component-roles",
    },
    mode: Mode::On,
    allow: &[],
    check: scheduler,
};

pub const KUBE_PROXY: Guard<Config> = Guard {
    rule: Rule {
        id: "kube-proxy-reads",
        summary: "kube-proxy reads, and writes events; it touches no secrets.",
        advice: "It runs on every node, so its credential is as easily stolen as a node's. If the name is another on your \
                 cluster, set `kubeProxy`.",
        source: "https://kubernetes.io/docs/reference/access-authn-authz/rbac/#core-component-roles (system:node-proxier)",
    },
    mode: Mode::On,
    allow: &[],
    check: kube_proxy,
};

pub const OPENS_NOTHING: Guard<Config> = Guard {
    rule: Rule {
        id: "component-opens-nothing",
        summary: "Programs of the control plane open no shell, forward no port, proxy to no workload and impersonate nobody.",
        advice: "None of Kubernetes' own does: who does has a component's credential. Otherwise add the user to \
                 `allow.component-opens-nothing`.",
        source: "rbac-good-practices: access to proxy subresource of nodes, impersonate verb",
    },
    mode: Mode::On,
    allow: &[],
    check: opens_nothing,
};
