//! A world's imports and exports as declarations in C, at the level of core WebAssembly.
//!
//! Values in memory become structs that C lays out as the canonical ABI does, which static assertions check. A string
//! and a list of bytes are both the SDK's `sandbus_bytes`.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use wit_parser::abi::{AbiVariant, WasmType};
use wit_parser::{
    Function, InterfaceId, LiftLowerAbi, ManglingAndAbi, Resolve, ResourceIntrinsic, SizeAlign, Type, TypeDefKind,
    TypeId, WasmExport, WasmExportKind, WasmImport, WorldId, WorldItem, WorldKey,
};

const ABI: ManglingAndAbi = ManglingAndAbi::Legacy(LiftLowerAbi::Sync);

pub fn declarations(resolve: &Resolve, world: WorldId) -> String {
    let mut sizes = SizeAlign::default();
    sizes.fill(resolve).unwrap();
    let mut writer = Writer { resolve, sizes, types: String::new(), functions: String::new(), known: BTreeSet::new() };
    for (key, item) in &resolve.worlds[world].imports {
        writer.interface(key, item, true);
    }
    for (key, item) in &resolve.worlds[world].exports {
        writer.interface(key, item, false);
    }
    format!("{}\n{}", writer.types, writer.functions)
}

struct Writer<'a> {
    resolve: &'a Resolve,
    sizes: SizeAlign,
    types: String,
    functions: String,
    /// Types that are declared already.
    known: BTreeSet<String>,
}

impl Writer<'_> {
    fn interface(&mut self, key: &WorldKey, item: &WorldItem, imported: bool) {
        let WorldItem::Interface { id, .. } = item else { panic!("the contract has interfaces alone") };
        let interface = &self.resolve.interfaces[*id];
        for function in interface.functions.values() {
            if imported {
                self.import(key, *id, function);
            } else {
                self.export(key, *id, function);
            }
        }
        for (name, resource) in &interface.types {
            if imported && matches!(self.resolve.types[*resource].kind, TypeDefKind::Resource) {
                self.drop(key, *id, name, *resource);
            }
        }
    }

    fn import(&mut self, key: &WorldKey, interface: InterfaceId, function: &Function) {
        let signature = self.resolve.wasm_signature(AbiVariant::GuestImport, function);
        let (module, field) =
            self.resolve.wasm_import_name(ABI, WasmImport::Func { interface: Some(key), func: function });
        assert!(!signature.indirect_params, "no import of the contract has that many parameters");
        let mut names: Vec<String> =
            function.params.iter().flat_map(|param| self.flat(&param.ty, &snake(&param.name))).collect();
        let mut kinds: Vec<String> = signature.params.iter().map(|ty| c_type(*ty).to_owned()).collect();
        if signature.retptr {
            let result = self.declare(function.result.as_ref().unwrap());
            names.push("result".to_owned());
            *kinds.last_mut().unwrap() = format!("{result} *");
        }
        let result = signature.results.first().map_or("void ", |ty| c_type(*ty));
        let name = self.name(interface, &function.name);
        self.write_import(&module, &field, result, &name, &parameters(&kinds, &names));
    }

    /// How a handle of a resource is given back.
    fn drop(&mut self, key: &WorldKey, interface: InterfaceId, name: &str, resource: TypeId) {
        let intrinsic = ResourceIntrinsic::ImportedDrop;
        let (module, field) = self
            .resolve
            .wasm_import_name(ABI, WasmImport::ResourceIntrinsic { interface: Some(key), resource, intrinsic });
        let name = self.name(interface, &format!("{name}-drop"));
        self.write_import(&module, &field, "void ", &name, "uint32_t self");
    }

    fn write_import(&mut self, module: &str, field: &str, result: &str, name: &str, parameters: &str) {
        writeln!(self.functions, "SANDBUS_WIT_IMPORT(\"{module}\", \"{field}\")\n{result}{name}({parameters});")
            .unwrap();
    }

    fn export(&mut self, key: &WorldKey, interface: InterfaceId, function: &Function) {
        let signature = self.resolve.wasm_signature(AbiVariant::GuestExport, function);
        let names: Vec<String> = if signature.indirect_params {
            vec!["arguments".to_owned()]
        } else {
            function.params.iter().flat_map(|param| self.flat(&param.ty, &snake(&param.name))).collect()
        };
        let mut kinds: Vec<String> = signature.params.iter().map(|ty| c_type(*ty).to_owned()).collect();
        if let ([param], true) = (function.params.as_slice(), signature.indirect_params) {
            kinds = vec![format!("const {} *", self.declare(&param.ty))];
        }
        assert!(signature.retptr, "every export of the contract answers with more than a number");
        let result = self.declare(function.result.as_ref().unwrap());
        let name = self.name(interface, &function.name);
        for (kind, result, name, parameters) in [
            (WasmExportKind::Normal, format!("const {result} *"), name.clone(), parameters(&kinds, &names)),
            (WasmExportKind::PostReturn, "void ".to_owned(), format!("{name}_done"), format!("const {result} *result")),
        ] {
            let export = WasmExport::Func { interface: Some(key), func: function, kind };
            let field = self.resolve.wasm_export_name(ABI, export);
            writeln!(self.functions, "SANDBUS_WIT_EXPORT(\"{field}\")\n{result}{name}({parameters});").unwrap();
        }
    }

    fn name(&self, interface: InterfaceId, function: &str) -> String {
        let interface = self.resolve.interfaces[interface].name.as_deref().unwrap();
        let function = function.trim_start_matches("[method]").replace('.', "-");
        format!("sandbus_wit_{}_{}", snake(interface), snake(&function))
    }

    /// Names of what a parameter is, once it is taken apart to numbers.
    fn flat(&self, ty: &Type, name: &str) -> Vec<String> {
        let Type::Id(id) = ty else {
            return if *ty == Type::String { at_and_len(name) } else { vec![name.to_owned()] };
        };
        match &self.resolve.types[*id].kind {
            TypeDefKind::Type(ty) => self.flat(ty, name),
            TypeDefKind::List(_) => at_and_len(name),
            TypeDefKind::Enum(_) | TypeDefKind::Handle(_) => vec![name.to_owned()],
            TypeDefKind::Option(ty) => [vec![format!("{name}_some")], self.flat(ty, name)].concat(),
            TypeDefKind::Record(record) => {
                record.fields.iter().flat_map(|field| self.flat(&field.ty, &snake(&field.name))).collect()
            }
            other => panic!("no parameter of the contract is a {}", other.as_str()),
        }
    }

    /// The name of a type in memory, which is declared if it was not.
    fn declare(&mut self, ty: &Type) -> String {
        let id = match ty {
            Type::U8 => return "uint8_t".to_owned(),
            Type::U32 => return "uint32_t".to_owned(),
            Type::U64 => return "uint64_t".to_owned(),
            Type::String => return "sandbus_bytes".to_owned(),
            Type::Id(id) => *id,
            other => panic!("no type of the contract is a {other:?}"),
        };
        let resolve = self.resolve;
        let definition = &resolve.types[id];
        if let TypeDefKind::Type(ty) = &definition.kind {
            return self.declare(ty);
        }
        if matches!(definition.kind, TypeDefKind::List(Type::U8)) {
            return "sandbus_bytes".to_owned();
        }
        let (word, body) = self.body(&definition.kind);
        let name = format!("sandbus_wit_{}", definition.name.as_deref().map_or(word, snake));
        // The canonical ABI has an alignment for each type, and no type here asks for more than C gives it.
        if self.known.insert(name.clone()) {
            let size = self.sizes.size(&Type::Id(id)).size_wasm32();
            writeln!(self.types, "typedef struct {{\n{body}}} {name};\nSANDBUS_WIT_SIZE({name}, {size});").unwrap();
        }
        name
    }

    /// What a type without a name is called, and what its struct holds.
    fn body(&mut self, kind: &TypeDefKind) -> (String, String) {
        match kind {
            TypeDefKind::Record(record) => {
                let fields = record.fields.iter().map(|field| self.field(&field.ty, &snake(&field.name)));
                (String::new(), fields.collect())
            }
            TypeDefKind::Tuple(tuple) => {
                let words: Vec<String> = tuple.types.iter().map(|ty| self.word(ty)).collect();
                let fields = tuple.types.iter().enumerate().map(|(index, ty)| self.field(ty, &format!("part_{index}")));
                (format!("tuple_{}", words.join("_")), fields.collect())
            }
            TypeDefKind::List(item) => {
                let name = self.declare(item);
                let word = self.word(item);
                (format!("list_{word}"), format!("    const {name} *at;\n    size_t len;\n"))
            }
            TypeDefKind::Option(ty) => {
                let value = self.field(ty, "value");
                (format!("option_{}", self.word(ty)), format!("    uint8_t some;\n{value}"))
            }
            TypeDefKind::Result(result) => {
                let (ok, err) = (result.ok.as_ref(), result.err.as_ref().unwrap());
                let word = [ok.map(|ty| self.word(ty)).unwrap_or_default(), self.word(err)].join("_");
                let ok = ok.map(|ty| self.field(ty, "ok"));
                let err = self.field(err, "err");
                let union = indent(&format!("{}{err}", ok.unwrap_or_default()));
                (
                    format!("result_{}", word.trim_start_matches('_')),
                    format!("    uint8_t failed;\n    union {{\n{union}    }} of;\n"),
                )
            }
            TypeDefKind::Variant(variant) => {
                let cases: Vec<String> = variant.cases.iter().map(|case| snake(&case.name)).collect();
                let payloads: String = variant
                    .cases
                    .iter()
                    .filter_map(|case| Some(self.field(case.ty.as_ref()?, &snake(&case.name))))
                    .collect();
                let union = indent(&payloads);
                let comment = cases.iter().enumerate().map(|(at, case)| format!("{at} {case}")).collect::<Vec<_>>();
                (
                    String::new(),
                    format!("    uint8_t tag; /* {} */\n    union {{\n{union}    }} of;\n", comment.join(", ")),
                )
            }
            other => panic!("no type of the contract is a {} in memory", other.as_str()),
        }
    }

    fn field(&mut self, ty: &Type, name: &str) -> String {
        format!("    {} {name};\n", self.declare(ty))
    }

    /// A type's part in the name of one that is made of it.
    fn word(&mut self, ty: &Type) -> String {
        self.declare(ty)
            .trim_start_matches("sandbus_wit_")
            .trim_start_matches("sandbus_")
            .trim_end_matches("_t")
            .to_owned()
    }
}

fn parameters(kinds: &[String], names: &[String]) -> String {
    assert_eq!(kinds.len(), names.len(), "{names:?}");
    if kinds.is_empty() {
        return "void".to_owned();
    }
    kinds.iter().zip(names).map(|(kind, name)| format!("{kind}{name}")).collect::<Vec<_>>().join(", ")
}

/// With what has to stand before a name.
fn c_type(ty: WasmType) -> &'static str {
    match ty {
        WasmType::I32 => "uint32_t ",
        WasmType::I64 | WasmType::PointerOrI64 => "uint64_t ",
        WasmType::F32 => "float ",
        WasmType::F64 => "double ",
        WasmType::Pointer => "const void *",
        WasmType::Length => "size_t ",
    }
}

fn at_and_len(name: &str) -> Vec<String> {
    vec![format!("{name}_at"), format!("{name}_len")]
}

fn snake(name: &str) -> String {
    name.replace('-', "_")
}

fn indent(lines: &str) -> String {
    lines.lines().map(|line| format!("    {line}\n")).collect()
}
