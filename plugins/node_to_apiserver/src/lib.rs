//! Kubelets calling kube-apiserver.
