//! The hostile guests, with instances from the operating system, one at a time. One allocator a process: each has a binary of its own.

mod hostile;

const ALLOCATOR: saggar::Allocator = saggar::Allocator::OnDemand;
