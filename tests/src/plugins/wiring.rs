//! Components are wired anew where that is faster, and answer the same.

use super::*;
use host::plugins::builtin;

#[test]
fn a_plugin_that_authorizes_by_a_digest_is_served_only_when_it_asks_for_one() -> Result<()> {
    let plugins = sandboxes()?;
    let component = encode::encode(&wat::parse_str(digests()?)?)?;
    let plugin = load(&plugins, Spec { component: component.into(), ..spec(&[])? })?;
    let answer = |letters| plugins.ask(&plugin, 0, &[], &request(letters), None).map(|it| (it.verdict, it.reason));
    assert_eq!(answer(0), Ok((Verdict::NoOpinion, String::new())));
    assert_eq!(answer(3), Ok((Verdict::Deny, "not a limit".to_owned())));
    Ok(())
}

/// Fuel that lasts for one of the two goes at the question is not granted twice.
#[test]
fn a_plugin_that_burns_its_fuel_before_it_asks_for_a_digest_is_out_of_fuel() -> Result<()> {
    let plugins = sandboxes()?;
    let burns = "(local $left i32) (local.set $left (i32.const 200000))
        (loop $again (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))";
    let text = digests()?.replace("(if (i32.load offset=20", &format!("{burns} (if (i32.load offset=20"));
    let component = encode::encode(&wat::parse_str(text)?)?;
    let plugin = load(&plugins, Spec { component: component.into(), ..spec(&[])? })?;
    let ask = |letters| plugins.ask(&plugin, 0, &[], &request(letters), None).map(|it| it.verdict);
    let failed = Failed { kind: Failure::Fuel, detail: String::new() };
    assert_eq!((ask(0), ask(3)), (Ok(Verdict::NoOpinion), Err(failed)));
    Ok(())
}

#[test]
fn a_component_that_is_wired_otherwise_than_ours_is_left_whole() -> Result<()> {
    let mut component = encode::encode(&wat::parse_str(digests()?)?)?;
    assert!(encode::is_ours(&component));
    // First comes the module's own export, then the name by which the component looks for it.
    let name = b"pathgate:policy/authorize@1.0.0#decide";
    let at = component.windows(name.len()).enumerate().filter(|(_, it)| it == name).nth(1).context("no such name")?.0;
    component[at..at + name.len()].copy_from_slice(b"pathgate:policy/authorize@1.0.0#decidd");
    assert!(!encode::is_ours(&component));
    Ok(())
}

#[test]
fn a_plugin_is_given_its_imports_directly_unless_it_keeps_data_for_later() -> Result<()> {
    let plugins = sandboxes()?;
    let (rest, _) =
        digests()?.rsplit_once(')').map(|(rest, end)| (rest.to_owned(), end.to_owned())).context("no end")?;
    let later = format!(r#"{rest} (data "later"))"#);
    for (text, is_direct) in [(digests()?, true), (later, false)] {
        let component = encode::encode(&wat::parse_str(text)?)?;
        assert_eq!(encode::direct(&component)?.is_some(), is_direct);
        let plugin = load(&plugins, Spec { component: component.into(), ..spec(&[])? })?;
        assert_eq!(plugins.ask(&plugin, 0, &[], &request(3), None).map(|it| it.verdict), Ok(Verdict::Deny));
    }
    let component = builtin().remove("user_to_apiserver").context("no such component")?;
    assert!(encode::direct(component)?.is_none(), "it imports nothing");
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

/// The core module of `loop.wat`, in which `decide` denies whoever has a name, with a reason as long as the name's digest
/// less 21.
fn digests() -> Result<String> {
    let from = LOOP.find("(core module $code").context("no module")?;
    let to = LOOP.find("(core instance $core").context("no instance")?;
    let import = r#"(module (import "pathgate:policy/crypto@1.0.0" "digest" (func $digest (param i32 i32 i32 i32)))"#;
    let decide = "(if (i32.load offset=20 (local.get $arguments)) (then
        (call $digest (i32.const 0) (i32.load offset=16 (local.get $arguments)) (i32.load offset=20 (local.get $arguments))
          (i32.const 216))
        (i32.store8 (i32.const 144) (i32.const 2)) (i32.store (i32.const 156) (i32.const 273))
        (i32.store (i32.const 160) (i32.sub (i32.load (i32.const 220)) (i32.const 21))))) (i32.const 144)";
    let text = LOOP.get(from..to).context("no module")?.replace("(core module $code", import).replace(LOOPS, decide);
    let text = text
        .replace(r#""realloc""#, r#""cabi_realloc""#)
        .replace(r#""decide""#, r#""pathgate:policy/authorize@1.0.0#decide""#);
    let plugin = |text: String, name| {
        text.replace(&format!(r#""{name}""#), &format!(r#""pathgate:policy/plugin@1.0.0#{name}""#))
    };
    Ok(["describe", "init"].into_iter().fold(text, plugin))
}
