//! The cost of compiling one function. Each factor alone is cheap; their products can take minutes.

use wasmparser::{BlockType, FunctionBody, Operator};

use super::malformed;
use crate::invalid_bytes::InvalidBytes;

/// Maximum depth of blocks. Go generates a block per point where a goroutine may resume: some thousands in large
/// functions.
pub(super) const MAX_DEPTH: usize = 20_000;

/// Parameters and results of a function type.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Arity {
    pub(super) params: usize,
    pub(super) results: usize,
}

/// The parts of a function's body that cost the compiler time or memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct BodyCost {
    pub(crate) locals: u64,
    pub(crate) blocks: u64,
    pub(crate) loops: u64,
    /// Maximum depth of blocks.
    pub(crate) depth: u64,
    /// Maximum depth of loops.
    pub(crate) loop_depth: u64,
    /// Sum over all loops of the number of loops around them.
    pub(crate) loops_in_loops: u64,
    /// Values passed by branches and calls, plus one for each branch target.
    pub(crate) edges: u64,
}

/// An open block.
struct Frame {
    is_loop: bool,
    /// Values that a branch to this frame passes.
    values: u64,
}

/// Measures a body in one pass.
pub(super) fn measure(body: &FunctionBody<'_>, arities: &[Arity]) -> Result<BodyCost, InvalidBytes> {
    let mut cost = BodyCost::default();
    let mut locals = body.get_locals_reader().map_err(malformed)?;
    for _ in 0..locals.get_count() {
        cost.locals += u64::from(locals.read().map_err(malformed)?.0);
    }
    // The type of a called or returned function is not looked up; the largest number of results is assumed.
    let results = arities.iter().map(|arity| arity.results as u64).max().unwrap_or(0);
    let mut frames = vec![Frame { is_loop: false, values: results }];
    let mut loops = 0;
    let mut operators = body.get_operators_reader().map_err(malformed)?;
    while !operators.eof() {
        match operators.read().map_err(malformed)? {
            Operator::Block { blockty } | Operator::If { blockty } => {
                frames.push(Frame { is_loop: false, values: arity(blockty, arities).results as u64 })
            }
            Operator::Loop { blockty } => {
                loops += 1;
                cost.loops += 1;
                cost.loops_in_loops += loops;
                cost.loop_depth = cost.loop_depth.max(loops);
                frames.push(Frame { is_loop: true, values: arity(blockty, arities).params as u64 });
            }
            Operator::End => {
                cost.blocks += 1;
                if let Some(frame) = frames.pop() {
                    cost.edges += frame.values;
                    loops -= u64::from(frame.is_loop);
                }
            }
            Operator::Br { relative_depth } | Operator::BrIf { relative_depth } => {
                cost.edges += 1 + values(&frames, relative_depth)
            }
            Operator::BrTable { targets } => {
                cost.edges += 1 + values(&frames, targets.default());
                for target in targets.targets() {
                    cost.edges += 1 + values(&frames, target.map_err(malformed)?);
                }
            }
            Operator::Else => cost.edges += frames.last().map_or(0, |frame| frame.values),
            Operator::Return
            | Operator::Call { .. }
            | Operator::CallIndirect { .. }
            | Operator::ReturnCall { .. }
            | Operator::ReturnCallIndirect { .. } => cost.edges += results,
            _ => {}
        }
        if frames.len() > MAX_DEPTH {
            return Err(InvalidBytes::TooMuch {
                what: "nested blocks in one function".to_owned(),
                most: MAX_DEPTH as u64,
            });
        }
        cost.depth = cost.depth.max(frames.len() as u64);
    }
    Ok(cost)
}

fn values(frames: &[Frame], relative_depth: u32) -> u64 {
    frames.iter().rev().nth(relative_depth as usize).map_or(0, |frame| frame.values)
}

fn arity(ty: BlockType, arities: &[Arity]) -> Arity {
    match ty {
        BlockType::Empty => Arity::default(),
        BlockType::Type(_) => Arity { params: 0, results: 1 },
        BlockType::FuncType(index) => arities.get(index as usize).copied().unwrap_or_default(),
    }
}
