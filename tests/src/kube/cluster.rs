//! A control plane of real programs: etcd, kube-apiserver with the gate's webhook first in its chain, controllers and
//! scheduler. Everything it writes is in one folder, and gone with it.

use super::{binaries::Binaries, kubectl::Identity};
use crate::{
    linux,
    pki::{self, Authority, Files},
    process::{Process, eventually},
};
use anyhow::{Context, Result};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};
use tempfile::TempDir;

/// Start it, and everything done with it, from a thread in [`super::namespace::inside`]: its ports are fixed.
pub struct Cluster {
    pub binaries: Binaries,
    processes: BTreeMap<String, Process>,
    authority: Authority,
    folder: TempDir,
}

impl Cluster {
    /// The files of a cluster, before anything runs.
    pub fn prepare(binaries: Binaries) -> Result<Cluster> {
        let folder = TempDir::with_prefix("pathgate-kube-")?;
        let cluster =
            Cluster { binaries, processes: BTreeMap::new(), authority: Authority::new("kubernetes-ca")?, folder };
        cluster.write_credentials()?;
        Ok(cluster)
    }

    /// Where everything is that the cluster writes.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A file in that folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    /// Writes one of the fixtures into the folder, with its blanks filled in.
    pub fn write(&self, name: &str, fixture: &str, blanks: &[(&str, &str)]) -> Result<PathBuf> {
        let folder = self.folder().to_string_lossy();
        let filled =
            blanks.iter().fold(fixture.replace("$FOLDER", &folder), |text, (blank, value)| text.replace(blank, value));
        let path = self.file(name);
        fs::write(&path, filled).with_context(|| format!("write {path:?}"))?;
        Ok(path)
    }

    /// Starts a program of Kubernetes with its log in the folder.
    pub fn start(&mut self, program: &str, args: &[String]) -> Result<()> {
        let mut command = self.binaries.command(program);
        command.args(args);
        self.start_command(program, &mut command)
    }

    fn start_command(&mut self, name: &str, command: &mut Command) -> Result<()> {
        command.env("HOME", self.folder()).current_dir(self.folder());
        let log = self.file(&format!("{name}.log"));
        self.processes.insert(name.to_owned(), Process::start(name, command, &log)?);
        Ok(())
    }

    /// Tries until it succeeds; fails at once when a program of the cluster ended.
    pub fn eventually<T>(&self, what: &str, within: Duration, attempt: impl FnMut() -> Result<T>) -> Result<T> {
        eventually(what, within, &self.processes.values().collect::<Vec<_>>(), attempt)
    }

    /// etcd and kube-apiserver, ready, with what kubeadm would have put there.
    pub fn start_apiserver(&mut self) -> Result<()> {
        let etcd = flags(ETCD, self.folder());
        self.start("etcd", &etcd)?;
        self.write("audit-policy.yaml", include_str!("../../fixtures/kube/audit-policy.yaml"), &[])?;
        let apiserver = flags(APISERVER, self.folder());
        self.start("kube-apiserver", &apiserver)?;
        let root = self.root();
        self.eventually("kube-apiserver is ready", START, || self.kubectl(&root, &["get", "--raw", "/readyz"])?.ok())?;
        self.apply(include_str!("../../fixtures/kube/bootstrap.yaml"))
    }

    /// kube-controller-manager, kube-scheduler, and what the first gives every namespace.
    pub fn start_controllers(&mut self) -> Result<()> {
        let controllers = flags(CONTROLLERS, self.folder());
        self.start("kube-controller-manager", &controllers)?;
        let scheduler = flags(SCHEDULER, self.folder());
        self.start("kube-scheduler", &scheduler)?;
        let root = self.root();
        self.eventually("the controllers work", START, || {
            self.kubectl(&root, &["get", "serviceaccount", "default"])?.ok()?;
            Ok(())
        })
    }

    /// A person, or a program, with a client certificate.
    pub fn user(&self, name: &str, group: Option<&str>) -> Result<Identity> {
        let files = self.authority.client(name, group)?.write(self.folder(), name)?;
        self.with_certificate(name, &files)
    }

    /// The tests themselves: in `system:masters`, so that nothing they look up becomes a review.
    pub fn root(&self) -> Identity {
        Identity::new(self.file("root.kubeconfig"))
    }

    /// Somebody who has a client certificate already.
    pub fn with_certificate(&self, name: &str, files: &Files) -> Result<Identity> {
        let user = format!("client-certificate: {}, client-key: {}", quoted(&files.certificate), quoted(&files.key));
        Identity::write(self.folder(), name, SERVER, &user)
    }

    fn write_credentials(&self) -> Result<()> {
        let folder = self.folder();
        self.authority.identity().write(folder, "ca")?;
        self.authority.server("kube-apiserver", &APISERVER_NAMES)?.write(folder, "apiserver")?;
        let front_proxy = Authority::new("front-proxy-ca")?;
        front_proxy.identity().write(folder, "front-proxy-ca")?;
        front_proxy.client("front-proxy-client", None)?.write(folder, "front-proxy-client")?;
        let kubelet_client = self.authority.client("kube-apiserver-kubelet-client", Some("kubeadm:cluster-admins"))?;
        kubelet_client.write(folder, "kubelet-client")?;
        let (private, public) = pki::key_pair()?;
        fs::write(self.file("service-accounts.key"), private)?;
        fs::write(self.file("service-accounts.pub"), public)?;
        let root = self.authority.client("root", Some("system:masters"))?.write(folder, "root")?;
        self.with_certificate("root", &root)?;
        for component in ["system:kube-controller-manager", "system:kube-scheduler"] {
            let name = component.trim_start_matches("system:");
            let files = self.authority.client(component, None)?.write(folder, name)?;
            self.with_certificate(name, &files)?;
        }
        Ok(())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.processes.clear();
        // What the kubelet mounted for its pods would keep the folder.
        let mounts = fs::read_to_string("/proc/thread-self/mounts").unwrap_or_default();
        let mut below: Vec<_> = mounts.lines().filter_map(|line| line.split(' ').nth(1)).map(PathBuf::from).collect();
        below.retain(|mount| mount.starts_with(self.folder.path()));
        for mount in below.iter().rev() {
            let _ = linux::unmount(mount);
        }
    }
}

/// A list of flags in text, one a line, with the folder filled in.
fn flags(text: &str, folder: &Path) -> Vec<String> {
    text.lines()
        .map(|line| line.trim().replace("$FOLDER", &folder.to_string_lossy()))
        .filter(|it| !it.is_empty())
        .collect()
}

/// A path as a YAML string.
fn quoted(path: &Path) -> String {
    format!("{:?}", path.to_string_lossy())
}

/// Where kube-apiserver is.
pub const SERVER: &str = "https://127.0.0.1:6443";
/// Ten times what it takes on a quiet machine.
const START: Duration = Duration::from_secs(60);
const APISERVER_NAMES: [&str; 5] =
    ["127.0.0.1", "10.96.0.1", "localhost", "kubernetes.default", "kubernetes.default.svc"];

const ETCD: &str = "
    --name=etcd
    --data-dir=$FOLDER/etcd
    --listen-client-urls=http://127.0.0.1:2379
    --advertise-client-urls=http://127.0.0.1:2379
    --listen-peer-urls=http://127.0.0.1:2380
    --initial-advertise-peer-urls=http://127.0.0.1:2380
    --initial-cluster=etcd=http://127.0.0.1:2380
    --unsafe-no-fsync
    --log-level=warn";

const APISERVER: &str = "
    --bind-address=127.0.0.1
    --secure-port=6443
    --advertise-address=127.0.0.1
    --endpoint-reconciler-type=none
    --etcd-servers=http://127.0.0.1:2379
    --service-cluster-ip-range=10.96.0.0/16
    --tls-cert-file=$FOLDER/apiserver.crt
    --tls-private-key-file=$FOLDER/apiserver.key
    --client-ca-file=$FOLDER/ca.crt
    --service-account-issuer=https://kubernetes.default.svc
    --service-account-key-file=$FOLDER/service-accounts.pub
    --service-account-signing-key-file=$FOLDER/service-accounts.key
    --enable-bootstrap-token-auth
    --enable-admission-plugins=NodeRestriction
    --allow-privileged
    --profiling=false
    --kubelet-client-certificate=$FOLDER/kubelet-client.crt
    --kubelet-client-key=$FOLDER/kubelet-client.key
    --kubelet-certificate-authority=$FOLDER/ca.crt
    --kubelet-preferred-address-types=InternalIP
    --requestheader-client-ca-file=$FOLDER/front-proxy-ca.crt
    --requestheader-allowed-names=front-proxy-client
    --requestheader-username-headers=X-Remote-User
    --requestheader-group-headers=X-Remote-Group
    --requestheader-extra-headers-prefix=X-Remote-Extra-
    --proxy-client-cert-file=$FOLDER/front-proxy-client.crt
    --proxy-client-key-file=$FOLDER/front-proxy-client.key
    --audit-policy-file=$FOLDER/audit-policy.yaml
    --audit-log-path=$FOLDER/audit.log
    --authorization-config=$FOLDER/authorization.yaml";

const CONTROLLERS: &str = "
    --bind-address=127.0.0.1
    --kubeconfig=$FOLDER/kube-controller-manager.kubeconfig
    --authentication-kubeconfig=$FOLDER/kube-controller-manager.kubeconfig
    --authorization-kubeconfig=$FOLDER/kube-controller-manager.kubeconfig
    --client-ca-file=$FOLDER/ca.crt
    --requestheader-client-ca-file=$FOLDER/front-proxy-ca.crt
    --cluster-signing-cert-file=$FOLDER/ca.crt
    --cluster-signing-key-file=$FOLDER/ca.key
    --cluster-signing-duration=150s
    --root-ca-file=$FOLDER/ca.crt
    --service-account-private-key-file=$FOLDER/service-accounts.key
    --use-service-account-credentials
    --leader-elect=false
    --controllers=*,-certificatesigningrequest-approving-controller,bootstrap-signer-controller,token-cleaner-controller";

const SCHEDULER: &str = "
    --bind-address=127.0.0.1
    --kubeconfig=$FOLDER/kube-scheduler.kubeconfig
    --authentication-kubeconfig=$FOLDER/kube-scheduler.kubeconfig
    --authorization-kubeconfig=$FOLDER/kube-scheduler.kubeconfig
    --leader-elect=false";
