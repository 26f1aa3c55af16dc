//! The Go SDK's bindings, `guest-sdk/go/internal/abi/bindings_wasm.go`, made from `wit/`: each import as the canonical
//! ABI has it, each export, and what lies in memory as structs. They are never edited: this test compares them, and
//! `UPDATE_DOCS=1` writes them anew.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "what is not there fails the test")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use wit_parser::abi::{AbiVariant, WasmType};
use wit_parser::{
    Docs, Function, InterfaceId, Resolve, SizeAlign, Type, TypeDef, TypeDefKind, TypeOwner, Variant, WorldId, WorldItem,
};

const OPENING: &str =
    "// Code generated from wit/ by `UPDATE_DOCS=1 cargo test --release -p sandbus --test go_bindings`. DO NOT EDIT.

//go:build wasm

// Package abi is the border to the host as the canonical ABI of the component model has it: functions of plain
// numbers, and structs that lie in memory as both sides read them.
package abi

import \"unsafe\"

// Slice is a string or a list in memory: where it begins, and how many elements it has. The garbage collector does not
// see it.
type Slice struct {
\tData uint32
\tLen  uint32
}

// Option is a value that may be absent. Some is 1 where it is there.
type Option[T any] struct {
\tSome  uint8
\tValue T
}

// Pair is a tuple of two.
type Pair[A, B any] struct {
\tFirst  A
\tSecond B
}
";

/// The world that the SDK's components are of: both ways of the contract.
const WORLD: &str = "package sandbus:sdk-go; world both-ways {
    include sandbus:handler/handler@0.1.0;
    include sandbus:handler/packed-handler@0.1.0;
}";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn bindings_are_current() {
    let path = root().join("guest-sdk/go/internal/abi/bindings_wasm.go");
    let wanted = Bindings::of_the_contract().write();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &wanted).unwrap();
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(there == wanted, "wit/ has changed: UPDATE_DOCS=1 cargo test --release -p sandbus --test go_bindings");
}

struct Bindings {
    resolve: Resolve,
    world: WorldId,
    sizes: SizeAlign,
    text: String,
    /// Interfaces whose types are written.
    written: BTreeSet<String>,
}

impl Bindings {
    fn of_the_contract() -> Bindings {
        let mut resolve = Resolve::default();
        resolve.push_dir(root().join("wit")).unwrap();
        let package = resolve.push_str("world.wit", WORLD).unwrap();
        let world = resolve.select_world(&[package], None).unwrap();
        let mut sizes = SizeAlign::default();
        sizes.fill(&resolve).unwrap();
        Bindings { resolve, world, sizes, text: OPENING.to_owned(), written: BTreeSet::new() }
    }

    fn write(mut self) -> String {
        let world = self.resolve.worlds[self.world].clone();
        for item in world.imports.values() {
            let WorldItem::Interface { id, .. } = item else { panic!("{item:?}") };
            self.types(*id);
            for function in self.resolve.interfaces[*id].functions.clone().values() {
                self.import(*id, function);
            }
        }
        for item in world.exports.values() {
            let WorldItem::Interface { id, .. } = item else { panic!("{item:?}") };
            self.types(*id);
            for function in self.resolve.interfaces[*id].functions.clone().values() {
                self.export(*id, function);
            }
        }
        self.text
    }

    // === functions ===

    fn import(&mut self, interface: InterfaceId, function: &Function) {
        let name = self.name(interface, function);
        self.result_of(&name, function);
        let signature = self.resolve.wasm_signature(AbiVariant::GuestImport, function);
        let parameters: Vec<_> =
            signature.params.iter().enumerate().map(|(index, ty)| format!("p{index} {}", flat(*ty))).collect();
        let result = signature.results.first().map(|ty| format!(" {}", flat(*ty))).unwrap_or_default();
        self.docs(&name, &function.docs);
        let module = self.resolve.id_of(interface).unwrap();
        // What answers through memory may call the allocator, and so move the stack of whoever waits for it.
        let noescape = if function.result.is_none() { "//go:noescape\n" } else { "" };
        writeln!(
            self.text,
            "//\n//go:wasmimport {module} {}\n{noescape}func {name}({}){result}",
            function.name,
            parameters.join(", ")
        )
        .unwrap();
    }

    fn export(&mut self, interface: InterfaceId, function: &Function) {
        let name = self.name(interface, function);
        self.result_of(&name, function);
        let signature = self.resolve.wasm_signature(AbiVariant::GuestExport, function);
        let named = |ty: &WasmType, index: usize| format!("p{index} {}", flat(*ty));
        let parameters: Vec<_> = signature.params.iter().enumerate().map(|(index, ty)| named(ty, index)).collect();
        let arguments: Vec<_> = (0..parameters.len()).map(|index| format!("p{index}")).collect();
        let (parameters, arguments) = (parameters.join(", "), arguments.join(", "));
        let result = signature.results.first().map(|ty| flat(*ty)).unwrap();
        let module = self.resolve.id_of(interface).unwrap();
        self.docs(&format!("On{name}"), &function.docs);
        let lower = format!("export{name}");
        writeln!(
            self.text,
            "var On{name} func({parameters}) {result}\n\n//go:wasmexport {module}#{}\nfunc {lower}({parameters}) {result} {{\n\treturn On{name}({arguments})\n}}",
            function.name,
        )
        .unwrap();
    }

    /// The struct that a function answers through memory, if it does.
    fn result_of(&mut self, function: &str, of: &Function) {
        let Some(ty) = of.result else { return };
        if self.flat_count(&ty) <= 1 {
            return;
        }
        let go = self.go(&ty);
        let size = self.sizes.size(&ty).size_wasm32();
        match ty {
            Type::Id(id) if matches!(self.resolve.types[id].kind, TypeDefKind::Result(_)) => {
                let align = self.sizes.align(&ty).align_wasm32();
                let TypeDefKind::Result(result) = self.resolve.types[id].kind.clone() else { return };
                let payloads = [("ok", result.ok), ("err", result.err)];
                let name = format!("{function}Result");
                self.union(&name, &format!("is what {function} answers"), &payloads, 1, size, align);
            }
            _ => {
                writeln!(self.text, "\n// {function}Result is what {function} answers.\ntype {function}Result = {go}")
                    .unwrap();
                self.assert_size(&format!("{function}Result"), size);
            }
        }
    }

    fn flat_count(&self, ty: &Type) -> usize {
        let mut storage = [WasmType::I32; 32];
        let mut flat = wit_parser::abi::FlatTypes::new(&mut storage);
        assert!(self.resolve.push_flat(ty, &mut flat));
        flat.to_vec().len()
    }

    fn name(&self, interface: InterfaceId, function: &Function) -> String {
        let interface = self.resolve.interfaces[interface].name.as_deref().unwrap();
        camel(interface) + &camel(&function.name)
    }

    // === types ===

    fn types(&mut self, interface: InterfaceId) {
        if !self.written.insert(self.resolve.id_of(interface).unwrap()) {
            return;
        }
        for id in self.resolve.interfaces[interface].types.clone().into_values() {
            let ty = self.resolve.types[id].clone();
            let name = camel(ty.name.as_deref().unwrap());
            let (size, align) = {
                let ty = Type::Id(id);
                (self.sizes.size(&ty).size_wasm32(), self.sizes.align(&ty).align_wasm32())
            };
            match &ty.kind {
                TypeDefKind::Record(_) => {
                    self.record(&name, &ty);
                    self.assert_size(&name, size);
                }
                TypeDefKind::Variant(variant) => self.variant(&name, &ty, variant, size, align),
                TypeDefKind::Enum(cases) => {
                    self.docs(&name, &ty.docs);
                    writeln!(self.text, "type {name} uint32\n\nconst (").unwrap();
                    let names: Vec<_> = cases.cases.iter().map(|case| name.clone() + &camel(&case.name)).collect();
                    self.aligned(
                        names.iter().enumerate().map(|(index, case)| (case.clone(), format!("{name} = {index}"))),
                    );
                    self.text.push_str(")\n");
                }
                // Used here, and written where it is from.
                TypeDefKind::Type(_) => {}
                other => panic!("{name} is a {}, which no code is made of yet", other.as_str()),
            }
        }
    }

    fn record(&mut self, name: &str, ty: &TypeDef) {
        let TypeDefKind::Record(record) = &ty.kind else { return };
        self.docs(name, &ty.docs);
        writeln!(self.text, "type {name} struct {{").unwrap();
        let fields: Vec<_> = record.fields.iter().map(|field| (camel(&field.name), self.go(&field.ty))).collect();
        self.aligned(fields);
        self.text.push_str("}\n");
    }

    fn variant(&mut self, name: &str, ty: &TypeDef, variant: &Variant, size: usize, align: usize) {
        let about = ty.docs.contents.as_deref().and_then(|docs| docs.lines().next()).unwrap_or_default().to_owned();
        let payloads: Vec<_> = variant.cases.iter().map(|case| (case.name.as_str(), case.ty)).collect();
        self.union(name, &format!("says: {about}"), &payloads, 1, size, align);
    }

    /// A case, and room for the payload of any.
    fn union(
        &mut self,
        name: &str,
        about: &str,
        cases: &[(&str, Option<Type>)],
        tag: usize,
        size: usize,
        align: usize,
    ) {
        let offset = tag.next_multiple_of(align);
        let words = (size - offset) / align;
        let bits = align * 8;
        let about = about.trim_end_matches('.');
        writeln!(self.text, "\n// {name} {about}.\ntype {name} struct {{\n\tCase    uint8").unwrap();
        writeln!(self.text, "\tPayload [{words}]uint{bits}\n}}\n\nconst (").unwrap();
        self.aligned(
            cases.iter().enumerate().map(|(index, (case, _))| (name.to_owned() + &camel(case), format!("= {index}"))),
        );
        self.text.push_str(")\n");
        for (case, payload) in cases {
            let Some(payload) = payload else { continue };
            let (go, case) = (self.go(payload), camel(case));
            writeln!(
                self.text,
                "\n// {case} is the payload of the case {name}{case}.\nfunc (v *{name}) {case}() *{go} {{ return (*{go})(unsafe.Pointer(&v.Payload)) }}"
            )
            .unwrap();
        }
        self.assert_size(name, size);
    }

    /// Lines of two columns, as gofmt has them.
    fn aligned(&mut self, lines: impl IntoIterator<Item = (String, String)>) {
        let lines: Vec<_> = lines.into_iter().collect();
        let width = lines.iter().map(|(first, _)| first.len()).max().unwrap_or_default();
        for (first, second) in lines {
            writeln!(self.text, "\t{first:width$} {second}").unwrap();
        }
    }

    /// Go lays out structs as the canonical ABI does records; the compiler proves it.
    fn assert_size(&mut self, name: &str, size: usize) {
        writeln!(self.text, "\nvar _ [{size}]byte = [unsafe.Sizeof({name}{{}})]byte{{}}").unwrap();
    }

    /// A type as it lies in memory.
    fn go(&self, ty: &Type) -> String {
        match ty {
            Type::U8 | Type::Bool => "uint8".into(),
            Type::U16 => "uint16".into(),
            Type::U32 | Type::Char => "uint32".into(),
            Type::U64 => "uint64".into(),
            Type::S64 => "int64".into(),
            Type::F64 => "float64".into(),
            Type::String => "Slice".into(),
            Type::Id(id) => self.go_of(&self.resolve.types[*id]),
            other => panic!("{other:?}"),
        }
    }

    fn go_of(&self, ty: &TypeDef) -> String {
        match &ty.kind {
            TypeDefKind::List(_) => "Slice".into(),
            TypeDefKind::Option(some) => format!("Option[{}]", self.go(some)),
            TypeDefKind::Tuple(tuple) => {
                let [first, second] = tuple.types.as_slice() else { panic!("a tuple of other than two") };
                format!("Pair[{}, {}]", self.go(first), self.go(second))
            }
            TypeDefKind::Type(other) => self.go(other),
            TypeDefKind::Enum(_) => "uint8".into(),
            TypeDefKind::Result(_) => "struct{}".into(),
            _ => {
                assert!(matches!(ty.owner, TypeOwner::Interface(_)));
                camel(ty.name.as_deref().unwrap())
            }
        }
    }

    fn docs(&mut self, name: &str, docs: &Docs) {
        let docs = docs.contents.as_deref().unwrap_or_default();
        let mut lines = docs.lines();
        let first = lines.next().unwrap_or_default();
        write!(self.text, "\n// {name}: {first}").unwrap();
        for line in lines {
            write!(self.text, "\n// {line}").unwrap();
        }
        self.text = self.text.replace(" \n", "\n");
        self.text.push('\n');
    }
}

/// As it crosses the border. Pointers are pointers, so that what they point to is kept.
fn flat(ty: WasmType) -> &'static str {
    match ty {
        WasmType::Pointer => "unsafe.Pointer",
        WasmType::I32 | WasmType::Length => "uint32",
        WasmType::I64 | WasmType::PointerOrI64 => "uint64",
        WasmType::F32 => "float32",
        WasmType::F64 => "float64",
    }
}

/// `event-type` is `EventType`.
fn camel(name: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_uppercase().chain(letters).collect::<String>()).unwrap_or_default()
    };
    name.split('-').map(word).collect()
}
