//! Takes out of the module and its glue what the page never uses, and what only wasm-bindgen reads.

use walrus::Module;

/// The glue without its classes, and without what lets go of them. The dashboard exports none: these are streams of a
/// library, and nothing makes one.
pub fn classes(script: &str) -> String {
    let mut kept = script.to_owned();
    while let Some((before, class)) = kept.split_once("export class ") {
        let name: String = class.chars().take_while(|letter| letter.is_alphanumeric()).collect();
        // The statement behind a class: methods end at the beginning of a line too.
        let Some((_, end)) = class.split_once(&format!("if (Symbol.dispose) {name}.")) else { return kept };
        let Some((_, after)) = end.split_once(";\n") else { return kept };
        kept = without(&format!("{before}{after}"), &format!("const {name}Finalization ="));
    }
    kept
}

/// The text without the statement that begins so.
fn without(text: &str, beginning: &str) -> String {
    let cut = text.split_once(beginning).and_then(|(before, rest)| Some((before, rest.split_once(";\n")?.1)));
    cut.map_or_else(|| text.to_owned(), |(before, after)| before.to_owned() + after)
}

/// The glue with short names for what the module imports from it: in place of a digest, which packs badly and stands in
/// both, the number of the import.
pub fn names(script: &str, module: &mut Module) -> String {
    let mut script = script.to_owned();
    for (number, import) in module.imports.iter_mut().enumerate() {
        if let Some((name, digest)) = import.name.rsplit_once('_')
            && digest.len() == 16
            && digest.bytes().all(|byte| byte.is_ascii_hexdigit())
        {
            let short = format!("{name}_{number}");
            script = script.replace(&import.name, &short);
            import.name = short;
        }
    }
    script
}

/// Forgets what the module offers and the glue does not take, and all that only it needs.
pub fn exports(script: &str, module: &mut Module) {
    let offered = module.exports.iter().filter(|export| !script.contains(&format!("wasm.{}", export.name)));
    let unused: Vec<_> = offered.map(|export| export.id()).collect();
    for export in unused {
        module.exports.delete(export);
    }
    walrus::passes::gc::run(module);
}

/// A script or a style sheet without what only its readers need: comments that begin a line, and indentation.
pub fn lines(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut in_comment = false;
    for line in text.lines().map(str::trim) {
        let line = match (in_comment || line.starts_with("/*"), line.split_once("*/")) {
            (false, _) => line,
            (true, Some((_, rest))) => {
                in_comment = false;
                rest.trim_start()
            }
            (true, None) => {
                in_comment = true;
                continue;
            }
        };
        if !line.is_empty() {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    const GLUE: &str = "\
export class Stream {\nfree() {\nwasm.__wbg_stream_free(this.p, 0);\n}\n}\n\
if (Symbol.dispose) Stream.prototype[Symbol.dispose] = Stream.prototype.free;\n\
function imports() { return { __wbg_log_0123456789abcdef: (a) => console.log(a) }; }\n\
const StreamFinalization = typeof X === 'undefined'\n    ? {}\n    : new X(p => wasm.__wbg_stream_free(p, 1));\n\
wasm.begin();\n";

    #[test]
    fn the_glue_keeps_its_functions_and_loses_its_classes() {
        let kept =
            "function imports() { return { __wbg_log_0123456789abcdef: (a) => console.log(a) }; }\nwasm.begin();\n";
        assert_eq!(classes(GLUE), kept);
    }

    #[test]
    fn lines_lose_comments_and_indentation_and_nothing_else() {
        let text = "/* a sheet\n   of two lines */\n@layer a {\n\n  /* one */\n  /* two */ p { top: 0 } /* said */\n  q::before { content: \"/*\" }\n}\n";
        assert_eq!(lines(text), "@layer a {\np { top: 0 } /* said */\nq::before { content: \"/*\" }\n}\n");
    }

    #[test]
    fn what_the_module_imports_has_the_same_short_name_on_both_sides() {
        let mut module = Module::default();
        let kind = module.types.add(&[], &[]);
        module.add_import_func("glue", "__wbg_log_0123456789abcdef", kind);
        let script = names(&classes(GLUE), &mut module);
        let imported: Vec<_> = module.imports.iter().map(|import| import.name.as_str()).collect();
        assert_eq!((imported, script.contains("{ __wbg_log_0: (a)")), (vec!["__wbg_log_0"], true));
    }

    #[test]
    fn what_the_glue_does_not_take_is_gone() {
        let mut module = Module::default();
        for name in ["begin", "__wbg_stream_free"] {
            let function = walrus::FunctionBuilder::new(&mut module.types, &[], &[]).finish(vec![], &mut module.funcs);
            module.exports.add(name, function);
        }
        exports(&classes(GLUE), &mut module);
        let offered: Vec<_> = module.exports.iter().map(|export| export.name.as_str()).collect();
        assert_eq!((offered, module.funcs.iter().count()), (vec!["begin"], 1));
    }
}
