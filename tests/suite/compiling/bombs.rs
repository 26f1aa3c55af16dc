//! Components that are small and take a compiler long, or much memory. Each does nothing, and is valid.

use wasm_encoder::{
    BlockType, CodeSection, Component, Function, FunctionSection, Instruction, MemArg, MemArgTarget, MemorySection,
    MemoryType, Module, ModuleSection, TypeSection, ValType,
};

/// Functions of branches that write the same variable, one after the other: time grows faster than their number.
pub fn branches(functions: usize, count: i32) -> Vec<u8> {
    let branch = |number| {
        [
            Instruction::LocalGet(0),
            Instruction::If(BlockType::Empty),
            Instruction::I32Const(number),
            Instruction::LocalSet(0),
            Instruction::Else,
            Instruction::I32Const(-number),
            Instruction::LocalSet(0),
            Instruction::End,
        ]
    };
    component(std::iter::repeat_n(function((0..count).flat_map(branch)), functions))
}

/// Blocks in blocks in blocks.
pub fn blocks(depth: usize) -> Vec<u8> {
    let begin = std::iter::repeat_n(Instruction::Block(BlockType::Empty), depth);
    one_function(begin.chain(std::iter::repeat_n(Instruction::End, depth)))
}

/// One function that reads its memory.
pub fn loads(count: usize) -> Vec<u8> {
    let place = MemArg { offset: 0, align: 2, target: MemArgTarget::Memory(0), ordering: None };
    let load = [Instruction::LocalGet(0), Instruction::I32Load(place), Instruction::Drop];
    one_function(std::iter::repeat_n(load, count).flatten())
}

/// Functions of which each does nothing.
pub fn functions(count: u32) -> Vec<u8> {
    component(std::iter::repeat_n(function([]), count as usize))
}

/// A component with one function of this code.
fn one_function<'a>(code: impl IntoIterator<Item = Instruction<'a>>) -> Vec<u8> {
    component([function(code)])
}

fn function<'a>(code: impl IntoIterator<Item = Instruction<'a>>) -> Function {
    let mut function = Function::new([]);
    for instruction in code {
        function.instruction(&instruction);
    }
    function.instruction(&Instruction::End);
    function
}

/// A component whose one core module has these functions, which take a number and return nothing.
fn component(functions: impl IntoIterator<Item = Function>) -> Vec<u8> {
    let (mut types, mut declared, mut code) = (TypeSection::new(), FunctionSection::new(), CodeSection::new());
    types.ty().function([ValType::I32], []);
    for function in functions {
        declared.function(0);
        code.function(&function);
    }
    let mut memory = MemorySection::new();
    memory.memory(MemoryType { minimum: 1, maximum: None, memory64: false, shared: false, page_size_log2: None });
    let mut module = Module::new();
    module.section(&types).section(&declared).section(&memory).section(&code);
    let mut component = Component::new();
    component.section(&ModuleSection(&module));
    component.finish()
}
