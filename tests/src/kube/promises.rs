//! What the gate promises to a cluster, in the order in which it is kept.

use super::Setting;
use anyhow::Result;

mod attack;
mod begin;
mod check;
mod guard;
mod pack;
mod raw;
mod record;
mod replay;
mod requests;
mod swap;

/// A promise and how to see that it is kept.
pub struct Promise {
    pub name: &'static str,
    /// Without it the next ones make no sense.
    pub vital: bool,
    pub keep: fn(&mut Setting) -> Result<()>,
}

macro_rules! promises {
    ($($(#[$vital:ident])? $module:ident :: $name:ident,)+) => {
        &[$(Promise { name: stringify!($name), vital: promises!(@ $($vital)?), keep: $module::$name },)+]
    };
    (@ vital) => { true };
    (@) => { false };
}

pub const ALL: &[Promise] = promises![
    #[vital]
    begin::the_apiserver_comes_up_while_the_gate_is_down,
    #[vital]
    begin::the_apiserver_obeys_the_gate_once_it_is_there,
    #[vital]
    begin::a_node_joins_by_tls_bootstrap_with_the_gate_enforcing,
    #[vital]
    guard::a_pod_is_scheduled_and_runs,
    guard::an_administrator_execs_and_reads_logs,
    guard::an_administrator_forwards_a_port,
    guard::a_service_account_with_nodes_proxy_is_refused_with_our_reason,
    guard::its_twin_with_nodes_metrics_passes,
    guard::a_kubelet_reads_its_own_node_and_no_other,
    attack::attacks_that_rbac_allows_are_refused_and_their_twins_are_not,
    attack::one_revoked_certificate_is_dead_and_its_neighbour_lives,
    requests::a_kubelet_got_its_certificates_from_the_gate_alone,
    requests::attacks_on_certificates_are_denied_and_their_twin_is_approved,
    requests::a_right_that_is_missing_is_told_and_the_decision_kept,
    requests::one_of_two_gates_decides_and_the_other_takes_over,
    check::the_live_cluster_is_checked_with_its_kubelets,
    swap::a_changed_config_takes_effect_without_a_restart,
    swap::a_plugin_that_loops_is_contained,
    begin::the_cluster_goes_on_while_the_gate_restarts,
    requests::certificates_are_renewed_without_a_gap,
    record::the_journal_holds_one_row_for_each_review,
    record::every_decision_in_the_audit_log_is_in_the_journal,
    record::nothing_was_refused_but_what_was_provoked,
    record::what_the_cluster_lives_by_is_in_the_list_of_vital_flows,
    replay::a_replay_of_the_audit_log_gives_what_was_decided_live,
    replay::a_replay_of_the_journal_gives_what_was_decided_live,
    replay::a_refused_request_is_rebuilt_from_the_audit_log_as_the_gate_was_asked,
    pack::the_whole_pack_is_refused_by_the_real_apiserver_and_no_twin,
];
