//! The macro that makes a crate a plugin.

/// Makes this crate a plugin: names its config, its rules, what it is asked about, and a function for each export.
///
/// `asks` limits what `authorize` is asked: entries `source:NAME` and `traversal:NAME`; an empty list means everything.
/// Exports are any of `authorize: f`, `verify_peer: f`, `approve_csr: f`, `gate: f`.
#[macro_export]
macro_rules! plugin {
    (asks: [$($ask:expr),* $(,)?], config: $config:ty, rules: $rules:expr, $($export:ident: $function:path),+ $(,)?) => {
        // Natively the crate is a plain library, for unit tests; only WebAssembly has exports.
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            struct Component;
            static CONFIG: $crate::internal::OnceLock<$config> = $crate::internal::OnceLock::new();

            impl $crate::bindings::exports::pathgate::policy::plugin::Guest for Component {
                fn describe() -> $crate::bindings::exports::pathgate::policy::plugin::Info {
                    $crate::internal::describe::<$config>(
                        env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"), &[$($ask),*], &$rules,
                    )
                }

                fn init(config: String) -> Result<(), Vec<$crate::Fault>> {
                    $crate::internal::install();
                    let parsed = $crate::internal::parse::<$config>(&config)?;
                    drop(config);
                    CONFIG.set(parsed).map_err(|_| {
                        vec![$crate::Fault { pointer: String::new(), message: "init was called twice".into() }]
                    })?;
                    $crate::internal::settle();
                    Ok(())
                }
            }

            fn config() -> &'static $config {
                CONFIG.get().expect("the host calls init before everything else")
            }

            $crate::__export_pathgate_policy_plugin_1_0_0_cabi!(
                Component with_types_in $crate::bindings::exports::pathgate::policy::plugin);
            $($crate::__export!($export, $function, Component, config);)+
        };
        #[cfg(not(target_arch = "wasm32"))]
        const _: fn() = || {
            // Used by the exports only.
            let _ = ($($function,)+);
            let _ = &$rules;
        };
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __export {
    (authorize, $function:path, $component:ident, $config:ident) => {
        impl $crate::authorize::Guest for $component {
            fn decide(context: $crate::Context, request: $crate::Request) -> $crate::Answer {
                $function($config(), &context, &request)
            }
        }
        $crate::__export_pathgate_policy_authorize_1_0_0_cabi!(
            $component with_types_in $crate::bindings::exports::pathgate::policy::authorize);
    };
    (verify_peer, $function:path, $component:ident, $config:ident) => {
        impl $crate::verify_peer::Guest for $component {
            fn verify(context: $crate::Context, peer: $crate::verify_peer::Peer) -> $crate::verify_peer::Outcome {
                $function($config(), &context, &peer)
            }
        }
        $crate::__export_pathgate_policy_verify_peer_1_0_0_cabi!(
            $component with_types_in $crate::bindings::exports::pathgate::policy::verify_peer);
    };
    (approve_csr, $function:path, $component:ident, $config:ident) => {
        impl $crate::approve_csr::Guest for $component {
            fn decide(
                context: $crate::Context, csr: $crate::approve_csr::Csr, node: Option<$crate::approve_csr::Node>,
            ) -> $crate::approve_csr::Outcome {
                $function($config(), &context, &csr, node.as_ref())
            }
        }
        $crate::__export_pathgate_policy_approve_csr_1_0_0_cabi!(
            $component with_types_in $crate::bindings::exports::pathgate::policy::approve_csr);
    };
    (gate, $function:path, $component:ident, $config:ident) => {
        impl $crate::gate::Guest for $component {
            fn decide(context: $crate::Context, connection: $crate::gate::Connection) -> $crate::gate::Outcome {
                $function($config(), &context, &connection)
            }
        }
        $crate::__export_pathgate_policy_gate_1_0_0_cabi!(
            $component with_types_in $crate::bindings::exports::pathgate::policy::gate);
    };
}
