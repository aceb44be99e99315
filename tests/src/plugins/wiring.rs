//! Components are wired anew where that is faster, and answer the same.

use super::*;
use host::plugins::builtin;

#[test]
fn a_component_that_is_wired_otherwise_than_ours_is_left_as_it_is() -> Result<()> {
    let mut component = encode::encode(&wat::parse_str(digests()?)?)?;
    assert!(encode::direct(&component, &component)?.is_some());
    // First comes the module's own export, then the name by which the component looks for it.
    let name = b"pathgate:policy/authorize@1.0.0#decide";
    let at = component.windows(name.len()).enumerate().filter(|(_, it)| it == name).nth(1).context("no such name")?.0;
    component[at..at + name.len()].copy_from_slice(b"pathgate:policy/authorize@1.0.0#decidd");
    assert!(encode::direct(&component, &component)?.is_none());
    Ok(())
}

#[test]
fn a_plugin_is_given_its_imports_directly_unless_it_keeps_data_for_later() -> Result<()> {
    let plugins = sandboxes()?;
    for (hash, bytes) in [(0, 32), (1, 48), (2, 64)] {
        let text = digests()?.replace("$digest (i32.const 0)", &format!("$digest (i32.const {hash})"));
        let (rest, _) = text.rsplit_once(')').context("no end")?;
        for (text, is_direct) in [(format!(r#"{rest} (data "later"))"#), false), (text, true)] {
            let component = encode::encode(&wat::parse_str(text)?)?;
            assert_eq!(encode::direct(&component, &component)?.is_some(), is_direct);
            let plugin = load(&plugins, Spec { component: component.into(), ..spec(&[])? })?;
            let answer = |letters| plugins.ask(&plugin, 0, &[], &request(letters), None);
            let answers = [0, 3].map(|it| answer(it).map(|it| (it.verdict, it.reason.len())));
            assert_eq!(answers, [Ok((Verdict::NoOpinion, 0)), Ok((Verdict::Deny, bytes - 21))]);
        }
    }
    for (name, component) in builtin() {
        let imports = component.windows(24).any(|it| it == b"pathgate:policy/crypto@1");
        assert_eq!(encode::direct(component, component)?.is_some(), imports, "{name}");
    }
    Ok(())
}

#[test]
fn what_frees_an_answer_is_no_part_of_a_component() -> Result<()> {
    let text = digests()?;
    let (rest, _) = text.rsplit_once(')').context("no end")?;
    let frees = r#"(func (export "cabi_post_pathgate:policy/plugin@1.0.0#describe") (param i32))"#;
    let module = wat::parse_str(format!("{rest} {frees})"))?;
    let says = |bytes: &[u8]| bytes.windows(10).any(|it| it == b"cabi_post_");
    assert_eq!((says(&module), says(&encode::encode(&module)?)), (true, false));
    Ok(())
}

/// The core module of `loop.wat`, in which `decide` denies whoever has a name. The reason is as long as the digest of the name, and as
/// what was allocated for that, in the mean, less 21.
fn digests() -> Result<String> {
    let from = LOOP.find("(core module $code").context("no module")?;
    let to = LOOP.find("(core instance $core").context("no instance")?;
    let import = r#"(module (import "pathgate:policy/crypto@1.0.0" "digest" (func $digest (param i32 i32 i32 i32)))"#;
    let decide = "(if (i32.load offset=20 (local.get $arguments)) (then
        (call $digest (i32.const 0) (i32.load offset=16 (local.get $arguments)) (i32.load offset=20 (local.get $arguments))
          (i32.const 216))
        (i32.store8 (i32.const 144) (i32.const 2)) (i32.store (i32.const 156) (i32.const 273))
        (i32.store (i32.const 160) (i32.sub (i32.shr_u (i32.add (i32.load (i32.const 220))
          (i32.sub (global.get $free) (i32.load (i32.const 216)))) (i32.const 1)) (i32.const 21))))) (i32.const 144)";
    let text = LOOP.get(from..to).context("no module")?.replace("(core module $code", import).replace(LOOPS, decide);
    let text = text
        .replace(r#""realloc""#, r#""cabi_realloc""#)
        .replace(r#""decide""#, r#""pathgate:policy/authorize@1.0.0#decide""#);
    let plugin = |text: String, name| {
        text.replace(&format!(r#""{name}""#), &format!(r#""pathgate:policy/plugin@1.0.0#{name}""#))
    };
    Ok(["describe", "init"].into_iter().fold(text, plugin))
}
