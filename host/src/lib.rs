//! Pathgate's host: it loads policy plugins into sandboxes and sits where a communication path can be judged.
//!
//! From the top floor down; a module uses lower floors only (`cargo xtask tidy`):
//!
//! | floor | modules |
//! | --- | --- |
//! | 4 edge | [`cli`] the verbs, [`app`] bind and run, [`demo`] the show on a stand-in cluster, [`drill`] the attack pack |
//! | 3 doors | [`authz`] the authorization webhook, [`admin`] health and metrics, [`api`] the dashboard, [`approver`] kubelets' certificate requests, [`probe`] looks at kubelets, [`replay`] asks again what a log shows |
//! | 2 judge | [`judge`] classify, gather facts, ask plugins, combine, journal |
//! | 1 tools | [`plugins`] the sandboxes, [`journal`] what was decided, [`inventory`] what the cluster holds, [`cluster`] its API, [`serve`] sockets, [`manifests`] configuration files |
//! | 0 facts | [`paths`] the classification, [`authorization`] kube-apiserver's chain, [`generate`] files for a cluster, [`review`] Kubernetes' JSON, [`audit`] its audit log, [`decision`] what doors ask and are told, [`health`], [`config`], [`id`], [`acts`] what the gate did of late, [`posture`] what is known of every path, [`board`] what the dashboard shows, [`revocation`] the list of dead credentials, [`break_glass`] a way past one path, [`signed`] documents with a signature, [`json`], [`peer`] who is at the other end of TLS, [`bundle`] certificates as files hold them, [`certificate`] one in words, [`csr`] certificate requests, [`tokens`] by which nodes join, [`joins`] how far they came |

pub mod acts;
pub mod admin;
pub mod api;
pub mod app;
pub mod approver;
pub mod audit;
pub mod authorization;
pub mod authz;
pub mod board;
pub mod break_glass;
pub mod bundle;
pub mod certificate;
pub mod cli;
pub mod cluster;
pub mod config;
pub mod csr;
pub mod decision;
pub mod demo;
pub mod drill;
pub mod generate;
pub mod health;
pub mod id;
pub mod inventory;
pub mod joins;
pub mod journal;
pub mod json;
pub mod judge;
pub mod manifests;
pub mod paths;
pub mod peer;
pub mod plugins;
pub mod posture;
pub mod probe;
pub mod replay;
pub mod review;
pub mod revocation;
pub mod serve;
pub mod signed;
pub mod tokens;
