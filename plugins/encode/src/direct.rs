//! A component that is given its imports directly.
//!
//! An import reads the memory of who calls it. That is there only once the plugin is, and the plugin is not without its imports: the
//! usual way out is a table of functions that is filled later, by two more core instances of every fresh instance. Here the memory is
//! a module of its own, and comes first.
//!
//! `digest` also writes: it answers with a list, for which the host asks an allocator, again the plugin's. So the plugin asks it
//! before the call, and leaves for the host where that was.

use super::{
    EncodeError,
    wiring::{is_ours, plugin_module, sections},
};
use wasm_encoder::{
    Alias, CanonicalFunctionSection, CanonicalOption, CodeSection, Component, ComponentAliasSection,
    ComponentExportKind, ComponentSectionId, ConstExpr, EntityType, ExportKind, ExportSection, Function,
    FunctionSection, GlobalSection, GlobalType, ImportSection, InstanceSection, MemorySection, MemoryType, Module,
    ModuleArg, ModuleSection, RawSection, TypeSection, ValType,
    reencode::{self, Reencode, utils},
};
use wasmparser::{
    BinaryReader, BinaryReaderError, CanonicalFunction, CodeSectionReader, ComponentCanonicalSectionReader, DataKind,
    DataSectionReader, FunctionSectionReader, Import, ImportSectionReader, MemorySectionReader, Operator, Parser,
    Payload, TypeRef, Validator,
};

/// The snapshot of a component, with its imports given directly. Nothing, if the component is wired otherwise than [`encode`] does it,
/// imports nothing, or does anything with its memory that a compiler does not.
///
/// # Errors
/// When the snapshot cannot be read.
///
/// [`encode`]: super::encode()
pub fn direct(component: &[u8], snapshot: &[u8]) -> Result<Option<Vec<u8>>, EncodeError> {
    if !is_ours(component) {
        return Ok(None);
    }
    let sections = sections(snapshot).map_err(EncodeError::Parse)?;
    let Some(module) = plugin_module(&sections) else { return Ok(None) };
    let Some(plugin) = Plugin::read(module).map_err(EncodeError::Parse)? else { return Ok(None) };
    let wired = plugin.wire(&sections);
    // What would not be valid is not ours after all.
    Ok(wired.filter(|wired| Validator::new().validate_all(wired).is_ok()))
}

/// A core module that imports functions, and keeps all that it has in one memory.
struct Plugin<'a> {
    module: &'a [u8],
    imports: Vec<Import<'a>>,
    /// The import that answers with a list, and its type.
    digest: Option<(u32, u32)>,
    /// Its allocator, for the canonical ABI.
    realloc: u32,
    /// How many functions it has, with those that it imports.
    functions: u32,
    /// The memory as it is when the plugin begins.
    memory: MemoryType,
    data: RawSection<'a>,
}

impl<'a> Plugin<'a> {
    fn read(module: &'a [u8]) -> Result<Option<Plugin<'a>>, BinaryReaderError> {
        let (mut imports, mut functions, mut realloc) = (Vec::new(), 0, None);
        let (mut memories, mut data) = (Vec::new(), None);
        for payload in Parser::new(0).parse_all(module) {
            let payload = payload?;
            match &payload {
                Payload::ImportSection(section) => {
                    imports = section.clone().into_imports().collect::<Result<Vec<_>, _>>()?;
                }
                Payload::FunctionSection(section) => functions = section.count(),
                Payload::MemorySection(section) => {
                    memories = section.clone().into_iter().collect::<Result<_, _>>()?;
                }
                Payload::ExportSection(section) => {
                    for export in section.clone() {
                        let export = export?;
                        realloc = realloc.or((export.name == REALLOC).then_some(export.index));
                        if OTHER_REALLOCS.contains(&export.name) {
                            return Ok(None);
                        }
                    }
                }
                Payload::DataSection(section) if are_fixed(section.clone())? => {
                    data =
                        payload.as_section().and_then(|(id, range)| Some(RawSection { id, data: module.get(range)? }));
                }
                _ => {}
            }
        }
        let ([memory], Some(realloc), Some(data)) = (memories.as_slice(), realloc, data) else { return Ok(None) };
        let Ok(memory) = reencode::RoundtripReencoder.memory_type(*memory) else { return Ok(None) };
        // INVARIANT: of what may be imported, `digest` alone asks for memory.
        let is_known = |it: &Import<'_>| matches!(it.ty, TypeRef::Func(_)) && [DIGEST, VERIFY].contains(&it.name);
        if imports.is_empty() || !imports.iter().all(is_known) {
            return Ok(None);
        }
        let digest = imports.iter().zip(0..).find_map(|(import, at)| match import.ty {
            TypeRef::Func(of) if import.name == DIGEST => Some((at, of)),
            _ => None,
        });
        let functions = functions + u32::try_from(imports.len()).unwrap_or(u32::MAX);
        Ok(Some(Plugin { module, imports, digest, realloc, functions, memory, data }))
    }

    /// The memory with its contents, a place for the address that `digest` is to write to, and the allocator that knows only that.
    fn memory(&self) -> Module {
        let mut module = Module::new();
        let mut types = TypeSection::new();
        types.ty().function([ValType::I32; 4], [ValType::I32]);
        let mut functions = FunctionSection::new();
        functions.function(0);
        let mut memories = MemorySection::new();
        memories.memory(self.memory);
        let mut globals = GlobalSection::new();
        globals.global(ROOM_TYPE, &ConstExpr::i32_const(0));
        let mut exports = ExportSection::new();
        exports.export(MEMORY, ExportKind::Memory, 0);
        exports.export(ROOM, ExportKind::Global, 0);
        exports.export(REALLOC, ExportKind::Func, 0);
        let mut code = CodeSection::new();
        let mut realloc = Function::new([]);
        realloc.instructions().global_get(0).end();
        code.function(&realloc);
        module.section(&types).section(&functions).section(&memories).section(&globals).section(&exports);
        module.section(&code).section(&self.data);
        module
    }

    /// `digest`, after the plugin's allocator was asked for as many bytes as it answers with.
    fn with_room(&self, digest: u32) -> Function {
        let mut function = Function::new([]);
        let mut code = function.instructions();
        code.i32_const(0).i32_const(0).i32_const(1);
        code.local_get(0).i32_const(HASH_STEP).i32_mul().i32_const(LEAST_HASH).i32_add();
        code.call(self.realloc).global_set(0);
        code.local_get(0).local_get(1).local_get(2).local_get(3).call(digest).end();
        function
    }

    /// The component's sections, with the memory before the plugin and without what filled the table.
    fn wire(&self, sections: &[(u8, &[u8])]) -> Option<Vec<u8>> {
        let is = |id: u8, what: ComponentSectionId| id == u8::from(what);
        let last = sections.iter().rposition(|(id, _)| is(*id, ComponentSectionId::CoreInstance))?;
        let (before, after) = sections.split_at_checked(last + 1)?;
        let mut component = Component::new();
        for (id, data) in before {
            if is(*id, ComponentSectionId::Type) || is(*id, ComponentSectionId::Import) {
                component.section(&RawSection { id: *id, data });
            }
        }
        let mut plugin = Module::new();
        { Moved(self) }.parse_core_module(&mut plugin, Parser::new(0), self.module).ok()?;
        component.section(&ModuleSection(&self.memory())).section(&ModuleSection(&plugin));
        let mut instances = InstanceSection::new();
        instances.instantiate(0, NOTHING);
        component.section(&instances);

        let count = u32::try_from(self.imports.len()).ok()?;
        let (mut aliases, mut lowered) = (ComponentAliasSection::new(), CanonicalFunctionSection::new());
        aliases.alias(Alias::CoreInstanceExport { instance: 0, kind: ExportKind::Memory, name: MEMORY });
        aliases.alias(Alias::CoreInstanceExport { instance: 0, kind: ExportKind::Func, name: REALLOC });
        for (import, at) in self.imports.iter().zip(0..) {
            aliases.alias(Alias::InstanceExport { instance: 0, kind: ComponentExportKind::Func, name: import.name });
            lowered.lower(at, [CanonicalOption::UTF8, CanonicalOption::Memory(0), CanonicalOption::Realloc(0)]);
        }
        component.section(&aliases).section(&lowered);

        let module = self.imports.first()?.module;
        let mut instances = InstanceSection::new();
        let imports = self.imports.iter().zip(1..).map(|(import, function)| (import.name, ExportKind::Func, function));
        instances.export_items(imports.collect::<Vec<_>>());
        instances.instantiate(1, [(module, ModuleArg::Instance(1)), (MEMORY, ModuleArg::Instance(0))]);
        component.section(&instances);
        let mut aliases = ComponentAliasSection::new();
        aliases.alias(Alias::CoreInstanceExport { instance: PLUGIN, kind: ExportKind::Func, name: REALLOC });
        component.section(&aliases);

        for (id, data) in after {
            if is(*id, ComponentSectionId::CanonicalFunction) {
                component.section(&lifted(data, count)?);
            } else {
                component.section(&RawSection { id: *id, data });
            }
        }
        Some(component.finish())
    }
}

/// Functions of the plugin, lifted from where they are now. There are as many before them as it imports, and its allocator; before,
/// there were those of the table too.
fn lifted(section: &[u8], imports: u32) -> Option<CanonicalFunctionSection> {
    let mut lifted = CanonicalFunctionSection::new();
    for function in ComponentCanonicalSectionReader::new(BinaryReader::new(section, 0)).ok()? {
        let CanonicalFunction::Lift { core_func_index, type_index, options } = function.ok()? else { return None };
        let options = options.iter().map(|option| match option {
            wasmparser::CanonicalOption::UTF8 => Some(CanonicalOption::UTF8),
            wasmparser::CanonicalOption::Memory(0) => Some(CanonicalOption::Memory(0)),
            wasmparser::CanonicalOption::Realloc(at) if *at == imports => Some(CanonicalOption::Realloc(imports + 1)),
            _ => None,
        });
        let options: Vec<_> = options.collect::<Option<_>>()?;
        lifted.lift(core_func_index.checked_add(1)?.checked_sub(imports)?, type_index, options);
    }
    Some(lifted)
}

/// Whether all data stands at its place from the start. A snapshot begins with an empty piece that stands nowhere.
fn are_fixed(section: DataSectionReader<'_>) -> Result<bool, BinaryReaderError> {
    for data in section {
        let data = data?;
        let is_fixed = match data.kind {
            DataKind::Active { memory_index, offset_expr } => {
                let mut operators = offset_expr.get_operators_reader();
                let address = (operators.read()?, operators.read()?);
                memory_index == 0 && matches!(address, (Operator::I32Const { .. }, Operator::End))
            }
            DataKind::Passive => data.data.is_empty(),
        };
        if !is_fixed {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The module with its memory imported, without data, and with a function in place of the import `digest` that makes room first.
struct Moved<'a>(&'a Plugin<'a>);

type Moving = Result<(), reencode::Error>;

impl Reencode for Moved<'_> {
    type Error = std::convert::Infallible;

    fn function_index(&mut self, function: u32) -> Result<u32, reencode::Error> {
        let is_digest = self.0.digest.is_some_and(|(digest, _)| digest == function);
        Ok(if is_digest { self.0.functions } else { function })
    }

    /// The imported one comes first.
    fn global_index(&mut self, global: u32) -> Result<u32, reencode::Error> {
        Ok(global.saturating_add(1))
    }

    fn data_count(&mut self, _: u32) -> Result<u32, reencode::Error> {
        Ok(0)
    }

    fn parse_import_section(&mut self, imports: &mut ImportSection, section: ImportSectionReader<'_>) -> Moving {
        utils::parse_import_section(self, imports, section)?;
        imports.import(MEMORY, MEMORY, EntityType::Memory(self.0.memory));
        imports.import(MEMORY, ROOM, EntityType::Global(ROOM_TYPE));
        Ok(())
    }

    fn parse_memory_section(&mut self, _: &mut MemorySection, _: MemorySectionReader<'_>) -> Moving {
        Ok(())
    }

    fn parse_function_section(
        &mut self,
        functions: &mut FunctionSection,
        section: FunctionSectionReader<'_>,
    ) -> Moving {
        utils::parse_function_section(self, functions, section)?;
        if let Some((_, of)) = self.0.digest {
            functions.function(of);
        }
        Ok(())
    }

    fn parse_code_section(&mut self, code: &mut CodeSection, section: CodeSectionReader<'_>) -> Moving {
        utils::parse_code_section(self, code, section)?;
        if let Some((digest, _)) = self.0.digest {
            code.function(&self.0.with_room(digest));
        }
        Ok(())
    }

    fn parse_data_section(&mut self, _: &mut wasm_encoder::DataSection, _: DataSectionReader<'_>) -> Moving {
        Ok(())
    }
}

const REALLOC: &str = "cabi_realloc";
/// What wit-component would take for an allocator too.
const OTHER_REALLOCS: [&str; 4] =
    ["canonical_abi_realloc", "cm32p2_realloc", "cabi_import_realloc", "cabi_export_realloc"];
const DIGEST: &str = "digest";
const VERIFY: &str = "verify-signature";
/// Of the module and of what it exports.
const MEMORY: &str = "memory";
const ROOM: &str = "room";
const ROOM_TYPE: GlobalType = GlobalType { val_type: ValType::I32, mutable: true, shared: false };
/// The plugin's core instance, before and after.
const PLUGIN: u32 = 2;
const NOTHING: [(&str, ModuleArg); 0] = [];
/// In bytes: SHA-256, and from each hash of the contract to the next.
const LEAST_HASH: i32 = 32;
const HASH_STEP: i32 = 16;
