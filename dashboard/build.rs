//! Gives the module the stack that building views needs.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var_os("CARGO_CFG_TARGET_ARCH").is_some_and(|arch| arch == "wasm32") {
        // The workspace's 64 KiB are for plugins. Views nest deeply while they are built: the usual MiB is right here.
        println!("cargo::rustc-link-arg-bins=-zstack-size=1048576");
    }
}
