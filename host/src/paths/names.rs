//! What the identities of a control plane are called. Data, nothing else.

use std::collections::HashSet;

/// The identities that a cluster's control plane uses. The default is that of kubeadm, Kubernetes 1.36.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// Users that are control-plane components.
    pub components: HashSet<String>,
    /// Groups whose members are control-plane components.
    pub groups: HashSet<String>,
    /// Service accounts in `kube-system` under which kube-controller-manager runs its controllers.
    pub controllers: HashSet<String>,
    /// The port that kubelets listen on: a node proxy to it goes by the kubelet transport.
    pub kubelet_port: String,
}

impl Default for Names {
    fn default() -> Names {
        let set = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        Names {
            components: set(COMPONENTS),
            groups: set(&["system:monitoring"]),
            controllers: set(CONTROLLERS),
            kubelet_port: "10250".into(),
        }
    }
}

const COMPONENTS: &[&str] = &[
    "front-proxy-client",
    "kube-apiserver-kubelet-client",
    "system:aggregator",
    "system:apiserver",
    "system:cloud-controller-manager",
    "system:konnectivity-server",
    "system:kube-aggregator",
    "system:kube-controller-manager",
    "system:kube-proxy",
    "system:kube-scheduler",
];

/// The subjects of `system:controller:*` in Kubernetes 1.36, whatever its feature gates, and those of the roles in
/// `kube-system`.
const CONTROLLERS: &[&str] = &[
    "attachdetach-controller",
    "bootstrap-signer",
    "certificate-controller",
    "cloud-provider",
    "clusterrole-aggregation-controller",
    "cronjob-controller",
    "daemon-set-controller",
    "deployment-controller",
    "device-taint-eviction-controller",
    "disruption-controller",
    "endpoint-controller",
    "endpointslice-controller",
    "endpointslicemirroring-controller",
    "ephemeral-volume-controller",
    "expand-controller",
    "generic-garbage-collector",
    "horizontal-pod-autoscaler",
    "job-controller",
    "kube-apiserver-serving-clustertrustbundle-publisher",
    "legacy-service-account-token-cleaner",
    "namespace-controller",
    "node-controller",
    "persistent-volume-binder",
    "pod-garbage-collector",
    "podcertificaterequestcleaner",
    "podgroup-protection-controller",
    "pv-protection-controller",
    "pvc-protection-controller",
    "replicaset-controller",
    "replication-controller",
    "resource-claim-controller",
    "resourcepoolstatusrequest-controller",
    "resourcequota-controller",
    "root-ca-cert-publisher",
    "route-controller",
    "selinux-warning-controller",
    "service-account-controller",
    "service-cidrs-controller",
    "service-controller",
    "statefulset-controller",
    "storage-version-garbage-collector",
    "storage-version-migrator-controller",
    "token-cleaner",
    "ttl-after-finished-controller",
    "ttl-controller",
    "validatingadmissionpolicy-status-controller",
    "volumeattributesclass-protection-controller",
];
